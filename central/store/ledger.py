"""Records and conflicts: every envelope whose MAC was verified, by its identity, for ever."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Table,
    bindparam,
    false,
    func,
    select,
    tuple_,
    update,
)

from central.store import sql
from central.store.tables import metadata
from protocol.batch import MALFORMED, UNKNOWN_KIND, UNKNOWN_VERSION
from protocol.envelope import split
from protocol.record import decode, parse

Key = tuple[str, int, int]  # device, epoch, seq: the identity of a record
Epoch = tuple[str, int]  # device, epoch

_record = metadata.tables["record"]
_conflict = metadata.tables["conflict"]
UNREADABLE = (MALFORMED, UNKNOWN_KIND, UNKNOWN_VERSION)
_COLUMNS = tuple(_record.c.keys())


@dataclass(slots=True)
class Row:
    """A row of `record` or `conflict`; the columns are told in central/store/tables/records.py.

    added_marks: those added since the row was made or read, no column. codes: what the answer of
    reasons that were just opened says, no column. odd: what of it cannot be read, no column
    (central/store/walk.py). _record: the decoded record if somebody has it already, no column.
    """

    device: str
    epoch: int
    seq: int
    mac16: str
    kind: str
    prev: str | None
    envelope: bytes
    received_at_ms: int
    stored_at_ms: int
    hall: str
    window: str | None
    service: str | None
    facts: str | None
    marks: list[str] = field(default_factory=list)
    hall_marks: list[str] = field(default_factory=list)
    level: int | None = None
    rated_at_ms: int | None = None
    rated_error_ms: int | None = None
    added_marks: list[str] = field(default_factory=list, compare=False)
    codes: tuple[int, ...] = field(default=(), compare=False)
    odd: str = field(default="", compare=False)
    _record: Any = field(default=None, repr=False)

    @property
    def record(self) -> Any:
        """The decoded record; only for one that is not marked as unreadable."""
        if self._record is None:
            self._record = decode(parse(split(self.envelope)[0]))
        return self._record

    @property
    def is_readable(self) -> bool:
        """Whether `record` can be had."""
        return not any(mark in UNREADABLE for mark in self.marks)

    @property
    def marks_text(self) -> str:
        """The column `marks`."""
        return json.dumps(self.marks) if self.marks else "[]"

    @property
    def hall_marks_text(self) -> str:
        """The column `hall_marks`."""
        return json.dumps(self.hall_marks) if self.hall_marks else "[]"

    @property
    def epoch_key(self) -> Epoch:
        """Whose record it is."""
        return self.device, self.epoch

    @property
    def key(self) -> Key:
        """The record's identity."""
        return self.device, self.epoch, self.seq

    def mark(self, word: str) -> bool:
        """Add a mark; whether it is a new one. In one order, whatever was found first."""
        if word in self.marks:
            return False
        self.marks = sorted([*self.marks, word])
        self.added_marks.append(word)
        return True


