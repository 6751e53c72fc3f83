"""The boards. Only files in this folder know hardware; which one this is, bundle and port tell.

A new board is a folder here, NAME: `board.py` with a class `Board` (webassembly_five_key/board.py
is the shortest one and lists what a board has), and `pins.py` if it has pins. A device whose
bundle says `"board": "NAME"` runs on it; without a name it is the port's own, {port}_five_key.
"""

import sys

from firmware.bundle import IDENTITY, read_bundle
from protocol.field import ProtocolError


def this_board():
    """The board that this interpreter runs on. Raises RuntimeError if the firmware lacks it."""
    try:
        with open(IDENTITY, "rb") as file:
            bundle = file.read()
    except OSError:
        bundle = b""
    return load(name_of(bundle))()


def name_of(bundle):
    """The board that a bundle's bytes name. One that cannot be read names none: the app, which
    needs the rest of it, says why.
    """
    try:
        name = read_bundle(bundle).board
    except ProtocolError:
        name = None
    return name or sys.platform + "_five_key"


def load(name):
    """The class of a board. Raises RuntimeError if it cannot be imported here."""
    try:
        return __import__(f"firmware.boards.{name}.board", None, None, ("Board",)).Board
    except ImportError as error:
        raise RuntimeError(f"the board {name} is not in this firmware, or not for it: {error}")
