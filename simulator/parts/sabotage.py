"""Damage done to the centre on purpose, so that the oracle can be seen to fail.

One committed rating is removed, copied under another seq, or edited, in the centre's SQLite file
while the centre does not run. The demo's `--sabotage` and the tests use it; nothing else may.
"""

import sqlite3
from pathlib import Path

from hosting.error import OperatorError

KINDS = ("drop", "double", "alter")


class SabotageError(OperatorError):
    """There was nothing to damage."""


def sabotage(kind: str, database: Path) -> str:
    """Damages the newest rating in the centre's database; gives a sentence on what was done."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute(
            "SELECT rowid, device, seq, level FROM record WHERE kind = 'rating'"
            " ORDER BY rowid DESC LIMIT 1"
        ).fetchall()
        if not rows:
            raise SabotageError("the centre holds no rating that could be damaged")
        rowid, device, seq, level = rows[0]
        where = f"the rating with seq {seq} of {device}"
        if kind == "drop":
            connection.execute("DELETE FROM record WHERE rowid = ?", (rowid,))
            return f"sabotage: {where} was removed from the centre's database"
        if kind == "double":
            return f"sabotage: {where} was copied to seq {_double(connection, rowid, seq)}"
        connection.execute("UPDATE record SET level = ? WHERE rowid = ?", (level % 5 + 1, rowid))
        return f"sabotage: {where} was edited from level {level} to {level % 5 + 1}"


def _double(connection, rowid, seq):
    columns = [row[1] for row in connection.execute("PRAGMA table_info(record)")]
    other = ", ".join(name for name in columns if name != "seq")
    copy = seq + 1_000_000
    connection.execute(
        f"INSERT INTO record (seq, {other}) SELECT ?, {other} FROM record WHERE rowid = ?",
        (copy, rowid),
    )
    return copy
