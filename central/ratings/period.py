"""The days that figures are asked for: China's. Values in, values out."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from central.store.tallies import ALL_DAYS, month_of, number_of
from hosting.clock import day


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


ALL = Period(None, None)


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
