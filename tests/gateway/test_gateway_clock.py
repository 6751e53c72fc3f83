"""The clock of a gateway's machine is set, while it runs and between two starts (FAULTS 20): real
processes under libfaketime, real sockets, TLS.
"""

import sqlite3
import time
from contextlib import contextmanager
from datetime import timedelta

import httpx2
import pytest
from authority import Authority
from gateway_hall import Client, Pen, ScriptedCentre, free_port, settings_in, until, write_settings
from stepped_clock import SteppedClock

from gateway.store import tokens
from gateway.store.database import Database
from hosting.clock import now_ms
from hosting.tokens import digest
from protocol.batch import INVITED, EnvelopeItem, ProgressItem

pytestmark = pytest.mark.needs("faketime")

AT_ONCE_S = 10.0  # FAULTS 20
START = "from pingjia import app; app()"
# The control: what is paused and kept is counted by the machine's wall clock.
PLAIN = f"""
import time, types
from gateway import gateway
from gateway.upward import parts
from gateway.keep.hall_clock import HallClock
gateway.time = parts.time = types.SimpleNamespace(monotonic=time.time, sleep=time.sleep)
HallClock.__init__.__defaults__ = (HallClock.__init__.__defaults__[0], time.time)
HallClock.ran_ms = lambda self: self.now_ms()
{START}
"""
KEPT = """
SELECT (SELECT count(*) FROM envelope WHERE seq = 1),
       (SELECT count(*) FROM service WHERE ticket_no = 'A001'),
       (SELECT count(*) FROM progress WHERE service IN
           (SELECT service FROM service WHERE ticket_no = 'A001'))
"""


class Hall:
    """A centre that has the right time, and a gateway that has another one."""

    def __init__(self, folder, code: str, patience_s: float):
        self._folder, self._code, self._patience_s = folder, code, patience_s
        authority = Authority(folder)
        self.centre = ScriptedCentre(tls=authority.issue("centre"))
        self.clock = SteppedClock(folder)
        settings = settings_in(
            folder,
            self.centre.url,
            centre_ca=authority.file,
            mqtt_port=free_port(),
            retry_first_s=1,  # after a failure nothing is on its way for half of that
            retry_longest_s=1,
        )
        self._mqtt_port = settings.mqtt_port
        write_settings(folder, settings)
        self.database = settings.data_dir / "gateway.sqlite"
        database = Database(self.database)
        with database.write() as connection:
            tokens.put(connection, "queue", digest("queue-token"), now_ms())
        database.close()
        self.pen = Pen("dev-1")

    @contextmanager
    def gateway(self):
        """A start of the gateway, with a device that is connected."""
        running = self.clock.running(self._code, "gateway", "run", folder=self._folder)
        with running as output:
            lines = [output.readline() for _ in range(2)]
            assert lines[1].startswith("ready"), (self._folder / "service.log").read_text()
            self._api = httpx2.Client(
                base_url=lines[1].split()[1],
                headers={"authorization": "Bearer queue-token"},
                trust_env=False,
            )
            until(lambda: self.health()["hall_version"], "the hall document")
            self.device = Client(self._mqtt_port, "dev-1").enter("ack")
            yield
            self.device.leave()
            self._api.close()

    def health(self) -> dict:
        return self._api.get("/healthz").json()

    def tell(self, up_ms: int) -> str:
        """The device tells its state; its head."""
        head = self.pen.head(up_ms=up_ms)
        self.device.tell(self.pen.state(head=head))
        return head

    def open(self, ticket_no: str) -> str:
        body = {"ticket_no": ticket_no, "kind": "single"}
        answer = self._api.post("/api/v1/windows/w1/services", json=body)
        return answer.json()["service"]

    def ask(self, service: str, what: str) -> None:
        self._api.post(f"/api/v1/services/{service}/{what}").raise_for_status()

    def rate(self, service: str) -> None:
        """The device rates, and the hall has it."""
        self.device.send(self.pen.rating(service))
        self.device.tell(self.pen.state())
        self.device.hear_hall(self.pen.seq)

    def kept(self) -> tuple[int, int, int]:
        """How many envelopes, services and progress of the first service the hall still has."""
        connection = sqlite3.connect(self.database)
        try:
            return connection.execute(KEPT).fetchone()
        finally:
            connection.close()

    def arrivals(self, head: str, service: str) -> dict[str, bool]:
        """What of a device's head, a service's invitation and a new hall document has gone its
        way when it should have.
        """
        version = self.centre.hall.version

        def seen():
            return {
                "ratings": self.centre.seqs("dev-1") == [*range(1, self.pen.seq + 1)],
                "heads": head in [item.head for item in self.centre.heads],
                "progress": (service, INVITED) in [one[1:3] for one in self.centre.progress],
                "hall": self.health()["hall_version"] == version,
            }

        end = time.monotonic() + self._patience_s
        while not all(seen().values()) and time.monotonic() < end:
            time.sleep(0.05)
        return seen()

    def ages_s(self, service: str) -> list[float]:
        """How old the rating and the progress of a service said to be when they were sent."""
        return [
            (sent_ms - at_ms) / 1000
            for sent_ms, batch in zip(self.centre.sent_ms, self.centre.batches, strict=True)
            for item in batch
            if sent_ms is not None and (at_ms := _instant(item, service)) is not None
        ]


