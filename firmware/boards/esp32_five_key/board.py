"""The board to buy: an ESP32 with 8 MB of flash, Wi-Fi, and a LAN8720 for halls with cables.

The journal has a partition of its own, `journal`; identity.json and network.json lie in the root.
"""

import network
import vfs
from esp32 import Partition
from machine import RTC, WDT, Pin

from firmware.boards.esp32_five_key.pins import PINS
from firmware.boards.five_key import FiveKey, NoFlash, is_enrolled
from firmware.boards.network_settings import join
from firmware.files import Files
from firmware.timing import Timing

_FOLDER = "/journal"
_REST_MS = (
    3600000  # a bench takes minutes; the watchdog of an ESP32 cannot be stopped, only told anew
)


class Board(FiveKey):
    """See webassembly_five_key/board.py for what a board has."""

    def __init__(self):
        pins = {name: number for name, number, _ in PINS}
        super().__init__(pins, None, _journal, Timing(), _Network(pins), _Chip())


class _Chip:
    """The memory of the real-time clock, and the watchdog."""

    def put(self, number):
        RTC().memory(bytes([number]))

    def get(self):
        memory = RTC().memory()
        return memory[0] if memory else 0

    def rest(self):
        WDT(timeout=_REST_MS)


class _Network:
    """Wi-Fi or cable, as /network.json says."""

    def __init__(self, pins):
        self._pins = pins
        self.interface = None

    async def connect(self, settings):
        if self.interface is None:
            is_cable = settings["interface"] == "ethernet"
            self.interface = self._cable() if is_cable else network.WLAN(network.WLAN.IF_STA)
        await join(self.interface, settings)

    def _cable(self):
        pins = self._pins
        return getattr(network, "LAN")(  # noqa: B009 - the stubs know no arguments of the ESP32's
            mdc=Pin(pins["lan_mdc"]),
            mdio=Pin(pins["lan_mdio"]),
            ref_clk=Pin(pins["lan_clock"]),
            ref_clk_mode=Pin.OUT,
            phy_type=network.PHY_LAN8720,
            phy_addr=1,
        )


def _journal(opened):
    """The journal's file system; made only on a board that nobody has enrolled."""
    found = Partition.find(Partition.TYPE_DATA, label="journal")
    if not found:
        return NoFlash(OSError("there is no partition `journal`: flash the image with one"))
    try:
        try:
            vfs.mount(found[0], _FOLDER)
        except OSError:
            if is_enrolled():
                raise
            vfs.VfsLfs2.mkfs(found[0])
            vfs.mount(found[0], _FOLDER)
    except OSError as error:
        return NoFlash(error)
    return Files(_FOLDER, opened=opened)
