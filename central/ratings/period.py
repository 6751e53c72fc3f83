"""The days that figures are asked for: China's. Values in, values out."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from central.store.tallies import ALL_DAYS, month_of, number_of
from hosting.clock import day

_FIRST_YEAR = 100  # before it nothing is looked for


class Period(NamedTuple):
    """The days from `first` to `last`, both included; both None for all days."""

    first: date | None
    last: date | None

    def spans(self) -> list[int]:
        """The numbers of its whole months and of its other days; [ALL_DAYS] for all.

        Each day is in one of them: a year is at most ten months and sixty days.
        """
        if self.first is None or self.last is None:
            return [ALL_DAYS]
        return list(_spans(self.first.toordinal(), self.last.toordinal()))

    def before(self) -> "Period | None":
        """The one before it: of whole months as many months, else as many days; None before all
        days, and in the first years of the calendar.
        """
        if self.first is None or self.last is None or self.first.year < _FIRST_YEAR:
            return None
        last = self.first - timedelta(days=1)
        if self.first.day == 1 and (self.last + timedelta(days=1)).day == 1:
            months = 12 * (self.last.year - self.first.year) + self.last.month - self.first.month
            return Period(_earlier(last.replace(day=1), months), last)
        return Period(self.first - (self.last - last), last)


ALL = Period(None, None)
_NAMED = re.compile(r"([0-9]{4})(?:-([0-9]{2})|Q([1-4])|H([12]))?", re.ASCII)


def named(name: str) -> Period:
    """A month 2026-09, a quarter 2026Q3, half a year 2026H2, a year 2026 (R86: 月 季 半年 年).
    Raises ValueError for what is none.
    """
    found = _NAMED.fullmatch(name)
    if found is None or found[1] == "0000":
        raise ValueError("write a month 2026-09, a quarter 2026Q3, a half 2026H2 or a year 2026")
    begin, count = 1, 12
    for text, months in ((found[2], 1), (found[3], 3), (found[4], 6)):
        if text is not None:
            begin, count = (int(text) - 1) * months + 1, months
    first = date(int(found[1]), begin, 1)
    end = date(int(found[1]), begin + count - 1, 1)
    return Period(first, end.replace(day=monthrange(end.year, end.month)[1]))


def names_at(today: date) -> dict[str, str]:
    """The names of the month, quarter, half-year and year of a day: which -> name."""
    return {
        "month": f"{today:%Y-%m}",
        "quarter": f"{today.year}Q{(today.month + 2) // 3}",
        "half": f"{today.year}H{1 if today.month <= 6 else 2}",
        "year": f"{today.year}",
    }


def name_of(period: Period) -> str | None:
    """The name of a whole month, quarter, half-year or year; None for other days."""
    names = () if period.first is None else names_at(period.first).values()
    return next((name for name in names if named(name) == period), None)


def _earlier(first: date, months: int) -> date:
    whole = 12 * first.year + first.month - 1 - months
    return date(whole // 12, whole % 12 + 1, 1)


def last_days(count: int, now_ms: int) -> Period:
    """Today and the days before it, `count` in all."""
    today = day(now_ms)
    return Period(today - timedelta(days=count - 1), today)


def _spans(at: int, last: int) -> Iterator[int]:
    while at <= last:
        one = date.fromordinal(at)
        days = monthrange(one.year, one.month)[1]
        is_month = one.day == 1 and at + days - 1 <= last
        yield month_of(number_of(one)) if is_month else number_of(one)
        at += days if is_month else 1
