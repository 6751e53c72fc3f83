"""The boards. Only files in this folder know hardware; which one this is, the port tells."""

import sys


def this_board():
    """The board that this interpreter runs on."""
    if sys.platform == "webassembly":
        from firmware.boards.virtual import Virtual

        return Virtual()
    raise RuntimeError(f"no board is written for the port {sys.platform}")
