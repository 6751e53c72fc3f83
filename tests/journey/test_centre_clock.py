"""The clock of the centre's machine is set to another time and back, while a hall rates
(FAULTS 20): a real process under libfaketime, real sockets.
"""

import gzip
import http.client
import json
import time
from contextlib import contextmanager

import pytest
from province_parts import Hall
from stepped_clock import SteppedClock
from typer.testing import CliRunner

from central.store.database import open_database
from hosting.clock import now_ms
from hosting.listener import listen
from pingjia import app
from protocol.batch import EnvelopeItem, HeadItem, decode_answer, encode_batch
from protocol.record import parse
from simulator.pen import Pen

pytestmark = pytest.mark.needs("faketime")

HOUR_MS = 3_600_000
EACH = 4  # ratings at each setting of the clock
SETTINGS = ("+0", "-7h", "+3d", "+0")
START = "from pingjia import app; app()"
# The control: the centre goes by its machine's clock.
PLAIN = f"""
from central import timekeeper
from central.steady import PlainClock
timekeeper.SteadyClock = lambda *clocks: PlainClock()
timekeeper.Timekeeper.keep = lambda self: None
{START}
"""


@contextmanager
def centre(folder, clock, code):
    """The centre as a process with that clock; its port."""
    with listen("127.0.0.1", 0, "?") as free:
        port = free.getsockname()[1]
    (folder / "central.toml").write_text(f"listen_port = {port}\n")
    with clock.running(code, "central", "run", folder=folder) as output:
        assert output.readline().startswith("ready"), (folder / "service.log").read_text()
        yield port


class Gateway:
    """A hall with the right time: it offers what its device signs, and shows what it has heard."""

    def __init__(self, hall, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {**hall.headers, "content-encoding": "gzip"}
        bundle = hall.folder / "xj-0417.bundle"
        hall.devices.enrol("xj-0417", "demo", "w1", bundle)
        self._pen = Pen.of_bundle(bundle)
        self._started_ms, self._receipt = now_ms(), None
        self.true_ms: dict[int, int] = {}
        self._post(self._pen.boot(boot=1, up_ms=0))

    def rate(self) -> None:
        """A rating that is offered at once."""
        at = now_ms()
        up_ms = at - self._started_ms
        self._post(self._pen.rating(boot=1, up_ms=up_ms, at=at, level=4))
        self.true_ms[self._pen.seq] = at

    def health(self) -> str:
        self._connection.request("GET", "/healthz")
        return json.loads(self._connection.getresponse().read())["status"]

    def close(self) -> None:
        self._connection.close()

    def _post(self, envelope: bytes) -> None:
        heard = parse(self._receipt.encode()[:-65])["at"] if self._receipt else None
        up_ms = now_ms() - self._started_ms
        head = HeadItem(self._pen.head(up_ms=up_ms, heard=heard), self._receipt, None)
        item = EnvelopeItem(envelope.decode(), now_ms(), "w1", None, ())
        body = gzip.compress(encode_batch([item, head], now_ms()))
        self._connection.request("POST", "/v1/batches", body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer
        (self._receipt,) = decode_answer(answer).receipts


def a_day_of_settings(folder, code):
    """What the centre held in the end: (marks, by how much the time is off, what it says of that)
    of each rating; its health at each setting; and its database.
    """
    secret = folder / "master.secret"
    secret.touch(0o600)
    secret.write_bytes(bytes(range(32)))
    database = open_database(f"sqlite:///{folder}/central.db")
    hall = Hall(folder, "demo", database, now_ms)
    clock, health = SteppedClock(folder), []
    with centre(folder, clock, code) as port:
        gateway = Gateway(hall, port)
        for setting in SETTINGS:
            clock.set(setting)
            for _ in range(EACH):
                gateway.rate()
                time.sleep(0.05)
            health.append(gateway.health())
        gateway.close()
    rows = [row for row in hall.records() if row["level"] is not None]
    seqs = [parse(row["envelope"].encode()[:-65])["seq"] for row in rows]
    assert seqs == [*gateway.true_ms]
    ratings = [
        (row["marks"], row["rated_at_ms"] - gateway.true_ms[seq], row["rated_error_ms"])
        for seq, row in zip(seqs, rows)
    ]
    database.close()
    return ratings, health


def verify(folder) -> list[str]:
    """What `pingjia central verify` names, but documents, which nobody sends here."""
    words = ["central", "verify", "--config", f"{folder}/central.toml"]
    *lines, last = CliRunner().invoke(app, words).stdout.splitlines()
    assert last.startswith("verified 17 records")
    return [line for line in lines if not line.startswith("facts_missing")]


def test_no_rating_is_misdated_when_the_centre_s_clock_is_set_and_set_back(tmp_path):
    ratings, health = a_day_of_settings(tmp_path, START)
    assert health == ["ok", "centre_clock", "centre_clock", "ok"]
    assert all(abs(off_ms) <= error_ms for _, off_ms, error_ms in ratings)
    assert max(abs(off_ms) for _, off_ms, _ in ratings) < 120_000
    in_doubt = [["time_unproven"]] * EACH
    assert [marks for marks, *_ in ratings] == [[]] * EACH + in_doubt * 2 + [[]] * EACH
    assert verify(tmp_path) == []


def test_the_control_that_goes_by_the_machine_s_clock_misdates(tmp_path):
    ratings, health = a_day_of_settings(tmp_path, PLAIN)
    assert health == ["ok"] * 4
    misdated = [marks for marks, off_ms, _ in ratings if abs(off_ms) > 6 * HOUR_MS]
    assert len(misdated) >= 2 * EACH, ratings
    assert all("clock_wrong" in marks for marks in misdated), "it blames the hall"


def test_the_control_shows_that_the_monotonic_clock_is_not_moved(tmp_path):
    clock = SteppedClock(tmp_path)
    clock.set("-7h")
    wall_s, monotonic_s = clock.measure()
    assert abs(wall_s + 7 * 3600) < 30
    assert abs(monotonic_s) < 30
