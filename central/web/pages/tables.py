"""The pages of tables: each dimension with sort, search, free dates and the period before; the
same as a spreadsheet.

A count leads into its services (central/web/pages/counts.py) for who has signed
in as a supervisor or an auditor.
"""

from datetime import date
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import Depends, Query, Request, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from central.figures.report import ENOUGH
from central.figures.tables.reader import (
    KINDS,
    SPANS,
    Answer,
    TablesReader,
    WrongQuestionError,
    said,
)
from central.figures.tables.spreadsheet import text_file, workbook
from central.figures.tables.table import arranged, is_said, part, shown
from central.figures.tables.units import DIMENSIONS
from central.people.callers import Holder
from central.people.deeds import Readings
from central.people.roles import Place, may
from central.rules.definitions import OURS
from central.store.database import Database
from central.web.pages.levels import LEVEL_NAMES
from central.web.pages.looker import Looker, place_for, place_of, whose_of
from pages import PageError, Site, pages_of, words

_ROWS = 100  # on one page
_TYPES = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
}
PERIODS = {
    "today": "今天",
    "7d": "近 7 天",
    "month": "本月",
    "quarter": "本季",
    "half": "半年",
    "year": "本年",
    "all": "全部",
}
_ASK = {
    "table": "没有这个页面。",
    "dim": "没有这个页面。",
    "in": "没有这个大厅或地区。",
    "what": "没有这个页面。",
    "profile": "这一规则此时没有生效的版本，或没有这种名单。",
    "sort": "没有这一列。",
}
DATES = "日期不对：请写起止日期，相隔不超过 366 天；或 2026-09、2026Q3、2026H2、2026。"


class Question(NamedTuple):
    """What a page of tables is asked for, by its query; empty for what is not told."""

    period: str = ""
    first: date | None = None
    last: date | None = None
    within: str = ""
    profile: str = ""
    wanted: str = ""
    sort: str = ""
    order: str = ""
    page: int = 1

    def link(self, path: str, **changes: Any) -> str:
        """The address of a page with this question, but for these changes."""
        values = self._replace(page=1)._replace(**changes)
        named = zip(_NAMES, values, strict=True)
        query = {name: value for name, value in named if value not in ("", None)}
        if query["page"] == 1:
            del query["page"]
        return f"{path}?{urlencode(query)}" if query else path


_NAMES = ("period", "from", "to", "in", "profile", "q", "sort", "order", "page")
_WORD, _DAY = 64, r"^(\d{4}-\d\d-\d\d)?$"


class _Query(BaseModel):
    period: str = Field("", max_length=_WORD)
    first: str = Field("", alias="from", max_length=10, pattern=_DAY)
    last: str = Field("", alias="to", max_length=10, pattern=_DAY)
    within: str = Field("", alias="in", max_length=_WORD)
    profile: str = Field("", max_length=_WORD)
    wanted: str = Field("", alias="q", max_length=_WORD)
    sort: str = Field("", max_length=_WORD)
    order: str = Field("", pattern="^(up|down)?$")
    page: int = Field(1, ge=1, le=10_000)


def question(told: Annotated[_Query, Query()]) -> Question:
    """The question of a request. Raises PageError for a day that is none."""
    try:
        first, last = [date.fromisoformat(one) if one else None for one in (told.first, told.last)]
    except ValueError:
        raise PageError(422, DATES) from None
    return Question(
        *(told.period, first, last, told.within, told.profile),
        *(told.wanted, told.sort, told.order, told.page),
    )


Asked = Annotated[Question, Depends(question)]


