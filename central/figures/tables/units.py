"""What figures are of: the four dimensions and more, what each is called, and its counters.

窗口、机构、条线、地区 are 钦南's four (第六条); halls, staff, matters and platforms stand beside
(R108). A region is a sum over its halls, as of today's directory.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.figures.columns import Columns
from central.figures.hours import hour_rows, name_of
from central.figures.key import WITHIN, CountKey, region_of
from central.figures.shown import Unit, Words, keys_of
from central.figures.tables.table import Where
from central.ratings.judge import Judge
from central.ratings.period import Period
from central.rules.combined import Part
from central.rules.policy import Policy
from central.store import directory
from central.store.judged import counters
from central.store.tallies import number_of

Parts = Sequence[Part]  # what each version of a profile adds


class Dimension(NamedTuple):
    """A kind of units. dim: of the counters; is_of_hall: whether ids are a hall's own. figured:
    what a policy calls such a unit.
    """

    key: str
    zh: str
    en: str
    dim: str
    is_of_hall: bool
    figured: str


DIMENSIONS = {
    one.key: one
    for one in (
        Dimension("region", "地区", "Regions", "hall", True, "region"),
        Dimension("hall", "大厅", "Halls", "hall", True, "hall"),
        Dimension("institution", "机构", "Institutions", "institution", False, "institution"),
        Dimension("line", "条线", "Lines", "line", False, "line"),
        Dimension("window", "窗口", "Windows", "window", True, "window"),
        Dimension("staff", "人员", "Staff", "staff", True, "staff"),
        Dimension("matter", "事项", "Matters", "matter", False, "matter"),
        Dimension("platform", "平台", "Platforms", "hall", True, "hall"),
        Dimension("hour", "时段", "Hours", "hour", True, "hall"),  # of one hall
    )
}


class Asked(NamedTuple):
    """Of which units, days and halls a table is, by which policy. place: how a count's key names
    these halls, `@` and a region, one hall, or None for all; halls: None for all. today: a number.
    """

    dimension: Dimension
    policy: Policy
    period: Period
    place: str | None
    halls: frozenset[str] | None
    today: int

    @property
    def is_of_a_hall(self) -> bool:
        """Whether one hall or platform is asked for."""
        return self.place is not None and not self.place.startswith(WITHIN)

    def keys(
        self,
        where: Where,
        modes: tuple[str, ...],
        words: Mapping[Policy, Words | None],
        is_whole: bool = False,
    ) -> tuple[CountKey | None, CountKey | None]:
        """The keys of the two counts of a unit, or of all of the place; None where none counts
        what these versions add. words: of each version.
        """
        unit = Unit(where[0], "hall" if is_whole else self.dimension.dim, where[1])
        return keys_of(self.policy.profile, self.period, unit, modes, words)


class Units:
    """Reads the counters and names of units from one state of the database."""

    def __init__(self, connection: Connection, judge: Judge, columns: Columns) -> None:
        self.connection = connection
        self.judge = judge
        self._columns = columns
        self.places = judge.places_now(connection)

    def counts(
        self, asked: Asked, period: Period, wanted: Collection[Where] | None = None
    ) -> dict[Where, Parts]:
        """What each version adds to each unit that has anything in a period, the newest first;
        of those wanted, and maybe of more.
        """
        rows = self._rows(asked, period, asked.dimension.dim, asked.dimension.is_of_hall, wanted)
        return self._parts(asked, rows, self._place_of(asked))

    def sums(
        self,
        asked: Asked,
        period: Period,
        modes: Collection[str],
        words: Words,
        listed: Collection[str],
        are_projects: bool,
    ) -> dict[Where, tuple[int, int]]:
        """Two sums of counters of each unit that has any of those `listed` in a period."""
        place_of = self._place_of(asked)
        told = (asked.policy.profile, period.spans(), asked.dimension.dim, asked.halls)
        found: dict[Where, tuple[int, int]] = {}
        more = (modes, words, listed, are_projects, asked.dimension.is_of_hall)
        rows = self._columns.two_sums(self.connection, *told, *more)
        if asked.dimension.is_of_hall and asked.dimension.dim != "hall":  # a hall's own, each once
            return {unit: (num, den) for unit, num, den in rows}
        for (hall, one), num, den in rows:
            for where in place_of(hall, one):
                before = found.get(where, (0, 0))
                found[where] = before[0] + num, before[1] + den
        return found

    def whole(self, asked: Asked, period: Period) -> Parts:
        """What each version adds to all halls asked for."""
        profile = asked.policy.profile
        if asked.halls is None and not self.places.has_details(profile):
            rows = self._columns.whole(self.connection, profile, period.spans())
        else:
            rows = self._rows(asked, period, "hall", False)
        return self._parts(asked, rows, lambda *_: [(None, None)]).get((None, None), ())

    def rows_of(
        self, asked: Asked, where: Where, spans: Collection[int], by: Collection[str] = ()
    ) -> list[Any]:
        """Rows of counters of one unit (`counters.sums`), which name the hall where a version
        depends on it; of a region those of the halls in `asked`.
        """
        dimension, profile = asked.dimension, asked.policy.profile
        halls: Collection[str] | None = asked.halls
        if dimension.is_of_hall and dimension.key != "region":
            halls = {where[0] or ""}
        if self.places.has_details(profile):
            by = {*by, "hall"}
        found = (profile, spans, dimension.dim, halls, by)
        things = None if where[1] is None else [where[1]]
        return counters.sums(self.connection, *found, None, things)

    def parts(self, asked: Asked, rows: Iterable[Any]) -> Parts:
        """What each version adds in these rows."""
        return self._parts(asked, rows, lambda *_: [(None, None)]).get((None, None), ())

    def _rows(
        self,
        asked: Asked,
        period: Period,
        dim: str,
        is_of_hall: bool,
        wanted: Collection[Where] | None = None,
    ) -> list[Any]:
        profile, halls = asked.policy.profile, asked.halls
        if dim == "hour":
            return [*hour_rows(self.connection, profile, period, asked.place or "")]
        by = {"hall"} if is_of_hall or self.places.has_details(profile) else ()
        things = None
        if wanted is not None and asked.dimension.key != "region":
            if is_of_hall:
                halls = {hall or "" for hall, _ in wanted}
            if dim != "hall":
                things = {one or "" for _, one in wanted}
        found = (profile, period.spans(), dim, halls, by, None, things)
        return counters.sums(self.connection, *found)

    def _parts(
        self, asked: Asked, rows: Iterable[Any], places_of: Callable[[str, str], list[Where]]
    ) -> dict[Where, Parts]:
        profile = asked.policy.profile
        found: dict[Where, dict[Policy, dict[tuple[str, str], int]]] = {}
        for row in rows:
            policy = self.places.version(profile, row.hall, row.policy_from)
            is_by_project = policy.counting.weight.value == "project"
            n = int(row.projects if is_by_project else row.ratings)
            for place in places_of(row.hall, row.id):
                counts = found.setdefault(place, {}).setdefault(policy, {})
                counts[row.mode, row.what] = counts.get((row.mode, row.what), 0) + n
        return {
            place: sorted(
                (Part(policy, counts) for policy, counts in by_policy.items()),
                key=lambda part: (-part.policy.valid_from, part.policy.files),
            )
            for place, by_policy in found.items()
        }

    def names(self, asked: Asked) -> "Names":
        """What the units asked for are called, on the period's last day or today."""
        last = asked.period.last
        day = asked.today if last is None else min(number_of(last), asked.today)
        return Names(self, asked.dimension.key, day, asked.halls)

    def _place_of(self, asked: Asked) -> Callable[[str, str], list[Where]]:
        dimension = asked.dimension
        if dimension.key == "region":
            regions: dict[str, list[Where]] = {}

            def of_region(hall: str, _: str) -> list[Where]:
                if hall not in regions:
                    around = list(self.places.regions(hall, asked.today))
                    if (top := region_of(asked.place)) is not None:  # nothing above it is theirs
                        around = around[: around.index(top) + 1]
                    regions[hall] = [(f"{WITHIN}{one}", None) for one in around]
                return regions[hall]

            return of_region
        if dimension.dim == "hall":
            platforms = self.places.named("platform", asked.today)
            is_platform = dimension.key == "platform"
            return lambda hall, _: [(hall, None)] if (hall in platforms) == is_platform else []
        if dimension.is_of_hall:
            return lambda hall, one: [(hall, one)]
        return lambda _, one: [(asked.place, one)]


