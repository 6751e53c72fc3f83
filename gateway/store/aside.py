"""A damaged database that was set aside, and what can still be read of it.

First row by row through SQLite, which knows when and where a record came in; then the file's raw
bytes are searched for envelopes, because those need neither page nor index to be found.
Next: gateway/keep/salvage.py puts them where they belong.
"""

import mmap
import re
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

_PARTS = ("", "-wal", "-shm")
_DAMAGED, _SALVAGED = ".damaged-", ".salvaged-"
_KEPT = 3  # set-aside databases: a dying disk must not be filled with them
_LONGEST_JUMP = 1 << 20  # rows passed over at once where nothing can be read
# What begins like a record and ends like an envelope (ENV-2).
_ENVELOPE = re.compile(rb'\{"v":[^\n]{10,959}\n[0-9a-f]{64}')


class Found(NamedTuple):
    """An envelope that was found; received_at_ms and window are None in raw bytes."""

    envelope: bytes
    received_at_ms: int | None
    window: str | None


def set_aside(path: Path, at_ms: int) -> Path:
    """Rename the database with all its files; where it is now. Only the newest three are kept."""
    number = max(map(_number, waiting(path) + done(path)), default=0) + 1
    date = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    # The number says which one is older, whatever the clock said.
    aside = path.with_name(f"{path.name}{_DAMAGED}{number:06d}-{date}")
    for part in _PARTS:
        found = path.with_name(path.name + part)
        if found.exists():
            found.rename(aside.with_name(aside.name + part))
    for old in sorted(waiting(path) + done(path), key=_number)[:-_KEPT]:
        _each_part(old, lambda part: part.unlink(missing_ok=True))
    return aside


def waiting(path: Path) -> list[Path]:
    """The set-aside databases of `path` that are not salvaged yet, oldest first."""
    return _named(path, _DAMAGED)


def done(path: Path) -> list[Path]:
    """Those that are."""
    return _named(path, _SALVAGED)


def mark_done(aside: Path) -> Path:
    """Everything was read; its new name."""
    salvaged = aside.with_name(aside.name.replace(_DAMAGED, _SALVAGED))
    for part in _PARTS:
        found = aside.with_name(aside.name + part)
        if found.exists():
            found.rename(salvaged.with_name(salvaged.name + part))
    return salvaged


def rows(aside: Path, table: str) -> Iterator[dict]:
    """What SQLite can still read of a table, row by row; nothing if that is nothing at all."""
    try:
        connection = sqlite3.connect(f"{aside.as_uri()}?mode=ro", uri=True)
    except sqlite3.Error:
        return
    try:
        yield from _rows(connection, table)
    finally:
        connection.close()


def envelopes(aside: Path) -> Iterator[Found]:
    """Everything that looks like an envelope, some of it twice."""
    for row in rows(aside, "envelope"):
        envelope, at_ms, window = (row.get(n) for n in ("envelope", "received_at_ms", "window"))
        if isinstance(envelope, bytes) and isinstance(at_ms, int):
            yield Found(envelope, at_ms, window if isinstance(window, str) else None)
    for part in ("", "-wal"):
        file = aside.with_name(aside.name + part)
        if file.exists() and file.stat().st_size:
            with (
                file.open("rb") as raw,
                mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as all,
            ):
                for match in _ENVELOPE.finditer(all):
                    yield Found(match.group(), None, None)


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[dict]:
    """Rows by rowid; where a page is unreadable, ever longer jumps lead past it."""
    last, jump = 0, 1
    query = f"SELECT rowid AS at, * FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"
    while jump <= _LONGEST_JUMP:
        try:
            cursor = connection.execute(query, (last,))
            names = [column[0] for column in cursor.description]
            for values in cursor:
                last, jump = values[0], 1
                yield dict(zip(names[1:], values[1:], strict=True))
            return
        except (sqlite3.Error, OverflowError, UnicodeDecodeError):
            last, jump = last + jump, 2 * jump


def _number(aside: Path) -> int:
    found = re.search(r"-([0-9]{6})-", aside.name)
    return int(found[1]) if found else 0


def _named(path: Path, infix: str) -> list[Path]:
    found = path.parent.glob(f"{path.name}{infix}*")
    return sorted(one for one in found if not one.name.endswith(_PARTS[1:]))


def _each_part(aside: Path, act) -> None:
    for part in _PARTS:
        act(aside.with_name(aside.name + part))
