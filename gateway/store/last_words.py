"""What a database holds, read without changing it: of a gateway that is down, or beside one that
runs; on a disk that is read-only, too.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError


class LastWords(NamedTuple):
    """What waits for the centre, and since when (None for nothing); how many records there are;
    how many came within the last day, and how large the files are.
    """

    records: int
    documents: int
    since_ms: int | None
    all_records: int
    of_a_day: int
    size: int


def last_words(path: Path, day_ms: int = 0) -> LastWords:
    """What stands there; day_ms: when the last day began. Raises OperatorError if it cannot be
    read, or is damaged.
    """
    try:
        with closing(_opened(path)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise OperatorError(
                    f"{path} is damaged ({found}). Start the gateway: it salvages."
                )

            def one(query: str, *values: int) -> tuple:
                return connection.execute(query, values).fetchone()

            records, since_ms = one(
                "SELECT count(*), min(received_at_ms) FROM envelope WHERE verdict IS NULL"
            )
            (documents,) = one("SELECT count(*) FROM service WHERE document_verdict IS NULL")
            (every,) = one("SELECT count(*) FROM envelope")
            (new,) = one("SELECT count(*) FROM envelope WHERE received_at_ms >= ?", day_ms)
    except sqlite3.Error as error:
        raise OperatorError(f"{path} cannot be read: {error}.") from error
    size = sum(os.path.getsize(f"{path}{part}") for part in ("", "-wal") if _is_there(path, part))
    return LastWords(records, documents, since_ms, every, new, size)


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing; where SQLite cannot even make its -shm file, one that
    reads the database without what is only in its log.
    """
    try:
        connection = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        return connection
    except sqlite3.Error:
        return sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True, timeout=5)


def _is_there(path: Path, part: str) -> bool:
    return os.path.exists(f"{path}{part}")
