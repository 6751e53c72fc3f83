"""What a centre says of itself is so: /healthz, /metrics, /marks, `central doctor`. FAULTS 25"""

import json
import logging
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager

import pytest
from central_hall import NOW_MS, SECRET, bearer, document, item_of
from empty_file import central_in
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from central.custody.marks import JUDGE_LATE
from central.ratings import settling
from central.web.api.health import StoreWatch
from pingjia import app
from protocol.batch import encode_batch
from simulator.parts.part import free_port

MINUTE_MS = 60_000
LOOK_S = 1.0  # where a running centre looks every ten seconds
RUN = (
    f"import central.web.api.health as one; one.LOOK_EVERY_S = {LOOK_S}; "
    "from pingjia import app; app()"
)
LAZY = f"import central.web.api.health as two; two.StoreWatch.look = lambda self: None; {RUN}"


def ask(url: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=40) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def until(found, what: str, within_s: float = 30.0):
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if value := found():
            return value
        time.sleep(0.2)
    raise AssertionError(f"no {what} within {within_s} s")


def doctor(folder) -> tuple[int, dict[str, str]]:
    """Exit code, and each line by its check, `LOOK` or `ok` first."""
    ended = CliRunner().invoke(
        app, ["central", "doctor", "--config", str(folder / "central.toml")]
    )
    lines = [line.split(None, 2) for line in ended.stdout.splitlines()]
    return ended.exit_code, {name: f"{how} {rest}" for how, name, rest in lines}


@contextmanager
def running(folder, program=RUN):
    """A centre of its own process: it, and its address."""
    settings = f"listen_port = {free_port()}\n"
    (folder / "central.toml").write_text(settings)
    (folder / "master.secret").write_bytes(SECRET)
    (folder / "master.secret").chmod(0o600)
    config = str(folder / "central.toml")
    with (folder / "log").open("wb") as log:
        centre = subprocess.Popen(
            [sys.executable, "-c", program, "central", "run", "--config", config],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert centre.stdout is not None
    try:
        yield centre, centre.stdout.readline().split()[1]
    finally:
        centre.terminate()
        centre.wait(20)
        centre.stdout.close()


@contextmanager
def failing(centre, folder, error):
    """Every write of its database fails with this error."""
    calls = "pwrite64,write,fdatasync,fsync,ftruncate"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(centre.pid)]
    for name in ("central.db", "central.db-wal"):
        command += ["-P", str(folder / name)]
    command += ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        tracer.terminate()
        tracer.wait(10)


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("error", "program"),
    [("EROFS", RUN), ("ENOSPC", RUN), ("EIO", RUN), ("EROFS", LAZY)],
    ids=["read-only", "full", "failing", "control: nobody tries"],
)
def test_a_disk_that_takes_nothing_is_told_before_anything_comes(tmp_path, error, program):
    """The centre is quiet: nobody but itself writes."""
    with running(tmp_path, program) as (centre, url):
        assert ask(url) == (200, {"status": "ok"})
        with failing(centre, tmp_path, error):
            if program is LAZY:
                time.sleep(5 * LOOK_S)
                assert ask(url) == (200, {"status": "ok"})
                return
            until(lambda: ask(url)[0] == 503, "503")
            told = ask(url)[1]
            assert told["status"] == "store"
            assert f"{tmp_path}, where central.db is" in told["detail"]
            code, lines = doctor(tmp_path)
            assert (code, "LOOK" in lines["service"]) == (1, True)
            with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
                assert "pingjia_centre_store_up 0.0" in answer.read().decode()
        until(lambda: ask(url) == (200, {"status": "ok"}), "the end by itself")
    log = (tmp_path / "log").read_text()
    assert log.count("alarm store: the disk with") == 1
    assert "alarm store is over" in log


