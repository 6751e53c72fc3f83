"""After a restore: what the copy lacks is offered again, by gateways that keep it for 30 days of
their running and by devices; it is told until it is here.
"""

import logging
from collections.abc import Callable

from central.custody.marks import RESTORED
from central.store import covers
from central.store.database import Database
from hosting.clock import written
from hosting.error import OperatorError
from hosting.log import CHANGE
from protocol.envelope import is_signed

log = logging.getLogger(__name__)

EVERY_S = 2.0
_AT_EACH = 1000  # devices
_KEPT_MS = 30 * 86_400_000  # what gateways keep; then the other alarms tell what is missing


def note_restored(database: Database, now_ms: int) -> int:
    """Note that the database was restored just now; how many devices are waited for."""
    with database.write() as connection:
        return covers.begin_restoring(connection, now_ms)


def require_its_secret(database: Database, key_of: Callable[[str, int], bytes]) -> None:
    """Raise OperatorError if the receipts here were signed under another master secret: it would
    verify nothing that the devices of this database have signed, and reject it.
    """
    with database.read() as connection:
        found = covers.any_receipt(connection)
    if found is not None and not is_signed(key_of(found.device, found.epoch), found.receipt):
        raise OperatorError(
            "the master secret is not the one that belongs to this database: its receipts were "
            "signed under another. Put back the copy of that one before the centre runs."
        )


class Restoring:
    """Looks now and then whether what a restored centre lacks has come."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms
        self.told: str | None = None
        self._rests = 0  # looks that are left out

    def look(self) -> None:
        """See of which devices something may be missing still; `told` is a sentence while so.

        For a whole province that takes a while, in which nothing is filed: then it looks seldom.
        """
        self._rests -= 1
        if self._rests >= 0:
            return
        with self._database.read() as connection:
            is_awaiting = covers.is_restoring(connection)
        rows = []
        if is_awaiting:
            with self._database.write() as connection:
                covers.settle_restoring(connection, self._now_ms() - _KEPT_MS)
                rows = covers.restoring(connection, None)
        if not rows:
            if self.told is not None:
                log.warning("alarm %s is over", RESTORED, extra=CHANGE)
            self.told = None
            return
        devices, since_ms = sum(row.devices for row in rows), min(row.at_ms for row in rows)
        self._rests = devices // _AT_EACH
        told = (
            f"restored from a copy at {written(since_ms)} (Asia/Shanghai); what came after the "
            f"copy is being offered again: {devices} devices in {len(rows)} halls to come"
        )
        if self.told is None:
            log.warning("alarm %s: %s", RESTORED, told, extra=CHANGE)
        self.told = told
