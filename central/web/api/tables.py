"""GET /v1/tables: the tables of the pages, for machines."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel

from central.directory.cells import day_number
from central.directory.sight import Sight, sight_of
from central.figures.report import ENOUGH
from central.figures.tables.reader import TablesReader, WrongQuestionError
from central.figures.tables.table import Cell, Column, Row, arranged, is_said, part
from central.rules.calendar import day_of
from central.rules.definitions import OURS, Mean, Share
from central.store.database import Database
from central.web.api.bearer import Bearer, Scopes, require
from central.web.etag import UNCHANGED, Etags, unchanged
from hosting.problem import FieldError


class ColumnView(BaseModel):
    """A column. kind: `count`, `share` of two counts, `mean` of a sum over n, `rate`, a share that
    is none of counts, or `text`. articles: what it stands on, 本系统约定 where no text says so.
    """

    name: str
    title: str
    title_en: str
    kind: str
    meaning: str
    meaning_en: str
    articles: list[str]
    is_bad_high: bool | None


class ValueView(BaseModel):
    """A value. count; num of den; sum over n; text; the others null. said: the percentage or mean
    in words, rounded down; null below `enough`.
    """

    count: int | None = None
    num: int | None = None
    den: int | None = None
    sum: int | None = None
    n: int | None = None
    text: str | None = None
    said: str | None = None


class CellView(BaseModel):
    """A cell. before: of the period before, null where there is none. num_key, den_key: for
    `/v1/figures/{key}/services`.
    """

    value: ValueView | None
    before: ValueView | None
    num_key: str | None
    den_key: str | None


class RowView(BaseModel):
    """A unit. hall: of a window or a member of staff. place: where that is, in words. cells: by
    the columns' names.
    """

    hall: str | None
    id: str
    name: str
    place: str
    cells: dict[str, CellView]


class TableView(BaseModel):
    """A table of units. first, last: days in Asia/Shanghai, before_first, before_last those of the
    period before; null for all days. policy_from: first day of the version by which figures are
    shown. rows: how many there are; `page` of `pages`. whole: the place itself; null where a sum
    says nothing. settled_to_ms, pending: how far the judge is.
    """

    table: str
    dim: str
    first: date | None
    last: date | None
    before_first: date | None
    before_last: date | None
    profile: str
    source: str
    policy_from: date
    settled_to_ms: int
    pending: int
    enough: int
    columns: list[ColumnView]
    whole: RowView | None
    rows: list[RowView]
    found: int
    next: int | None


def create_router(database: Database, reader: TablesReader, bearer: Bearer) -> APIRouter:
    """The route; it needs a token with the scope figures:read, or that of a region."""
    router = APIRouter(prefix="/v1")
    etags = Etags(reader.judge)

    @router.get("/tables/{table}/{dim}", response_model=TableView, responses=UNCHANGED)
    def get_table(
        request: Request,
        response: Response,
        scopes: Annotated[Scopes, Depends(bearer)],
        table: str,
        dim: str,
        period: Annotated[str, Query(max_length=16)] = "",
        first: Annotated[date | None, Query(alias="from")] = None,
        last: Annotated[date | None, Query(alias="to")] = None,
        within: Annotated[str, Query(alias="in", max_length=64)] = "",
        profile: Annotated[str, Query(max_length=32)] = "",
        wanted: Annotated[str, Query(alias="q", max_length=64)] = "",
        sort: Annotated[str, Query(max_length=64)] = "",
        order: Annotated[str, Query(pattern="^(up|down)?$")] = "",
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=5000)] = 500,
        if_none_match: Annotated[str, Header()] = "",
    ) -> TableView | Response:
        """A table: `rates`, `reasons`, `invitations`, `watch` or `ranking`, of `region`, `hall`,
        `institution`, `line`, `window`, `staff`, `matter` or `platform`. Scope figures:read, or
        figures:read:region:<id>.

        period: 2026-09, 2026Q3, 2026H2, 2026; month, quarter, half, year: the one that is now;
        today, 7d, 30d, all; else from, to, at most 366 days. in: a region or hall. The worst first
        unless `sort` names a column. 304 while nothing has changed since the answer whose ETag
        If-None-Match names.
        """
        sight = _sight(database, reader, scopes)
        try:
            days = reader.period(period, first, last)
            with database.read() as connection:
                today = day_number(reader.today())
                tag = etags.of(connection, request, sight.place, today)
                if (same := unchanged(tag, if_none_match)) is not None:
                    return same
                response.headers["ETag"] = tag
                answer = reader.answer(connection, sight, table, dim, days, profile, within)
                rising = {"up": True, "down": False}.get(order)
                found = arranged(answer.table, wanted, sort or None, rising)
                found = part(found, after, limit)
        except WrongQuestionError as error:
            raise FieldError(error.field, f"{error.field}: {error}") from None
        except ValueError as error:
            raise FieldError("sort", f"{error}") from None
        columns, policy, before = found.columns, answer.asked.policy, days.before()
        return TableView(
            table=table,
            dim=dim,
            first=days.first,
            last=days.last,
            before_first=before and before.first,
            before_last=before and before.last,
            profile=policy.profile,
            source=policy.source,
            policy_from=day_of(policy.valid_from),
            settled_to_ms=answer.lag.settled_ms,
            pending=answer.lag.pending,
            enough=ENOUGH,
            columns=[_column(one) for one in columns],
            whole=found.whole and _row(found.whole, columns),
            rows=[_row(one, columns) for one in found.rows],
            found=found.found,
            next=after + limit if after + limit < found.found else None,
        )

    return router


def _sight(database: Database, reader: TablesReader, scopes: Scopes) -> Sight:
    place = require(scopes, "read tables")
    with database.read() as connection:
        sight = sight_of(connection, place, day_number(reader.today()))
    if sight is None:
        raise HTTPException(403, f"the directory has no {place.kind} {place.id} any more")
    return sight


def _column(column: Column) -> ColumnView:
    return ColumnView(
        name=column.name,
        title=column.zh,
        title_en=column.en,
        kind=column.kind,
        meaning=column.meaning_zh,
        meaning_en=column.meaning_en,
        articles=[one or OURS for one in column.articles],
        is_bad_high=column.is_bad_high,
    )


def _row(row: Row, columns: tuple[Column, ...]) -> RowView:
    cells = zip(columns, row.cells, strict=True)
    return RowView(
        hall=row.hall if row.id is not None and row.place else None,
        id=row.id or (row.page or ""),
        name=row.name,
        place=row.place,
        cells={column.name: _cell(one) for column, one in cells},
    )


def _cell(cell: Cell) -> CellView:
    return CellView(
        value=_value(cell.value),
        before=_value(cell.before),
        num_key=None if cell.num_key is None else str(cell.num_key),
        den_key=None if cell.den_key is None else str(cell.den_key),
    )


def _value(value: Any) -> ValueView | None:
    if value is None:
        return None
    if isinstance(value, Share):
        said = f"{value.percent()}%" if is_said(value) else None
        return ValueView(num=value.num, den=value.den, said=said)
    if isinstance(value, Mean):
        return ValueView(sum=value.sum, n=value.n, said=value.mean() if is_said(value) else None)
    return ValueView(text=value) if isinstance(value, str) else ValueView(count=value)
