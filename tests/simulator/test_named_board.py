"""The board that a bundle names is the one that starts, seen on a device's own console."""

import json
import os
import select
import time

from simulator.devices.folder import flash
from simulator.devices.usb import UsbDevice

MQTT = {"host": "127.0.0.1", "port": 1, "username": "xj-0417", "password": "p", "ca": None}
BUNDLE = {"device": "xj-0417", "epoch": 1, "key": "0" * 64, "hall": "demo", "mqtt": MQTT}


def console(folder, firmware, word, **named):
    """What a device with such a bundle says after power-on, up to a word."""
    bundle = folder / "bundle.json"
    bundle.write_text(json.dumps(BUNDLE | named))
    flash(folder / "device", firmware, bundle)
    said, end = b"", time.monotonic() + 20
    with UsbDevice(folder / "device") as device:
        port = os.open(device.port, os.O_RDONLY | os.O_NOCTTY)
        while word not in said and time.monotonic() < end:
            if select.select([port], [], [], 0.2)[0]:
                said += os.read(port, 4096)
        os.close(port)
    return said


def test_a_board_that_is_named_is_started_and_no_other(tmp_path, firmware):
    assert b"RuntimeError: the board esp32_screen is not in this firmware" in console(
        tmp_path, firmware, b"not for it", board="esp32_screen"
    )


def test_the_ports_own_board_needs_no_name(tmp_path, firmware):
    assert b"journal_lost: firmware" in console(tmp_path, firmware, b"neither slot")