def _instant(item, service: str) -> int | None:
    if isinstance(item, EnvelopeItem) and f'"{service}"' in item.envelope:
        return item.received_at_ms
    if isinstance(item, ProgressItem) and item.progress.service == service:
        return item.progress.at_ms
    return None


def two_starts(folder, code: str, patience_s: float = AT_ONCE_S) -> dict:
    """The clock is eight hours ahead for a while, without a failure; and 40 days ahead at the next
    start, when the centre's certificate has long expired. What is seen after each correction.
    """
    hall = Hall(folder, code, patience_s)
    with hall.gateway():
        first = hall.open("A001")
        hall.rate(first)
        hall.ask(first, "close")
        until(lambda: hall.centre.seqs("dev-1") == [1], "the first rating")
        hall.clock.set("+8h")
        ahead = hall.tell(1000)
        until(lambda: ahead in [item.head for item in hall.centre.heads], "a head while ahead")
        asked = len(hall.centre.hall_requests)
        until(lambda: len(hall.centre.hall_requests) > asked + 1, "the document, asked for")
        hall.clock.set("+0")
        hall.centre.change_hall()
        second = hall.open("A002")
        hall.ask(second, "invite")
        stepped = hall.arrivals(hall.tell(2000), second)
    hall.clock.set("+40d")
    hall.centre.change_hall()
    with hall.gateway():
        third = hall.open("A003")
        hall.ask(third, "invite")
        hall.rate(third)
        alarm = until(lambda: hall.health()["alarms"].get("centre"), "the alarm")
        before, head = hall.centre.seqs("dev-1"), hall.tell(3000)
        hall.clock.set("+0")
        corrected = hall.arrivals(head, third)
        if all(corrected.values()):
            until(lambda: hall.health()["status"] == "ok", "the end of the alarm")
    hall.centre.stop()
    return {
        "stepped": stepped,
        "alarm": alarm,
        "before": before,
        "corrected": corrected,
        "kept": hall.kept(),
        "ages": hall.ages_s(third),
    }


EVERYTHING = {"ratings": True, "heads": True, "progress": True, "hall": True}


def test_a_gateway_is_itself_again_as_soon_as_its_clock_is_right(tmp_path):
    """BAT-5, BAT-6, BAT-9: it sends at once, over TLS, too; nothing was deleted, nothing is dated
    by a clock that was wrong, and the alarm goes.
    """
    seen = two_starts(tmp_path, START)
    assert seen["stepped"] == EVERYTHING
    assert "certificate has expired" in seen["alarm"]
    assert seen["before"] == [1]
    assert seen["corrected"] == EVERYTHING
    assert seen["kept"] == (1, 1, 1)
    assert len(seen["ages"]) == 2
    assert all(0 <= age_s < 30 for age_s in seen["ages"]), seen["ages"]


def test_the_control_that_goes_by_the_machine_s_clock_is_not(tmp_path):
    seen = two_starts(tmp_path, PLAIN, patience_s=3)
    for step in ("stepped", "corrected"):
        # Asked five times a second; a question that is on its way at the step is dated after it.
        del seen[step]["hall"]
    assert seen["stepped"] == {"ratings": True, "heads": False, "progress": False}
    assert seen["before"] == [1]
    assert not any(seen["corrected"].values()), seen["corrected"]
    assert seen["kept"] == (0, 0, 0)


def test_the_control_shows_that_the_monotonic_clock_is_not_moved(tmp_path):
    clock = SteppedClock(tmp_path)
    clock.set("+40d")
    wall_s, monotonic_s = clock.measure()
    assert abs(wall_s - timedelta(days=40).total_seconds()) < 30
    assert abs(monotonic_s) < 30
