"""The second board, a Pico W: Wi-Fi only, and one file system for everything.

Its journal is a folder beside identity.json, so a file system that is lost takes the identity with
it: the device must be enrolled again. With 2 MB of flash, 30 segments fit.
"""

import network
from machine import Pin

from firmware.boards.five_key import FiveKey, join
from firmware.files import Files
from firmware.timing import timing

# GPIO and wiring; docs/hardware.md shows this table.
PINS = (
    ("key_1", 2, "非常不满意: to ground"),
    ("key_2", 3, "不满意: to ground"),
    ("key_3", 6, "基本满意: to ground"),
    ("key_4", 7, "满意: to ground"),
    ("key_5", 8, "非常满意: to ground"),
    ("lamp_1", 10, "330 Ω and LED to ground"),
    ("lamp_2", 11, "330 Ω and LED to ground"),
    ("lamp_3", 12, "330 Ω and LED to ground"),
    ("lamp_4", 13, "330 Ω and LED to ground"),
    ("lamp_5", 14, "330 Ω and LED to ground"),
    ("ready", 15, "330 Ω and LED to ground"),
    ("voice_tx", 4, "1 kΩ to the DFPlayer's RX"),
    ("voice_rx", 5, "the DFPlayer's TX"),
    ("buzzer", 16, "NPN transistor"),
)


class Rp2FiveKey(FiveKey):
    """See firmware/boards/virtual.py for what a board has."""

    def __init__(self):
        pins = {name: number for name, number, _ in PINS}
        sizes = timing({"segments": 30})
        super().__init__(pins, Pin.PULL_UP, Files("/journal"), sizes, _Network())


class _Network:
    """The Pico W's Wi-Fi."""

    def __init__(self):
        self._wifi = network.WLAN(network.WLAN.IF_STA)

    async def connect(self, settings):
        await join(self._wifi, settings)
