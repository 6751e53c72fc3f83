"""Epochs that ended: what closed them, what is open still, and an operator's word.

A device that is enrolled anew, replaced, revoked or refused leaves its epoch open: its last
records may be on the board alone, or in a hall that keeps them back. A head that the device signed
after the end closes it once everything up to that is covered (`close_ended`, in
central/custody/heads.py), in the transaction in which the last of the two arrives; a bench brings
both. For a board that is dead or lost an operator closes it, with a reason that is kept.
"""

from collections.abc import Callable
from typing import Any

from central.directory.halls import checked
from central.store import alarms, covers, places
from central.store.database import Database
from central.store.ledger import Epoch
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.error import OperatorError
from protocol.field import Text


class Endings:
    """What `pingjia central epoch` and the pages do. What is refused is an OperatorError."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def every(self, hall: str | None, is_open: bool, limit: int = alarms.MOST) -> list[Any]:
        """The open ones of a hall or of all, or those that were closed: `alarms.endings`."""
        with self._database.read() as connection:
            if hall is not None:
                places.require_hall(connection, hall)
            return alarms.endings(connection, hall, is_open, limit)

    def close(self, device: str, epoch: int, who: str, reason: str) -> None:
        """Close an epoch by an operator's word."""
        checked(Text(200), reason, "the reason")
        checked(Text(64), who, "who says so")
        name = f"{device}/{epoch}"
        with self._database.write() as connection:
            known = places.epochs(connection, device)
            places.lock_halls(connection, {one.hall for one in known})
            found = {one[:2]: one for one in places.epochs(connection, device)}
            place = found.get((device, epoch))
            if place is None:
                raise OperatorError(
                    f"nothing was enrolled as {name}: `pingjia central epoch list` shows what is "
                    "open."
                )
            if place.ended_at_ms is None:
                raise OperatorError(
                    f"{name} has not ended: it stands at {place.hall}/{place.window}. To end it, "
                    f"`pingjia central revoke {device} --reason …`."
                )
            if place.closed_at_ms is not None:
                raise OperatorError(f"{name} is closed already; its first reason stays.")
            said = {"closed_at_ms": self._now_ms(), "closed_by": who, "closed_reason": reason}
            covers.save_ending(connection, (device, epoch), said)
            told = f"{who}: {reason}"
            acts.add(connection, self._now_ms(), COMMAND, "epoch.close", name, told)


def why_ended(row: Any) -> str:
    """`refused`, `revoked` or `enrolled anew`; row: of `alarms.endings`."""
    if row.refused_at_ms is not None:
        return "refused"
    # A revocation is of all epochs of a device, also of those that had ended before it.
    is_revoked = row.revoked_at_ms is not None and row.revoked_at_ms <= row.ended_at_ms
    return "revoked" if is_revoked else "enrolled anew"


def place_of(connection: Any, epoch: Epoch) -> places.Enrolment | None:
    """Where a device stood in an epoch, and whether that has ended."""
    known = places.epochs(connection, epoch[0])
    return next((one for one in known if one[:2] == epoch), None)
