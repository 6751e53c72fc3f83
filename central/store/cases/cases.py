"""What cases are about, and how they stood when they were folded last."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.store import sql
from central.store.judged.facts import Service
from central.store.tables import metadata

_case = metadata.tables["rating_case"]
NEVER_MS = 9_007_199_254_740_991  # shown_ms of what has no limit: behind all that have one


class Folded(NamedTuple):
    """What is folded of a case, columns of `rating_case` in their order."""

    steps: int
    is_open: bool
    state: str
    institution_now: str | None
    complexity: str | None
    next_step: str | None
    shown_ms: int
    next_ms: int | None
    is_over: bool
    tier: int
    joined: str | None


class CaseRow(NamedTuple):
    """A row of `rating_case` (central/store/tables/cases.py), its columns in their order."""

    no: str
    kind: str
    hall: str | None
    service: str | None
    rating: str | None
    window: str | None
    staff: str | None
    task_code: str | None
    about: str | None
    region: str | None
    institution: str | None
    received_ms: int
    day: int
    policies: str
    due_day: int | None
    has_contact: bool
    opened_ms: int
    steps: int
    is_open: bool
    state: str
    institution_now: str | None
    complexity: str | None
    next_step: str | None
    shown_ms: int
    next_ms: int | None
    is_over: bool
    tier: int
    joined: str | None

    @property
    def told(self) -> tuple[Any, ...]:
        """What it is about as the directory says it: what `retell` changes."""
        return tuple([getattr(self, name) for name in _TOLD])


# What another word of the directory may still change of a case that nobody has taken a step in.
_TOLD = ("window", "staff", "task_code", "region", "institution", "day", "policies")
_NAMES = ", ".join([sql.name(one) for one in CaseRow._fields])
_ADD = (
    f"INSERT INTO rating_case ({_NAMES}) VALUES ({', '.join('?' * len(CaseRow._fields))})"
    " ON CONFLICT DO NOTHING"
)
_SET = "UPDATE rating_case SET {} WHERE no = ?"
_RETELL = _SET.format(", ".join([f"{sql.name(one)} = ?" for one in _TOLD + Folded._fields]))
_RETELL += " AND steps = 0"
_FOLD = _SET.format(", ".join([f"{one} = ?" for one in Folded._fields]))


def folded(row: CaseRow, value: Folded) -> CaseRow:
    """The row, as it stands now."""
    return row._replace(**value._asdict())


def add(connection: Connection, rows: Collection[CaseRow]) -> None:
    """Open cases; of two for one rating the first stays."""
    if rows:
        sql.run(connection, _ADD, [tuple(row) for row in rows])


def retell(connection: Connection, rows: Collection[CaseRow]) -> None:
    """What they are about is told otherwise now; of those in which nobody has taken a step."""
    values = [
        (
            *(getattr(row, name) for name in _TOLD),
            *(getattr(row, name) for name in Folded._fields),
            row.no,
        )
        for row in rows
    ]
    if values:
        sql.run(connection, _RETELL, values)


def save(connection: Connection, values: Collection[tuple[str, Folded]]) -> None:
    """How these cases stand now."""
    if values:
        sql.run(connection, _FOLD, [(*value, no) for no, value in values])


def note_contact(connection: Connection, no: str) -> None:
    """The citizen has left a contact."""
    sql.run(connection, "UPDATE rating_case SET has_contact = ? WHERE no = ?", (True, no))


def of_ratings(connection: Connection, ratings: Iterable[str]) -> dict[str, CaseRow]:
    """rating -> its case, of those that have one."""
    keys = {(one,) for one in ratings}
    rows = sql.with_keys(connection, _case, keys, ("rating",))
    return {row.rating: row for row in map(_row, rows) if row.rating is not None}


def of_numbers(connection: Connection, numbers: Iterable[str]) -> dict[str, CaseRow]:
    """no -> case, of those that there are."""
    keys = {(one,) for one in numbers}
    return {row.no: row for row in map(_row, sql.with_keys(connection, _case, keys, ("no",)))}


def of_services(connection: Connection, services: Iterable[Service]) -> list[CaseRow]:
    """The cases about these services."""
    found = sql.with_keys(connection, _case, set(services), ("hall", "service"))
    return [_row(row) for row in found]


def joined_to(connection: Connection, no: str) -> list[CaseRow]:
    """The cases that one serves."""
    return [_row(row) for row in sql.with_keys(connection, _case, {(no,)}, ("joined",))]


def lock(connection: Connection, no: str) -> CaseRow | None:
    """A case that nobody else changes until this transaction ends; None if there is none."""
    query = f"SELECT {_NAMES} FROM rating_case WHERE no = ?{sql.for_update(connection)}"
    found = sql.run(connection, query, (no,)).first()
    return None if found is None else _row(found)


def due(connection: Connection, now_ms: int, most: int) -> list[CaseRow]:
    """Cases of which time alone makes something by now, those first whose instant came first."""
    query = f"SELECT {_NAMES} FROM rating_case WHERE next_ms <= ? ORDER BY next_ms LIMIT ?"
    return [_row(row) for row in sql.run(connection, query, (now_ms, most))]


def next_due_ms(connection: Connection, after_ms: int) -> int | None:
    """The next instant behind one at which time alone makes something of a case."""
    query = "SELECT min(next_ms) FROM rating_case WHERE next_ms > ?"
    return sql.run(connection, query, (after_ms,)).scalar()


def page(connection: Connection, after: str, most: int) -> list[CaseRow]:
    """Cases behind one, by their numbers: for folding all again."""
    query = f"SELECT {_NAMES} FROM rating_case WHERE no > ? ORDER BY no LIMIT ?"
    return [_row(row) for row in sql.run(connection, query, (after, most))]


class Scope(NamedTuple):
    """Whose cases: those that an institution handles, those of some regions, or all."""

    institution: str | None = None
    regions: tuple[str, ...] | None = None


def received(
    connection: Connection,
    scope: Scope,
    span: tuple[int, int],
    after: tuple[int, str],
    most: int,
) -> list[CaseRow]:
    """Cases of a scope, open or closed, that came from span[0] to before span[1], the next ones
    behind (received_ms, no).
    """
    where, values = _of_scope(connection, scope)
    query = (
        f"SELECT {_NAMES} FROM rating_case WHERE received_ms >= ? AND received_ms < ?"
        f" AND (received_ms > ? OR no > ?) AND {where} ORDER BY received_ms, no LIMIT ?"
    )
    told = (max(span[0], after[0]), span[1], after[0], after[1], *values, most)
    return [_row(row) for row in sql.run(connection, query, told)]


def numbers_between(connection: Connection, scope: Scope, span: tuple[int, int]) -> list[str]:
    """The numbers of all cases of a scope that came from span[0] to before span[1]."""
    where, values = _of_scope(connection, scope)
    query = f"SELECT no FROM rating_case WHERE received_ms >= ? AND received_ms < ? AND {where}"
    return [row[0] for row in sql.run(connection, query, (*span, *values))]


class Counts(NamedTuple):
    """How many open cases of a scope there are; over: with a limit missed, by what is shown;
    today, week: whose limit ends first until then.
    """

    open: int
    over: int
    today: int
    week: int


def board(
    connection: Connection,
    scope: Scope,
    span: tuple[int, int],
    after: tuple[int, str],
    most: int,
) -> list[CaseRow]:
    """Open cases by the limit that ends first, those without any behind, the next ones behind
    (shown_ms, no). span: from, and to before, what shown_ms. Read along one index, whatever waits.
    """
    where, values = _of_scope(connection, scope)
    query = (
        f"SELECT {_NAMES} FROM rating_case WHERE is_open AND {where}"
        " AND shown_ms >= ? AND shown_ms < ? AND (shown_ms > ? OR (shown_ms = ? AND no > ?))"
        " ORDER BY shown_ms, no LIMIT ?"
    )
    first = max(span[0], after[0])
    told = (*values, first, span[1], after[0], after[0], after[1], most)
    return [_row(row) for row in sql.run(connection, query, told)]


def counts(connection: Connection, scope: Scope, now_ms: int, today: int, week: int) -> Counts:
    """How many there are. now_ms, today, week: before which instants limits end."""
    where, values = _of_scope(connection, scope)
    ends = ", ".join(["COALESCE(sum(CASE WHEN shown_ms <= ? THEN 1 ELSE 0 END), 0)"] * 3)
    query = f"SELECT count(*), {ends} FROM rating_case WHERE is_open AND {where}"
    told = (now_ms, today, week, *values)
    total, over, of_today, of_week = sql.run(connection, query, told).one()
    return Counts(int(total), int(over), int(of_today) - int(over), int(of_week) - int(over))


def _of_scope(connection: Connection, scope: Scope) -> tuple[str, tuple[Any, ...]]:
    if scope.institution is not None:
        return "institution_now = ?", (scope.institution,)
    if scope.regions is not None:
        among, values = sql.among(connection, scope.regions)
        return f"region {among}", values
    return "TRUE", ()


def _row(row: Sequence[Any]) -> CaseRow:
    """SQLite has no truth values."""
    made = CaseRow._make(row)
    return made._replace(
        has_contact=bool(made.has_contact),
        is_open=bool(made.is_open),
        is_over=bool(made.is_over),
    )
