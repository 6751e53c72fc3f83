"""mosquitto beside the gateway: its files, its users while it runs, its death. TOP-1 TOP-3"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from gateway_hall import (
    HALL,
    MOSQUITTO,
    PASSWORD_HASH,
    Pen,
    broker_files_in,
    start_gateway,
    until,
)

import gateway.broker.mosquitto
from gateway.broker.files import passwords, replace
from gateway.broker.mosquitto import Mosquitto
from gateway.cli.broker import write_broker_files
from gateway.desk.services import Opening
from gateway.keep.alarms import Alarms
from hosting.error import OperatorError
from hosting.worker import Worker
from simulator.parts.mosquitto import check_installed
from simulator.parts.part import PartError

ROOT = Path(__file__).parents[2]
needs_mosquitto = pytest.mark.needs(MOSQUITTO)


def test_the_files_are_for_the_owner_only_and_bound_everything(tmp_path, centre):
    folder = broker_files_in(tmp_path, centre.url).broker_files
    assert folder is not None
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == dict.fromkeys(
        ("mosquitto.conf", "mosquitto.passwords", "mosquitto.acl"), 0o600
    )
    lines = (folder / "mosquitto.conf").read_text().splitlines()
    options = dict(line.partition(" ")[::2] for line in lines if line and line[0] != "#")
    wanted = {
        "allow_anonymous": "false",
        "persistence": "false",
        "max_queued_messages": "100000",
        "max_packet_size": "2097152",
        "set_tcp_nodelay": "true",
        "use_username_as_clientid": "true",
        "pid_file": f"{folder}/mosquitto.pid",
    }
    assert {name: options.get(name) for name in wanted} == wanted
    assert (folder / "mosquitto.acl").read_text() == (
        "user _gateway\n"
        "topic readwrite pj/1/demo/#\n"
        "\n"
        "pattern write pj/1/demo/%u/record\n"
        "pattern write pj/1/demo/%u/state\n"
        "pattern read pj/1/demo/%u/ticket\n"
        "pattern read pj/1/demo/%u/ack\n"
        "pattern read pj/1/demo/%u/clock\n"
        "pattern read pj/1/demo/%u/find\n"
        "pattern read pj/1/demo/%u/settings\n"
        "pattern read pj/1/demo/%u/update\n"
    )


def test_a_configuration_that_hall_it_has_changed_stays(tmp_path, centre, capsys):
    folder = broker_files_in(tmp_path, centre.url).broker_files
    assert folder is not None
    changed = (folder / "mosquitto.conf").read_text() + "certfile /etc/ssl/hall.pem\n"
    (folder / "mosquitto.conf").write_text(changed)
    (folder / "mosquitto.acl").write_text("topic readwrite #\n")
    write_broker_files(out=folder, config=tmp_path / "gateway.toml")
    assert (folder / "mosquitto.conf").read_text() == changed
    assert "delete it" in capsys.readouterr().out
    assert "topic readwrite #" not in (folder / "mosquitto.acl").read_text()


def test_files_for_no_port_and_files_that_cannot_be_written_are_sentences(tmp_path, centre):
    settings = broker_files_in(tmp_path, centre.url)
    config = tmp_path / "gateway.toml"
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorError, match="cannot be written"):
        write_broker_files(out=tmp_path / "file", config=config)
    with pytest.raises(OperatorError, match="pingjia gateway broker-files"):
        Mosquitto(tmp_path / "missing", HALL, dict, Alarms()).start()
    config.write_text(
        config.read_text()
        .replace(f"mqtt_port = {settings.mqtt_port}", "")
        .replace('"external"', '"embedded"')
        .replace("broker_files", "# broker_files")
        + "mqtt_port = 0\n"
    )
    with pytest.raises(OperatorError, match="mqtt_port"):
        write_broker_files(out=tmp_path / "broker", config=config)


@pytest.mark.parametrize(
    "line",
    [
        PASSWORD_HASH + "\n_gateway:" + PASSWORD_HASH,
        PASSWORD_HASH.replace("$7$", "$6$"),
        "",
        "plain",
        PASSWORD_HASH[:-4],
    ],
)
def test_a_hash_that_mosquitto_cannot_read_never_reaches_its_file(tmp_path, line):
    """TOP-1: one with a line feed would be a further user."""
    users = {"dev-1": line, "dev-2": PASSWORD_HASH}
    assert passwords(users) == (f"dev-2:{PASSWORD_HASH}\n", ["dev-1"])
    alarms = Alarms()
    Mosquitto(tmp_path, HALL, lambda: users, alarms).start()
    assert "dev-1" in alarms.standing()["passwords"]


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path):
    path = tmp_path / "passwords"
    replace(path, "old")
    reader = path.open()
    replace(path, "new")
    assert (reader.read(), path.read_text()) == ("old", "new")
    reader.close()
    with pytest.raises(UnicodeEncodeError):
        replace(path, "\ud800")
    assert [one.name for one in tmp_path.iterdir()] == ["passwords"]
    assert path.read_text() == "new"


@pytest.mark.parametrize("pid", ["", "nonsense", "-1", "0", "99999999999999999999", "4194305"])
def test_a_broker_that_cannot_be_found_is_an_alarm_that_says_what_to_run(tmp_path, pid):
    alarms = Alarms()
    broker = Mosquitto(tmp_path, HALL, dict, alarms, reload_s=0)
    broker.start()
    (tmp_path / "mosquitto.pid").write_text(pid)
    broker.step()
    assert f"mosquitto -c {tmp_path}/mosquitto.conf" in alarms.standing()["broker_files"]


def test_another_program_with_the_broker_s_number_is_not_signalled(tmp_path):
    alarms = Alarms()
    broker = Mosquitto(tmp_path, HALL, dict, alarms, reload_s=0)
    broker.start()
    other = subprocess.Popen(["sleep", "60"])
    (tmp_path / "mosquitto.pid").write_text(f"{other.pid}\n")
    broker.step()
    assert "no mosquitto" in alarms.standing()["broker_files"]
    other.terminate()
    assert other.wait() == -signal.SIGTERM  # a SIGHUP would have ended it before


def test_a_broker_that_is_not_there_costs_no_processor(tmp_path):
    """What stands in the way is looked at again after a second; stopping waits no longer."""
    tells = []
    broker = Mosquitto(tmp_path, HALL, lambda: tells.append(1) or {}, Alarms())
    worker = Worker("mosquitto", broker.step)
    broker.start()
    worker.start()
    time.sleep(1.5)
    began_s = time.monotonic()
    worker.ask_to_stop()
    worker.join()
    assert time.monotonic() - began_s < 1.5
    assert 2 <= len(tells) <= 4


@needs_mosquitto
def test_the_alarm_ends_when_the_broker_is_there(tmp_path, centre, mosquitto):
    folder = broker_files_in(tmp_path, centre.url).broker_files
    alarms = Alarms()
    users = {"dev-1": PASSWORD_HASH}
    broker = Mosquitto(folder, HALL, lambda: users, alarms, reload_s=0)
    broker.start()
    broker.step()
    assert "broker_files" in alarms.standing()
    with mosquitto(folder):
        broker.step()
        assert alarms.standing() == {}


@needs_mosquitto
def test_what_is_retained_is_published_anew_after_mosquitto_s_death(
    tmp_path, centre, connect, mosquitto
):
    """TOP-3: it keeps nothing; the users that came while it ran may log in."""
    settings = broker_files_in(tmp_path, centre.url, invite_ms=120_000)
    with mosquitto(settings.broker_files) as broker:
        gateway = start_gateway(settings)
        try:
            service, _ = gateway.desk.open(Opening("w1", "A001", "single", (), None, "t", None))
            gateway.desk.invite(service)
            broker.kill()
            until(lambda: not gateway.link.is_up(), "the end of the session")
            broker.start()
            until(gateway.link.is_up, "the new session")
            device = connect(gateway, "dev-1").enter()
            assert device.hear("ticket")["phase"] == "inviting"
            device.leave()
        finally:
            gateway.stop()


@needs_mosquitto
def test_more_records_than_mosquitto_s_default_wait_for_the_gateway(
    tmp_path, centre, connect, mosquitto
):
    """With max_queued_messages left out, all above 1,000 are acknowledged and dropped."""
    settings = broker_files_in(tmp_path, centre.url)
    with mosquitto(settings.broker_files):
        first = start_gateway(settings)
        pen = Pen("dev-1")
        device = connect(first, "dev-1").enter()
        device.tell(pen.state())
        device.hear_hall(0)
        first.stop()
        mids = {device.send(pen.rating()) for _ in range(1500)}
        until(lambda: mids <= device.acked, "the broker's PUBACKs")
        second = start_gateway(settings)
        device.hear_hall(1500)
        device.leave()
        second.stop()


@needs_mosquitto
@pytest.mark.parametrize("trusts_puback", [False, True])
def test_what_a_killed_broker_had_acknowledged_is_lost_to_who_forgets_it(
    tmp_path, centre, connect, mosquitto, trusts_puback
):
    """FAULTS 5: a broker's PUBACK is nobody's custody. A device that keeps its ratings
    until `hall` covers them loses none; the control, which forgets them at the PUBACK, all.
    """
    settings = broker_files_in(tmp_path, centre.url)
    with mosquitto(settings.broker_files) as broker:
        first = start_gateway(settings)
        pen = Pen("dev-1")
        device = connect(first, "dev-1").enter()
        device.tell(pen.state())
        device.hear_hall(0)
        first.stop()
        ratings = [pen.rating() for _ in range(20)]
        mids = {device.send(rating) for rating in ratings}
        until(lambda: mids <= device.acked, "the broker's PUBACKs")
        broker.kill()
        device.is_gone.wait(10)
        broker.start()
        second = start_gateway(settings)
        device.enter().tell(pen.state())
        for rating in [] if trusts_puback else ratings:
            device.send(rating)
        device.hear_hall(0 if trusts_puback else 20)
        if not trusts_puback:
            until(lambda: len(centre.seqs("dev-1")) == 20, "the ratings at the centre")
        lost = 20 - len(centre.seqs("dev-1"))
        assert lost == (20 if trusts_puback else 0)
        device.leave()
        second.stop()


@needs_mosquitto
def test_a_gateway_with_a_new_data_folder_gets_in_again(tmp_path, centre, mosquitto):
    """Its own password is new, too, and the broker learns it without a restart."""
    settings = broker_files_in(tmp_path, centre.url)
    with mosquitto(settings.broker_files):
        start_gateway(settings).stop()
        settings.data_dir.rename(tmp_path / "lost")
        start_gateway(settings).stop()


@needs_mosquitto
def test_a_port_of_somebody_else_is_not_taken_for_the_broker_s(tmp_path, centre, mosquitto):
    settings = broker_files_in(tmp_path, centre.url)
    with mosquitto(settings.broker_files):
        other = tmp_path / "other"
        write_broker_files(out=other, config=tmp_path / "gateway.toml")
        with pytest.raises(PartError, match="Address already in use"), mosquitto(other):
            pass


@needs_mosquitto
def test_the_simulator_s_mosquitto_ends_with_its_parent(tmp_path, centre):
    """Even by kill -9."""
    folder = broker_files_in(tmp_path, centre.url).broker_files
    program = (
        "import asyncio, pathlib, sys\n"
        "from simulator.parts.mosquitto import Mosquitto\n"
        "async def main():\n"
        "    broker = Mosquitto(pathlib.Path(sys.argv[1]))\n"
        "    await broker.start()\n"
        "    print(broker.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert parent.stdout is not None
    broker = Path("/proc") / parent.stdout.readline().strip()
    assert (broker / "comm").read_text() == "mosquitto\n"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until(lambda: _has_ended(broker), "the end of the broker")


def test_without_mosquitto_the_sentence_names_the_command():
    with pytest.raises(PartError, match="apt-get install mosquitto"):
        check_installed(path="")


@pytest.mark.parametrize("required", ["", "all"])
def test_what_could_not_run_is_listed_with_the_command_that_installs_it(tmp_path, required):
    """With PINGJIA_REQUIRE=all it is a failure."""
    (tmp_path / "conftest.py").write_text(
        f"import runpy\nours = runpy.run_path({str(ROOT / 'tests/conftest.py')!r})\n"
        "globals().update((name, ours[name]) for name in ours if name.startswith('pytest_'))\n"
        "ours['TOOLS']['rare'] = (lambda: None, 'sudo apt-get install rare')\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.needs('rare')\ndef test_it(): pass\ndef test_other(): pass\n"
    )
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), str(tmp_path)],
        env={**os.environ, "PINGJIA_REQUIRE": required, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert "not run: 1 tests need rare: sudo apt-get install rare" in ended.stdout
    assert ended.returncode == (1 if required else 0), ended.stdout
    assert "1 passed" in ended.stdout


def _has_ended(process: Path) -> bool:
    try:
        return "\nState:\tZ" in (process / "status").read_text()
    except OSError:
        return True


@needs_mosquitto
@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: told each time"])
def test_a_broker_is_told_only_of_what_it_cannot_have_read(
    tmp_path, centre, mosquitto, monkeypatch, is_ours
):
    """FAULTS 27: three wishes at a start are no reload if nothing changed, and one if it did."""
    folder = broker_files_in(tmp_path, centre.url).broker_files
    users, signals = {"dev-1": PASSWORD_HASH}, []
    tell = gateway.broker.mosquitto._signal
    monkeypatch.setattr(
        gateway.broker.mosquitto, "_signal", lambda file: signals.append(1) or tell(file)
    )
    monkeypatch.setattr(gateway.broker.mosquitto, "_SAME_S", 0.0 if is_ours else 10**9)
    broker = Mosquitto(folder, HALL, lambda: users, Alarms(), reload_s=0)
    broker.start()
    for name in ("mosquitto.passwords", "mosquitto.acl"):
        os.utime(folder / name, (1, 1))
    with mosquitto(folder):
        if not is_ours:
            monkeypatch.setattr(gateway.broker.mosquitto, "_broker", lambda file: None)
        for _ in range(3):
            broker.refresh_users()
            broker.step()
        assert len(signals) == (0 if is_ours else 3)
        users["dev-2"] = PASSWORD_HASH
        for _ in range(3):
            broker.refresh_users()
            broker.step()
        assert len(signals) == (1 if is_ours else 6)


def test_users_stay_until_a_hall_document_has_come(tmp_path):
    """A gateway with an empty database locks nobody out before it knows who there is."""
    replace(tmp_path / "mosquitto.passwords", f"dev-1:{PASSWORD_HASH}\n")
    known = []
    users = {"_gateway": PASSWORD_HASH}
    broker = Mosquitto(tmp_path, HALL, lambda: users, Alarms(), is_known=lambda: bool(known))
    broker.start()
    assert "dev-1:" in (tmp_path / "mosquitto.passwords").read_text()
    assert "_gateway:" in (tmp_path / "mosquitto.passwords").read_text()
    known.append(1)
    broker.start()
    assert "dev-1:" not in (tmp_path / "mosquitto.passwords").read_text()


def test_files_in_a_folder_that_was_moved_are_put_right(tmp_path, centre, capsys):
    folder = broker_files_in(tmp_path, centre.url).broker_files
    assert folder is not None
    moved = tmp_path / "elsewhere"
    folder.rename(moved)
    write_broker_files(out=moved, config=tmp_path / "gateway.toml")
    text = (moved / "mosquitto.conf").read_text()
    assert f"pid_file {moved}/mosquitto.pid" in text
    assert f"{folder}/" not in text
    assert f"start it as this user: mosquitto -c {moved}/mosquitto.conf" in capsys.readouterr().out
