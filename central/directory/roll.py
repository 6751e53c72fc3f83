"""What the directory says of today, where everything else looks: halls' names, windows, who may
sign in at a hall and what it deals with.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from central.directory.register import entry_on
from central.store import directory, places
from central.store.directory import Entry
from protocol.hall import MATTERS, STAFF, HallMatter
from protocol.message import StaffCard


class _Differences(NamedTuple):
    """What halls that have gateways are not yet, by hall: whether they are no more, name, roll;
    windows: those that are other than (hall, window, name, is_closed).
    """

    closed: dict[str, bool]
    names: dict[str, str]
    windows: list[tuple[str, str, str, bool]]
    rolls: dict[str, str]
    new: set[str]  # halls whose document nobody has seen


def is_settled(connection: Connection, today: int) -> bool:
    """Whether all is as the directory says of this day."""
    found = _differences(connection, today)
    return not (found.closed or found.names or found.windows or found.rolls)


def settle(connection: Connection, today: int) -> set[str]:
    """Bring names, windows, staff and matters of the halls that have gateways up to this day, and
    which of them are no more; count a version of those where something in their document is
    another now; which they are.
    """
    found = _differences(connection, today)
    for hall, is_closed in found.closed.items():
        directory.close_hall(connection, hall, is_closed)
    for hall, name in found.names.items():
        directory.rename_hall(connection, hall, name)
    for row in found.windows:
        directory.put_window(connection, *row)
    for hall, roll in found.rolls.items():
        directory.put_roll(connection, hall, roll)
    changed = {*found.names, *[row[0] for row in found.windows], *(found.rolls.keys() - found.new)}
    places.bump_versions(connection, changed)
    return changed


def _differences(connection: Connection, today: int) -> _Differences:
    rows = {row.hall: row for row in directory.hall_rows(connection)}
    versions = directory.entries(connection, "hall")
    halls, named = _on(versions, today), {entry.id for entry in versions}
    there = {entry.id for entry in halls}
    closed = {
        hall: hall not in there
        for hall, row in rows.items()
        if hall in named and row.is_closed == (hall in there)
    }
    names = {
        entry.id: entry.name
        for entry in halls
        if entry.id in rows and rows[entry.id].name != entry.name
    }
    known = {(row.hall, row.window): row for row in directory.all_windows(connection)}
    windows = []
    for (_, what), versions in _versions(directory.entries(connection, "window")).items():
        hall, window = what.split("/")
        if hall not in rows:  # a station without a gateway
            continue
        entry = entry_on(versions, today)
        if entry is None and (hall, window) not in known:
            continue  # it is not there yet
        name = entry.name if entry is not None else known[hall, window].name
        row = known.get((hall, window))
        if row is None or (row.name, row.is_closed) != (name, entry is None):
            windows.append((hall, window, name, entry is None))
    rolls = _rolls(connection, rows, halls, today)
    other = {hall: roll for hall, roll in rolls.items() if rows[hall].roll != roll}
    new = {hall for hall, row in rows.items() if row.roll is None}
    return _Differences(closed, names, windows, other, new)


def on_day(connection: Connection, kind: str, day: int) -> list[Entry]:
    """What holds of all things of a kind on a day, by id."""
    return _on(directory.entries(connection, kind), day)


def clerks(connection: Connection, hall: str, day: int) -> tuple[StaffCard, ...]:
    """Who may sign in at a hall on a day, by number, as many as its document carries."""
    return _cards(_on(directory.of_hall(connection, "staff", hall), day))


def dealt_with(connection: Connection, hall: str, day: int) -> tuple[HallMatter, ...]:
    """The matters of a hall on a day, by code, as many as its document carries: those of an
    institution that is the hall's, a window's or of staff there, and those of none.
    """
    around = [
        *directory.of_things(connection, "hall", [hall]),
        *directory.of_hall(connection, "window", hall),
        *directory.of_hall(connection, "staff", hall),
    ]
    theirs = _dealing(_on(around, day)).get(hall, set())
    return _matters(_on(directory.matters_of(connection, theirs), day), theirs)


def _rolls(
    connection: Connection, wanted: Iterable[str], halls: list[Entry], today: int
) -> dict[str, str]:
    """A digest of the staff and the matters of each hall, by hall."""
    staff = on_day(connection, "staff", today)
    windows = on_day(connection, "window", today)
    theirs = _dealing([*halls, *windows, *staff])
    matters = on_day(connection, "matter", today)
    serving: dict[str, list[Entry]] = {}
    for entry in staff:
        serving.setdefault(entry.up or "", []).append(entry)
    seen: dict[frozenset[str], bytes] = {}  # most halls deal with what others do
    found = {}
    for hall in wanted:
        who = frozenset(theirs.get(hall, ()))
        if who not in seen:
            seen[who] = repr(_matters(matters, who)).encode()
        whole = hashlib.sha256(seen[who])
        whole.update(repr(_cards(serving.get(hall, []))).encode())
        found[hall] = whole.hexdigest()[:16]
    return found


def _cards(entries: list[Entry]) -> tuple[StaffCard, ...]:
    return tuple(StaffCard(entry.id.split("/")[1], entry.name) for entry in entries[:STAFF])


def _matters(entries: list[Entry], theirs: Iterable[str]) -> tuple[HallMatter, ...]:
    mine = [one for one in entries if one.institution is None or one.institution in theirs]
    return tuple(HallMatter(one.id, one.name, one.rateable is not False) for one in mine[:MATTERS])


def _on(entries: Iterable[Entry], day: int) -> list[Entry]:
    found = [entry_on(versions, day) for versions in _versions(entries).values()]
    return [entry for entry in found if entry is not None]


def _dealing(entries: Iterable[Entry]) -> dict[str, set[str]]:
    """The institutions that are there, by hall; entries: of halls, windows and staff."""
    found: dict[str, set[str]] = {}
    for entry in entries:
        if entry.institution is not None:
            found.setdefault(entry.id.split("/")[0], set()).add(entry.institution)
    return found


def _versions(entries: Iterable[Entry]) -> dict[tuple[str, str], list[Entry]]:
    found: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.what, []).append(entry)
    return found
