"""`pingjia workbench flash` against a real MicroPython's raw REPL behind a pseudo-terminal."""

import fcntl
import filecmp
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import termios
import time

import pyte
import pytest
from bench_parts import KEY, Noise, plug_in, workbench, write_bundle

from hosting.error import OperatorError
from simulator.devices.usb import UsbDevice
from workbench.board.repl import Board
from workbench.desk.label import read_list

SEED = 9
BUNDLE_BYTES = 900  # what its enrolment sends at the least, after everything else


def flash(firmware, *arguments, **options):
    return workbench("flash", "--firmware", firmware, *arguments, **options)


def holds(flash_folder, firmware) -> bool:
    """Whether a device's flash holds exactly the firmware's files beside its journal."""
    names = [path.relative_to(firmware) for path in firmware.rglob("*") if path.is_file()]
    held = [path.relative_to(flash_folder) for path in flash_folder.rglob("*") if path.is_file()]
    held = [name for name in held if name.parts[0] != "journal"]
    _, wrong, missing = filecmp.cmpfiles(firmware, flash_folder, map(str, names), shallow=False)
    return not wrong and not missing and sorted(held) == sorted(names)


@pytest.mark.parametrize(
    ("version", "is_fit"), [("1.22.2", False), ("1.9.4", False), ("1.23.0", True)]
)
def test_a_micropython_that_lacks_what_the_firmware_needs_is_refused(usb, version, is_fit):
    with Board(usb().port) as board:
        board.about = board.about._replace(micropython=version)
        if is_fit:
            board.require_usable()
            return
        with pytest.raises(OperatorError, match=r"too old .* needs 1\.23"):
            board.require_usable()


@pytest.mark.parametrize("is_raw_paste", [True, False], ids=["raw-paste", "no raw-paste"])
def test_a_blank_board_is_flashed_verified_enrolled_and_alive(
    usb, firmware, tmp_path, is_raw_paste
):
    device, bundle = usb(is_raw_paste=is_raw_paste), write_bundle(tmp_path, "xj-0417")
    noted = tmp_path / "devices.csv"
    result = flash(firmware, "--port", device.port, "--bundles", bundle, "--list", noted)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(
        r"\S+: xj-0417 lives: firmware \S+ verified, \d+ new files, \S+ s\n",
        result.output,
    )
    assert holds(tmp_path / "devices/xj-0417/flash", firmware)
    assert json.loads((tmp_path / "devices/xj-0417/identity.json").read_text())["key"] == KEY
    year, *_ = json.loads((tmp_path / "devices/xj-0417/rtc").read_text())
    assert year == time.gmtime().tm_year
    assert not list(tmp_path.glob("*.json*"))
    assert noted.read_text().splitlines()[1].startswith("xj-0417,demo,29333341,")


def test_an_unchanged_firmware_is_checked_and_nothing_is_written(usb, firmware, tmp_path):
    shutil.copytree(firmware, tmp_path / "devices/xj-0417/flash")
    result = flash(firmware, "--port", usb().port)
    assert re.search(r": not enrolled: firmware \S+ verified, nothing new", result.output)


def test_an_old_firmware_is_updated_file_by_file(usb, firmware, tmp_path):
    shutil.copytree(firmware, tmp_path / "devices/xj-0417/flash")
    lib = tmp_path / "devices/xj-0417/flash/lib"
    (lib / "firmware/gone.mpy").write_bytes(b"of an older version")
    (lib / "protocol/mac.mpy").write_bytes(b"older")
    result = flash(firmware, "--port", usb().port)
    assert " 2 new files" in result.output, result.output  # that one and main.py
    assert holds(tmp_path / "devices/xj-0417/flash", firmware)


