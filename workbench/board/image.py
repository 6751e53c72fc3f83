"""MicroPython itself on a board: by esptool for an ESP32, by copying a UF2 file for an RP2.

esptool is GPL-2.0-or-later: it is run as a program of its own, never imported. Images are checked
against a list of hashes (`sha256sum` makes one) before anything is erased.
"""

import errno
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from hosting.error import OperatorError
from workbench.board.partition import with_journal

# Where the image begins: the boot loader's place (Espressif, "Boot Loader", per chip).
ESP_OFFSETS = {"esp32": "0x1000", "esp32s2": "0x1000", "esp32s3": "0x0", "esp32c3": "0x0"}
_BAUD = "460800"
_ESPTOOL_S = 300
_UF2_MAGIC = b"UF2\n\x57\x51\x5d\x9e"  # the first two words of each block of a UF2 file
_DRIVES = ("/media/*/*", "/run/media/*/*", "/Volumes/*")


def check_image(image: Path, hashes: Path) -> None:
    """Raise OperatorError if the image is not one that the list names."""
    try:
        digest = sha256(image.read_bytes()).hexdigest()
        lines = [line.split(maxsplit=1) for line in hashes.read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(
            f"the image and its list of hashes are needed: {error}. A list is made from images "
            "that you trust: sha256sum *.bin *.uf2 > images.sha256"
        ) from None
    if digest not in [line[0] for line in lines if line]:
        raise OperatorError(
            f"{image} is not in {hashes} (its SHA-256 is {digest}): it is damaged, or another "
            "version. Nothing was written to the board."
        )


def esptool_commands(port: str, chip: str, image: Path) -> tuple[list[str], list[str]]:
    """Two commands: one asks for the size of the flash, one erases the chip and writes the image.

    esptool verifies what it wrote. Raises OperatorError.
    """
    if chip not in ESP_OFFSETS:
        raise OperatorError(f"no chip is named {chip}: use {', '.join(ESP_OFFSETS)} or rp2.")
    esptool = [sys.executable, "-m", "esptool", "--chip", chip, "--port", port, "--baud", _BAUD]
    # The boot loader refuses partitions beyond the size that its own header names.
    options = ["--erase-all", "--flash-size", "detect"]
    return [*esptool, "flash-id"], [
        *(*esptool, "write-flash", *options, ESP_OFFSETS[chip], str(image))
    ]


def write_esp(port: str, chip: str, image: Path) -> None:
    """Write the image by esptool, with the journal's partition. Raises OperatorError."""
    if importlib.util.find_spec("esptool") is None:
        raise OperatorError("esptool is not installed: pip install 'pingjia[esp32]'")
    with tempfile.TemporaryDirectory(prefix="pingjia-") as folder:
        whole = Path(folder) / image.name
        look, write = esptool_commands(port, chip, whole)
        data, needed = with_journal(image.read_bytes(), int(ESP_OFFSETS[chip], 16))
        whole.write_bytes(data)
        found = re.search(r"Detected flash size: (\d+)MB", _run(port, chip, look))
        if found and int(found[1]) << 20 < needed:
            raise OperatorError(
                f"{port}: this board has {found[1]} MB of flash, and the journal wants more: take "
                "a board with 8 MB (docs/hardware.md). Nothing was written."
            )
        _run(port, chip, write)


def _run(port: str, chip: str, command: list[str]) -> str:
    """What esptool says. Raises OperatorError."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ESPTOOL_S)
    except subprocess.TimeoutExpired:
        raise OperatorError(
            f"{port}: esptool did not end within {_ESPTOOL_S} s. Plug the board in again and "
            "repeat the command."
        ) from None
    if done.returncode != 0:
        raise OperatorError(_esp_sentence(port, chip, done.stdout + done.stderr))
    return done.stdout


def _esp_sentence(port: str, chip: str, words: str) -> str:
    if "This chip is" in words:
        return (
            f"{port}: this board is no {chip}. Nothing was written; name its chip with --chip, "
            "or take another board."
        )
    if "Failed to connect" in words or "No serial data received" in words:
        return (
            f"{port}: the chip does not answer. Hold the key BOOT, press RESET, let go of BOOT, "
            "and repeat the command."
        )
    last = ([line for line in words.splitlines() if line.strip()] or ["it said nothing"])[-1]
    return (
        f"{port}: esptool failed ({last.strip()[:200]}). Plug the board in again and repeat the "
        "command: an ESP32's boot loader is in its ROM, so no board is lost."
    )


def find_drive() -> Path:
    """The drive as which an RP2 board shows itself. Raises OperatorError."""
    drives = [
        path.parent
        for pattern in _DRIVES
        for path in Path("/").glob(f"{pattern[1:]}/INFO_UF2.TXT")
    ]
    if len(drives) == 1:
        return drives[0]
    count = "no drive" if not drives else "more than one drive"
    raise OperatorError(
        f"there is {count} of a board in boot mode. Hold BOOTSEL while you plug the cable in, one "
        "board at a time, or name the drive with --drive."
    )


def write_uf2(image: Path, drive: Path) -> None:
    """Copy the image to a board's drive; the board restarts by itself. Raises OperatorError."""
    if not (drive / "INFO_UF2.TXT").is_file():
        raise OperatorError(
            f"{drive} is no board in boot mode (it has no INFO_UF2.TXT). Hold BOOTSEL while you "
            "plug the cable in."
        )
    data = image.read_bytes()
    if len(data) % 512 or not data.startswith(_UF2_MAGIC):
        raise OperatorError(f"{image} is no UF2 file. Nothing was written to the board.")
    try:
        with (drive / image.name).open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        # A board that has all blocks restarts at once, and its drive is gone with it.
        if error.errno not in (errno.ENODEV, errno.EIO) or drive.exists():
            raise OperatorError(
                f"{drive}: the image was not copied ({error.strerror}). Plug the board in again "
                "with BOOTSEL held, and repeat the command."
            ) from None
