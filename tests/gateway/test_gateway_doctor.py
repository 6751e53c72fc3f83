"""`gateway status` and `gateway doctor`: what they say of a hall is so. DESIGN 6, FAULTS 25"""

import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest
from gateway_hall import health_of, until
from sqlalchemy.exc import OperationalError
from test_gateway_disk import Process
from test_gateway_start import config_in
from typer.testing import CliRunner

from gateway import gateway as gateway_module
from gateway.config import load_config
from gateway.hall import intake
from gateway.keep.alarms import Alarms
from gateway.keep.reserve import Room
from gateway.store import quarantine
from gateway.store.database import Database
from gateway.upward.credentials import Credentials, Files
from hosting.doctor import look_at_certificate
from hosting.error import OperatorError
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
    assert "for the centre  0 records, 0 service documents, as its database has them" in told
    assert json.loads(said(*status, "--json")[1])["status"] == "down"


def test_a_gateway_that_is_frozen_is_to_be_restarted_not_started(service):
    """A unit that is active is not started again by `start`."""
    process, config = service
    process.child.send_signal(signal.SIGSTOP)
    try:
        code, told = said("status", "--config", config)
        assert code == 3
        assert "does not answer within 5 seconds" in told
        assert "systemctl restart" in told
        assert "systemctl start" not in told
    finally:
        process.child.send_signal(signal.SIGCONT)
    until(lambda: said("status", "--config", config)[0] == 0, "a hall that is well again")


def test_what_takes_a_connection_and_says_nothing_is_told_in_words():
    with socket.create_server(("127.0.0.1", 0)) as dead:
        port = dead.getsockname()[1]
        with pytest.raises(OperatorError, match="does not answer within 5 seconds: it is frozen"):
            look_at_certificate("127.0.0.1", port, ssl.create_default_context())
    with pytest.raises(OperatorError, match="is not reached: Connection refused"):
        look_at_certificate("127.0.0.1", port, ssl.create_default_context())


@pytest.mark.parametrize("setting", ["centre_ca", "centre_certificate", "centre_key"])
def test_a_file_that_is_not_there_is_named(tmp_path, setting):
    files = {"token": tmp_path / "token", setting.removeprefix("centre_"): tmp_path / "gone.pem"}
    files["token"].write_text("pjh_secret")
    files["token"].chmod(0o600)
    with pytest.raises(OperatorError, match=f"^{setting}: .*gone.pem is not there"):
        Credentials(Files(**files), Alarms())


@pytest.mark.parametrize(("held", "is_well"), [(True, True), (False, False)])
def test_the_room_that_the_reserve_holds_is_not_asked_for_again(
    tmp_path, monkeypatch, held, is_well
):
    """A small disk that is fine was told to be short of what the gateway has taken of it."""
    config = config_in(tmp_path, "http://127.0.0.1:9", api_listen_port=free_port())
    data = tmp_path / "data"
    data.mkdir()
    if held:
        (data / "reserve").write_bytes(bytes(load_config(config).reserve_mb << 20))
    usage = shutil.disk_usage(data)._replace(free=8 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    told = said("doctor", "--config", config)[1].splitlines()
    assert told[0].startswith("ok    disk" if is_well else "LOOK  disk")


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
        *("disk", "database", "credentials", "service", "broker", "certificate", "dns", "proxy"),
        *("tls", "token", "clock", "devices", "backlog"),
    ]
    centre.good_token = "another"
    code, told = said("doctor", "--config", config)
    assert code == 1
    assert "LOOK  token" in told
    assert "ok    broker" in told
    found = json.loads(said("doctor", "--config", config, "--json")[1])
    assert [one["check"] for one in found] == [*lines]


def test_the_doctor_looks_at_a_hall_that_is_down(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        ports = {"api_listen_port": free_port(), "mqtt_port": stranger.getsockname()[1]}
        config = config_in(tmp_path, f"http://127.0.0.1:{free_port()}", **ports)
        (tmp_path / "token").chmod(0o644)
        code, told = said("doctor", "--config", config)
    assert code == 1
    assert "nobody knows whether it is this hall's broker" in told
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
    program = "import gateway.gateway as one; one._WATCH_EVERY_S = 1; "
    if not is_ours:
        program += "from gateway.keep.reserve import Room; Room.look = lambda self: None; "
        program += "from gateway.hall.history import History; History.look = lambda self: None; "
    program += "from pingjia import app; app()"
    process = Process(tmp_path, [], [sys.executable, "-c", program])
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
            time.sleep(4)
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


@pytest.fixture
def quick_looks(monkeypatch):
    """Ask for it before the gateway: it looks at its disk every half a second, not every five."""
    monkeypatch.setattr(gateway_module, "_WATCH_EVERY_S", 0.5)


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: writes are believed"])
@pytest.mark.parametrize("more", ["", "-wal"])
def test_a_database_that_was_taken_away_is_an_alarm_until_it_is_back(
    quick_looks, gateway, monkeypatch, is_ours, more
):
    """What is written goes to a file that nobody will find again, and no write fails. Nobody makes
    another one in its place, not even who opens a connection.
    """
    if not is_ours:
        monkeypatch.setattr(Room, "_is_in_place", lambda self: True)
    path = gateway.database.path
    path = path.with_name(f"{path.name}{more}")
    path.rename(path.with_name("elsewhere"))
    try:
        if is_ours:
            until(lambda: "taken away" in gateway.alarms.standing().get("disk", ""), "the alarm")
            until(lambda: health_of(gateway.api_url)[0] == 503, "the 503")
            if not more:
                gateway.database.reopen()
                with (
                    pytest.raises(OperationalError, match="unable to open"),
                    gateway.database.read(),
                ):
                    pass
                assert not path.exists()
        else:
            time.sleep(2)
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