def test_a_device_keeps_its_journal_and_identity_when_its_firmware_is_updated(
    usb, firmware, tmp_path
):
    device = usb()
    bundle = write_bundle(tmp_path, "xj-0417")
    noted = tmp_path / "devices.csv"
    flash(firmware, "--port", device.port, "--bundles", bundle, "--list", noted)
    journal = tmp_path / "devices/xj-0417/flash/journal"
    (journal / "00000000.seg").write_bytes(b"a rating")
    write_bundle(tmp_path, "xj-0500")
    result = flash(firmware, "--port", device.port, "--bundles", tmp_path)
    assert "xj-0417 lives" in result.output
    assert (journal / "00000000.seg").read_bytes() == b"a rating"
    refused = flash(firmware, "--port", device.port, "--bundles", tmp_path / "xj-0500.json")
    assert refused.exit_code == 1
    assert "this board is xj-0417 already" in refused.output
    done = flash(
        firmware,
        *("--port", device.port, "--bundles", tmp_path / "xj-0500.json"),
        *("--overwrite", "--list", noted),
    )
    assert "xj-0500 lives" in done.output
    assert not (journal / "00000000.seg").exists()


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.long)])
def test_all_boards_at_once_get_a_bundle_each_and_a_line_of_80_columns(
    usb, firmware, tmp_path, monkeypatch, count
):
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    names = [f"xj-{number:04d}" for number in range(count)]
    for name in names:
        write_bundle(bundles, name)
    boards = {f"board{number}": usb(f"board{number}").port for number in range(count)}
    plug_in(monkeypatch, [*boards.values()])
    noted = tmp_path / "devices.csv"
    result = flash(firmware, "--all", "--bundles", bundles, "--list", noted)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert sorted(line.split(": ")[1] for line in lines) == [f"{name} lives" for name in names]
    assert max(map(len, lines)) < 80
    held = [json.loads(path.read_text()) for path in tmp_path.glob("devices/*/identity.json")]
    assert sorted(members["device"] for members in held) == names
    assert {(one.device, one.port, one.serial_number) for one in read_list(noted)} == {
        (
            json.loads(path.read_text())["device"],
            boards[path.parent.name],
            f"SN{path.parent.name[5:]}",
        )
        for path in tmp_path.glob("devices/*/identity.json")
    }
    assert not list(bundles.iterdir())


def test_boards_that_fail_do_not_stop_the_others_and_are_told_together(
    usb, firmware, tmp_path, monkeypatch
):
    gone = [str(tmp_path / name) for name in ("ttyUSB8", "ttyUSB9")]
    plug_in(monkeypatch, [*gone, usb().port])
    result = flash(firmware, "--all")
    assert result.exit_code == 1
    good, summary, *sentences = result.output.splitlines()
    assert ": not enrolled: firmware" in good
    assert summary == "pingjia: 1 of 3 boards are done, 2 failed:"
    told = [line for line in sentences if re.match(r"  \S", line)]
    assert [line.split()[0].strip(":") for line in told] == gone


@pytest.mark.parametrize("is_piped", [False, True], ids=["terminal", "piped"])
def test_the_bars_leave_the_results_on_standard_output(usb, firmware, tmp_path, is_piped):
    shown, output = on_a_terminal(
        ["workbench", "flash", "--firmware", firmware, "--port", usb().port], is_piped
    )
    results = output if is_piped else shown
    assert [line.split(": ")[1] for line in results] == ["not enrolled"]
    assert shown == results or not shown


def on_a_terminal(arguments, is_piped):
    """(what stands at the end on a terminal of 80 columns, lines of standard output if piped)."""
    end, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "pingjia", *map(str, arguments)]
    process = subprocess.Popen(
        command,
        stdin=terminal,
        stdout=subprocess.PIPE if is_piped else terminal,
        stderr=terminal,
        env=os.environ | {"TERM": "xterm"},
    )
    os.close(terminal)
    screen = pyte.Screen(80, 24)
    stream = pyte.ByteStream(screen)
    try:
        while data := os.read(end, 4096):
            stream.feed(data)
    except OSError:
        pass  # the command has ended
    output = process.communicate()[0] or b""
    os.close(end)
    assert process.returncode == 0, screen.display
    return [line.rstrip() for line in screen.display if line.strip()], output.decode().splitlines()


def pull_and_try_again(firmware, folder, at):
    """The cable is pulled after `at` bytes; the second try goes on."""
    bundle = write_bundle(folder, "xj-0417")
    arguments = ("--bundles", bundle, "--list", folder / "devices.csv")
    with UsbDevice(folder / "xj-0417", pull_after=at) as device:
        result = flash(firmware, "--port", device.port, *arguments)
        assert result.exit_code == 1, f"seed {SEED}, byte {at}: the cable was not pulled"
        assert "repeat the command" in result.output, result.output
        assert "Traceback" not in result.output
        device.pull()
        port = device.plug(pull_after=None)
        result = flash(firmware, "--port", port, *arguments)
        assert result.exit_code == 0, f"seed {SEED}, byte {at}: {result.output}"
    assert holds(folder / "xj-0417/flash", firmware)
    assert not list(folder.glob("*.json*"))


