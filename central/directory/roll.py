"""What the directory says of today, where everything else looks: halls' names, windows."""

from sqlalchemy import Connection

from central.directory.register import entry_on
from central.store import directory, places
from central.store.directory import Entry


def settle(connection: Connection, today: int) -> set[str]:
    """Bring names and windows of the halls that have gateways up to this day, and which of them
    are no more; count a version of those where something in their document is another now; which
    they are.
    """
    rows = {row.hall: row for row in directory.hall_rows(connection)}
    changed = set()
    for hall, versions in _versions(connection, "hall").items():
        if hall not in rows:
            continue
        entry = entry_on(versions, today)
        if rows[hall].is_closed != (entry is None):
            directory.close_hall(connection, hall, entry is None)
        if entry is not None and rows[hall].name != entry.name:
            directory.rename_hall(connection, hall, entry.name)
            changed.add(hall)
    known = {(row.hall, row.window): row for row in directory.all_windows(connection)}
    for what, versions in _versions(connection, "window").items():
        hall, window = what.split("/")
        if hall not in rows:  # a station without a gateway
            continue
        entry = entry_on(versions, today)
        if entry is None and (hall, window) not in known:
            continue  # it is not there yet
        name = entry.name if entry is not None else known[hall, window].name
        row = known.get((hall, window))
        if row is None or (row.name, row.is_closed) != (name, entry is None):
            directory.put_window(connection, hall, window, name, entry is None)
            changed.add(hall)
    places.bump_versions(connection, changed)
    return changed


def on_day(connection: Connection, kind: str, day: int) -> list[Entry]:
    """What holds of all things of a kind on a day, by id."""
    found = [entry_on(versions, day) for versions in _versions(connection, kind).values()]
    return [entry for entry in found if entry is not None]


def _versions(connection: Connection, kind: str) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in directory.entries(connection, kind):
        found.setdefault(entry.id, []).append(entry)
    return found
