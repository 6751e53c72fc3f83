"""The hall as the centre describes it: windows, devices, and who changed."""

import logging
import threading

from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.store import halls, receipts
from gateway.store.database import Database
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.hall import Device, Hall, decode_hall
from protocol.record import Receipt, decode, parse

log = logging.getLogger(__name__)


class HallBook:
    """The newest hall document; kept in the database, so that a start needs no centre.

    `current` is None until the first one came.
    """

    def __init__(self, name: str, database: Database, alarms: Alarms, clock: HallClock):
        self.name = name
        self.current: Hall | None = None
        self.devices: dict[str, Device] = {}
        self._database = database
        self._alarms = alarms
        self._clock = clock
        self._taking = threading.Lock()
        with database.read() as connection:
            row = halls.get(connection)
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
            with self._database.write() as connection:
                halls.put(connection, hall.version, document, now_ms)
                for device in hall.devices:
                    for envelope in device.receipts:
                        _put_receipt(connection, device.device, envelope.encode(), now_ms, ran_ms)
            before = self.current
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

    def logins(self) -> dict[str, str]:
        """The password hashes of the devices that may log in to the broker."""
        return {d.device: d.password_hash for d in self.devices.values() if not d.revoked}

    def _show(self, hall: Hall) -> None:
        self.devices = {device.device: device for device in hall.devices}
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
