"""`pingjia workbench flash` against a real MicroPython's raw REPL behind a pseudo-terminal."""

import filecmp
import json
import random
import re
import shutil
import time

import pytest
from bench_parts import KEY, Noise, workbench, write_bundle

from simulator.usb import UsbDevice
from workbench.bench import Job, from_files, work_on_all
from workbench.board import _ON_BOARD, Board, _commands
from workbench.release import read_release

SEED = 9
SHORT = 4  # so many pulled cables in `make test`, thirty in `make test-long`
BUNDLE_BYTES = 900  # what its enrolment sends at the least


def flash(firmware, *arguments, **options):
    return workbench("flash", "--firmware", firmware, *arguments, **options)


def holds(flash_folder, firmware) -> bool:
    """Whether a device's flash holds exactly the firmware's files beside its journal."""
    names = [path.relative_to(firmware) for path in firmware.rglob("*") if path.is_file()]
    held = [path.relative_to(flash_folder) for path in flash_folder.rglob("*") if path.is_file()]
    held = [name for name in held if name.parts[0] != "journal"]
    _, wrong, missing = filecmp.cmpfiles(firmware, flash_folder, map(str, names), shallow=False)
    return not wrong and not missing and sorted(held) == sorted(names)


@pytest.mark.parametrize("is_raw_paste", [True, False], ids=["raw-paste", "no raw-paste"])
def test_a_blank_board_is_flashed_verified_enrolled_and_alive_within_30_s(
    usb, firmware, tmp_path, is_raw_paste
):
    device, bundle = usb(is_raw_paste=is_raw_paste), write_bundle(tmp_path, "xj-0417")
    noted = tmp_path / "devices.csv"
    begin = time.monotonic()
    result = flash(firmware, "--port", device.port, "--bundles", bundle, "--list", noted)
    assert time.monotonic() - begin < 30
    assert result.exit_code == 0, result.output
    assert re.fullmatch(
        r"\S+: xj-0417 lives with firmware \S+: (\d+) of \1 files written, all verified, \S+ s\n",
        result.output,
    )
    assert holds(tmp_path / "devices/xj-0417/flash", firmware)
    assert json.loads((tmp_path / "devices/xj-0417/identity.json").read_text())["key"] == KEY
    year, *_ = json.loads((tmp_path / "devices/xj-0417/rtc").read_text())
    assert year == time.gmtime().tm_year
    assert not list(tmp_path.glob("*.json*"))
    assert noted.read_text().splitlines()[1].startswith("xj-0417,demo,29333341,")


def test_an_unchanged_firmware_is_checked_within_5_s_and_nothing_is_written(usb, firmware):
    device = usb()
    assert flash(firmware, "--port", device.port).exit_code == 0
    begin = time.monotonic()
    result = flash(firmware, "--port", device.port)
    assert time.monotonic() - begin < 5
    assert "not enrolled yet lives" in result.output
    assert "nothing changed, all verified" in result.output


def test_an_old_firmware_is_updated_file_by_file(usb, firmware, tmp_path):
    shutil.copytree(firmware, tmp_path / "devices/xj-0417/flash")
    lib = tmp_path / "devices/xj-0417/flash/lib"
    (lib / "firmware/gone.mpy").write_bytes(b"of an older version")
    (lib / "protocol/mac.mpy").write_bytes(b"older")
    result = flash(firmware, "--port", usb().port)
    assert " 2 of " in result.output, result.output  # that one and main.py
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


def test_four_boards_at_once_get_a_bundle_each(usb, firmware, tmp_path):
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    for number in range(4):
        write_bundle(bundles, f"xj-000{number}")
    ports = [usb(f"board{number}").port for number in range(4)]
    job = job_of(firmware, bundles, tmp_path)
    results = dict(work_on_all(ports, job, lambda port, sent, total: None))
    assert sorted(str(line).split(": ")[1].split()[0] for line in results.values()) == [
        f"xj-000{number}" for number in range(4)
    ], results
    held = [json.loads(path.read_text()) for path in tmp_path.glob("devices/*/identity.json")]
    assert len({members["device"] for members in held}) == 4
    assert not list(bundles.iterdir())


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


def places(first, count):
    """Some of 30 random places on the way, as shares of it; the last ones are in the enrolment."""
    chance = random.Random(SEED)
    every = [chance.random() for _ in range(26)] + [chance.uniform(0.95, 1) for _ in range(4)]
    return every[first : first + count]


def bytes_sent(firmware) -> int:
    """What a first flash with a bundle sends, or a little less."""
    release = read_release(firmware)
    commands = [
        command for path, data in release.files.items() for command, _ in _commands(path, data)
    ]
    looks = 2 * len(repr(list(release.files)))  # the hashes before and after
    return len(_ON_BOARD.read_bytes()) + sum(map(len, commands)) + looks + BUNDLE_BYTES


@pytest.mark.parametrize("share", [0.3, *places(30 - SHORT + 1, SHORT - 1)])
def test_a_pulled_cable_leaves_a_board_that_can_be_flashed(firmware, tmp_path, share):
    pull_and_try_again(firmware, tmp_path, int(share * bytes_sent(firmware)))


@pytest.mark.long
@pytest.mark.parametrize("share", places(0, 30))
def test_a_pulled_cable_leaves_a_board_that_can_be_flashed_anywhere(firmware, tmp_path, share):
    pull_and_try_again(firmware, tmp_path, int(share * bytes_sent(firmware)))


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
def test_what_answers_nothing_or_garbage_ends_in_a_sentence(firmware, is_silent):
    noise = Noise(is_silent)
    begin = time.monotonic()
    result = flash(firmware, "--port", noise.port)
    noise.close()
    assert time.monotonic() - begin < 30
    assert result.exit_code == 1
    assert "does not answer as MicroPython" in result.output
    assert "reset key" in result.output


def test_a_busy_port_and_a_missing_one_are_said_so(usb, firmware, tmp_path):
    device = usb()
    with Board(device.port):
        result = flash(firmware, "--port", device.port)
    assert "the port is busy. Close the other program" in result.output
    result = flash(firmware, "--port", tmp_path / "ttyUSB9")
    assert "no such port. `pingjia workbench ports`" in result.output


def test_a_board_that_does_not_start_is_told_with_its_last_words(usb, firmware, tmp_path):
    device = usb()
    flash(firmware, "--port", device.port)
    (tmp_path / "devices/xj-0417/identity.json").write_text('{"device": 7}')
    result = flash(firmware, "--port", device.port)
    assert result.exit_code == 1
    assert "does not say that it lives (its last words: ProtocolError: " in result.output


def test_a_damaged_build_is_not_flashed(usb, firmware, tmp_path):
    shutil.copytree(firmware, tmp_path / "build")
    (tmp_path / "build/main.py").write_text("print('not what was built')")
    result = flash(tmp_path / "build", "--port", usb().port)
    assert "is not the file that was built" in result.output
    assert not (tmp_path / "devices/xj-0417/flash/main.py").exists()


def job_of(firmware, bundles, tmp_path):
    return Job(read_release(firmware), from_files(bundles), False, False, tmp_path / "devices.csv")
