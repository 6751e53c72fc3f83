"""The hall as the centre describes it: windows, people, matters, devices, and what changed.

Its `link_key` is in the document and nowhere else: not in a log, a status or an answer.
"""

import logging
import threading
from typing import NamedTuple

from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.store import halls, receipts
from gateway.store.database import Database
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.hall import Device, Hall, HallMatter, decode_hall
from protocol.record import Receipt, decode, parse

log = logging.getLogger(__name__)


class _Move(NamedTuple):
    """Where a device stood until then. ran_ms: the running time then, None of an earlier start."""

    window: str | None
    until_ms: int
    ran_ms: int | None


class HallBook:
    """The newest hall document; kept in the database, so that a start needs no centre.

    `current` is None until the first one came. staff: who may sign in, names by number; empty if
    the centre lists nobody. matters: by task code.
    """

    def __init__(self, name: str, database: Database, alarms: Alarms, clock: HallClock):
        self.name = name
        self.current: Hall | None = None
        self.devices: dict[str, Device] = {}
        self.staff: dict[str, str] = {}
        self.matters: dict[str, HallMatter] = {}
        self._moves: dict[str, list[_Move]] = {}
        self._database = database
        self._alarms = alarms
        self._clock = clock
        self._taking = threading.Lock()
        with database.read() as connection:
            row = halls.get(connection)
            for one in halls.moves(connection):
                self._moves.setdefault(one.device, []).append(
                    _Move(one.window, one.until_ms, None)
                )
        if row is not None:
            self._show(decode_hall(row.document))

    @property
    def version(self) -> int | None:
        """The version of the document, or None before the first one."""
        return self.current.version if self.current else None

    def take(self, document: bytes) -> list[tuple[Hall, Hall]] | None:
        """A document came from the centre and is stored: what it replaces, a pair of before and
        after, or nothing if it is the first; None if it is another hall's.

        Raises ProtocolError if it is not one.
        """
        hall = decode_hall(document)
        if hall.hall != self.name:
            self._alarms.set(
                "hall",
                f"The centre sent the hall {hall.hall}, but gateway.toml says {self.name}. "
                "Check hall and centre_token_file.",
            )
            return None
        with self._taking:
            now_ms, ran_ms = self._clock.now_ms(), self._clock.ran_ms()
            left = self._left(hall)
            with self._database.write() as connection:
                halls.put(connection, hall.version, document, now_ms)
                for device, window in left.items():
                    halls.note_move(connection, device, window, now_ms)
                for device in hall.devices:
                    for envelope in device.receipts:
                        _put_receipt(connection, device.device, envelope.encode(), now_ms, ran_ms)
            before = self.current
            for device, window in left.items():
                self._moves.setdefault(device, []).append(_Move(window, now_ms, ran_ms))
            self._show(hall)
        self._alarms.clear("hall")
        log.info("hall document version %d, %d devices", hall.version, len(hall.devices))
        return [] if before is None else [(before, hall)]

    def has_window(self, window: str) -> bool:
        """Whether the hall has this window."""
        return self.current is not None and any(w.window == window for w in self.current.windows)

    def devices_at(self, window: str) -> list[str]:
        """The devices in service at a window."""
        return [d.device for d in self.devices.values() if d.window == window and not d.revoked]

    def has_moved(self, device: str) -> bool:
        """Whether the device has stood at another window of the hall."""
        return device in self._moves

    def window_at(self, device: str, made_at_ms: int | None) -> str | None:
        """Where a device of the hall stood at an instant, by the documents of their time; where it
        stands now if nobody knows when that was.
        """
        if made_at_ms is not None:
            for window, until_ms, ran_ms in self._moves.get(device, ()):
                left_at_ms = self._clock.place(until_ms, ran_ms)
                if left_at_ms is not None and made_at_ms < left_at_ms:
                    return window
        return self.devices[device].window

    def may_invite(self, kind: str) -> bool:
        """Whether services of a kind invite at their windows."""
        invites = self.current.invites if self.current else None
        return invites is None or getattr(invites, kind) is not False

    def standing(self) -> list[str]:
        """The devices that are not revoked."""
        return sorted(one.device for one in self.devices.values() if not one.revoked)

    def logins(self) -> dict[str, str]:
        """The password hashes of the devices that may log in to the broker."""
        return {d.device: d.password_hash for d in self.devices.values() if not d.revoked}

    def _left(self, hall: Hall) -> dict[str, str | None]:
        """The windows that devices have left, by device, when this document comes."""
        now = {device.device: device.window for device in hall.devices}
        return {
            device: bound.window
            for device, bound in self.devices.items()
            if device in now and now[device] != bound.window
        }

    def _show(self, hall: Hall) -> None:
        self.devices = {device.device: device for device in hall.devices}
        self.staff = {one.staff_no: one.name for one in hall.staff or ()}
        self.matters = {one.task_code: one for one in hall.matters or ()}
        self.current = hall


def read_receipt(envelope: bytes) -> Receipt:
    """The receipt in an envelope; the hall cannot verify it. Raises ProtocolError."""
    return decode(parse(split(envelope)[0]), (Receipt,))


def _put_receipt(connection, device: str, envelope: bytes, now_ms: int, ran_ms: int) -> None:
    try:
        receipt = read_receipt(envelope)
    except ProtocolError as error:
        log.warning("a receipt in the hall document is unreadable: %s", error)
        return
    if receipt.device == device:
        receipts.put_if_newer(connection, receipt, envelope, now_ms, ran_ms)
