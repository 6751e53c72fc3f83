"""The pages of the directory (名录): look at each kind, and mend one row.

Whoever reads pages looks, at what belongs to the place of the token; a token with directory:write
mends. A form is sent twice: first what would change is shown, then it is written, if it is still
that.
"""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from central.directory.cells import day_number
from central.directory.importer import (
    ChangedError,
    FaultsError,
    Importer,
    Options,
    devices,
    gateways,
    since_ever,
    values_of,
)
from central.directory.kinds import KINDS, Column, Kind, shown
from central.directory.reading import Fault, read_rows
from central.directory.register import entry_on
from central.directory.sight import Sight
from central.people.callers import Holder
from central.people.deeds import who_of
from central.people.roles import PROVINCE, Place, may
from central.store import directory
from central.store.database import Database
from central.web.pages.looker import Looker, place_for
from pages import PageError, Site, pages_of

log = logging.getLogger(__name__)

_ROWS = 100  # on one page
_KINDS = {kind.kind: kind for kind in KINDS}
_IN_HALLS = ("window", "staff")
_STEPS = "\n"  # between the changes that were shown
Found = Annotated[str, Query(max_length=64, alias="q")]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=10_000)]


class DirectoryView:
    """The values of directory.html and directory_row.html, and what the form does.

    Raises PageError for a kind or a row that is not there, or not the reader's.
    """

    def __init__(self, database: Database, importer: Importer, looker: Looker) -> None:
        self._database = database
        self._importer = importer
        self._looker = looker

    def show(self, place: Place, name: str, wanted: str, page: int) -> Any:
        """The rows of a kind as they are today; wanted: part of an id or of a name."""
        kind = _kind(name)
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            if kind.is_dated:
                ups = sight.halls if name in _IN_HALLS and not sight.is_institution else None
                today = day_number(self._looker.today())
                entries = directory.search(connection, name, today, wanted.strip(), ups)
                rows: list[Any] = [entry for entry in entries if sight.sees(entry)]
            else:
                rows = [
                    row
                    for row in _equipment(connection, name, sight)
                    if wanted.strip().casefold() in row["id"]
                ]
            start = (page - 1) * _ROWS
            page_rows = [_shown_row(row) for row in rows[start : start + _ROWS]]
            names = _names(connection, kind, [values for _, values in page_rows])
        return {
            "kinds": KINDS,
            "kind": kind,
            "columns": _in_order(kind),
            "rows": page_rows,
            "names": names,
            "found": len(rows),
            "wanted": wanted,
            "page": page,
            "pages": pages_of(len(rows), _ROWS, page),
            "shown": shown,
            "own_name": sight.name,
            "is_coarse": sight.is_coarse,
        }

    def show_row(self, place: Place, name: str, what: str, may_write: bool, **more: Any) -> Any:
        """Something with all its versions, and the form to mend it. more: what a form that was
        sent adds to it: its fields, faults, changes.
        """
        kind = _kind(name)
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            versions = directory.of_things(connection, name, [what])
            if not kind.is_dated or not versions or not sight.sees(versions[-1]):
                raise PageError(404, "名录中没有这一行。")
            every = [values_of(one) for one in reversed(since_ever(versions))]
            said = more.get("fields") or {}
            typed = [{one.field: said.get(one.english) for one in kind.columns}]
            names = _names(connection, kind, every + typed)
        today = day_number(self._looker.today())
        now = entry_on(versions, today) or versions[-1]
        return {
            "kind": kind,
            "what": what,
            "name": now.name,
            "now": values_of(now),
            "versions": every,
            "names": names,
            "columns": kind.columns,
            "mended": [one for one in kind.columns if not _is_given(kind, one)],
            "shown": shown,
            "fields": {},
            "may_write": may_write,
            "today": self._looker.today().isoformat(),
            "faults": [],
            "changes": None,
            "agreed": "",
            "is_done": False,
            "is_correction": False,
            "own_name": sight.name,
            "is_coarse": sight.is_coarse,
            **more,
        }

    def mend(self, name: str, what: str, fields: Mapping[str, str], who: str) -> Any:
        """What the form would change, as more values of the page; None if it is written.

        fields: by the columns' English headings; `from`: from which day, empty for today;
        `correct`: it was wrong from the beginning; `agreed`: the changes that were shown, without
        which nothing is written.
        """
        kind = _kind(name)
        with self._database.read() as connection:
            versions = directory.of_things(connection, name, [what])
        if not kind.is_dated or not versions:
            raise PageError(404, "名录中没有这一行。")
        given = {one.english: fields.get(one.english, "") for one in kind.columns}
        row: dict[str, Any] = dict(given)
        now = entry_on(versions, day_number(self._looker.today())) or versions[-1]
        for one in kind.columns:
            if _is_given(kind, one):
                row[one.english] = values_of(now)[one.field]
        is_correction = fields.get("correct") == "yes"
        if is_correction:
            row["from"] = shown(kind.column("first_day"), now.first_day) or "ever"
        elif not given["from"]:
            del row["from"]
        more = {"fields": given, "is_correction": is_correction}
        lines, faults = read_rows(kind, [row])
        options = Options(corrects=is_correction)
        agreed = fields.get("agreed", "")
        try:
            if not agreed:
                changes = self._importer.differences(lines, options, faults)
                text = _STEPS.join(map(str, changes))
                return {**more, "changes": changes, "agreed": text}
            changes = self._importer.carry_out(lines, options, agreed.split(_STEPS), faults, who)
        except FaultsError as error:
            return {**more, "faults": _told(error.faults)}
        except ChangedError:
            raise PageError(409, "名录在此期间已被更改，请返回重新查看。") from None
        log.info("directory: %s %s was mended by %s", name, what, who)
        return None if changes else {**more, "changes": []}


