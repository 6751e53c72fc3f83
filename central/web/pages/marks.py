"""The page of marks: alarms of this moment, marks and refusals since the beginning."""

from typing import Any

from central.clockwork import Alarms
from central.custody.marks import SEVERITIES, mark_of
from central.people.roles import Place
from central.store import places
from central.store.database import Database
from central.web.pages.looker import Looker
from hosting.clock import written
from pages import PageError

_PLACES = 20  # of one mark


class MarksView:
    """The values of marks.html and marks_live.html, of one state of the database.

    Raises PageError for a hall that is not there.
    """

    def __init__(self, database: Database, alarms: Alarms, looker: Looker) -> None:
        self._database = database
        self._alarms = alarms
        self._looker = looker

    def show(self, place: Place, hall: str | None) -> Any:
        """Of all halls of the reader's place without `hall`."""
        shares_at_ms = self._alarms.shares_at_ms
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            row = None if hall is None else places.hall(connection, hall)
            if hall is not None and (row is None or not sight.sees_hall(hall)):
                raise PageError(404, "没有这个大厅或窗口。")
            wanted = sight.halls if hall is None else hall
            by_mark = self._alarms.by_mark(connection, wanted, _PLACES)
        found = [(one, mark_of(one.mark)) for one in by_mark]
        found.sort(key=lambda one: SEVERITIES.index(one[1].severity))  # else the newest first
        doubt = self._alarms.doubt()
        both = None if doubt is None else (written(doubt.steady_ms), written(doubt.wall_ms))
        return {
            "found": found,
            "both_clocks": both,
            "store_trouble": self._alarms.trouble(),
            "shares_at_ms": shares_at_ms,
            "hall": hall,
            "hall_name": row.name if row is not None else "",
            "own_name": sight.name,
            "is_coarse": False,
        }
