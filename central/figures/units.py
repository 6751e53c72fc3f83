"""What figures are of: the four dimensions and more, what each is called, and its counters.

窗口、机构、条线、地区 are 钦南's four (第六条); halls, staff, matters and platforms stand beside
(R108). A region is a sum over its halls, as of today's directory.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.figures.key import WITHIN, CountKey, region_of
from central.figures.shown import Counters
from central.ratings.judge import Judge
from central.ratings.period import Period
from central.rules.policy import Policy
from central.store import directory
from central.store.judged import counters
from central.store.tallies import number_of

Place = tuple[str | None, str | None]  # hall and id, as in a count's key


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

    def key(
        self, where: Place, modes: Iterable[str], whats: Iterable[str], is_whole: bool = False
    ) -> CountKey:
        """The key of counts of a unit, or of all of the place."""
        dim = "hall" if is_whole else self.dimension.dim
        told = (tuple(modes), tuple(whats))
        return CountKey(self.policy.profile, self.period, where[0], dim, where[1], *told)


class Units:
    """Reads the counters and names of units from one state of the database."""

    def __init__(self, connection: Connection, judge: Judge) -> None:
        self.connection = connection
        self.judge = judge
        self.places = judge.places_now(connection)

    def counts(
        self, asked: Asked, period: Period, whats: Collection[str] | None = None
    ) -> dict[Place, Counters]:
        """The counters of each unit that has any in a period; whats: those wanted."""
        place_of = self._place_of(asked)
        found: dict[Place, Counters] = {}
        dimension = asked.dimension
        for row in counters.by_unit(
            *(self.connection, asked.policy.profile, period.spans(), dimension.dim),
            *(asked.halls, dimension.is_of_hall, whats),
        ):
            for place in place_of(row.hall, row.id):
                _add(found.setdefault(place, {}), row)
        return found

    def whole(
        self, asked: Asked, period: Period, whats: Collection[str] | None = None
    ) -> Counters:
        """The counters of all halls asked for."""
        found: Counters = {}
        for row in counters.by_unit(
            *(self.connection, asked.policy.profile, period.spans(), "hall", asked.halls),
            *(False, whats),
        ):
            _add(found, row)
        return found

    def names(self, asked: Asked) -> "Names":
        """What the units asked for are called, on the period's last day or today."""
        last = asked.period.last
        day = asked.today if last is None else min(number_of(last), asked.today)
        return Names(self, asked.dimension.key, day, asked.halls)

    def _place_of(self, asked: Asked) -> Callable[[str, str], list[Place]]:
        dimension = asked.dimension
        if dimension.key == "region":
            regions: dict[str, list[Place]] = {}

            def of_region(hall: str, _: str) -> list[Place]:
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
        self._names: dict[str, str] = {}
        if kind == "window":
            for row in directory.all_windows(units.connection):
                self._names[f"{row.hall}/{row.window}"] = row.name
        if kind not in ("hall", "staff"):
            self._names |= units.places.named(kind, day)

    def name(self, where: Place) -> str:
        """Of a unit."""
        hall, one = where
        if self._kind in ("hall", "platform"):
            return self._halls.get(hall or "", hall or "")
        if self._kind == "region":
            region = (hall or "").removeprefix(WITHIN)
            return self._names.get(region, region)
        if self._kind == "window":
            return self._names.get(f"{hall}/{one}", one or "")
        if self._kind == "staff":
            return self._places.person(hall or "", one or "", self._day)
        return self._names.get(one or "", one or "")

    def place(self, where: Place) -> str:
        """Where a window or a member of staff is; empty for others."""
        hall = where[0] or ""
        return self._halls.get(hall, hall) if self._kind in ("window", "staff") else ""

    def listed(self) -> list[Place]:
        """Those that the directory has on that day, whether or not anything was counted of them;
        of windows, staff and matters, which are many, none. Of a part of the province its halls.
        """
        halls = self._among
        if self._kind in ("hall", "platform"):
            platforms = self._places.named("platform", self._day)
            found = [one for one in self._halls if (one in platforms) == (self._kind != "hall")]
            return [(one, None) for one in found if halls is None or one in halls]
        if halls is not None or self._kind in ("window", "staff", "matter"):
            return []
        if self._kind == "region":
            return [(f"{WITHIN}{one}", None) for one in self._names]
        return [(None, one) for one in self._names]


def page_of(where: Place) -> str:
    """The end of the path of a unit's page: `demo/0231`, or an id alone."""
    hall, one = where
    if one is None:
        return (hall or "").removeprefix(WITHIN)
    return one if hall is None or hall.startswith(WITHIN) else f"{hall}/{one}"


def _add(found: Counters, row: Any) -> None:
    before = found.get((row.mode, row.what), (0, 0))
    found[row.mode, row.what] = (before[0] + int(row.ratings), before[1] + int(row.projects))
