"""The page of the fleet (central/web/views/fleet.py)."""

from typing import Any

from central.clockwork import Alarms
from central.people.roles import Place
from central.store.database import Database
from central.web.pages.looker import Looker
from central.web.views.fleet import fleet_of
from pages import pages_of

_ROWS = 100  # on one page


class FleetView:
    """The values of fleet.html and fleet_live.html, of one state of the database."""

    def __init__(self, database: Database, alarms: Alarms, looker: Looker) -> None:
        self._database = database
        self._alarms = alarms
        self._looker = looker

    def show(self, place: Place, firmware: str | None, page: int) -> Any:
        """firmware: of halls where that runs, empty for one that is not known; page: from 1."""
        told = (firmware, (page - 1) * _ROWS, _ROWS)
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            fleet = fleet_of(connection, self._alarms, sight, self._looker.now_ms(), *told)
        return {
            "fleet": fleet,
            "now_ms": self._looker.now_ms(),
            "which": firmware,
            "page": page,
            "pages": pages_of(fleet.found, _ROWS, page),
            "own_name": sight.name,
        }
