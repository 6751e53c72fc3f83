"""What is known of a service and its ratings: what `stand` (central/rules/standing.py) reads.

Times are epoch milliseconds of the centre's clock, days numbers (20260901), None where unknown.
"""

from dataclasses import dataclass
from typing import Literal

from central.rules.sections import Limit

Mode = Literal["per_visit", "per_matter", "survey"]
Kind = Literal["single", "batch", "theme", "agent"]
PENDING = "pending_enrolment"  # the one void that may still be lifted


@dataclass(frozen=True, slots=True)
class Service:
    """Whatever can be rated: a visit to a window, a matter, a form about a unit or person.

    accepted_ms to no_show_ms: the first instant stored of each kind of progress. finished_ms: the
    hall's own word; completed_ms: finished by the completion of its project. due_day: the last day
    of the time promised for the matter; promised: that time, where only it is known. projects: how
    many matters it is about. rateable: by the directory. needs_application: None where unknown.
    sends: the kinds of progress that its hall sends, None where unknown. part_of: the theme.
    """

    hall: str
    service: str
    mode: Mode = "per_visit"
    kind: Kind = "single"
    channel: str = "window"
    window: str | None = None
    staff_no: str | None = None
    project_no: str | None = None
    task_code: str | None = None
    part_of: str | None = None
    opened_ms: int | None = None
    accepted_ms: int | None = None
    invited_ms: int | None = None
    expired_ms: int | None = None
    closed_ms: int | None = None
    finished_ms: int | None = None
    completed_ms: int | None = None
    transferred_ms: int | None = None
    no_show_ms: int | None = None
    due_day: int | None = None
    projects: int = 1
    rateable: bool = True
    needs_application: bool | None = None
    sends: frozenset[str] | None = None
    participant: str | None = None
    promised: Limit | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """One rating of a service, whatever its way.

    level: 5 to 1, or 13, 12, 11. rated_at_ms: None while its time is not known. rated_error_ms: by
    how much that time may be wrong. void: why it does not count, None if it does; a void
    `pending_enrolment` may be lifted and holds defaults back. has_text: a reason in own words.
    """

    id: str
    level: int
    rated_at_ms: int | None
    received_at_ms: int
    rated_error_ms: int = 0
    origin: str = "device"
    rated_by: str = "unknown"
    named: bool = False
    reasons: tuple[int, ...] = ()
    void: str | None = None
    has_text: bool = False

    @property
    def place(self) -> tuple[int, str]:
        """Where it stands in the one total order of a service's ratings."""
        at_ms = self.rated_at_ms
        return (self.received_at_ms if at_ms is None else at_ms, self.id)

    @property
    def by_ms(self) -> int:
        """The earliest instant at which it may have been made (DOMAIN decision 18)."""
        if self.rated_at_ms is None:
            return self.received_at_ms
        return min(self.rated_at_ms - self.rated_error_ms, self.received_at_ms)


@dataclass(frozen=True, slots=True)
class Decision:
    """A finding on a rating. n: the order of noting, for two of one instant. who: noted it."""

    rating: str
    what: Literal["mistaken", "malicious", "appeal_upheld", "fabricated", "restored"]
    at_ms: int
    n: int
    who: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit of a project that took place: neither a no-show nor one transferred elsewhere."""

    service: str
    opened_ms: int | None
    closed_ms: int | None
    finished_ms: int | None
    kind: Kind = "single"


@dataclass(frozen=True, slots=True)
class Project:
    """What else is known of a service's project.

    visits: all its visits, the service itself among them. unfinished: has a business system said
    so? has_online: was the project itself done online or at a terminal, as a row of its own?
    """

    visits: tuple[Visit, ...] = ()
    unfinished: bool = False
    has_online: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """A service of a theme, the whole or a part, with what decides if it was rated in time."""

    service: Service
    ratings: tuple[Rating, ...] = ()
    project: Project | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """A theme: the whole, if it is known, and its parts; each has a limit of its own."""

    whole: tuple[Side, ...]
    parts: tuple[Side, ...]


def is_completion(service: Service) -> bool:
    """Is it the row that stands for the completion of a project (RULES 3)?"""
    return service.mode == "per_matter" and service.service.startswith("done-")
