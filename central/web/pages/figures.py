"""The pages of figures: the province or a region, a hall, a window; of who is rated, a hall or an
institution, its closed months.

No page shows who rated or who served: neither names nor the ticket or staff number of a rating.
"""

import json
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.clockwork import Alarms
from central.custody.marks import mark_of
from central.directory.sight import Sight
from central.figures.closed import CLOSED_AFTER_DAYS, ClosedMonths
from central.figures.key import WITHIN, CountKey
from central.figures.report import ENOUGH, LEVELS, FiguresReader, Part, Report, shares
from central.figures.tables.table import is_said
from central.people.roles import Place
from central.ratings.period import ALL, Period, last_days
from central.rules.definitions import WINDOW_MODES
from central.rules.policy import Policy
from central.store import directory, tallies
from central.store.database import Database
from central.store.sql import Halls
from central.web.pages.levels import LEVEL_NAMES
from central.web.pages.looker import Looker
from hosting.clock import day
from pages import PageError, pages_of

_KINDS = {"single": "单件业务", "batch": "批量业务", "theme": "主题业务", "agent": "代办业务"}
_PERIODS = {
    "today": ("今天", 1),
    "7d": ("近 7 天", 7),
    "30d": ("近 30 天", 30),
    "all": ("全部", 0),
}
_NEWEST = 8
_PARTS = 100  # halls or windows on one page


class Shown(NamedTuple):
    """A rating as the page shows it; matter: a message or a matter's name, may be empty."""

    hall_name: str
    window_name: str
    level: int
    rated_at_ms: int
    matter: str
    marks: list[str]


class Rule(NamedTuple):
    """By what a rate is counted: whose rules, the article, empty for our own agreement, and the
    good levels.
    """

    source: str
    article: str | None
    levels: list[int]


class FiguresView:
    """The values of figures.html and figures_live.html, of one state of the database.

    Raises PageError for a place that is not there, or not the reader's.
    """

    def __init__(
        self,
        database: Database,
        reader: FiguresReader,
        alarms: Alarms,
        closed: ClosedMonths,
        looker: Looker,
    ) -> None:
        self._database = database
        self._reader = reader
        self._alarms = alarms
        self._closed = closed
        self._looker = looker

    def show(
        self,
        place: Place,
        hall: str | None,
        window: str | None,
        which: str,
        page: int,
        leads: bool = False,
    ) -> Any:
        """Of the reader's own place without `hall`; which: a key of PERIODS; page: of its parts,
        from 1; leads: whether counts lead to their services.
        """
        period = self._period(which)
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            if hall is not None and not sight.sees_hall(hall):
                raise PageError(404, "没有这个大厅或窗口。")
            report = self._reader.report(
                connection, period, hall, window, sight.halls, sight.region
            )
            if report is None:
                raise PageError(404, "没有这个大厅或窗口。")
            marks = self._alarms.counts(connection, sight.halls if hall is None else hall)
            resting = [row for row in directory.resting(connection) if row.hall == hall]
            newest = _newest(connection, sight.halls if hall is None else hall, window)
        start = (page - 1) * _PARTS
        good = report.policy.levels.good
        return {
            "report": report,
            "own_name": sight.name,
            "parts": report.parts[start : start + _PARTS],
            "leads": leads,
            "is_said": is_said,
            "key_of": _Keys(report, sight, period, window),
            "page": page,
            "pages": pages_of(len(report.parts), _PARTS, page),
            "which": which,
            "periods": {name: title for name, (title, _) in _PERIODS.items()},
            "levels": {level: LEVEL_NAMES[level] for level in LEVELS},
            "rules": [_rule(one) for one in report.policies or (report.policy,)],
            "shares": shares(report.whole, good.value),
            "days": _days(period, self._reader.now_ms()),
            "enough": ENOUGH,
            "now_ms": self._reader.now_ms(),
            "marks": marks,
            "rests": {row.window: row for row in resting},
            "marked": marks.total() if window is None else marks[window],
            "are_shares_counted": self._alarms.shares_at_ms is not None,
            "newest": newest,
            "at": _path(hall, window),
            "is_coarse": False,
        }

    def show_closed(self, place: Place, which: str) -> Any:
        """A closed month of a hall or an institution; which: such as 2026-10, empty for the
        newest.
        """
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
        months = {f"{first:%Y-%m}": first for first in self._closed.months(sight)}
        which = which or next(iter(months))
        if which not in months:
            raise PageError(404, "没有这个页面。")
        report = self._closed.report(sight, months[which])
        good = report.policy.levels.good
        return {
            "report": report,
            "own_name": sight.name,
            "months": list(months),
            "which": which,
            "levels": {level: LEVEL_NAMES[level] for level in LEVELS},
            "rules": [_rule(report.policy)],
            "shares": {} if report.whole is None else shares(report.whole, good.value),
            "enough": ENOUGH,
            "now_ms": self._reader.now_ms(),
            "closed_after": CLOSED_AFTER_DAYS,
            "leads": False,
            "is_coarse": True,
        }

    def _period(self, which: str) -> Period:
        if which not in _PERIODS:
            raise PageError(404, "没有这个页面。")
        days = _PERIODS[which][1]
        return last_days(days, self._reader.now_ms()) if days else ALL


