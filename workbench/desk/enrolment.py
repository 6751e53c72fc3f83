"""Putting a bundle on a board that has the firmware: from then on it is a device.

The bundle waits beside the old identity until what the board was before is at the centre; then the
journal is made anew, and the bundle is renamed over the identity. Whatever stops this half-way
leaves a board that is the old device still, or out of service, and that says whose bundle was
begun on it: it goes on with that one.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from workbench.board.identity import PATH
from workbench.board.repl import Board
from workbench.desk import former
from workbench.desk.bundle import Bundle
from workbench.desk.centre import Centre

_ENROLLING = "/enrolling"  # the bundle that was begun, until it is the identity

# Gives the bundle for a board that says it is this device, None: a blank one.
Bundles = Callable[[str | None], Bundle | None]


class Given(NamedTuple):
    """What a board is now. bundle: the one it was given, None if the board had it already.

    closed: a sentence about what it was before, None if it was nothing, or nobody could ask.
    """

    device: str
    hall: str
    epoch: int
    bundle: Bundle | None
    closed: str | None


class Issuer:
    """The centre's bundle for this one device. It is asked for only when a board is ready.

    folder: for records that the centre does not take. replaces: although another board may be in
    use with this id.
    """

    def __init__(
        self, centre: Centre, device: str, window: str, folder: Path, replaces: bool = False
    ) -> None:
        self.centre = centre
        self.folder = folder
        self._device = device
        self._window = window
        self._replaces = replaces

    def issue(self, known: str | None, may_overwrite: bool) -> Bundle:
        """The bundle for a board that says it is `known`, None: a blank one.

        The device's own board needs nobody's word to be enrolled anew.
        """
        if known is not None and known != self._device and not may_overwrite:
            raise OperatorError(
                f"this board is {known} already. To make it {self._device}, repeat the command "
                f"with --overwrite: {known} is revoked then, its records are read out before."
            )
        is_its_own = known == self._device
        return self.centre.enrol(self._device, self._window, is_its_own or self._replaces)

    def goes_on_with(self, begun: former.Identity) -> bool:
        """Whether the bundle that was begun on a board is still the one that is wanted."""
        row = self.centre.devices().get(self._device)
        if row is None or row["revoked"] or row["window"] != self._window:
            return False
        return begun == (self._device, self.centre.hall, row["epoch"])


def put_bundle(board: Board, bundles: Bundles | Issuer, may_overwrite: bool) -> Given | None:
    """Enrols the board with a bundle from `bundles`; None if it is a device that needs none.

    may_overwrite: whether the board may become another device. Of a bundle from the centre its
    old records are delivered before, and its old epoch is closed. Raises OperatorError.
    """
    known, begun = board.identity(PATH), board.identity(_ENROLLING)
    issuer = bundles if isinstance(bundles, Issuer) else None
    if issuer is not None and known is not None and known[1] != issuer.centre.hall:
        _require_word(board, known, may_overwrite)
        known = None
    kept = None
    if issuer is not None and known is not None:
        whose = (issuer.centre, issuer.folder, known, may_overwrite)
        kept = former.require_read_out(board, *whose).file
    bundle = None
    if issuer is None or begun is None or not issuer.goes_on_with(begun):
        claimed = begun or known
        name = claimed[0] if claimed else None
        if isinstance(bundles, Issuer):
            bundle = bundles.issue(name, may_overwrite)
        else:
            bundle = bundles(None if may_overwrite else name)
        if bundle is None:
            return None
        given = (bundle.device, bundle.hall, bundle.epoch)
        digest = sha256(bundle.data).hexdigest()
        if begun is None and known is not None and board.hashes([PATH])[PATH] == digest:
            return Given(*given, bundle, None)
        board.put({_ENROLLING: bundle.data})
        bundle = bundle.begin()
    else:
        given, digest = begun, board.hashes([_ENROLLING])[_ENROLLING]
    closed = None
    if issuer is not None and known is not None and known != given:
        closed = former.close(board, issuer.centre, known, is_given_up=known[0] != given[0])
        closed += f"; what the centre rejected is kept in {kept}" if kept is not None else ""
    board.call("create_journal", _ENROLLING)
    board.call("rename", _ENROLLING, PATH)
    if board.hashes([PATH])[PATH] != digest:
        raise OperatorError(f"{board.port}: the bundle reads back differently. Try again.")
    return Given(*given, bundle, closed)


def _require_word(board: Board, known: former.Identity, may_overwrite: bool) -> None:
    """What a board of another hall holds, this hall's token cannot deliver. Raises OperatorError
    unless somebody gave their word that it may go.
    """
    if not may_overwrite:
        device, hall, _ = known
        raise OperatorError(
            f"{board.port}: this board is {device} of the hall {hall}, and may hold ratings. Read "
            "them out first, with a token of that hall: pingjia workbench rescue --centre …; then "
            "repeat the command with --overwrite."
        )
