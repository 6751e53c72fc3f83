"""Which days count, and when a limit ends, in China's days (DOMAIN decisions 6, 8, 22).

Working days come from `chinesecalendar` (2004 to 2026, from the State Council's yearly notices)
and from an operator's file of days; beyond both, Monday to Friday less the holidays of known date,
and the answer is provisional.
"""

import calendar
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import chinese_calendar
from chinese_calendar.constants import workdays

from central.rules.sections import Limit
from hosting.error import OperatorError
from hosting.toml import load_toml, meant

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
_CHINA_MS = 8 * HOUR_MS  # ahead of UTC, all year
_EPOCH = date(1970, 1, 1).toordinal()
# Off in each of the package's years, but for 2 May in 2012, 2013, 2017, 2018: decision 22.
_FIXED = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
_KNOWN_YEARS = frozenset(day.year for day in (*chinese_calendar.holidays, *workdays))
_WORDS = {"off": False, "work": True}


class End(NamedTuple):
    """When a limit ends. ms: the first instant too late. provisional: a day that decided it is in
    a year without a notice; nobody is told "overdue" by such a day.
    """

    ms: int
    provisional: bool


class Day(NamedTuple):
    """A day of a limit, for showing it: does it count towards the limit?"""

    day: date
    counts: bool
    provisional: bool


class Calendar:
    """overrides: what an operator's file says of single days, True for a working day."""

    def __init__(self, overrides: Mapping[date, bool] | None = None) -> None:
        self._overrides = dict(overrides or {})
        self._ends: dict[tuple[int, int, str], End] = {}  # by day of the epoch, n, unit

    @property
    def sha256(self) -> str:
        """Another one for other answers: the operator's days, and the package's notices."""
        days = sorted((day.isoformat(), said) for day, said in self._overrides.items())
        text = f"{max(_KNOWN_YEARS)} {len(chinese_calendar.holidays)} {len(workdays)} {days}"
        return hashlib.sha256(text.encode()).hexdigest()

    def is_working(self, day: date) -> tuple[bool, bool]:
        """(is it a working day, is that provisional)."""
        said = self._overrides.get(day)
        if said is not None:
            return said, False
        if day.year in _KNOWN_YEARS:
            return chinese_calendar.is_workday(day), False
        return _is_ordinary(day), True

    def end_ms(self, from_ms: int, limit: Limit) -> End:
        """When a limit that began at `from_ms` ends: for days, with the end of day n, the day of
        `from_ms` being day 0; for hours, to the millisecond.
        """
        if limit.unit == "hours":
            return End(from_ms + limit.n * HOUR_MS, False)
        key = (epoch_day(from_ms), limit.n, limit.unit)
        end = self._ends.get(key)
        if end is None:
            *_, last = self._days(*key)
            provisional = any(day.provisional for day in self._days(*key))
            after = last.day.toordinal() - _EPOCH + 1
            end = self._ends[key] = End(after * DAY_MS - _CHINA_MS, provisional)
            if len(self._ends) > 100_000:  # a centre that runs for years
                self._ends.clear()
        return end

    def days_of(self, from_ms: int, limit: Limit) -> list[Day]:
        """Each day from day 0 to the limit's last one, and whether it counts."""
        if limit.unit != "hours":
            return list(self._days(epoch_day(from_ms), limit.n, limit.unit))
        last = epoch_day(from_ms + limit.n * HOUR_MS)
        days = range(epoch_day(from_ms), last + 1)
        return [Day(date.fromordinal(_EPOCH + day), True, False) for day in days]

    def _days(self, first: int, n: int, unit: str) -> Iterator[Day]:
        """Day 0, which does not count, and the days until n have counted."""
        ordinal = _EPOCH + first
        yield Day(date.fromordinal(ordinal), False, False)
        while n > 0:
            ordinal += 1
            day = date.fromordinal(ordinal)
            counts, provisional = (True, False) if unit == "natural_days" else self.is_working(day)
            n -= counts
            yield Day(day, counts, provisional)


def epoch_day(at_ms: int) -> int:
    """The day of an instant in China, counted from 1970-01-01."""
    return (at_ms + _CHINA_MS) // DAY_MS


def day_number(at_ms: int) -> int:
    """The day of an instant in China as it is stored: 20260901."""
    return number_of(date.fromordinal(_EPOCH + epoch_day(at_ms)))


def number_of(day: date) -> int:
    """A day as it is stored: 20260901."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of(number: int) -> date:
    """The day that is stored as 20260901. Raises ValueError if there is no such day."""
    return date(number // 10_000, number // 100 % 100, number % 100)


def end_of_day(number: int) -> int:
    """The first instant after the day 20260901 in China."""
    return (day_of(number).toordinal() - _EPOCH + 1) * DAY_MS - _CHINA_MS


def read_overrides(path: Path) -> dict[date, bool]:
    """The days of an operator's file. Raises OperatorError that names the file, the day and what
    to write.

    `[days]` has a line for each day, `2027-02-05 = "off"` or `= "work"`. `complete = [2027]` says
    that the notice of a year has been entered whole: its other days are ordinary ones, and nothing
    of that year is provisional any more.
    """
    members = load_toml(path, "it stands in no other place.")
    for key in members:
        if key not in ("days", "complete"):
            raise OperatorError(
                f"{path}: no key is named {key}.{meant(key, ('days', 'complete'))}"
            )
    days, complete = members.get("days", {}), members.get("complete", [])
    if not isinstance(days, dict):
        raise OperatorError(f'{path}: [days] is a table, a line a day: 2027-02-05 = "off".')
    if not isinstance(complete, list):
        raise OperatorError(f"{path}: complete is a list of years: complete = [2027].")
    found: dict[date, bool] = {}
    for year in complete:
        if type(year) is not int or not 2004 <= year <= 2200:
            raise OperatorError(f"{path}: complete: {year!r} is no year from 2004 to 2200.")
        first, last = date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()
        ordinary = (date.fromordinal(ordinal) for ordinal in range(first, last + 1))
        found.update((day, _is_ordinary(day)) for day in ordinary)
    for key, word in days.items():
        day = _written_day(key)
        if day is None:
            raise OperatorError(f"{path}: days.{key} is no day: write it as 2027-02-05.")
        if not isinstance(word, str) or word not in _WORDS:
            raise OperatorError(
                f'{path}: days.{key} is "off" or "work", not {word!r}.{meant(str(word), _WORDS)}'
            )
        found[day] = _WORDS[word]
    return found


def _is_ordinary(day: date) -> bool:
    """Would it be a working day without a notice?"""
    return day.weekday() < calendar.SATURDAY and (day.month, day.day) not in _FIXED


def _written_day(key: str) -> date | None:
    try:
        return date.fromisoformat(key) if re.fullmatch(r"\d{4}-\d\d-\d\d", key) else None
    except ValueError:
        return None
