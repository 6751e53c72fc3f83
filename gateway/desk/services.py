"""A service at a window: opened, invites a rating, closed; and who serves there.

Next: gateway/hall/announcer.py publishes the ticket to the devices of the window.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ulid import ULID

from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Inbox
from gateway.store import envelopes, progress, services
from gateway.store.database import Database
from hosting.clock import day
from protocol.batch import FINISHED, INVITED, SHUT, Matter, ServiceDocument, encode_document
from protocol.field import Identifier, Text
from protocol.limits import STAFF_NO_CHARS
from protocol.mac import sha256_hex
from protocol.message import CLOSED, SERVING

PRESENT = "in"
PAUSED = "pause"
OUT = "out"


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
        invite_ms: int,
        now_ms: Callable[[], int],
    ):
        self._database = database
        self._book = book
        self._inbox = inbox
        self._wake_forwarder = wake_forwarder
        self._invite_ms = invite_ms
        self._now_ms = now_ms

    def open(self, opening: Opening) -> tuple[str, bool]:
        """The service's id and whether it is new.

        A new one closes whatever was open at the window.
        """
        self._require_window(opening.window)
        now_ms = self._now_ms()
        request = hashlib.sha256(repr(opening).encode()).digest()
        with self._database.write() as connection:
            same = _same_service(connection, opening, day_of(now_ms), request)
            if same is not None:
                return same.service, False
            new = self._new_row(connection, opening, now_ms, request)
            for before in services.close_open_at(connection, opening.window, now_ms):
                progress.put(connection, before.service, SHUT, now_ms, before.staff_no)
            services.put(connection, new)
        self._say_ticket(opening.window)
        self._wake_forwarder()
        return new["service"], True

    def invite(self, service: str) -> None:
        """Invite a rating, from now on: each call is an invitation of its own (TKT-5)."""
        with self._database.write() as connection:
            row = _known(connection, service)
            if row.phase == CLOSED:
                raise ConflictError("The service is closed; open a new one")
            now_ms = self._now_ms()
            services.invite(connection, service, now_ms + self._invite_ms)
            progress.put(connection, service, INVITED, now_ms, row.staff_no)
        self._say_ticket(row.window)

    def close(self, service: str, how: str = SHUT, finished: bool | Sequence[str] = False) -> None:
        """Close the service; the device goes back to standby.

        how: SHUT, NO_SHOW or TRANSFERRED. finished: whether its projects are, or which of them.
        """
        with self._database.write() as connection:
            row = _known(connection, service)
            if row.phase != CLOSED:
                now_ms = self._now_ms()
                services.close(connection, service, now_ms)
                progress.put(connection, service, how, now_ms, row.staff_no)
                if finished:
                    which = () if finished is True else tuple(finished)
                    progress.put(connection, service, FINISHED, now_ms, row.staff_no, which)
        self._say_ticket(row.window)
        self._wake_forwarder()  # its document no longer waits for a rating

    def get(self, service: str):
        """The service's row, and whether it is rated (never how)."""
        with self._database.read() as connection:
            return _known(connection, service), envelopes.is_rated(connection, service)

    def set_staff(self, window: str, presence: str, staff_no: str | None, name: str) -> None:
        """Sign in at a window, pause, or sign out. The next service shows it."""
        self._require_window(window)
        with self._database.write() as connection:
            if presence == OUT:
                services.remove_staff(connection, window)
                return
            row = {
                "window": window,
                "staff_no": Identifier(STAFF_NO_CHARS)(staff_no, "staff_no"),
                "name": Text(32)(name, "name"),
                "presence": presence,
                "since_ms": self._now_ms(),
            }
            services.put_staff(connection, row)

    def _new_row(self, connection, opening: Opening, now_ms: int, request: bytes) -> dict:
        staff = services.staff_at(connection, opening.window)
        staff_no, staff_name = opening.staff_no, ""
        if staff is not None and staff.presence == PRESENT and staff_no in (None, staff.staff_no):
            staff_no, staff_name = staff.staff_no, staff.name
        book, number = services.next_number(connection)
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
            "day": day_of(now_ms),
            "ticket_no": opening.ticket_no,
            "staff_no": staff_no,
            "staff_name": staff_name,
            "matter": names[0] if names else None,
            "document": encoded,
            "facts": sha256_hex(encoded),
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


def _known(connection, service: str):
    row = services.get(connection, service)
    if row is None:
        raise NoSuchError(f"No service {service[:64]} is known")
    return row


def day_of(at_ms: int) -> str:
    """The date in China, ISO 8601."""
    return day(at_ms).isoformat()


def _same_service(connection, opening: Opening, today: str, request: bytes):
    if opening.idempotency_key is not None:
        row = services.by_key(connection, opening.caller, opening.idempotency_key)
        if row is not None and row.request_sha256 != request:
            raise ConflictError("This Idempotency-Key was used for another request")
        return row
    row = services.newest_at(connection, opening.window)
    if row is None or row.phase == CLOSED:
        return None
    return row if (row.day, row.ticket_no) == (today, opening.ticket_no) else None
