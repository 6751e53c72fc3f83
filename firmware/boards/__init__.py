"""The boards. Only files in this folder know hardware; which one this is, the port tells."""

import sys


def this_board():
    """The board that this interpreter runs on."""
    if sys.platform == "webassembly":
        from firmware.boards.virtual import Virtual

        return Virtual()
    if sys.platform == "esp32":
        from firmware.boards.esp32_five_key import Esp32FiveKey

        return Esp32FiveKey()
    if sys.platform == "rp2":
        from firmware.boards.rp2_five_key import Rp2FiveKey

        return Rp2FiveKey()
    raise RuntimeError(f"no board is written for the port {sys.platform}")