class Names:
    """What people call units of a kind on a day; ids for those of which the directory is silent.
    halls: in which they are; None for all.
    """

    def __init__(
        self, units: Units, kind: str, day: int, halls: Collection[str] | None = None
    ) -> None:
        self._kind, self._day, self._among, self._places = kind, day, halls, units.places
        self._halls = units.judge.hall_names(units.connection, day)
        self._connection = units.connection
        is_many = kind in ("hall", "window", "staff", "hour")
        self._names = {} if is_many else units.places.named(kind, day)

    def name(self, where: Where) -> str:
        """Of a unit."""
        hall, one = where
        if self._kind in ("hall", "platform"):
            return self._halls.get(hall or "", hall or "")
        if self._kind == "region":
            region = (hall or "").removeprefix(WITHIN)
            return self._names.get(region, region)
        if self._kind == "window":
            known = self._places.called("window", f"{hall}/{one}", self._day)
            return known or self._others.get((hall or "", one or ""), one or "")
        if self._kind == "hour":
            return name_of(one or "")
        if self._kind == "staff":
            return self._places.person(hall or "", one or "", self._day)
        return self._names.get(one or "", one or "")

    @cached_property
    def _others(self) -> dict[tuple[str, str], str]:
        """Windows that the directory does not have on that day."""
        return {
            (row.hall, row.window): row.name for row in directory.all_windows(self._connection)
        }

    def place(self, where: Where) -> str:
        """Where a window or a member of staff is; empty for others."""
        hall = where[0] or ""
        return self._halls.get(hall, hall) if self._kind in ("window", "staff") else ""

    def told(self, where: Where) -> tuple[str, str]:
        """Name and place of a unit."""
        return self.name(where), self.place(where)

    def listed(self) -> list[Where]:
        """Those that the directory has on that day, whether or not anything was counted of them;
        of windows, staff and matters, which are many, none. Of a part of the province its halls.
        """
        halls = self._among
        if self._kind in ("hall", "platform"):
            platforms = self._places.named("platform", self._day)
            found = [one for one in self._halls if (one in platforms) == (self._kind != "hall")]
            return [(one, None) for one in found if halls is None or one in halls]
        if halls is not None or self._kind in ("window", "staff", "matter", "hour"):
            return []
        if self._kind == "region":
            return [(f"{WITHIN}{one}", None) for one in self._names]
        return [(None, one) for one in self._names]


def page_of(kind: Dimension) -> Callable[[Where], str | None]:
    """Gives the end of the path of a unit's page: `demo/0231`, or an id alone; None if it has
    none.
    """

    def found(where: Where) -> str | None:
        hall, one = where
        if kind.key == "hour":
            return None
        if one is None:
            return (hall or "").removeprefix(WITHIN)
        return one if hall is None or hall.startswith(WITHIN) else f"{hall}/{one}"

    return found
