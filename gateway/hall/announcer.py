"""What the gateway says to devices: ack, ticket, clock, find, settings, update.

Everything is read from the database at the moment it is said, by one thread, so the newest
message on a topic is always the newest truth. Next on a rating's way: gateway/upward/outbox.py.
"""

import logging
import math
from collections.abc import Collection, Iterable

from gateway.broker.mqtt import Link
from gateway.hall.cover import Cover
from gateway.hall.earlier import Earlier
from gateway.hall.hall_book import HallBook
from gateway.hall.inbox import Wanted
from gateway.keep.hall_clock import HallClock
from gateway.store import envelopes, progress, receipts, services, states
from gateway.store.database import Database
from protocol.batch import EXPIRED
from protocol.field import ProtocolError
from protocol.hall import Hall
from protocol.message import (
    CLOSED,
    INVITING,
    SERVING,
    Ack,
    Clock,
    StaffCard,
    Ticket,
    encode_message,
)
from protocol.topic import ACK, CLOCK, FIND, SETTINGS, TICKET, UPDATE, topic

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5  # for invitations that are over
_LATER_S = 2.0  # the hall says so; by then a device has ended it itself


class Announcer:
    """Used by the custody thread."""

    def __init__(
        self,
        database: Database,
        link: Link,
        book: HallBook,
        invite_ms: int,
        clock: HallClock,
        earlier: Earlier,
    ):
        self.cover = Cover()
        self._database = database
        self._link = link
        self._book = book
        self._invite_ms = invite_ms
        self._clock = clock
        self._now_ms = clock.now_ms
        self._earlier = earlier
        self._looked_s = -math.inf
        self._ends_s: dict[tuple[str, int], float] = {}  # of invitations, monotonic
        with database.read() as connection:
            self._found = {(r.service, r.until_ms) for r in services.inviting(connection)}

    def say(self, wanted: Wanted) -> None:
        """Say all that is wanted."""
        for device in wanted.recounts:
            self.cover.forget(device)
        for before, after in wanted.former:
            self.changes(before, after)
        if wanted.is_everything:
            self.everything_retained()
        self.clocks(wanted.clocks)
        for device, find in wanted.finds.items():
            self._say(device, FIND, encode_message(find), retain=False)
        self.tickets(wanted.tickets)
        self.end_invitations()
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
        """Publish the newest ticket of each device's window, an empty one for no service."""
        if not devices:
            return
        with self._database.read() as connection:
            for device in devices:
                bound = self._book.devices.get(device)
                if bound is None or bound.window is None or bound.revoked:
                    continue
                self._ticket(connection, device, services.newest_at(connection, bound.window))

    def hear(self, devices: Collection[str]) -> set[str]:
        """These devices have told their state; those of them whose ticket may say more now."""
        new = self._earlier.hear(devices)
        if not new:
            return set()
        with self._database.read() as connection:
            rows = services.inviting(connection)
        windows = {row.window for row in rows if self._earlier.has(row)}
        return {one for window in windows for one in self._book.devices_at(window) if one in new}

    def end_invitations(self) -> None:
        """End the invitations whose time has been over for two seconds (TKT-5)."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return
        self._looked_s = now_s
        with self._database.read() as connection:
            rows = services.inviting(connection)
        ends_s = {(row.service, row.until_ms): self._end_s(row) for row in rows}
        self._ends_s = ends_s
        over = [r for r in rows if ends_s[r.service, r.until_ms] + _LATER_S <= now_s]
        if not over:
            return
        with self._database.write() as connection:
            ended = [
                row
                for row in over
                if services.end_invitation(connection, row.service, row.until_ms)
            ]
            for row in ended:
                if not envelopes.is_rated(connection, row.service):
                    self._tell_expired(connection, row)
        self.tickets([device for row in ended for device in self._book.devices_at(row.window)])

    def _end_s(self, row) -> float:
        """When an invitation ends, on the monotonic clock since it was seen first, so that no step
        of the wall clock makes one longer or shorter. Of one that an earlier start made only the
        wall clock tells; if no honest one can have written it, it is over.
        """
        invitation = (row.service, row.until_ms)
        if invitation not in self._ends_s:
            stands_ms = self._invite_ms
            if invitation in self._found:
                left_ms = row.until_ms - self._now_ms()
                stands_ms = left_ms if 0 < left_ms <= self._invite_ms else 0
            self._ends_s[invitation] = self._clock.monotonic_s() + stands_ms / 1000
        return self._ends_s[invitation]

    def _tell_expired(self, connection, row) -> None:
        ago_ms = max(0, self._now_ms() - row.until_ms)
        at = (self._now_ms() - ago_ms, self._clock.ran_ms() - ago_ms)
        progress.put(connection, row.service, EXPIRED, *at, row.staff_no)

    def everything_retained(self) -> None:
        """Publish every retained topic anew: a broker may have forgotten them (TOP-3)."""
        devices = [d for d in self._book.devices.values() if not d.revoked]
        self.tickets([device.device for device in devices])
        for device in devices:
            if device.settings is not None:
                self._say(device.device, SETTINGS, device.settings.encode(), retain=True)
            if device.update is not None:
                self._say(device.device, UPDATE, device.update.encode(), retain=True)

    def changes(self, before: Hall, after: Hall) -> None:
        """Say what another hall document changes, and nothing that it does not: tickets where a
        device stands elsewhere now, settings and updates that are new or withdrawn.
        """
        was, now = (
            {device.device: device for device in hall.devices if not device.revoked}
            for hall in (before, after)
        )
        for device in sorted({*was, *now}):
            old, new = was.get(device), now.get(device)
            if getattr(old, "window", None) != getattr(new, "window", None):
                if new is None or new.window is None:
                    self._say(device, TICKET, b"", retain=True)
                self.tickets([device])
            for name in (SETTINGS, UPDATE):
                told, wanted = getattr(old, name, None), getattr(new, name, None)
                if told != wanted:
                    self._say(device, name, (wanted or "").encode(), retain=True)

    def _ticket(self, connection, device: str, service) -> None:
        if service is None or service.phase == CLOSED:
            self._say(device, TICKET, b"", retain=True)
            return
        stands = service.phase == INVITING and self._end_s(service) > self._clock.monotonic_s()
        if stands and self._earlier.is_open(service, device):
            return  # the device speaks soon, or nobody sees the ticket
        is_inviting = stands and not self._earlier.is_in_doubt(connection, service, (device,))
        try:
            ticket = encode_message(ticket_of(service, self._invite_ms, is_inviting))
        except ProtocolError as error:
            log.error("the ticket of service %s cannot be sent: %s", service.service, error)
            return
        self._say(device, TICKET, ticket, retain=True)

    def _say(self, device: str, name: str, payload: bytes, retain: bool) -> None:
        self._link.publish(topic(self._book.name, device, name), payload, retain)


def ticket_of(service, invite_ms: int, is_inviting: bool) -> Ticket:
    """The ticket of a service's row. is_inviting: whether its invitation stands."""
    staff = None
    if service.staff_no is not None:
        staff = StaffCard(staff_no=service.staff_no, name=service.staff_name or "")
    return Ticket(
        service=service.service,
        facts=service.facts,
        ticket_no=service.ticket_no,
        phase=INVITING if is_inviting else SERVING,
        matter=service.matter,
        staff=staff,
        invite_ms=invite_ms,
        until_ms=service.until_ms if is_inviting else None,
    )
