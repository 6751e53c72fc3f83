"""A service at a window: opened, invites a rating, closed; and who serves there.

Next: gateway/hall/announcer.py publishes the ticket to the devices of the window.
"""

import difflib
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection
from ulid import ULID

from gateway.hall.earlier import Earlier
from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.keep.hall_clock import HallClock
from gateway.store import books, envelopes, progress, services
from gateway.store.database import Database
from protocol.batch import (
    FINISHED,
    INVITED,
    SHUT,
    Matter,
    Progress,
    ServiceDocument,
    decode_document,
    encode_document,
)
from protocol.field import Identifier, ProtocolError, Text
from protocol.limits import STAFF_NO_CHARS
from protocol.mac import sha256_hex
from protocol.message import CLOSED, INVITING, SERVING
from quick import read_document

PRESENT = "in"
PAUSED = "pause"
OUT = "out"

# Whether a service invites: it does, its matter is not to be rated, or its kind is not here.
YES, NOT_RATEABLE, NOT_THIS_KIND = INVITES = ("yes", "not_rateable", "not_this_kind")
RATED, EXPIRED, NOT_RATED = OUTCOMES = ("rated", "expired", "not_rated")
NOT_LISTED = "not_listed"  # the rule of who signs in
OVERDUE = "overdue"  # how a service ended that nobody closed in time

_PROJECTS: Any = dict(Progress.fields)["projects"]
# A service stands open for so long, and for so long an Idempotency-Key means it, whatever the day.
OPEN_MS = 12 * 3_600_000


class NoSuchError(LookupError):
    """No window or service of that name; the text says which."""


class ConflictError(ValueError):
    """The request contradicts what stands; the text says how."""


class DoubtError(ConflictError):
    """The service may be rated already, and this database does not know."""


class UninvitedError(ConflictError):
    """The service invites nobody; why: NOT_RATEABLE or NOT_THIS_KIND."""

    def __init__(self, why: str):
        what = {
            NOT_RATEABLE: "its matters are not rateable",
            NOT_THIS_KIND: "services of its kind do not",
        }
        super().__init__(f"This service does not invite a rating: {what[why]} in this hall")
        self.why = why


class Opening(NamedTuple):
    """What the queue system says about a service that begins."""

    window: str
    ticket_no: str
    kind: str
    matters: tuple[Matter, ...]
    staff_no: str | None
    caller: str
    idempotency_key: str | None


