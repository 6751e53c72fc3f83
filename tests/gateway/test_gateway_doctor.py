"""`gateway status` and `gateway doctor`: what they say of a hall is so. DESIGN 6, FAULTS 25"""

import json
import re
import subprocess
import sys
import time

import pytest
from gateway_hall import health_of, until
from test_gateway_disk import Process
from test_gateway_start import config_in
from typer.testing import CliRunner

from gateway.hall import intake
from gateway.keep.reserve import Room
from gateway.store import quarantine
from gateway.store.database import Database
from pingjia import app
from simulator.parts.part import free_port

DATA_WORDS = "gateway.sqlite"


def said(*words) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["gateway", *map(str, words)])
    return ended.exit_code, ended.output


@pytest.fixture
def service(tmp_path, centre):
    """A running gateway on ports that its settings name: the process, and the settings' file."""
    ports = {"api_listen_port": free_port(), "mqtt_port": free_port()}
    config = config_in(tmp_path, centre.url, **ports)
    process = Process(tmp_path, [])
    process.wait_ready()
    yield process, config
    if process.child.poll() is None:
        process.end()


def test_status_tells_a_hall_that_is_well_one_to_look_at_and_one_that_is_down(service, centre):
    process, config = service
    status = ("status", "--config", config)
    until(lambda: said(*status)[0] == 0, "a hall that is well")
    code, told = said(*status)
    assert "broker          connected" in told
    assert "devices         3 never" in told
    centre.good_token = "another"
    until(lambda: said(*status)[0] == 1, "a hall to look at")
    code, told = said(*status, "--json")
    assert (code, list(json.loads(told)["alarms"])) == (1, ["poll"])
    process.end()
    code, told = said(*status)
    assert code == 3
    assert "DOWN: nothing answers" in told
    assert "systemctl start" in told
    assert "held for the centre when it ended: 0 records" in told
    assert json.loads(said(*status, "--json")[1])["status"] == "down"


def test_status_does_not_take_another_hall_for_ours(service, tmp_path):
    _, config = service
    other = tmp_path / "other.toml"
    other.write_text(re.sub("hall = .demo.", 'hall = "other"', config.read_text()))
    code, told = said("status", "--config", other)
    assert code == 3
    assert "is no gateway of other" in told


def test_the_doctor_finds_a_hall_well_and_names_what_is_not(service, centre):
    _, config = service
    until(lambda: said("status", "--config", config)[0] == 0, "a hall that is well")
    code, told = said("doctor", "--config", config)
    lines = {line.split()[1]: line for line in told.splitlines()}
    assert (code, [line for line in told.splitlines() if line.startswith("LOOK")]) == (0, [])
    assert [*lines] == [
        *("disk", "database", "credentials", "service", "broker", "dns", "proxy", "tls"),
        *("token", "clock", "devices", "backlog"),
    ]
    centre.good_token = "another"
    code, told = said("doctor", "--config", config)
    assert code == 1
    assert "LOOK  token" in told
    assert "ok    broker" in told
    found = json.loads(said("doctor", "--config", config, "--json")[1])
    assert [one["check"] for one in found] == [*lines]


def test_the_doctor_looks_at_a_hall_that_is_down(tmp_path):
    config = config_in(tmp_path, f"http://127.0.0.1:{free_port()}", api_listen_port=free_port())
    (tmp_path / "token").chmod(0o644)
    code, told = said("doctor", "--config", config)
    assert code == 1
    for words in (
        *("LOOK  disk", "start the gateway once", "LOOK  credentials", "chmod 600"),
        *("LOOK  service", "nothing answers", "ok    dns"),
    ):
        assert words in told


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("error", "words", "is_ours"),
    [
        pytest.param("EROFS", "is read-only", True, id="EROFS"),
        pytest.param("EIO", "takes nothing", True, id="EIO"),
        pytest.param("ENOSPC", "is full", True, id="ENOSPC"),
        pytest.param("EROFS", "", False, id="control: nobody tries"),
    ],
)
def test_a_disk_that_takes_nothing_is_an_alarm_first_and_mends_by_itself(
    tmp_path, centre, error, words, is_ours
):
    """FAULTS 25. The gateway is quiet: nobody but itself writes."""
    ports = {"api_listen_port": free_port(), "mqtt_port": free_port()}
    config = config_in(tmp_path, centre.url, **ports)
    program = None
    if not is_ours:
        lazy = "from gateway.keep.reserve import Room; Room.look = lambda self: None; "
        program = [sys.executable, "-c", lazy + "from pingjia import app; app()"]
    process = Process(tmp_path, [], program)
    process.wait_ready()
    status = ("status", "--config", config)
    until(lambda: said(*status)[0] == 0, "a hall that is well")
    data = tmp_path / "data"
    calls = "pwrite64,write,fdatasync,fsync,fallocate,unlink"
    paths = [data / name for name in (DATA_WORDS, f"{DATA_WORDS}-wal", ".probe", "reserve")]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-p", str(process.child.pid)]
    for path in paths:
        command += ["-P", str(path)]
    command += ["-e", f"trace={calls}", "-e", f"inject={calls}:error={error}"]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        if is_ours:
            alarm = until(lambda: process.alarms().get("disk"), "the alarm", 20)
            assert words in alarm
            assert str(data) in alarm
            code, told = said(*status)
            assert (code, str(data) in told) == (1, True)
            assert "LOOK  service" in said("doctor", "--config", config)[1]
        else:
            time.sleep(7)
            assert process.alarms() == {}
    finally:
        tracer.terminate()
        tracer.wait(10)
    if is_ours:
        until(lambda: "disk" not in process.alarms(), "the end of the alarm", 20)
    process.end()


def test_what_strangers_sent_moves_no_terminal(service, connect):
    """A refused topic or detail is printed, and nothing of it reaches the terminal raw."""
    _, config = service
    database = Database(config.parent / "data" / DATA_WORDS)
    refused = intake.refused("", "pj/1/demo/\x1b[2Jx/record", "bad_topic", "a\x1b[31m", b"x")
    with database.write() as connection:
        quarantine.put(connection, [{**refused._asdict(), "received_at_ms": 5}], 50)
    database.close()
    code, told = said("quarantine", "list", "--config", config)
    assert code == 0
    assert "\x1b" not in told
    assert "\\x1b[2J" in told


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: writes are believed"])
def test_a_database_that_was_taken_away_is_an_alarm_until_it_is_back(
    gateway, monkeypatch, is_ours
):
    """What is written goes to a file that nobody will find again, and no write fails."""
    if not is_ours:
        monkeypatch.setattr(Room, "_is_in_place", lambda self: True)
    path = gateway.database.path
    path.rename(path.with_name("elsewhere"))
    try:
        if is_ours:
            until(lambda: "taken away" in gateway.alarms.standing().get("disk", ""), "the alarm")
            until(lambda: health_of(gateway.api_url)[0] == 503, "the 503")
        else:
            time.sleep(6)
            assert "disk" not in gateway.alarms.standing()
    finally:
        path.with_name("elsewhere").rename(path)
    if is_ours:
        until(lambda: "disk" not in gateway.alarms.standing(), "the end of the alarm", 20)


def test_a_reserve_that_was_deleted_is_held_again(gateway):
    path = gateway.config.data_dir / "reserve"
    path.unlink()
    until(path.exists, "the reserve")
    assert gateway.alarms.standing() == {}