def place(number, sent):
    """One of 30 random places on the way, after so many bytes; the last 4 in the enrolment."""
    chance = random.Random(SEED)
    every = [int(chance.random() * sent) for _ in range(26)]
    every += [sent - chance.randrange(60, BUNDLE_BYTES) for _ in range(4)]
    return every[number]


@pytest.fixture(scope="module")
def sent(firmware, tmp_path_factory):
    """How many bytes a first flash with a bundle sends."""
    folder = tmp_path_factory.mktemp("whole")
    with UsbDevice(folder / "xj-0417") as device:
        bundle = write_bundle(folder, "xj-0417")
        arguments = ("--bundles", bundle, "--list", folder / "devices.csv")
        assert flash(firmware, "--port", device.port, *arguments).exit_code == 0
        return device.received()


@pytest.mark.parametrize("number", [0, 29])
def test_a_pulled_cable_leaves_a_board_that_can_be_flashed(firmware, tmp_path, sent, number):
    pull_and_try_again(firmware, tmp_path, place(number, sent))


@pytest.mark.long
@pytest.mark.parametrize("number", range(30))
def test_a_pulled_cable_leaves_a_board_that_can_be_flashed_anywhere(
    firmware, tmp_path, sent, number
):
    pull_and_try_again(firmware, tmp_path, place(number, sent))


def test_a_full_flash_is_said_so_and_the_board_stays_flashable(usb, firmware, tmp_path):
    device = usb(capacity=20_000)
    result = flash(firmware, "--port", device.port)
    assert result.exit_code == 1
    assert "the board's flash is full" in result.output
    assert "--image" in result.output
    device.pull()
    assert flash(firmware, "--port", device.plug(capacity=None)).exit_code == 0


def test_a_board_that_answers_slowly_is_waited_for(usb):
    with Board(usb(slow_ms=5).port) as board:
        assert board.run("print(6 * 7)") == "42\r\n"


@pytest.mark.parametrize("is_silent", [True, False], ids=["nothing", "garbage"])
def test_what_answers_nothing_or_garbage_ends_in_a_sentence(is_silent):
    noise = Noise(is_silent)
    with pytest.raises(OperatorError, match=r"does not answer as MicroPython.*reset key"):
        Board(noise.port, silence_s=0.2)
    noise.close()


def test_a_port_that_goes_away_at_a_reset_is_opened_again(usb, firmware, tmp_path):
    """As the native USB of an RP2 or ESP32-S3 does."""
    shutil.copytree(firmware, tmp_path / "devices/xj-0417/flash")
    device, port = usb(), tmp_path / "ttyACM0"
    port.symlink_to(device.port)
    with Board(str(port)) as board:
        board.reset()
        device.pull()
        port.unlink()
        port.symlink_to(device.plug())
        assert any(line.startswith("not_enrolled") for line in board.lines(10))


def test_a_busy_port_and_a_missing_one_are_said_so(usb, firmware, tmp_path):
    device = usb()
    with Board(device.port):
        result = flash(firmware, "--port", device.port)
    assert "the port is busy. Close the other program" in result.output
    result = flash(firmware, "--port", tmp_path / "ttyUSB9")
    assert "no such port. `pingjia workbench ports`" in result.output


def test_a_board_that_does_not_start_is_told_with_its_last_words(usb, firmware, tmp_path):
    shutil.copytree(firmware, tmp_path / "devices/xj-0417/flash")
    (tmp_path / "devices/xj-0417/identity.json").write_text('{"device": 7}')
    result = flash(firmware, "--port", usb().port)
    assert result.exit_code == 1
    assert "does not say that it lives (its last words: identity_torn: firmware " in result.output


def test_a_damaged_build_is_not_flashed(usb, firmware, tmp_path):
    shutil.copytree(firmware, tmp_path / "build")
    (tmp_path / "build/main.py").write_text("print('not what was built')")
    result = flash(tmp_path / "build", "--port", usb().port)
    assert "is not the file that was built" in result.output
    assert not (tmp_path / "devices/xj-0417/flash/main.py").exists()
