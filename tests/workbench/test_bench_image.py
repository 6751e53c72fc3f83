"""MicroPython itself on a board: images, the journal's partition, esptool and UF2 drives."""

import re
import struct
import subprocess
from hashlib import md5, sha256

import pytest
from bench_parts import workbench

from firmware.timing import JOURNAL_BYTES
from hosting.error import OperatorError
from workbench.board.image import esptool_commands
from workbench.board.partition import with_journal

UF2_BLOCK = b"UF2\n\x57\x51\x5d\x9e" + bytes(504)
# name, type, subtype, offset, size: MicroPython's ports/esp32/partitions-4MiB.csv
STOCK = [
    ("nvs", 1, 2, 0x9000, 0x6000),
    ("phy_init", 1, 1, 0xF000, 0x1000),
    ("factory", 0, 0, 0x10000, 0x1F0000),
    ("vfs", 1, 0x81, 0x200000, 0x200000),
]


def test_an_image_that_is_not_in_the_list_is_not_written(tmp_path):
    image, hashes, drive = tmp_path / "rp2.uf2", tmp_path / "images.sha256", tmp_path / "RPI-RP2"
    drive.mkdir()
    image.write_bytes(UF2_BLOCK)
    hashes.write_text(f"{'0' * 64}  rp2.uf2\n")
    arguments = ("flash", "--image", image, "--hashes", hashes, "--chip", "rp2", "--drive", drive)
    assert "is not in" in workbench(*arguments).output
    hashes.write_text(f"{sha256(UF2_BLOCK).hexdigest()}  rp2.uf2\n")
    assert "no board in boot mode" in workbench(*arguments).output
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader v3.0\n")
    assert workbench(*arguments).exit_code == 0
    assert (drive / "rp2.uf2").read_bytes() == UF2_BLOCK
    image.write_bytes(b"x" * 512)
    hashes.write_text(f"{sha256(b'x' * 512).hexdigest()}  rp2.uf2\n")
    assert "is no UF2 file" in workbench(*arguments).output


def test_an_esp32_image_gets_the_journals_partition_behind_the_others():
    image, needed = with_journal(esp_image(STOCK), 0x1000)
    assert needed == 0x400000 + JOURNAL_BYTES <= 8 << 20
    assert partitions(image) == [*STOCK, ("journal", 1, 0x83, 0x400000, JOURNAL_BYTES)]
    untouched = esp_image(STOCK)
    assert image[:0x7000] == untouched[:0x7000]
    assert image[0x8000:] == untouched[0x8000:]
    assert with_journal(image, 0x1000) == (image, needed)
    with pytest.raises(OperatorError, match="no partition table"):
        with_journal(image, 0)


def esp_image(rows):
    """An image for an ESP32, which begins at 0x1000, as ESP-IDF's gen_esp32part.py lays it out."""
    body = b"".join(
        b"\xaa\x50" + struct.pack("<BBLL16sL", *about, name.encode(), 0) for name, *about in rows
    )
    table = body + b"\xeb\xeb" + b"\xff" * 14 + md5(body).digest()
    return b"\xe9" + b"b" * 0x6FFF + table.ljust(0x1000, b"\xff") + b"\xe9" + b"app" * 1000


def partitions(image):
    """The table in such an image, its checksum verified."""
    rows, place = [], 0x7000
    while image[place : place + 2] == b"\xaa\x50":
        *about, name, _ = struct.unpack("<BBLL16sL", image[place + 2 : place + 32])
        rows.append((name.rstrip(b"\0").decode(), *about))
        place += 32
    assert image[place + 16 : place + 32] == md5(image[0x7000:place]).digest()
    assert image[place + 32 : 0x7C00] == b"\xff" * (0x7C00 - place - 32)
    return rows


def test_esptool_takes_our_command_line_and_its_silence_becomes_a_sentence(usb, tmp_path):
    image, hashes = tmp_path / "esp32.bin", tmp_path / "images.sha256"
    image.write_bytes(esp_image(STOCK))
    hashes.write_text(f"{sha256(image.read_bytes()).hexdigest()}  esp32.bin\n")
    look, write = esptool_commands("/dev/ttyUSB0", "esp32s3", image)
    where = ["-m", "esptool", "--chip", "esp32s3", "--port", "/dev/ttyUSB0", "--baud", "460800"]
    assert look[1:] == [*where, "flash-id"]
    what = ["write-flash", "--erase-all", "--flash-size", "detect", "0x0", str(image)]
    assert write[1:] == where + what
    options = subprocess.run([*write[:3], "write-flash", "--help"], capture_output=True, text=True)
    assert "--erase-all" in options.stdout
    assert "--flash-size" in options.stdout
    result = workbench(
        *("flash", "--port", usb().port, "--image", image, "--hashes", hashes, "--chip", "esp32")
    )
    assert result.exit_code == 1
    assert re.search(r"Hold the key BOOT|esptool failed", result.output), result.output
