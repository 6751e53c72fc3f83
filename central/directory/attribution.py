"""Whom a service belongs to: by the day of the service, not by today. Values in, values out."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from central.directory.register import entry_on
from central.store.directory import EVER, Entry


class Attribution(NamedTuple):
    """The institution, line and regions of a service; None and () where the directory says
    nothing. regions: the hall's, the nearest first. is_rateable: whether its matter may be rated.
    """

    institution: str | None
    line: str | None
    regions: tuple[str, ...]
    is_rateable: bool = True


class Register:
    """The directory's rows, for looking up what held on a day."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._versions: dict[tuple[str, str], list[Entry]] = {}
        for entry in entries:
            self._versions.setdefault(entry.what, []).append(entry)

    def on(self, kind: str, name: str | None, day: int) -> Entry | None:
        """What holds of something on a day; None if there was none then."""
        versions = self._versions.get((kind, name or ""))
        return entry_on(versions, day) if versions else None

    def all_on(self, kind: str, day: int) -> list[Entry]:
        """What holds of all things of a kind on a day."""
        found = [self.on(*what, day) for what in self._versions if what[0] == kind]
        return [entry for entry in found if entry is not None]

    def attribution(
        self, hall: str, window: str | None, staff_no: str | None, task_code: str | None, day: int
    ) -> Attribution:
        """Whom a service of that day belongs to.

        The institution is that of the staff (S3 第六条 派驻窗口所有工作人员), then of the window,
        then of the hall; the line that of the matter, the staff, the window, the institution: the
        first that has one.
        """
        at = self._hall(hall, day)
        seat = self.on("window", f"{hall}/{window}", day) if window else None
        staff = self.on("staff", f"{hall}/{staff_no}", day) if staff_no else None
        matter = self.on("matter", task_code, day) if task_code else None
        institution = next(
            (one.institution for one in (staff, seat, at) if one and one.institution), None
        )
        owner = self.on("institution", institution, day)
        line = next((one.line for one in (matter, staff, seat, owner) if one and one.line), None)
        is_rateable = matter is None or matter.rateable is not False
        return Attribution(institution, line, self.above(at and at.up, day), is_rateable)

    def profiles(self, hall: str, window: str | None, day: int) -> tuple[str, ...]:
        """The policies that a place has on a day: of the window, else of the hall, else of the
        nearest region that names any; () where none does.
        """
        at = self._hall(hall, day)
        places = [self.on("window", f"{hall}/{window}", day) if window else None, at]
        above = self.above(at and at.up, day)
        places += [self.on("region", region, day) for region in above]
        found = next((one.profiles for one in places if one and one.profiles), None)
        return tuple(found.split()) if found else ()

    def named_since(self, kind: str, name: str, day: int) -> int:
        """The first day on which something has had the name that it has on a day; EVER if it never
        had another one, or is not known.
        """
        versions = sorted(self._versions.get((kind, name), ()), key=lambda one: one.first_day)
        before = [one for one in versions if one.first_day <= day]
        since = EVER
        for earlier, later in pairwise(before):
            if earlier.name != later.name:
                since = later.first_day
        return since

    def above(self, region: str | None, day: int) -> tuple[str, ...]:
        """A region and those that it lies in, the nearest first; () for none."""
        found: list[str] = []
        while region is not None and region not in found:
            found.append(region)
            entry = self.on("region", region, day)
            region = entry and entry.up
        return tuple(found)

    def _hall(self, hall: str, day: int) -> Entry | None:
        """A hall, or the platform that stands in a hall's place."""
        return self.on("hall", hall, day) or self.on("platform", hall, day)
