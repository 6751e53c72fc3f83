"""Approval of enrolments: what a technician enrolled counts when the province has said so.

It is of an enrolment (device, epoch), never of an id. Until then its records are kept, verified
and receipted as any (custody waits for nobody), but stand for no service and in no figure; from
then on they count from the enrolment on. What is refused never counts, and its login goes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.custody import revocation
from central.custody.facts import REFUSED
from central.custody.marks import SIGNED_AFTER_REVOCATION
from central.directory.halls import checked
from central.store import ledger, places
from central.store.database import Database
from central.store.judged import facts
from central.store.ledger import Epoch, Row
from central.store.people import acts
from central.store.people.acts import COMMAND
from central.store.places import Enrolment
from hosting.error import OperatorError
from protocol.field import Text

_MOST = 10_000  # enrolments of one list


class Approved(NamedTuple):
    """An enrolment that was approved; counted: how many of its ratings are judged now."""

    device: str
    epoch: int
    hall: str
    window: str
    counted: int


class Approval:
    """What `pingjia central device` and the page of pending enrolments do.

    An enrolment is named by its device, or as DEVICE/EPOCH. What is refused is an OperatorError.
    """

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def every(self, hall: str | None, is_pending: bool) -> list[Any]:
        """The enrolments of a hall or of all, or those that are pending: `places.listed`."""
        with self._database.read() as connection:
            if hall is not None:
                places.require_hall(connection, hall)
            return places.listed(connection, hall, is_pending, _MOST)

    def approve(self, names: list[str], who: str = COMMAND) -> list[Approved]:
        """Approve these; none if one of them cannot be."""
        with self._database.read() as connection:
            found = [_pending(connection, name) for name in names]
        return self._approve([place[:2] for place in dict.fromkeys(found)], who)

    def approve_all(
        self, hall: str, until_ms: int | None = None, who: str = COMMAND
    ) -> list[Approved]:
        """Approve what is pending in a hall, or of it what was enrolled until then."""
        rows = self.every(hall, True)
        wanted = [row for row in rows if until_ms is None or row.enrolled_at_ms <= until_ms]
        return self._approve([(row.device, row.epoch) for row in wanted], who)

    def refuse(self, name: str, reason: str) -> Enrolment:
        """Refuse an enrolment: it never counts, and its hall refuses its login from now on."""
        checked(Text(200), reason, "the reason")
        with self._database.write() as connection:
            place = _locked(connection, _pending(connection, name)[:2])
            if place is None:
                raise OperatorError(f"{name} was approved or refused this moment; list it again.")
            now_ms = self._now_ms()
            revoked = [] if place.revoked_at_ms else [place]
            revocation.end(connection, revoked, now_ms, reason, now_ms)
            places.refuse(connection, *place[:2], now_ms)
            kept = [row for row in ledger.ratings(connection, place[:2]) if not _is_void(row)]
            facts.set_void(connection, kept, REFUSED, now_ms)
            about = f"{place.device}/{place.epoch}"
            acts.add(connection, now_ms, COMMAND, "device.refuse", about, reason)
        return place

    def _approve(self, epochs: list[Epoch], who: str) -> list[Approved]:
        """A transaction each: what devices send meanwhile does not wait for a whole box."""
        done = []
        for epoch in epochs:
            with self._database.write() as connection:
                # Somebody else may have been faster.
                if (place := _locked(connection, epoch)) is not None:
                    done.append(_count(connection, place, self._now_ms()))
                    about = f"{place.device}/{place.epoch}"
                    acts.add(connection, self._now_ms(), who, "device.approve", about)
        return done


def _locked(connection: Connection, epoch: Epoch) -> Enrolment | None:
    """The enrolment if it is pending still, with its hall locked: what is filed meanwhile sees
    what becomes of it, or is seen here.
    """
    halls = {one.hall for one in places.epochs(connection, epoch[0])}
    places.lock_halls(connection, halls)
    known = {one[:2]: one for one in places.epochs(connection, epoch[0])}
    place = known[epoch]
    return place if place.is_pending else None


def _count(connection: Connection, place: Enrolment, now_ms: int) -> Approved:
    """Approve it, and let what it has rated so far be judged."""
    places.approve(connection, *place[:2], now_ms)
    ratings = [row for row in ledger.ratings(connection, place[:2]) if not _is_void(row)]
    facts.set_void(connection, ratings, None, now_ms)
    return Approved(*place[:4], len(ratings))


def _is_void(row: Row) -> bool:
    return SIGNED_AFTER_REVOCATION in row.marks


def _pending(connection: Connection, name: str) -> Enrolment:
    device, _, epoch = name.partition("/")
    known = places.epochs(connection, device)
    if epoch:
        known = [one for one in known if str(one.epoch) == epoch]
    if not known:
        raise OperatorError(
            f"nothing is enrolled as {name}: `pingjia central device list` shows what is."
        )
    pending = [one for one in known if one.is_pending]
    if len(pending) > 1:
        names = ", ".join(f"{device}/{one.epoch}" for one in pending)
        raise OperatorError(
            f"{device} was enrolled {len(pending)} times and waits each time: name the enrolment "
            f"that is meant, {names}."
        )
    if pending:
        return pending[0]
    if known[0].refused_at_ms is not None:
        raise OperatorError(f"{name} was refused already; to use the device, enrol it anew.")
    raise OperatorError(
        f"{name} is approved already; to end it, `pingjia central revoke {device} --reason …`."
    )
