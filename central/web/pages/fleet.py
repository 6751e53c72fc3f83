"""The page of the fleet: of each hall its devices, which are silent or pending, open epochs, and
the windows that have no device, where nobody can rate by one (R2).
"""

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from central.clockwork import Alarms
from central.custody.marks import OPEN_EPOCH, SILENT_DEVICE
from central.people.tokens import Place
from central.store import directory, places
from central.store.database import Database
from central.web.pages.looker import Looker

_ROWS = 100  # on one page


class HallFleet(NamedTuple):
    """A hall's devices. heard_at_ms: when something new came from it last; None for never. bare:
    names of its windows that are open, not at rest, and without a device.
    """

    hall: str
    name: str
    devices: int
    silent: int
    pending: int
    open_epochs: int
    bare: list[str]
    heard_at_ms: int | None


class FleetView:
    """The values of fleet.html and fleet_live.html, of one state of the database."""

    def __init__(self, database: Database, alarms: Alarms, looker: Looker) -> None:
        self._database = database
        self._alarms = alarms
        self._looker = looker

    def show(self, place: Place, page: int) -> Any:
        """Halls with something amiss first; page: from 1."""
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            rows = [row for row in directory.hall_rows(connection) if sight.sees_hall(row.hall)]
            standing = places.standing(connection)
            windows = directory.all_windows(connection)
            found = self._alarms.find(connection, sight.halls)
        silent = Counter(one.hall for one in found if one.mark == SILENT_DEVICE)
        ended = Counter(one.hall for one in found if one.mark == OPEN_EPOCH)
        devices, pending = Counter[str](), Counter[str]()
        equipped = set()
        for one in standing:
            equipped.add((one.hall, one.window))
            devices[one.hall] += 1
            pending[one.hall] += one.approved_at_ms is None and one.refused_at_ms is None
        bare: dict[str, list[str]] = defaultdict(list)
        for one in windows:
            rests = one.is_closed or one.rest_until_ms is not None
            if not rests and (one.hall, one.window) not in equipped:
                bare[one.hall].append(one.name)
        halls = [
            HallFleet(
                *(row.hall, row.name, devices[row.hall], silent[row.hall], pending[row.hall]),
                *(ended[row.hall], bare[row.hall], row.heard_at_ms),
            )
            for row in rows
            if not row.is_closed
        ]
        halls.sort(key=lambda one: (-(one.silent + one.pending + len(one.bare)), one.hall))
        start = (page - 1) * _ROWS
        return {
            "halls": halls[start : start + _ROWS],
            "devices": sum(one.devices for one in halls),
            "silent": sum(one.silent for one in halls),
            "pending": sum(one.pending for one in halls),
            "open_epochs": sum(one.open_epochs for one in halls),
            "bare": sum(len(one.bare) for one in halls),
            "page": page,
            "pages": max(1, -(-len(halls) // _ROWS)),
            "own_name": sight.name,
        }
