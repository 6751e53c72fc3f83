"""The page of a hall's week: each hour of each weekday, how much was done and how it was rated.
The same as the table of hours (central/figures/tables), arranged by weekday.
"""

from typing import Annotated, Any, NamedTuple

from fastapi import Query, Request, Response

from central.figures.report import ENOUGH
from central.figures.tables.reader import TablesReader, WrongQuestionError, said
from central.figures.tables.table import Cell, Column, is_said, part
from central.people.callers import Holder
from central.people.roles import Place, may
from central.rules.definitions import OURS, Share
from central.store.database import Database
from central.store.judged.hours import UNKNOWN
from central.web.pages.looker import Looker, place_for
from central.web.pages.tables import DATES, PERIODS, Asked, Question
from pages import PageError, Site

WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_DAYS = range(1, len(WEEKDAYS) + 1)
_SHADES = 5
_PERIODS = {name: called for name, called in PERIODS.items() if name != "all"}


class Shaded(NamedTuple):
    """A cell. shade: 0 to 5, how much of the most there is, or how bad; only repeats the cell."""

    cell: Cell
    shade: int


class HoursView:
    """The values of hours.html. Raises PageError for a hall not to be seen, and as tables do."""

    def __init__(self, database: Database, reader: TablesReader, looker: Looker) -> None:
        self._database = database
        self._reader = reader
        self._looker = looker

    def show(self, place: Place, hall: str, which: str, asked: Question, leads: bool) -> Any:
        """which: the name of a column of the table. leads: whether counts lead to their
        services.
        """
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            try:
                period = self._reader.period(asked.period, asked.first, asked.last)
                question = ("rates", "hour", period, asked.profile, hall)
                answer = self._reader.answer(connection, sight, *question)
            except WrongQuestionError as error:
                if error.field == "in":
                    raise PageError(404, "没有这个大厅或窗口。") from None
                raise PageError(422, DATES) from None
            table = part(answer.table)
            name = self._reader.judge.hall_names(connection, answer.asked.today).get(hall, hall)
        columns = {one.name: (n, one) for n, one in enumerate(table.columns)}
        if which not in columns:
            raise PageError(404, "没有这个页面。")
        at, column = columns[which]
        cells = {row.id: row.cells[at] for row in table.rows}
        unknown = cells.pop(UNKNOWN, None)
        shaded = _shaded(cells, column)
        times = sorted({(id or "").partition("-")[2] for id in cells})
        return {
            "hall": hall,
            "name": name,
            "path": f"/hours/{hall}",
            "asked": asked,
            "columns": table.columns,
            "column": column,
            "which": which,
            "weekdays": WEEKDAYS,
            "hours": [(time, [shaded.get(f"{one}-{time}") for one in _DAYS]) for time in times],
            "unknown": unknown,
            "periods": _PERIODS,
            "period": asked.period or ("" if asked.first else "month"),
            "days": said(period),
            "policy": answer.asked.policy,
            "profiles": answer.profiles,
            "lag": answer.lag,
            "leads": leads,
            "enough": ENOUGH,
            "is_said": is_said,
            "ours": OURS,
        }


def add_to(site: Site[Holder], view: HoursView) -> None:
    """Add the page."""

    @site.router.get("/hours/{hall}")
    async def show(
        request: Request,
        hall: str,
        asked: Asked,
        which: Annotated[str, Query(alias="show", max_length=64)] = "services",
    ) -> Response:
        place = await place_for(site, request, "look at figures")
        leads = await site.has(request, may("open services"))
        return await site.page(
            request, "hours.html", lambda: view.show(place, hall, which, asked, leads)
        )


def _shaded(cells: dict[str | None, Cell], column: Column) -> dict[str | None, Shaded]:
    """The most, or the worst, is the darkest; what is not said has no shade."""
    weights = {id: _weight(cell, column) for id, cell in cells.items()}
    most = max((one for one in weights.values() if one is not None), default=0)
    return {
        id: Shaded(cells[id], 0 if not (weight and most) else round(_SHADES * weight / most))
        for id, weight in weights.items()
    }


def _weight(cell: Cell, column: Column) -> float | None:
    value = cell.value
    if isinstance(value, int):
        return value
    if not isinstance(value, Share) or not is_said(value):
        return None
    rate = value.num / value.den
    return 1 - rate if column.is_bad_high is False else rate
