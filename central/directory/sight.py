"""What a reading scope may see: the whole province, or a region, an institution, a hall of it.

The one place that says so (RULES 7). A region is a supervisor's: of its halls it sees what the
province sees. An institution and a hall are among the rated: they see closed months only
(central/figures/closed.py), and nothing that tells a time, a service or a device.
"""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from central.directory.attribution import Register
from central.directory.roll import on_day
from central.people.roles import PROVINCE, Place
from central.store import directory
from central.store.directory import Entry


class Sight(NamedTuple):
    """What the holder of a scope for `place` sees. name: what people call it, empty for the
    province. regions: it and what lies in it; halls: those in it, or of an institution; None for
    all. As of today: what a hall rated before it came to a region is seen with it.
    """

    place: Place
    name: str = ""
    regions: frozenset[str] = frozenset()
    halls: frozenset[str] | None = None

    @property
    def is_coarse(self) -> bool:
        """Whether it sees closed months only."""
        return is_coarse(self.place)

    @property
    def region(self) -> str | None:
        """The region that it sees; None for the province, and for those who are rated."""
        return self.place.id if self.place.kind == "region" else None

    @property
    def is_institution(self) -> bool:
        """Whether it is an institution's, whose things lie in many halls."""
        return self.place.kind == "institution"

    def sees_hall(self, hall: str) -> bool:
        """Whether what a hall rates is seen day by day."""
        return not self.is_coarse and (self.halls is None or hall in self.halls)

    def sees(self, entry: Entry) -> bool:
        """Whether a row of the directory is seen. Lines and matters are everybody's."""
        if self.place == PROVINCE or entry.kind in ("line", "matter"):
            return True
        if self.is_institution:
            is_it = (entry.kind, entry.id) == self.place or entry.institution == self.place.id
            is_of_hall = entry.kind == "window" and entry.institution is None
            return is_it or (is_of_hall and entry.up in (self.halls or ()))
        if entry.kind == "region":
            return entry.id in self.regions
        if entry.kind in ("institution", "platform"):
            return entry.up in self.regions
        return (entry.id if entry.kind == "hall" else entry.up) in (self.halls or ())

    def sees_equipment(self, hall: str) -> bool:
        """Whether a hall's gateway and devices are seen in the directory."""
        return not self.is_institution and (self.halls is None or hall in self.halls)


def is_coarse(place: Place) -> bool:
    """Whether who reads for this place sees closed months only."""
    return place.kind in ("institution", "hall")


def sight_of(connection: Connection, place: Place, today: int) -> Sight | None:
    """What a place sees on a day; None if the directory has it no more."""
    if place == PROVINCE:
        return Sight(place)
    entries = {entry.id: entry for entry in on_day(connection, place.kind, today)}
    entry = entries.get(place.id)
    if entry is None:
        return None
    if place.kind == "hall":
        return Sight(place, entry.name, halls=frozenset({place.id}))
    if place.kind == "institution":
        halls = {
            one.id for one in on_day(connection, "hall", today) if one.institution == place.id
        }
        return Sight(place, entry.name, halls=frozenset(halls))
    regions = {place.id}
    while more := {one.id for one in entries.values() if one.up in regions} - regions:
        regions |= more
    halls = {one.id for one in on_day(connection, "hall", today) if one.up in regions}
    return Sight(place, entry.name, frozenset(regions), frozenset(halls))


def halls_ever(connection: Connection, institution: str) -> set[str]:
    """Halls that were ever an institution's, or had a window that was."""
    halls = directory.entries(connection, "hall")
    windows = directory.entries(connection, "window")
    found = {one.id for one in halls if one.institution == institution}
    return found | {one.up or "" for one in windows if one.institution == institution}


def owners_in(
    connection: Connection, halls: Collection[str], first: int, last: int
) -> dict[tuple[str, str], str]:
    """Of the windows (hall, window) of these halls the institution that had each on all of these
    days; those that were nobody's or changed hands are left out.
    """
    rows = directory.entries(connection, "hall")
    windows = [one for one in directory.entries(connection, "window") if one.up in halls]
    register = Register([*rows, *windows])
    changes = {one.first_day for one in (*rows, *windows) if first < one.first_day <= last}
    found = {}
    for what in {one.id for one in windows}:
        hall, _, window = what.partition("/")
        owners = {_owner(register, hall, what, day) for day in {first, last, *changes}}
        if len(owners) == 1 and (owner := owners.pop()) is not None:
            found[hall, window] = owner
    return found


def _owner(register: Register, hall: str, what: str, day: int) -> str | None:
    seat, at = register.on("window", what, day), register.on("hall", hall, day)
    own = seat.institution if seat is not None else None
    return own or (at.institution if at is not None else None)