class TablesView:
    """The values of tables.html, and its spreadsheets. Raises PageError for what cannot be asked
    for.
    """

    def __init__(self, database: Database, reader: TablesReader, looker: Looker) -> None:
        self._database = database
        self._reader = reader
        self._looker = looker

    def show(self, place: Place, kind: str, dim: str, asked: Question, leads: bool) -> Any:
        """leads: whether counts lead to their services."""
        answer, own_name, around = self._answer(place, kind, dim, asked, _ROWS)
        table = answer.table
        period = answer.asked.period
        return {
            "kind": answer.kind,
            "kinds": KINDS,
            "dimension": answer.asked.dimension,
            "dimensions": [
                DIMENSIONS[one]
                for one in answer.kind.dimensions
                if one != "hour" or answer.asked.is_of_a_hall  # hours are of one hall
            ],
            "hall": answer.asked.place if answer.asked.is_of_a_hall else None,
            "path": f"/tables/{kind}/{dim}",
            "asked": asked,
            "table": table,
            "found": table.found,
            "page": asked.page,
            "pages": pages_of(table.found, _ROWS, asked.page),
            "sort": asked.sort or table.ranked_by,
            "periods": PERIODS,
            "spans": SPANS,
            "which": asked.period or ("" if asked.first else "month"),
            "period": period,
            "days": said(period),
            "before": said(earlier) if (earlier := period.before()) else "",
            "is_over": period.last is None or period.last < self._reader.today(),
            "policy": answer.asked.policy,
            "profiles": answer.profiles,
            "around": around,
            "lag": answer.lag,
            "own_name": own_name,
            "leads": leads,
            "enough": ENOUGH,
            "is_said": is_said,
            "said": shown,
            "ours": OURS,
        }

    def show_unit(self, place: Place, dim: str, what: str, asked: Question, leads: bool) -> Any:
        """The values of unit.html: one unit of a dimension."""
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            try:
                period = self._reader.period(asked.period, asked.first, asked.last)
                question = (dim, what, period, asked.profile)
                told, unit = self._reader.unit(connection, sight, *question)
            except WrongQuestionError as error:
                status = 404 if error.field in ("dim", "what", "in") else 422
                raise PageError(status, _ASK.get(error.field, DATES)) from None
            profiles = self._reader.profiles(connection)
        return {
            "unit": unit,
            "what": what,
            "dimension": told.dimension,
            "path": f"/units/{dim}/{what}",
            "asked": asked,
            "periods": PERIODS,
            "which": asked.period or ("" if asked.first else "month"),
            "days": said(period),
            "policy": told.policy,
            "profiles": profiles,
            "levels": LEVEL_NAMES,
            "leads": leads,
            "is_said": is_said,
        }

    def spreadsheet(
        self, place: Place, kind: str, dim: str, asked: Question, form: str, language: str
    ) -> tuple[str, bytes]:
        """The name of a file and its bytes: the whole table, as it is sorted and searched."""
        answer, own_name, _ = self._answer(place, kind, dim, asked, None)
        english = language == words.ENGLISH
        period, policy = answer.asked.period, answer.asked.policy
        titles = (answer.kind, answer.asked.dimension)
        title = " · ".join(one.en if english else one.zh for one in titles)
        days = said(period) or words.say(language, "全部")
        whole = own_name or words.say(language, "全省")
        told = [
            f"{words.say(language, '时间')}: {days}",
            f"{words.say(language, '范围')}: {asked.within or whole}",
            f"{words.say(language, '依据')}: {policy.source}",
        ]
        make = workbook if form == "xlsx" else text_file
        name = f"{kind}-{dim}-{(days or 'all').replace(' ', '')}.{form}"
        return name.encode("ascii", "replace").decode(), make(title, told, answer.table, english)

    def _answer(
        self, place: Place, kind: str, dim: str, asked: Question, limit: int | None
    ) -> tuple[Answer, str, list[tuple[str, str]]]:
        """The table in order, a page of so many rows or all, the name of the reader's place, and
        what lies in that, id and name.
        """
        after = 0 if limit is None else (asked.page - 1) * limit
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            try:
                period = self._reader.period(asked.period, asked.first, asked.last)
                question = (kind, dim, period, asked.profile, asked.within)
                answer = self._reader.answer(connection, sight, *question)
                rising = {"up": True, "down": False}.get(asked.order)
                table = arranged(answer.table, asked.wanted, asked.sort or None, rising)
                table = part(table, after, limit)
            except WrongQuestionError as error:
                status = 404 if error.field in ("table", "dim", "in") else 422
                raise PageError(status, _ASK.get(error.field, DATES)) from None
            except ValueError:
                raise PageError(422, _ASK["sort"]) from None
            around = self._reader.around(connection, sight)
        return answer._replace(table=table), sight.name, around


def add_to(site: Site[Holder], view: TablesView, readings: Readings) -> None:
    """Add the pages."""

    @site.router.get("/tables")
    async def show_first(request: Request) -> Response:
        await site.holder(request, may("look at tables"))
        return RedirectResponse("/tables/rates/institution", 303)

    @site.router.get("/tables/{table}/{dim}")
    async def show(request: Request, table: str, dim: str, asked: Asked) -> Response:
        place = await place_for(site, request, "look at tables")
        leads = await site.has(request, may("open services"))
        return await site.page(
            *(request, "tables.html", lambda: view.show(place, table, dim, asked, leads)),
            whose=whose_of(place, leads),
        )

    @site.router.get("/units/{dim}/{what:path}")
    async def show_unit(request: Request, dim: str, what: str, asked: Asked) -> Response:
        place = await place_for(site, request, "look at figures")
        leads = await site.has(request, may("open services"))
        return await site.page(
            *(request, "unit.html", lambda: view.show_unit(place, dim, what, asked, leads)),
            whose=whose_of(place, leads),
        )

    @site.router.get("/tables/{table}/{dim}/file.{form}")
    async def send(request: Request, table: str, dim: str, form: str, asked: Asked) -> Response:
        holder = await site.holder(request, may("take a table as a file"))
        place = place_of(holder, "take a table as a file")
        if form not in _TYPES:
            raise PageError(404, "没有这个页面。")
        told = (place, table, dim, asked, form, site.language(request))
        asked_for = f"{table}/{dim}.{form}?{request.url.query}"
        await run_in_threadpool(readings.note, holder, "table.file", asked_for)
        name, content = await run_in_threadpool(view.spreadsheet, *told)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(content, media_type=_TYPES[form], headers=headers)
