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

_SCRATCH = 0x4005800C  # a register of the watchdog's that means nothing to it (RP2040, 4.7.6)


class Board(FiveKey):
    """See webassembly_five_key/board.py for what a board has."""

    def __init__(self):
        pins = {name: number for name, number, _ in PINS}
        sizes = Timing({"segments": 25})
        super().__init__(pins, Pin.PULL_UP, Files("/journal"), sizes, _Network(), _Kept())


class _Kept:
    """A register that only power-on clears."""

    def put(self, number):
        mem32[_SCRATCH] = number

    def get(self):
        return mem32[_SCRATCH]


class _Network:
    """The Pico W's Wi-Fi."""

    def __init__(self):
        self.interface = network.WLAN(network.WLAN.IF_STA)

    async def connect(self, settings):
        await join(self.interface, settings)
