"""What enrolment leaves on a device beside its bundle: an empty journal."""

from firmware.bundle import read_bundle
from firmware.guard import Guarded
from firmware.slots import Slots


def enrol(board):
    """Makes the empty journal of a device whose bundle has just been written."""
    create(board.files, read_bundle(board.read_bundle()).identity.key)


def create(files, key):
    """Makes the empty journal of a newly enrolled device. Whatever was there goes.

    Raises JournalDamageError.
    """
    files = Guarded(files)
    for name in files.names():
        files.remove(name)
    Slots(files, key).note(-1, 0, None, [])
