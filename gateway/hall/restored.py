"""After a restore: what the copy lacks the devices offer again, and that is told until they have.

They see it by themselves: `hall` has gone down (ACK-5).
"""

from collections.abc import Callable

from gateway.hall.earlier import Earlier
from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.store import books
from gateway.store.database import Database
from hosting.clock import written

RESTORED = "restored"
_NAMED = 5  # devices in the alarm's sentence
_LONGEST_MS = 30 * 86_400_000  # of running time; a device that was away so long comes no more


class Restored:
    """Looks now and then, in a ticker's thread. devices: gives those that are not revoked."""

    def __init__(
        self,
        database: Database,
        devices: Callable[[], list[str]],
        earlier: Earlier,
        clock: HallClock,
        alarms: Alarms,
    ):
        self._database = database
        self._devices = devices
        self._earlier = earlier
        self._clock = clock
        self._alarms = alarms
        with database.read() as connection:
            self._since = books.restored(connection)

    def look(self) -> None:
        """Raise the alarm, say it anew, or end it."""
        if self._since is None:
            return
        with self._database.read() as connection:
            lacking = self._earlier.lacking(connection, self._devices())
        if lacking and self._clock.ran_ms() - self._since.ran_ms < _LONGEST_MS:
            more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
            self._alarms.set(
                RESTORED,
                f"The database was restored from a copy at {written(self._since.at_ms)}. What "
                f"came after the copy is offered again; to come from {', '.join(lacking[:_NAMED])}"
                f"{more}. Leave these devices switched on.",
            )
            return
        with self._database.write() as connection:
            books.note_whole(connection)
        self._since = None
        self._alarms.clear(RESTORED)
