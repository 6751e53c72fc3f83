"""GET and PUT /v1/directory/{kind}: the directory (名录) for machines, by the importer's own path.

Rows have the columns of docs/directory.md by their English names; days are 2026-09-01, `ever` is
since ever, null is an empty cell. A row that was read can be written back, and changes nothing.
"""

import base64
import binascii
import json
import logging
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError
from starlette.concurrency import run_in_threadpool

from central.directory.cells import day_number, day_of
from central.directory.importer import (
    FaultsError,
    Importer,
    Options,
    devices,
    gateways,
    since_ever,
    values_of,
)
from central.directory.kinds import KINDS, Kind, nearest, shown
from central.directory.reading import FAULTS, Fault, read_rows
from central.directory.register import Change
from central.people.callers import Holder
from central.people.deeds import who_of
from central.store import directory
from central.store.database import Database
from central.web.api.bearer import HolderOf, require
from hosting.clock import day
from hosting.problem import FieldError, problem

log = logging.getLogger(__name__)

ROWS = 20_000  # of one request
_KINDS = {kind.kind: kind for kind in KINDS}
_START = ("", -1)
# What the sentences of faults call the options of the command, and what they are called here.
_HERE = {
    "--correct": '"correct": true',
    "--move": '"move": true',
    "--replace": "--replace (pingjia central directory import)",
}


class DirectoryPage(BaseModel):
    """Rows by the columns' English names, by id and first day; `next` goes into `after`, null at
    the end.
    """

    rows: list[dict[str, Any]]
    next: str | None


class DirectoryRows(BaseModel, extra="forbid"):
    """Rows to be written. dry_run: only say what would change. from: from when a change without a
    day of its own holds; null for today. correct: what held in the past may be another. move:
    devices may move to other windows of their hall, halls to other brokers. What a row does not
    name stays as it is, and so do rows that are not sent.
    """

    rows: list[dict[str, Any]] = Field(max_length=ROWS)
    dry_run: bool = False
    first_day: date | None = Field(default=None, alias="from")
    correct: bool = False
    move: bool = False


class Difference(BaseModel):
    """column: its English name; `place` where a device stands."""

    column: str
    before: str | None
    after: str | None


class DirectoryChange(BaseModel):
    """what: added, changed, corrected, moved. from: since when, null for ever; differences: none
    of something new.
    """

    what: str
    id: str
    first_day: date | None = Field(serialization_alias="from")
    differences: list[Difference]


class DirectoryAnswer(BaseModel):
    """What has changed, or would; nothing of it is missing in the directory, and nothing of what
    was refused is in it.
    """

    dry_run: bool
    rows: int
    changes: list[DirectoryChange]


@cache
def _rows_schema() -> dict[str, Any]:
    return DirectoryRows.model_json_schema()


def create_router(
    database: Database, importer: Importer, holder_in: HolderOf, now_ms: Callable[[], int]
) -> APIRouter:
    """The routes, for tokens with directory:read and directory:write."""
    router = APIRouter(prefix="/v1/directory")

    def writer(holder: Annotated[Holder, Depends(holder_in)]) -> Holder:
        require(holder.scopes, "write the directory")
        return holder

    @router.get("/{kind}")
    def get_directory(
        holder: Annotated[Holder, Depends(holder_in)],
        kind: Annotated[Kind, Depends(_kind_of)],
        on: Annotated[date | None, Query()] = None,
        after: Annotated[str | None, Query(max_length=400)] = None,
        limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    ) -> DirectoryPage:
        """Rows of a kind: all versions, or with `on` what holds on that day. Gateways and devices
        have no versions: they are as they are now. Scope directory:read.
        """
        require(holder.scopes, "read the directory")
        position = _START if after is None else _read_cursor(after)
        with database.read() as connection:
            return _page(connection, kind, on, position, limit)

    # Without a body in its signature: the token is looked at before the body is read.
    @router.put(
        "/{kind}",
        response_model=DirectoryAnswer,
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": _rows_schema()}},
            }
        },
    )
    async def put_directory(
        holder: Annotated[Holder, Depends(writer)],
        kind: Annotated[Kind, Depends(_kind_of)],
        request: Request,
    ) -> Any:
        """Bring rows of a kind up to what these say: all of them or, if one has a fault, none; the
        faults all at once. It can be repeated. No device is enrolled here. Scope directory:write.
        """
        try:
            body = DirectoryRows.model_validate_json(await request.body())
        except ValidationError as error:
            found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
            raise RequestValidationError(found) from None
        return await run_in_threadpool(_put, importer, kind, body, holder, now_ms())

    return router