class Rows:
    """Records by key, each read at most once in a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[Key, Row] = {}

    def load(self, keys: Iterable[Key]) -> None:
        """Read those that were not read yet."""
        missing = {key for key in keys if key not in self._found}
        if missing:
            self._found |= rows(self._connection, missing)

    def add(self, row: Row) -> None:
        """A record that has just been given its key."""
        self._found[row.key] = row

    def get(self, key: Key) -> Row | None:
        """The record, if it was read and there is one."""
        return self._found.get(key)

    def __getitem__(self, key: Key) -> Row:
        return self._found[key]


class Held(NamedTuple):
    """Of a record that is held, what decides how far a chain is covered."""

    seq: int
    mac16: str
    kind: str
    marks: list[str]


def rows(connection: Connection, keys: Iterable[Key]) -> dict[Key, Row]:
    """The records that hold these keys."""
    found = [row_of(row) for row in sql.with_keys(connection, _record, keys)]
    return {row.key: row for row in found}


def conflict_rows(connection: Connection, keys: Iterable[Key]) -> dict[tuple[Any, ...], Row]:
    """The conflicts of these keys, by (device, epoch, seq, mac16)."""
    found = [row_of(row) for row in sql.with_keys(connection, _conflict, keys)]
    return {(*row.key, row.mac16): row for row in found}


def add_rows(connection: Connection, new: list[Row]) -> None:
    """Insert records, in one statement."""
    if new:
        sql.insert_many(connection, _record, _COLUMNS, [_values(row) for row in new])


def add_conflicts(connection: Connection, new: list[Row]) -> None:
    """Insert conflicts, in one statement."""
    if new:
        sql.insert_many(connection, _conflict, _COLUMNS, [_values(row) for row in new])


def save_marks(connection: Connection, changed: Iterable[Row]) -> None:
    """Write the marks of records that are already there."""
    values = [
        {"d": row.device, "e": row.epoch, "s": row.seq, "m": row.marks_text} for row in changed
    ]
    if values:
        is_row = (
            (_record.c.device == bindparam("d"))
            & (_record.c.epoch == bindparam("e"))
            & (_record.c.seq == bindparam("s"))
        )
        connection.execute(update(_record).where(is_row).values(marks=bindparam("m")), values)


def save_times(connection: Connection, dated: Iterable[Row]) -> None:
    """Write the times of ratings that had none."""
    values = [
        {
            "d": row.device,
            "e": row.epoch,
            "s": row.seq,
            "t": row.rated_at_ms,
            "x": row.rated_error_ms,
        }
        for row in dated
    ]
    if values:
        is_row = (
            (_record.c.device == bindparam("d"))
            & (_record.c.epoch == bindparam("e"))
            & (_record.c.seq == bindparam("s"))
        )
        change = update(_record).where(is_row, _record.c.rated_at_ms.is_(None))
        connection.execute(
            change.values(rated_at_ms=bindparam("t"), rated_error_ms=bindparam("x")), values
        )


def undated(connection: Connection, epoch: Epoch, first_seq: int, last_seq: int) -> list[Row]:
    """The ratings without a time between two seqs."""
    query = select(_record).where(
        _of(_record, epoch),
        _record.c.seq.between(first_seq, last_seq),
        _record.c.level.is_not(None),
        _record.c.rated_at_ms.is_(None),
    )
    return [row_of(row) for row in connection.execute(query)]


def count_between(connection: Connection, epoch: Epoch, first_seq: int, last_seq: int) -> int:
    """How many records are held between two seqs, both included."""
    query = select(func.count()).where(
        _of(_record, epoch), _record.c.seq.between(first_seq, last_seq)
    )
    return connection.execute(query).scalar_one()


def first_rated(connection: Connection, epoch: Epoch, at_ms: int) -> int | None:
    """The lowest seq of a rating that was given then or later."""
    query = select(func.min(_record.c.seq)).where(
        _of(_record, epoch), _record.c.rated_at_ms >= at_ms
    )
    return connection.execute(query).scalar()


def ratings(connection: Connection, epoch: Epoch) -> list[Row]:
    """All well-formed ratings of an epoch, in their order."""
    query = select(_record).where(_of(_record, epoch), _record.c.level.is_not(None))
    return [row_of(row) for row in connection.execute(query.order_by(_record.c.seq))]


def rows_from(connection: Connection, epoch: Epoch, seq: int) -> list[Row]:
    """All records of an epoch from this seq on."""
    query = select(_record).where(_of(_record, epoch), _record.c.seq >= seq)
    return [row_of(row) for row in connection.execute(query)]


def holds_mac16(connection: Connection, epoch: Epoch, below_seq: int, mac16: str) -> bool:
    """Whether a record below `below_seq` has this mac16. Reads the epoch: for rare cases."""
    query = (
        select(_record.c.seq)
        .where(_of(_record, epoch), _record.c.seq < below_seq, _record.c.mac16 == mac16)
        .limit(1)
    )
    return connection.execute(query).first() is not None


def conflict_below(connection: Connection, epoch: Epoch, below_seq: int, mac16: str) -> Row | None:
    """A conflict below `below_seq` with this mac16. Reads the epoch's: for rare cases."""
    query = (
        select(_conflict)
        .where(_of(_conflict, epoch), _conflict.c.seq < below_seq, _conflict.c.mac16 == mac16)
        .limit(1)
    )
    found = connection.execute(query).first()
    return None if found is None else row_of(found)


def held_above(connection: Connection, epoch: Epoch, seq: int, limit: int) -> list[Held]:
    """The records from seq + 1 on, rising, at most `limit`; the caller judges holes."""
    query = (
        select(_record.c.seq, _record.c.mac16, _record.c.kind, _record.c.marks)
        .where(_of(_record, epoch), _record.c.seq > seq)
        .order_by(_record.c.seq)
        .limit(limit)
    )
    return [
        Held(row.seq, row.mac16, row.kind, json.loads(row.marks))
        for row in connection.execute(query)
    ]


def rows_after(connection: Connection, place: Key, limit: int) -> list[Row]:
    """The records behind a key, in their order."""
    return [
        row_of(row) for row in connection.execute(after_key(_record, None, place).limit(limit))
    ]


def count(connection: Connection) -> int:
    """How many records are held."""
    return connection.execute(select(func.count()).select_from(_record)).scalar_one()


def _of(table: Any, epoch: Epoch) -> Any:
    return (table.c.device == epoch[0]) & (table.c.epoch == epoch[1])


def after_key(table: Table, device: str | None, place: tuple[Any, ...]) -> Any:
    """The rows behind a place in the order of the primary key, of one device or of all."""
    columns = list(table.primary_key.columns)[: len(place)]
    query = select(table).order_by(*columns)
    if device is None:
        return query.where(tuple_(*columns) > tuple_(*place))
    # The device apart from the tuple, or SQLite reads it from its first record on.
    query = query.where(table.c.device == device)
    if place[0] < device:
        return query
    if place[0] > device:
        return query.where(false())
    return query.where(tuple_(*columns[1:]) > tuple_(*place[1:]))


def row_of(row: Any) -> Row:
    """A row of the table, whose columns stand in the order of the class."""
    found = Row(*row)
    for name in ("marks", "hall_marks"):
        text: Any = getattr(found, name)
        setattr(found, name, [] if text == "[]" else json.loads(text))
    return found


_STORED_AS = {"marks": "marks_text", "hall_marks": "hall_marks_text"}
_values = attrgetter(*[_STORED_AS.get(name, name) for name in _COLUMNS])
