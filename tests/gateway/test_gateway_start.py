"""The process and its settings: starts, says so, ends, refuses what it must."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from gateway_hall import EPOCH, Client, Pen, port_of, settings_in, until, write_private
from typer.testing import CliRunner

from gateway.config import Config, load_config
from gateway.desk.callers import caller_of
from gateway.gateway import Gateway
from gateway.store.database import Database
from hosting.error import OperatorError
from pingjia import app

EXAMPLE = Path(__file__).parents[2] / "deploy" / "gateway.toml"
RUN = [sys.executable, "-m", "pingjia", "gateway", "run", "--config"]


def config_in(folder: Path, centre_url: str, **other) -> Path:
    """A gateway.toml with free ports and short timers."""
    write_private(folder / "token", "hall-token\n")
    values = {
        "hall": "demo",
        "data_dir": "data",
        "centre_url": centre_url,
        "centre_token_file": "token",
        "api_listen_port": 0,
        "mqtt_port": 0,
        "hall_poll_s": 0.2,
        "retry_first_s": 0.1,
        "retry_longest_s": 0.2,
        **other,
    }
    lines = [f"{key} = {value!r}" for key, value in values.items()]
    (folder / "gateway.toml").write_text("\n".join(lines))
    return folder / "gateway.toml"


@pytest.fixture
def run():
    """Starts `gateway run`; what still runs at the end is killed."""
    children = []

    def run(config: Path, *options: str) -> tuple[subprocess.Popen, int, str]:
        child = subprocess.Popen(
            [*RUN, str(config), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        children.append(child)
        assert child.stdout is not None
        mqtt, ready = child.stdout.readline().split(), child.stdout.readline().split()
        assert (mqtt[0], ready[0]) == ("mqtt", "ready")
        return child, int(mqtt[1].rsplit(":", 1)[1]), ready[1]

    yield run
    for child in children:
        child.kill()
        child.wait()
        child.stdin.close()
        child.stdout.close()


def test_it_says_when_it_is_ready_and_ends_cleanly_on_sigterm(tmp_path, centre, run):
    child, port, url = run(config_in(tmp_path, centre.url))
    assert url.startswith("http://127.0.0.1:")
    Client(port, "dev-1").enter().leave()
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == 0


def test_it_ends_when_its_parent_closes_standard_input(tmp_path, centre, run):
    child, _, _ = run(config_in(tmp_path, centre.url), "--until-stdin-closes")
    child.stdin.close()
    assert child.wait(10) == 0


def test_killed_it_leaves_no_broker_behind_and_loses_nothing(tmp_path, centre, run):
    """ACK-1: everything that was acknowledged is there after `kill -9`, byte for byte."""
    centre.script.extend([503] * 1000)
    config = config_in(tmp_path, centre.url)
    child, port, _ = run(config)
    pen = Pen("dev-1")
    device = Client(port, "dev-1").enter()
    device.tell(pen.state())
    sent = [pen.rating() for _ in range(300)]
    for envelope in sent:
        device.send(envelope)
    acknowledged = device.hear("ack", lambda ack: ack["hall"] > 20)["hall"]
    broker = _children(child.pid)
    child.kill()
    child.wait()
    device.leave()
    until(lambda: not any(_is_running(pid) for pid in broker), "the end of the broker")
    centre.script.clear()
    run(config)
    until(lambda: len(centre.seqs("dev-1")) >= acknowledged, "what was acknowledged")
    held = centre.held["dev-1", EPOCH]
    assert all(held[seq] == sent[seq - 1] for seq in range(1, acknowledged + 1))


def test_a_taken_port_is_said_in_a_sentence(tmp_path, lasting):
    taken = {"api_listen_port": int(lasting.api_url.rsplit(":", 1)[1])}
    with pytest.raises(OperatorError, match=r"cannot listen on .*api_listen_port"):
        Gateway(settings_in(tmp_path, "http://127.0.0.1:9", **taken))
    gateway = Gateway(settings_in(tmp_path, "http://127.0.0.1:9", mqtt_port=port_of(lasting)))
    with pytest.raises(OperatorError, match="address already in use"):
        gateway.start()
    gateway.stop()


def test_a_start_that_fails_ends_with_one_sentence_and_exit_code_1(tmp_path):
    config = config_in(tmp_path, "http://127.0.0.1:9")
    write_private(tmp_path / "token", "")
    command = ["gateway", "token", "list", "--config", str(config)]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 1
    failed = subprocess.run([*RUN, str(config)], capture_output=True, text=True, timeout=30)
    assert failed.returncode == 1
    assert "must hold one token" in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr


def test_the_example_configuration_is_accepted():
    settings = load_config(EXAMPLE)
    assert settings.hall == "demo"
    assert settings.centre_token_file == EXAMPLE.parent / "centre-token"
    commented = [line[2:] for line in EXAMPLE.read_text().splitlines() if line[:2] == "# "]
    keys = {line.split(" =")[0] for line in commented if " = " in line}
    assert set(Config.model_fields) - keys <= set(settings.model_fields_set)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mqtt_prot": 1}, ["mqtt_prot", "mqtt_port"]),
        ({"zzz": 1}, ["no setting is named zzz"]),
        ({"api_listen_port": 70000}, ["api_listen_port", "65535"]),
        ({"centre_url": "http://centre.example"}, ["centre_url", "https"]),
        ({"centre_url": "ftp://centre.example"}, ["centre_url"]),
        ({"hall": "Demo Hall"}, ["hall"]),
        ({"broker": "mosquitto"}, ["broker", "external"]),
        ({"broker": "external"}, ["mqtt_port"]),
        ({"broker_files": "broker"}, ["broker_files", "external"]),
    ],
    ids=str,
)
def test_a_wrong_setting_stops_the_start_and_is_named(tmp_path, values, words):
    config = config_in(tmp_path, **{"centre_url": "https://centre.example", **values})
    with pytest.raises(OperatorError) as caught:
        load_config(config)
    for word in [str(config), *words]:
        assert word in str(caught.value)


def test_a_missing_key_a_missing_file_and_broken_toml_are_sentences(tmp_path):
    config = tmp_path / "gateway.toml"
    with pytest.raises(OperatorError, match="is missing: `pingjia gateway init"):
        load_config(config)
    config.write_text("hall = ")
    with pytest.raises(OperatorError, match="not TOML"):
        load_config(config)
    config.write_text('hall = "demo"')
    with pytest.raises(OperatorError, match="centre_url is missing"):
        load_config(config)


@pytest.mark.parametrize("hall", ["XJ 01", 'a"\nbroker = "external', "a\\"])
def test_of_a_wrong_id_init_leaves_no_settings(tmp_path, hall):
    """Neither does it write over those that are there."""
    config = tmp_path / "gateway.toml"
    words = ["gateway", "init", "--centre", "https://c.example", "--config", str(config), "--hall"]
    refused = CliRunner().invoke(app, [*words, hall])
    assert (refused.exit_code, "hall" in refused.stderr) == (1, True)
    assert not config.exists()
    assert CliRunner().invoke(app, [*words, "xj-01"]).exit_code == 0
    assert load_config(config).hall == "xj-01"
    again = CliRunner().invoke(app, [*words, "xj-02"])
    assert "is there already" in again.stderr
    assert load_config(config).hall == "xj-01"


def test_a_token_is_written_once_for_its_owner_and_stored_as_a_hash(tmp_path, centre):
    config = config_in(tmp_path, centre.url)
    out = tmp_path / "queue.token"
    command = ["gateway", "token", "add", "queue", "--config", str(config), "--out", str(out)]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert out.read_text().strip().encode() not in (tmp_path / "data/gateway.sqlite").read_bytes()
    again = CliRunner().invoke(app, command)
    assert again.exit_code == 1
    assert "exists" in again.output


def test_a_token_is_listed_and_opens_nothing_when_it_was_revoked(tmp_path, centre):
    config = config_in(tmp_path, centre.url)

    def token(*words):
        return CliRunner().invoke(app, ["gateway", "token", *words, "--config", str(config)])

    out = tmp_path / "w1.token"
    token("add", "counter-1", "--scope", "console", "--window", "w1", "--out", str(out))
    assert "counter-1  console w1, since 20" in token("list").output
    database = Database(tmp_path / "data/gateway.sqlite")
    assert caller_of(database, out.read_text().strip()) is not None
    assert token("revoke", "counter-1").exit_code == 0
    assert caller_of(database, out.read_text().strip()) is None
    database.close()
    assert token("list").output == ""
    again = token("revoke", "counter-1")
    assert again.exit_code == 1
    assert "token list" in again.output


def test_status_says_what_waits(tmp_path, centre):
    config = config_in(tmp_path, centre.url)
    nothing = CliRunner().invoke(app, ["gateway", "status", "--config", str(config)])
    assert nothing.exit_code == 3
    assert "does not exist yet" in nothing.output
    out = tmp_path / "queue.token"
    CliRunner().invoke(
        app, ["gateway", "token", "add", "q", "--config", str(config), "--out", str(out)]
    )
    shown = CliRunner().invoke(app, ["gateway", "status", "--config", str(config)])
    assert shown.exit_code == 3
    assert "0 records, 0 service documents" in shown.output


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    assert found, "the broker must be a child"
    return found


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