def _kind_of(kind: Annotated[str, Path(max_length=32)]) -> Kind:
    if kind not in _KINDS:
        meant = nearest(kind, _KINDS)
        also = f"did you mean {meant}?" if meant else f"one of {', '.join(_KINDS)}"
        raise HTTPException(404, f"the directory has no kind {kind}: {also}")
    return _KINDS[kind]


def _put(importer: Importer, kind: Kind, body: DirectoryRows, holder: Holder, now_ms: int) -> Any:
    lines, faults = read_rows(kind, body.rows)
    from_day = day_number(body.first_day or day(now_ms))
    options = Options(from_day, corrects=body.correct, moves=body.move)
    try:
        if body.dry_run:
            changes = importer.differences(lines, options, faults=faults)
        else:
            changes = importer.carry_out(lines, options, faults=faults, who=who_of(holder))
    except FaultsError as error:
        return _refused(error.faults)
    if changes and not body.dry_run:
        log.info("directory: %d changes of %s by the token %s", len(changes), kind.kind, holder.id)
    found = [_change(change) for change in changes]
    return DirectoryAnswer(dry_run=body.dry_run, rows=len(body.rows), changes=found)


def _refused(faults: list[Fault]) -> Response:
    told = []
    for fault in faults[:FAULTS]:
        _, row, *column = fault.place.split(".")
        sentences = {"chinese": _here(fault.chinese), "english": _here(fault.english)}
        told.append({"row": int(row), "column": column[0] if column else None, **sentences})
    detail = f"wrong members: {len(faults)}; nothing was changed, `faults` names each"
    return problem(422, detail, faults[0].place, faults=told)


def _here(sentence: str) -> str:
    for option, name in _HERE.items():
        sentence = sentence.replace(option, name)
    return sentence


def _page(
    connection: Any, kind: Kind, on: date | None, after: tuple[str, int], limit: int
) -> DirectoryPage:
    if not kind.is_dated:
        if on is not None:
            raise FieldError("on", f"{kind.english} have no days: leave `on` out")
        rows = gateways(connection) if kind.kind == "gateway" else devices(connection)
        left = [row for row in rows if row["id"] > after[0]]
        page, keys = left[: limit + 1], [(row["id"], 0) for row in left[: limit + 1]]
    else:
        day = None if on is None else day_number(on)
        entries = directory.page(connection, kind.kind, day, after, limit + 1)
        keys = [(entry.id, entry.first_day) for entry in entries]
        page = [values_of(entry) for entry in _said(connection, kind.kind, entries)]
    named = [
        {one.english: _member(one, row[one.field]) for one in kind.columns} for row in page[:limit]
    ]
    follows = _write_cursor(keys[limit - 1]) if len(page) > limit else None
    return DirectoryPage(rows=named, next=follows)


def _said(connection: Any, kind: str, entries: list[Any]) -> list[Any]:
    """The entries, of which those say `ever` that hold since ever and have later versions."""
    every: dict[str, list[Any]] = {}
    for one in directory.of_things(connection, kind, {entry.id for entry in entries}):
        every.setdefault(one.id, []).append(one)
    said = {
        (one.id, at): entry
        for versions in every.values()
        for one, at, entry in zip(
            versions, [one.first_day for one in versions], since_ever(versions), strict=True
        )
    }
    return [said[entry.id, entry.first_day] for entry in entries]


def _member(column: Any, value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, int) and column.field == "port"):
        return value
    return shown(column, value, "en") or None


def _change(change: Change) -> DirectoryChange:
    columns = {one.title: one for one in change.kind.columns}
    differences = [
        Difference(
            column=columns[title].english if title in columns else "place",
            before=_text(columns.get(title), before),
            after=_text(columns.get(title), after),
        )
        for title, before, after in change.differences
    ]
    since = day_of(change.first_day) if change.first_day else None
    return DirectoryChange(
        what=change.what, id=change.id, first_day=since, differences=differences
    )


def _text(column: Any, value: Any) -> str | None:
    return value if column is None else shown(column, value, "en") or None


def _write_cursor(position: tuple[str, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode().rstrip("=")


def _read_cursor(text: str) -> tuple[str, int]:
    try:
        plain = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        what, first_day = json.loads(plain)
    except (binascii.Error, ValueError, TypeError, RecursionError):
        what, first_day = None, 0
    is_day = type(first_day) is int and -1 <= first_day <= 99_991_231
    if (
        not isinstance(what, str)
        or not f"{what}a".isprintable()
        or not what.isascii()
        or not is_day
    ):
        raise FieldError("after", "after must be a cursor that `next` gave")
    return what, first_day