@pytest.mark.parametrize("name", ["central.db", "central.db-wal"])
@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: nobody looks"])
def test_a_database_that_was_taken_away_gives_no_receipt(hall, device, monkeypatch, is_ours, name):
    """What is written to a file that was moved does not fail, and is nowhere afterwards."""
    if not is_ours:
        monkeypatch.setattr(hall.database, "_is_in_place", lambda: True)
    path = hall.folder / name
    watch = StoreWatch(hall.database, hall.note_running, lambda connection: None)
    path.rename(hall.folder / "away")
    hall.is_judged = False
    body = encode_batch([item_of(device.rating())])
    answer = hall.client.post("/v1/batches", content=body, headers=hall.headers)
    watch.look()
    if not is_ours:
        assert (answer.status_code, watch.trouble) == (200, None)
        return
    assert answer.status_code == 503
    assert "was moved or replaced" in (watch.trouble or "")
    (hall.folder / "away").rename(path)
    watch.look()
    assert watch.trouble is None
    answer = hall.client.post("/v1/batches", content=body, headers=hall.headers)
    assert answer.status_code == 200


def test_a_database_that_hangs_is_none_that_takes(hall, database, caplog):
    """No error ever comes of it: the look that has not ended tells."""
    seconds = [0.0]
    during = []

    def write() -> None:
        seconds[0] += 31
        during.append(watch.trouble)

    watch = StoreWatch(database, write, lambda connection: None, lambda: seconds[0])
    assert watch.trouble is None
    watch.look()
    assert "does not answer" in during[0]
    assert "alarm store: the disk with" in caplog.text
    assert watch.trouble is None
    during.clear()
    watch = StoreWatch(database, lambda: during.append(watch.trouble), lambda one: None)
    watch.look()
    assert during == [None], "the control: a look as short as ever"


def test_a_judge_that_is_late_is_told_everywhere_and_its_end_too(
    hall, device, monkeypatch, caplog
):
    """A rule that throws: its failure stays. A judge that stands: what waits grows old."""
    hall.is_judged = False
    watch = StoreWatch(hall.database, hall.note_running, hall.alarms.judge_late_ms)
    facts, name = document(service="S-1", opened_at_ms=NOW_MS - 1000)
    hall.post(facts, device.rating(service="S-1", facts=name, at=NOW_MS - 500))
    watch.look()
    assert watch.late_ms is None, "the control: a moment is no delay"
    hall.clock.ms += 11 * MINUTE_MS
    watch.look()
    assert watch.late_ms == NOW_MS
    assert f"alarm {JUDGE_LATE}: figures lack what has waited since" in caplog.text
    assert JUDGE_LATE in [one.mark for one in hall.findings(None)]
    assert JUDGE_LATE not in [one.mark for one in hall.findings("demo")], "it is the centre's"

    def broken(*arguments, **more):
        raise ZeroDivisionError("a rule of this policy divides by nothing")

    with monkeypatch.context() as patch:
        patch.setattr(settling, "stand", broken)
        hall.judge.settle()
    hall.clock.ms += 11 * MINUTE_MS
    watch.look()
    assert watch.late_ms is not None
    hall.serve(hall.database)  # it starts again with the rule mended
    hall.judge.settle_all()
    watch.look()
    assert watch.late_ms is None
    assert f"alarm {JUDGE_LATE} is over" in caplog.text


def test_a_running_centre_tells_of_a_judge_that_stands(tmp_path):
    """The judge's thread is gone; pages, /healthz, metrics and doctor say that figures are old."""
    standing = "import central.ratings.judge as two; two.Judge.settle = lambda self: False; " + RUN
    with running(tmp_path, standing) as (_, url):
        database = central_in(tmp_path)
        with database.write() as connection:
            old = int(time.time() * 1000) - 15 * MINUTE_MS
            connection.exec_driver_sql(
                "INSERT INTO touched (hall, service, at_ms) VALUES ('demo', 'S-1', ?)", (old,)
            )
        told = until(lambda: ask(url)[1].get("detail"), "sentence", 15)
        assert (ask(url)[0], ask(url)[1]["status"]) == (200, JUDGE_LATE)
        assert told.startswith("figures lack what has waited since")
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            lines = dict(
                line.rsplit(" ", 1)
                for line in answer.read().decode().splitlines()
                if not line.startswith("#")
            )
        assert float(lines["pingjia_centre_judge_late_seconds"]) >= 900
        assert lines["pingjia_centre_store_up"] == "1.0"
        _, found = doctor(tmp_path)
        assert found["judge"].startswith("LOOK figures lack")
        assert found["alarms"].startswith("LOOK judge_late 1")
        database.close()