class _Keys:
    """The key of a count on the page, as text; None where one is of several profiles."""

    def __init__(self, report: Report, sight: Sight, period: Period, window: str | None) -> None:
        self._hall, self._window, self._period = report.hall or None, window, period
        self._region = None if sight.region is None else f"{WITHIN}{sight.region}"
        profiles = {part.profile for part in report.parts} or {report.policy.profile}
        is_one = bool(report.hall) or len(profiles) == 1
        own = report.policy.profile if report.hall else next(iter(profiles))
        self._profile = own if is_one else None

    def whole(self, *words: str) -> str | None:
        """Of the page's place; words: counters, a state that has levels with a dash behind it."""
        if self._profile is None:
            return None
        dim = ("hall", None) if self._window is None else ("window", self._window)
        return self._key(self._profile, self._hall or self._region, *dim, words)

    def part(self, part: Part, *words: str) -> str:
        """Of a hall or window in it."""
        if self._hall is None:
            return self._key(part.profile, part.id, "hall", None, words)
        return self._key(part.profile, self._hall, "window", part.id, words)

    def _key(
        self, profile: str, hall: str | None, dim: str, id: str | None, words: tuple[str, ...]
    ) -> str:
        whats = tuple(
            what
            for word in words
            for what in ([f"{word}{level}" for level in LEVELS] if word[-1] == "-" else [word])
        )
        return str(CountKey(profile, self._period, hall, dim, id, WINDOW_MODES, whats))


def _newest(connection: Connection, hall: Halls, window: str | None) -> list[Shown]:
    return [
        Shown(
            row.hall_name,
            row.window_name,
            row.level,
            row.rated_at_ms,
            _matter(row.document),
            [mark_of(mark).title for mark in json.loads(row.marks)],
        )
        for row in tallies.newest_ratings(connection, hall, window, _NEWEST)
    ]


def _rule(policy: Policy) -> Rule:
    good = policy.levels.good
    return Rule(policy.source, good.article, [one for one in LEVELS if one in good.value])


def _days(period: Period, now_ms: int) -> str:
    """The days of a period as they are printed; empty for all."""
    if period.first is None:
        return ""
    last = day(now_ms) if period.last is None else period.last
    return str(last) if period.first == last else f"{period.first} – {last}"


def _path(hall: str | None, window: str | None) -> str:
    if hall is None:
        return ""
    return f"/halls/{hall}" if window is None else f"/halls/{hall}/windows/{window}"


def _matter(document: bytes | None) -> str:
    """What a service was about: its matter's name, else its kind, else nothing is known."""
    if document is None:
        return "事项未知"
    members = json.loads(document)
    names = [matter["task_name"] for matter in members["matters"] if matter.get("task_name")]
    return "、".join(dict.fromkeys(names[:3])) or _KINDS[members["kind"]]
