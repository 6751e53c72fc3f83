"""Where a service belongs, and by which policies it is judged, on its day (RULES 4, 5)."""

from typing import NamedTuple

from central.directory.attribution import Register
from central.rules.figure import Attributed
from central.rules.policy import Policies, Policy
from central.store.judged.facts import VISIT, ServiceRow
from central.store.tallies import day_of
from protocol.batch import PROGRESS

_EVER_AFTER = 99991231  # a hall may have come to a place after its details began
NATIONAL = "national"  # where a place names no policy that is in force on the day


class Matter(NamedTuple):
    """What the directory says of what a service was about; None where it says nothing. sends: the
    kinds of progress that its hall sends.
    """

    is_rateable: bool
    needs_application: bool | None
    sends: frozenset[str] | None


class Region(NamedTuple):
    """A region. tier: `region` to `village` (RULES)."""

    id: str
    name: str
    tier: str


class Places:
    """Answers from one state of the directory, each once. default: the profile of places to which
    the directory gives none.
    """

    def __init__(self, register: Register, policies: Policies, default: str) -> None:
        self._register = register
        self._policies = policies
        self._default = default
        self._of_window: dict[tuple[str, str | None, int], tuple[Policy, ...]] = {}
        self._versions: dict[tuple[str, str, int], Policy] = {}
        self._of_matter: dict[tuple[str, str | None, int], Matter] = {}
        self._of_place: dict[tuple[str, str | None, str | None, str | None, int], Attributed] = {}

    def policies(self, row: ServiceRow, rated_ms: int | None) -> tuple[Policy, ...]:
        """Those that judge a service, for life: of its `policy_day`. Two where a window has two
        (R46).
        """
        return self.policies_at(row.hall, row.window, policy_day(row, rated_ms))

    def policies_at(self, hall: str, window: str | None, day: int) -> tuple[Policy, ...]:
        """Those that judge what is opened there on a day; at least one."""
        key = (hall, window, day)
        if key not in self._of_window:
            self._of_window[key] = self._find(*key)
        return self._of_window[key]

    def policy(self, profile: str, day: int) -> Policy | None:
        """A profile's version of a day, without details of places."""
        return self._policies.of(profile, day) if profile in self._policies.profiles() else None

    def version(self, profile: str, hall: str, first_day: int) -> Policy:
        """The version that judged services of a hall, by its first day (`standing.policy_from`);
        that in force then if its file is gone.
        """
        key = (profile, hall, first_day)
        if key not in self._versions:
            is_known = profile in self._policies.profiles()
            found = None
            for day in (first_day, _EVER_AFTER) if is_known else ():
                regions = (hall, *self.regions(hall, day))
                found = found or self._policies.version(profile, first_day, regions)
            self._versions[key] = found or self.policy(profile, first_day) or self._national(0)
        return self._versions[key]

    def has_details(self, profile: str) -> bool:
        """Whether any place has details of its own to a profile, so that a version depends on the
        hall.
        """
        is_known = profile in self._policies.profiles()
        return is_known and any(one.base for one in self._policies.versions(profile))

    def regions(self, hall: str, day: int) -> tuple[str, ...]:
        """Those that a hall or platform lies in, the nearest first."""
        return self._register.attribution(hall, None, None, None, day).regions

    def region(self, region: str, day: int) -> Region | None:
        """A region of the directory; None if it has none of that id."""
        entry = self._register.on("region", region, day)
        if entry is None:
            return None
        return Region(region, entry.name or region, entry.tier or "")

    def policy_of_region(self, profile: str, region: str, day: int) -> Policy | None:
        """A profile's version of a day with the details of the region, or of one above it; None
        where there is none then.
        """
        if profile not in self._policies.profiles():
            return None
        return self._policies.of_place(profile, day, self._register.above(region, day))

    def above(self, region: str, day: int) -> tuple[str, ...]:
        """A region and those that it lies in, the nearest first."""
        return self._register.above(region, day)

    def institution_of(
        self, hall: str, window: str | None, staff_no: str | None, day: int
    ) -> str | None:
        """Whose people work there on a day; None where the directory does not say."""
        return self._register.attribution(hall, window, staff_no, None, day).institution

    def policies_of_region(self, region: str | None, day: int) -> tuple[Policy, ...]:
        """Those of a region on a day, as of `policies_at`."""
        above = self._register.above(region, day)
        named = [self._register.on("region", one, day) for one in above]
        profiles = next((one.profiles for one in named if one and one.profiles), None)
        found = [
            policy
            for profile in (profiles or self._default).split()
            if (policy := self._policies.of_place(profile, day, above)) is not None
        ]
        return tuple(found) or (self._national(day),)

    def halls(self, day: int) -> dict[str, str]:
        """id -> name of the directory's halls and platforms."""
        entries = [
            one for kind in ("platform", "hall") for one in self._register.all_on(kind, day)
        ]
        return {one.id: one.name for one in entries}

    def named(self, kind: str, day: int) -> dict[str, str]:
        """id -> name of all that the directory has of a kind on a day."""
        return {one.id: one.name for one in self._register.all_on(kind, day)}

    def called(self, kind: str, what: str, day: int) -> str | None:
        """The name of something on a day; None where the directory has it not."""
        entry = self._register.on(kind, what, day)
        return entry.name if entry is not None else None

    def person(self, hall: str, staff: str, day: int) -> str:
        """The name of who is `staff` in figures on a day, a number, with the day since when it is
        theirs if it was somebody else's before; the number where the directory is silent.
        """
        number, _, since = staff.partition("@")
        name = f"{hall}/{number}"
        start = self._register.named_since("staff", name, day)
        if since:
            day = max(int(since), day) if str(start) == since else int(since)
        elif start:
            day = 0
        entry = self._register.on("staff", name, day)
        return entry.name if entry is not None and entry.name else number

    def windows(self, hall: str, day: int) -> dict[str, str]:
        """id -> name of the directory's windows of a hall."""
        entries = self._register.all_on("window", day)
        return {one.id.partition("/")[2]: one.name for one in entries if one.up == hall}

    def knows(self, kind: str, what: str, day: int) -> bool:
        """Whether the directory has something on a day."""
        return self._register.on(kind, what, day) is not None

    def is_within(self, hall: str, place: str, day: int) -> bool:
        """Whether a hall or platform lies in a place: `all`, a region's id, or the first digits of
        a division's code.
        """
        regions = self.regions(hall, day)
        is_code = place.isdecimal() and any(one.startswith(place) for one in regions)
        return place == "all" or place in regions or is_code

    def lies_in(self, hall: str, place: str, day: int) -> bool:
        """Whether details for a place hold in a hall: it is the place, or lies within."""
        return hall == place or self.is_within(hall, place, day)

    def default_policy(self, day: int) -> Policy:
        """That of places to which the directory gives none."""
        policy = self._policies.of_place(self._default, day, ())
        return policy or self._national(day)

    def matter(self, row: ServiceRow, rated_ms: int | None) -> Matter:
        """What the directory says of a service's matter and hall on that day."""
        key = (row.hall, row.task_code, policy_day(row, rated_ms))
        if key not in self._of_matter:
            hall = self._register.on("hall", row.hall, key[2])
            matter = self._register.on("matter", row.task_code, key[2]) if row.task_code else None
            sends = None if hall is None else (hall.sends or "").split() or PROGRESS
            self._of_matter[key] = Matter(
                matter is None or matter.rateable is not False,
                matter and matter.needs_application,
                None if sends is None else frozenset(sends),
            )
        return self._of_matter[key]

    def attributed(self, row: ServiceRow, day: int) -> Attributed:
        """Whom a service of that day belongs to."""
        key = (row.hall, row.window, row.staff_no, row.task_code, day)
        if key not in self._of_place:
            found = self._register.attribution(*key)
            self._of_place[key] = Attributed(
                hall=row.hall,
                window=row.window,
                institution=found.institution,
                line=found.line,
                staff=self._person(row.hall, row.staff_no, day) if row.staff_no else None,
                matter=row.task_code,
            )
        return self._of_place[key]

    def _find(self, hall: str, window: str | None, day: int) -> tuple[Policy, ...]:
        regions = self._register.attribution(hall, window, None, None, day).regions
        found = []
        for profile in self._register.profiles(hall, window, day) or (self._default,):
            policy = self._policies.of_place(profile, day, (hall, *regions))
            if policy is not None:
                found.append(policy)
        return tuple(found) or (self._national(day),)

    def _national(self, day: int) -> Policy:
        """In force on every day: before its first one, as on it."""
        first = self._policies.versions(NATIONAL)[0]
        return self._policies.of(NATIONAL, max(day, first.valid_from)) or first

    def _person(self, hall: str, staff_no: str, day: int) -> str:
        """Who had a number on that day: a number that was given to somebody else is two persons,
        told apart by the day from which the name holds.
        """
        since = self._register.named_since("staff", f"{hall}/{staff_no}", day)
        return f"{staff_no}@{since}" if since else staff_no


def policy_day(row: ServiceRow, rated_ms: int | None) -> int:
    """The day by whose version of a policy a service is judged, for life: on which it was opened,
    else accepted; of a matter else finished. Of what nobody has described yet: the first day that
    a hall spoke of it, or on which it was rated, at `rated_ms`; never after the day under which
    it counts, by which new versions find it.
    """
    is_visit = row.mode == VISIT
    for at_ms in (row.opened_at_ms, row.accepted_at_ms, None if is_visit else row.finished_at_ms):
        if at_ms is not None:
            return day_of(at_ms)
    told = (row.invited_at_ms, row.closed_at_ms, row.finished_at_ms, row.expired_at_ms)
    told += (row.transferred_at_ms, row.no_show_at_ms, rated_ms)
    return day_of(min([at_ms for at_ms in told if at_ms is not None], default=row.stored_at_ms))
