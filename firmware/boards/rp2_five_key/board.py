"""The second board, a Pico W: Wi-Fi only, and one file system for everything.

Its journal is a folder beside identity.json, so a file system that is lost takes the identity with
it: the device must be enrolled again. With 2 MB of flash, 25 segments fit.
"""

import network
from machine import Pin, mem32

from firmware.boards.five_key import FiveKey
from firmware.boards.network_settings import join
from firmware.boards.rp2_five_key.pins import PINS
from firmware.files import Files
from firmware.timing import Timing

# Registers of the watchdog (RP2040 datasheet, 4.7.6): one that means nothing to it, and its
# control, through the alias that clears bits (2.1.2).
_SCRATCH = 0x4005800C
_CONTROL_CLEAR = 0x40058000 + 0x3000
_ENABLE = 1 << 30


class Board(FiveKey):
    """See webassembly_five_key/board.py for what a board has."""

    def __init__(self):
        pins = {name: number for name, number, _ in PINS}
        sizes = Timing({"segments": 25})
        super().__init__(pins, Pin.PULL_UP, _journal, sizes, _Network(), _Chip())


class _Chip:
    """A register that only power-on clears, and the watchdog."""

    def put(self, number):
        mem32[_SCRATCH] = number

    def get(self):
        return mem32[_SCRATCH]

    def rest(self):
        mem32[_CONTROL_CLEAR] = _ENABLE


class _Network:
    """The Pico W's Wi-Fi."""

    def __init__(self):
        self.interface = network.WLAN(network.WLAN.IF_STA)

    async def connect(self, settings):
        await join(self.interface, settings)


def _journal(opened):
    return Files("/journal", opened=opened)
