"""Services that an earlier start of the gateway opened: when may one of them still invite?

This database may be an old copy, which does not know that they are rated (FAULTS: a rating of
somebody who passes by would count for the citizen who has left). A device's `state` tells: if the
device has written records that are not here, what they rated is not known here either.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection

from gateway.store import envelopes, services, states
from gateway.store.database import Database


class Earlier:
    """What this start found, and which devices have spoken in it. Used by any thread."""

    def __init__(self, database: Database):
        with database.read() as connection:
            self._newest = services.newest_id(connection)
        self._heard: set[str] = set()

    def hear(self, devices: Iterable[str]) -> set[str]:
        """These devices have told their state; those that do so for the first time."""
        new = set(devices) - self._heard
        self._heard |= new
        return new

    def has(self, service) -> bool:
        """Whether an earlier start opened the service of this row."""
        return service.id <= self._newest

    def is_open(self, service, device: str) -> bool:
        """Whether the device has to speak before anybody knows if the service may invite there."""
        return self.has(service) and device not in self._heard

    def is_in_doubt(self, connection: Connection, service, devices: Collection[str]) -> bool:
        """Whether an earlier start opened the service, and one of these devices has said since
        that it wrote what is not here.
        """
        if not self.has(service):
            return False
        return any(_is_behind(connection, one) for one in devices if one in self._heard)

    def lacking(self, connection: Connection, devices: Iterable[str]) -> list[str]:
        """Those devices that have ever told their state, and either not in this start, or that
        they wrote what is not here.
        """
        return [
            one
            for one in devices
            if states.get(connection, one) is not None
            and (one not in self._heard or _is_behind(connection, one))
        ]


def _is_behind(connection: Connection, device: str) -> bool:
    state = states.get(connection, device)
    if state is None or state.seq == 0:
        return False
    return not envelopes.holds(connection, device, state.epoch, state.seq)
