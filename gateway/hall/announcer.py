"""What the gateway says to devices: ack, ticket, clock, settings, update.

Everything is read from the database at the moment it is said, by one thread, so the newest
message on a topic is always the newest truth. Next on a rating's way: gateway/upward/outbox.py.
"""

import logging
from collections.abc import Callable, Collection, Iterable

from gateway.broker.mqtt import Link
from gateway.hall.cover import Cover
from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Wanted
from gateway.store import receipts, services, states
from gateway.store.database import Database
from protocol.field import ProtocolError
from protocol.hall import Hall
from protocol.message import CLOSED, Ack, Clock, StaffCard, Ticket, encode_message
from protocol.topic import ACK, CLOCK, SETTINGS, TICKET, UPDATE, topic

log = logging.getLogger(__name__)


class Announcer:
    """Used by the custody thread."""

    def __init__(
        self,
        database: Database,
        link: Link,
        book: HallBook,
        invite_ms: int,
        now_ms: Callable[[], int],
    ):
        self.cover = Cover()
        self._database = database
        self._link = link
        self._book = book
        self._invite_ms = invite_ms
        self._now_ms = now_ms

    def say(self, wanted: Wanted) -> None:
        """Say all that is wanted."""
        for device in wanted.recounts:
            self.cover.forget(device)
        for before, after in wanted.former:
            self.former(before, after)
        if wanted.is_everything:
            self.everything_retained()
        self.clocks(wanted.clocks)
        self.tickets(wanted.tickets)
        self.acks(wanted.acks | wanted.recounts)

    def acks(self, devices: Collection[str]) -> None:
        """Tell each device how far the hall holds the epoch of its last `state` (ACK-2)."""
        if not devices:
            return
        with self._database.read() as connection:
            for device in devices:
                state = states.get(connection, device)
                if state is not None:
                    self._ack(connection, device, state.epoch)

    def _ack(self, connection, device: str, epoch: int) -> None:
        receipt = receipts.get(connection, device, epoch)
        ack = Ack(
            epoch=epoch,
            hall=self.cover.of(connection, device, epoch),
            receipt=receipt.envelope.decode() if receipt else None,
        )
        # Never retained: an old number would be believed by a device that comes back (ACK-2).
        self._say(device, ACK, encode_message(ack), retain=False)

    def clocks(self, devices: Iterable[str]) -> None:
        """Tell each device the time."""
        for device in devices:
            message = Clock(now_ms=self._now_ms())
            self._say(device, CLOCK, encode_message(message), retain=False)

    def tickets(self, devices: Collection[str]) -> None:
        """Publish the newest ticket of each device's window."""
        if not devices:
            return
        with self._database.read() as connection:
            for device in devices:
                bound = self._book.devices.get(device)
                if bound is None or bound.window is None or bound.revoked:
                    continue
                service = services.newest_at(connection, bound.window)
                if service is not None:
                    self._ticket(device, service, service.phase)

    def everything_retained(self) -> None:
        """Publish every retained topic anew: a broker may have forgotten them (TOP-3)."""
        devices = [d for d in self._book.devices.values() if not d.revoked]
        self.tickets([device.device for device in devices])
        for device in devices:
            if device.settings is not None:
                self._say(device.device, SETTINGS, device.settings.encode(), retain=True)
            if device.update is not None:
                self._say(device.device, UPDATE, device.update.encode(), retain=True)

    def former(self, before: Hall, after: Hall) -> None:
        """End what no longer applies: tickets of a former window, withdrawn settings, updates."""
        now = {device.device: device for device in after.devices}
        with self._database.read() as connection:
            for old in before.devices:
                new = now.get(old.device)
                if old.window is not None and (new is None or new.window != old.window):
                    service = services.newest_at(connection, old.window)
                    if service is not None:
                        self._ticket(old.device, service, CLOSED)
                for name, was in ((SETTINGS, old.settings), (UPDATE, old.update)):
                    has_now = new is not None and getattr(new, name) is not None
                    if was is not None and not has_now:
                        self._say(old.device, name, b"", retain=True)

    def _ticket(self, device: str, service, phase: str) -> None:
        try:
            ticket = encode_message(ticket_of(service, phase, self._invite_ms))
        except ProtocolError as error:
            log.error("the ticket of service %s cannot be sent: %s", service.service, error)
            return
        self._say(device, TICKET, ticket, retain=True)

    def _say(self, device: str, name: str, payload: bytes, retain: bool) -> None:
        self._link.publish(topic(self._book.name, device, name), payload, retain)


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