def add_to(site: Site[Holder], view: DirectoryView) -> None:
    """Add the pages."""

    async def looks(request: Request) -> tuple[Place, bool]:
        """What the browser's tokens show, and whether one of them mends."""
        if await site.has(request, may("change the directory")):
            return PROVINCE, True
        return await place_for(site, request, "look at the directory"), False

    @site.router.get("/directory")
    async def show_halls(request: Request) -> Response:
        await looks(request)
        return RedirectResponse("/directory/hall", 303)

    @site.router.get("/directory/{kind}")
    async def show_kind(
        request: Request, kind: str, wanted: Found = "", page: PageNumber = 1
    ) -> Response:
        place, _ = await looks(request)
        return await site.page(
            request, "directory.html", lambda: view.show(place, kind, wanted, page)
        )

    @site.router.get("/directory/{kind}/{what:path}")
    async def show_row(request: Request, kind: str, what: str, done: int = 0) -> Response:
        place, may_write = await looks(request)
        return await site.page(
            request,
            "directory_row.html",
            lambda: view.show_row(place, kind, what, may_write, is_done=bool(done)),
        )

    @site.router.post("/directory/{kind}/{what:path}")
    async def mend(request: Request, kind: str, what: str) -> Response:
        holder = await site.holder(request, may("change the directory"))
        fields = await site.form(request)
        more = await run_in_threadpool(view.mend, kind, what, fields, who_of(holder))
        if more is None:
            return RedirectResponse(f"/directory/{kind}/{what}?done=1", 303)
        status = 422 if more.get("faults") else 200
        return await site.page(
            request,
            "directory_row.html",
            lambda: view.show_row(PROVINCE, kind, what, True, **more),
            status,
        )


def _kind(name: str) -> Kind:
    if name not in _KINDS:
        raise PageError(404, "没有这个页面。")
    return _KINDS[name]


def _equipment(connection: Any, name: str, sight: Sight) -> list[dict[str, Any]]:
    rows = gateways(connection) if name == "gateway" else devices(connection)
    place = "id" if name == "gateway" else "up"
    return [row for row in rows if sight.sees_equipment(row[place])]


def _shown_row(row: Any) -> tuple[str, dict[str, Any]]:
    """Its id, and its values by field."""
    return (row["id"], row) if isinstance(row, dict) else (row.id, values_of(row))


def _in_order(kind: Kind) -> list[Column]:
    """The columns of a list: what people read first, and no end, which what holds seldom has."""
    found = [one for one in kind.columns if one.field != "last_day"]
    return sorted(found, key=lambda one: one.field != "name")


def _names(connection: Any, kind: Kind, rows: list[Any]) -> dict[tuple[str, str], str]:
    """What people call the things that these rows name, by kind and id, today or last."""
    found = {}
    for column in kind.columns:
        ids = {row.get(column.field) for row in rows} - {None, ""}
        if column.refers is not None and ids:
            for entry in directory.of_things(connection, column.refers, ids):
                found[column.refers, entry.id] = entry.name
    return found


def _is_given(kind: Kind, column: Column) -> bool:
    """Whether a column is part of the id, which nobody mends."""
    return column.field in ("id", *kind.keys)


def _told(faults: list[Fault]) -> dict[str, Fault]:
    """By the field that each is about: places are `rows.0.name`."""
    return {fault.place.split(".")[-1]: fault for fault in reversed(faults)}
