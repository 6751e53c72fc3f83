"""The steps of cases, append-only."""

from collections.abc import Iterable
from typing import Any, cast

from sqlalchemy import Connection

from central.rules.cases.steps import Actor, Role, Step
from central.store import sql
from central.store.tables import metadata

_step = metadata.tables["case_step"]
_NAMES = ("id", "no", "what", "at_ms", "noted_ms", "actor", "role", "institution", "word", "told")
_NAMES += ("about", "day", "text", "n")
_ADD = (
    f"INSERT INTO case_step ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"
    " ON CONFLICT (id) DO NOTHING"
)


def add(connection: Connection, new: Iterable[tuple[str, Step]]) -> None:
    """Append steps to cases: (no, step). One with an id that is there already is there already."""
    values = [
        (
            *(one.id, no, one.what, one.at_ms, one.noted_ms),
            *(one.actor.id, one.actor.role, one.actor.institution),
            *(one.of, one.to, one.about, one.day, one.text, one.n),
        )
        for no, one in new
    ]
    if values:
        sql.run(connection, _ADD, values)


def of(connection: Connection, numbers: Iterable[str]) -> dict[str, list[Step]]:
    """no -> the steps of these cases, in any order; () where there is none."""
    wanted = set(numbers)
    found: dict[str, list[Step]] = {one: [] for one in wanted}
    keys = {(one,) for one in wanted}
    for row in sql.with_keys(connection, _step, keys, ("no",), _NAMES):
        found[row[1]].append(_made(row))
    return found


def case_of(connection: Connection, id: str) -> str | None:
    """The case of a step; None if there is no such step."""
    found = sql.run(connection, "SELECT no FROM case_step WHERE id = ?", (id,)).first()
    return None if found is None else found[0]


def _made(row: Any) -> Step:
    actor = Actor(row[5], cast(Role, row[6]), row[7])
    return Step(row[0], row[2], row[3], row[4], actor, *row[8:])
