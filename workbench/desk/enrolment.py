"""Putting a bundle on a board that has the firmware: from then on it is a device.

Whatever stops this half-way leaves a board that says whose bundle was begun on it, and takes that
one again.
"""

import json
from collections.abc import Callable
from hashlib import sha256

from hosting.error import OperatorError
from workbench.board.identity import PATH
from workbench.board.repl import Board
from workbench.desk.bundle import Bundle

_ENROLLING = "/enrolling"  # there while identity and journal are not both there
_CREATE_JOURNAL = (
    "from firmware.enrolment import enrol\n"
    "from firmware.boards import this_board\n"
    "enrol(this_board())"
)
# Gives the bundle for a board that says it is this device, None: a blank one.
Bundles = Callable[[str | None], Bundle | None]


def put_bundle(board: Board, bundles: Bundles, may_overwrite: bool) -> Bundle | None:
    """Enrols the board with a bundle from `bundles`; None if it is a device that needs none.

    may_overwrite: whether another device's identity and journal may go. Raises OperatorError.
    """
    known, begun = board.identity(PATH), board.identity(_ENROLLING)
    is_enrolled = known is not None and begun is None
    claimed = known if is_enrolled else begun
    bundle = bundles(claimed[0] if claimed and not may_overwrite else None)
    if bundle is None:
        return None
    digest = sha256(bundle.data).hexdigest()
    if is_enrolled and board.hashes([PATH])[PATH] == digest:
        return bundle
    members = {"device": bundle.device, "hall": bundle.hall, "epoch": bundle.epoch}
    board.put({_ENROLLING: json.dumps(members).encode()})
    bundle = bundle.begin()
    board.put({PATH: bundle.data})
    board.run(_CREATE_JOURNAL)
    if board.hashes([PATH])[PATH] != digest:
        raise OperatorError(f"{board.port}: the bundle reads back differently. Try again.")
    board.call("drop", _ENROLLING)
    return bundle
