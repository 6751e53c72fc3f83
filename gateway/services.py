"""A service at a window: opened, invites a rating, closed; and who serves there.

Next: gateway/announcer.py publishes the ticket to the devices of the window.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

from ulid import ULID

from gateway.hall import HallBook
from gateway.inbox import Inbox
from gateway.store import envelopes, services
from gateway.store.database import Database
from protocol.batch import Matter, ServiceDocument, encode_document
from protocol.field import identifier, text
from protocol.limits import STAFF_NO_CHARS
from protocol.mac import hash16
from protocol.message import CLOSED, INVITING, SERVING, StaffCard, Ticket

PRESENT = "in"
PAUSED = "pause"
OUT = "out"

_CHINA = timezone(timedelta(hours=8))  # one zone, no summer time; a day of tickets is a day there


class NoSuchError(LookupError):
    """No window or service of that name; the text says which."""


class ConflictError(ValueError):
    """The request contradicts what stands; the text says how."""


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
        now_ms: Callable[[], int],
    ):
        self._database = database
        self._book = book
        self._inbox = inbox
        self._wake_forwarder = wake_forwarder
        self._now_ms = now_ms

    def open(self, opening: Opening) -> tuple[str, bool]:
        """The service's id and whether it is new.

        A new one closes whatever was open at the window.
        """
        self._require_window(opening.window)
        now_ms = self._now_ms()
        request = hashlib.sha256(repr(opening).encode()).digest()
        with self._database.write() as tx:
            same = _same_service(tx, opening, day_of(now_ms), request)
            if same is not None:
                return same.service, False
            new = self._new_row(tx, opening, now_ms, request)
            services.close_open_at(tx, opening.window, now_ms)
            services.put(tx, new)
        self._say_ticket(opening.window)
        self._wake_forwarder()
        return new["service"], True

    def invite(self, service: str) -> None:
        """Invite a rating."""
        self._move(service, INVITING)

    def close(self, service: str) -> None:
        """Close the service; the device goes back to standby."""
        self._move(service, CLOSED)

    def get(self, service: str):
        """The service's row, and whether it is rated (never how)."""
        with self._database.read() as tx:
            row = services.get(tx, service)
            if row is None:
                raise NoSuchError(f"No service {service[:64]} is known")
            return row, envelopes.is_rated(tx, service)

    def set_staff(self, window: str, presence: str, staff_no: str | None, name: str) -> None:
        """Sign in at a window, pause, or sign out. The next service shows it."""
        self._require_window(window)
        with self._database.write() as tx:
            if presence == OUT:
                services.remove_staff(tx, window)
                return
            row = {
                "window": window,
                "staff_no": identifier(STAFF_NO_CHARS)(staff_no, "staff_no"),
                "name": text(32)(name, "name"),
                "presence": presence,
                "since_ms": self._now_ms(),
            }
            services.put_staff(tx, row)

    def _move(self, service: str, phase: str) -> None:
        with self._database.write() as tx:
            row = services.get(tx, service)
            if row is None:
                raise NoSuchError(f"No service {service[:64]} is known")
            if row.phase == CLOSED and phase != CLOSED:
                raise ConflictError("The service is closed; open a new one")
            if row.phase != phase:
                services.set_phase(tx, service, phase, self._now_ms() if phase == CLOSED else None)
        self._say_ticket(row.window)

    def _new_row(self, tx, opening: Opening, now_ms: int, request: bytes) -> dict:
        staff = services.staff_at(tx, opening.window)
        staff_no, staff_name = opening.staff_no, ""
        if staff is not None and staff.presence == PRESENT and staff_no in (None, staff.staff_no):
            staff_no, staff_name = staff.staff_no, staff.name
        document = ServiceDocument(
            service=str(ULID.from_timestamp(now_ms / 1000)),
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
            "day": day_of(now_ms),
            "ticket_no": opening.ticket_no,
            "staff_no": staff_no,
            "staff_name": staff_name,
            "matter": names[0] if names else None,
            "document": encoded,
            "facts": hash16(encoded),
            "phase": SERVING,
            "opened_at_ms": now_ms,
            "caller": opening.caller,
            "idempotency_key": opening.idempotency_key,
            "request_sha256": request,
            "next_try_at_ms": now_ms,
        }

    def _require_window(self, window: str) -> None:
        if not self._book.has_window(window):
            raise NoSuchError(f"The hall has no window {window[:64]}")

    def _say_ticket(self, window: str) -> None:
        self._inbox.want(tickets=self._book.devices_at(window))


def ticket_of(service, phase: str, invite_ms: int) -> Ticket:
    """The ticket of a service's row in a phase."""
    staff = None
    if service.staff_no is not None:
        staff = StaffCard(staff_no=service.staff_no, name=service.staff_name or "")
    return Ticket(
        service=service.service,
        facts=service.facts,
        ticket_no=service.ticket_no,
        phase=phase,
        matter=service.matter,
        staff=staff,
        invite_ms=invite_ms,
    )


def day_of(at_ms: int) -> str:
    """The date in China, ISO 8601."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_CHINA).date().isoformat()


def _same_service(tx, opening: Opening, day: str, request: bytes):
    if opening.idempotency_key is not None:
        row = services.by_key(tx, opening.caller, opening.idempotency_key)
        if row is not None and row.request_sha256 != request:
            raise ConflictError("This Idempotency-Key was used for another request")
        return row
    row = services.newest_at(tx, opening.window)
    if row is None or row.phase == CLOSED:
        return None
    return row if (row.day, row.ticket_no) == (day, opening.ticket_no) else None