def test_the_doctor_finds_a_centre_well_and_names_what_is_not(tmp_path):
    with running(tmp_path):
        code, found = doctor(tmp_path)
        assert (code, [one for one in found.values() if one.startswith("LOOK")]) == (0, [])
        assert [*found] == [
            *("disk", "database", "secret", "dns", "tls", "service", "clock", "tokens"),
            *("judge", "alarms"),
        ]
        config = ("--config", str(tmp_path / "central.toml"))
        for days, name in ((3, "short"), (300, "long")):
            words = [
                "token",
                "add",
                "--scope",
                "figures:read",
                "--out",
                str(tmp_path / name),
                "--days",
            ]
            made = CliRunner().invoke(app, ["central", *words, str(days), "--name", name, *config])
            assert made.exit_code == 0, made.output
        code, found = doctor(tmp_path)
        assert (code, found["tokens"][:4]) == (1, "LOOK")
        assert "1 end within a week, first short" in found["tokens"]
        reading = ("token", "add", "--scope", "pages:read:hall:demo", "--out", str(tmp_path / "r"))
        adding = ("hall", "add", "demo", "--mqtt-host", "127.0.0.1", "--mqtt-port", "1883")
        for words in ((*adding, "--token-out", str(tmp_path / "hall.token")), reading):
            made = CliRunner().invoke(app, ["central", *words, *config])
            assert made.exit_code == 0, made.output
        with closing(sqlite3.connect(tmp_path / "central.db")) as connection, connection:
            connection.execute("update token set revoked_at_ms = 1 where scopes = 'hall:demo'")
        _, found = doctor(tmp_path)
        assert "no good one is that of the gateway of demo, which is refused" in found["tokens"]
        (tmp_path / "master.secret").chmod(0o644)
    code, found = doctor(tmp_path)
    assert "chmod 600" in found["secret"]
    assert "nothing answers" in found["service"]
    assert "systemctl start" in found["service"]


def test_pages_say_that_the_store_takes_nothing(hall, caplog):
    token = hall.folder / "pages.token"
    hall.tokens.add("pages:read", token)
    own = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    hall.client.post("/login", data={"token": token.read_text().strip()}, headers=own)
    words = "归集系统的数据库无法写入"
    assert words not in hall.client.get("/marks", headers=own).text
    trouble = [OperationalError("", None, Exception("disk I/O error"))]

    def write() -> None:
        if trouble:
            raise trouble[0]

    watch = StoreWatch(hall.database, write, lambda connection: None)
    hall.alarms.trouble = lambda: watch.trouble
    caplog.set_level(logging.WARNING)
    watch.look()
    assert words in hall.client.get("/marks", headers=own).text
    trouble.clear()
    watch.look()
    assert words not in hall.client.get("/marks", headers=own).text
    assert "alarm store is over" in caplog.text


@pytest.mark.parametrize(
    ("column", "value"),
    [("marks", "'none'"), ("envelope", "cast(envelope as text)"), ("level", "'good'")],
)
def test_a_row_that_somebody_edited_ends_no_reading(hall, device, column, value):
    hall.post(device.rating(), device.rating(), device.rating())
    assert [row["marks"] for row in hall.records()].count(["unreadable_row"]) == 0
    with hall.database.write() as connection:
        connection.exec_driver_sql(f"UPDATE record SET {column} = {value} WHERE seq = 2")
    rows = hall.records()
    assert ["unreadable_row" in row["marks"] for row in rows] == [False, True, False]


def test_reading_records_of_an_envelope_that_is_no_text_is_no_error(hall, device):
    hall.post(device.reasons(1), device.rating())
    with hall.database.write() as connection:
        connection.exec_driver_sql("UPDATE record SET envelope = x'ff00' WHERE seq = 1")
    answer = hall.client.get("/v1/records", headers=hall.reader)
    assert (answer.status_code, len(answer.json()["records"])) == (200, 2)
    assert hall.client.get("/v1/records", headers=bearer(hall.folder / "demo.token")).status_code