class ServiceDesk:
    """Opens, moves and shows services.

    Raises ProtocolError for a string that may not enter a record (TKT-3), with the field's name;
    NoSuchError; ConflictError.
    """

    def __init__(
        self,
        database: Database,
        book: HallBook,
        inbox: Inbox,
        wake_forwarder: Callable[[], None],
        invite_ms: int,
        clock: HallClock,
        earlier: Earlier,
    ):
        self._database = database
        self._book = book
        self._inbox = inbox
        self._wake_forwarder = wake_forwarder
        self._invite_ms = invite_ms
        self._clock = clock
        self._earlier = earlier

    def open(self, opening: Opening) -> tuple[str, bool]:
        """The service's id and whether it is new.

        A new one closes whatever was open at the window.
        """
        self._require_window(opening.window)
        request = hashlib.sha256(repr(opening).encode()).digest()
        with self._database.write() as connection:
            same = self._same_service(connection, opening, request)
            if same is not None:
                return same.service, False
            new = self._new_row(connection, opening, self._clock.now_ms(), request)
            for before in services.open_at(connection, opening.window):
                self._end(connection, before, SHUT)
            services.put(connection, new)
        self._say_ticket(opening.window)
        self._wake_forwarder()
        return new["service"], True

    def invite(self, service: str) -> None:
        """Invite a rating, from now on: each call is an invitation of its own (TKT-5)."""
        with self._database.write() as connection:
            row = _known(connection, service)
            if row.phase == CLOSED or self.age_ms(row) >= OPEN_MS:
                raise ConflictError("The service is closed; open a new one")
            why = self.invites(row)
            if why != YES:
                raise UninvitedError(why)
            devices = self._book.devices_at(row.window)
            if self._earlier.is_in_doubt(connection, row, devices):
                raise DoubtError(
                    "The service was opened before the gateway's database was put back, and may "
                    "be rated already; close it and open a new one"
                )
            services.invite(connection, service, self._clock.now_ms() + self._invite_ms)
            self._tell(connection, row, INVITED)
        self._say_ticket(row.window)

    def close(self, service: str, how: str = SHUT, finished: bool | Sequence[str] = False) -> None:
        """Close the service; the device goes back to standby.

        how: SHUT, NO_SHOW or TRANSFERRED. finished: whether its projects are, or which of them.
        """
        which = () if isinstance(finished, bool) else _PROJECTS(tuple(finished), "finished")
        with self._database.write() as connection:
            row = _known(connection, service)
            if row.phase != CLOSED:
                self._end(connection, row, how)
                if finished:
                    self._tell(connection, row, FINISHED, which)
        self._say_ticket(row.window)
        self._wake_forwarder()  # its document no longer waits for a rating

    def close_overdue(self) -> None:
        """Close what has stood open for `OPEN_MS`: whoever was served there has long left."""
        with self._database.write() as connection:
            rows = [row for row in services.open_ones(connection) if self.age_ms(row) >= OPEN_MS]
            for row in rows:
                self._end(connection, row, SHUT, OVERDUE)
        for row in rows:
            self._say_ticket(row.window)
        if rows:
            self._wake_forwarder()

    def get(self, service: str):
        """The service's row, and its outcome, one of `OUTCOMES` (never how it was rated)."""
        with self._database.read() as connection:
            row = _known(connection, service)
            return row, outcome_of(connection, row)

    def invites(self, row) -> str:
        """Whether a service (its row) invites, one of `INVITES`, by the hall's document as it is:
        not if it has matters and none of them is rateable. What the document does not name is.
        """
        document = read_document(row.document) or decode_document(row.document)
        if not self._book.may_invite(document.kind):
            return NOT_THIS_KIND
        known = [self._book.matters.get(matter.task_code or "") for matter in document.matters]
        is_rateable = not known or any(one is None or one.rateable for one in known)
        return YES if is_rateable else NOT_RATEABLE

    def set_staff(self, window: str, presence: str, staff_no: str | None, name: str) -> None:
        """Sign in at a window, pause, or sign out. The next service shows it.

        Where the hall's document lists its staff, nobody else signs in, and under no other name.
        """
        self._require_window(window)
        with self._database.write() as connection:
            if presence == OUT:
                services.remove_staff(connection, window)
                return
            number = Identifier(STAFF_NO_CHARS)(staff_no, "staff_no")
            row = {
                "window": window,
                "staff_no": number,
                "name": self._listed(number, name),
                "presence": presence,
                "since_ms": self._clock.now_ms(),
            }
            services.put_staff(connection, row)

    def sign_out_before(self, at_ms: int) -> None:
        """Sign out whoever signed in before then, the end of a day."""
        with self._database.write() as connection:
            services.remove_staff_before(connection, at_ms)

    def age_ms(self, row) -> int:
        """How long ago a service was opened, in running time. The gateway may have stood still
        since an earlier start opened it, so then also by the wall clock.
        """
        age_ms = self._clock.ran_ms() - row.opened_ran_ms
        if self._earlier.has(row):
            return max(age_ms, self._clock.now_ms() - row.opened_at_ms)
        return age_ms

    def _same_service(self, connection: Connection, opening: Opening, request: bytes):
        if opening.idempotency_key is not None:
            row = services.by_key(connection, opening.caller, opening.idempotency_key)
            if row is not None and self.age_ms(row) >= OPEN_MS:
                services.free_key(connection, row.service)
                return None
            if row is not None and row.request_sha256 != request:
                raise ConflictError("This Idempotency-Key was used for another request")
            return row
        row = services.newest_at(connection, opening.window)
        if row is None or row.phase == CLOSED or self.age_ms(row) >= OPEN_MS:
            return None
        return row if row.ticket_no == opening.ticket_no else None

    def _end(self, connection: Connection, row, what: str, ended: str | None = None) -> None:
        services.close(connection, row.service, self._clock.now_ms(), ended or what)
        self._tell(connection, row, what)

    def _tell(self, connection: Connection, row, what: str, projects: Sequence[str] = ()) -> None:
        at = (self._clock.now_ms(), self._clock.ran_ms())
        progress.put(connection, row.service, what, *at, row.staff_no, projects)

    def _new_row(self, connection, opening: Opening, now_ms: int, request: bytes) -> dict:
        staff = services.staff_at(connection, opening.window)
        staff_no, staff_name = opening.staff_no, ""
        if staff is not None and staff.presence == PRESENT and staff_no in (None, staff.staff_no):
            staff_no, staff_name = staff.staff_no, staff.name
        staff_name = self._book.staff.get(staff_no or "", staff_name)
        book, number = books.next_number(connection)
        document = ServiceDocument(
            service=str(ULID.from_timestamp(now_ms / 1000)),
            book=book,
            number=number,
            hall=self._book.name,
            window=opening.window,
            kind=opening.kind,
            ticket_no=opening.ticket_no,
            staff_no=staff_no,
            matters=opening.matters,
            opened_at_ms=now_ms,
        )
        # Encoded here, once; from now on only these bytes travel (BAT-1).
        encoded = encode_document(document)
        names = [matter.task_name for matter in opening.matters if matter.task_name]
        return {
            "service": document.service,
            "window": opening.window,
            "ticket_no": opening.ticket_no,
            "staff_no": staff_no,
            "staff_name": staff_name,
            "matter": names[0] if names else None,
            "document": encoded,
            "facts": sha256_hex(encoded),
            "phase": SERVING,
            "opened_at_ms": now_ms,
            "opened_ran_ms": self._clock.ran_ms(),
            "caller": opening.caller,
            "idempotency_key": opening.idempotency_key,
            "request_sha256": request,
            "next_try_at_ms": now_ms,
        }

    def _listed(self, staff_no: str, name: str) -> str:
        """The name of somebody who signs in; `name` where the hall's document lists nobody."""
        listed = self._book.staff
        if not listed:
            return Text(32)(name, "name")
        if staff_no not in listed:
            near = difflib.get_close_matches(staff_no, listed, 1, 0.5)
            meant = f"; did you mean {near[0]}?" if near else ""
            sentence = f"staff_no {staff_no} is not of this hall's staff today{meant}"
            raise ProtocolError(sentence, "staff_no", NOT_LISTED)
        return listed[staff_no]

    def _require_window(self, window: str) -> None:
        if not self._book.has_window(window):
            raise NoSuchError(f"The hall has no window {window[:64]}")

    def _say_ticket(self, window: str) -> None:
        self._inbox.want(tickets=self._book.devices_at(window))


def outcome_of(connection: Connection, row) -> str:
    """What came of a service's invitations so far; one that stands may still be taken."""
    if envelopes.is_rated(connection, row.service):
        return RATED
    if row.phase != INVITING and progress.is_expired(connection, row.service):
        return EXPIRED
    return NOT_RATED


def _known(connection: Connection, service: str):
    row = services.get(connection, service)
    if row is None:
        raise NoSuchError(f"No service {service[:64]} is known")
    return row
