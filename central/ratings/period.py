"""The days that figures are asked for: China's. Values in, values out."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

from central.store.tallies import ALL_DAYS, number_of
from hosting.clock import day


class Period(NamedTuple):
    """The days from `first` to `last`, both included; both None for all days."""

    first: date | None
    last: date | None

    def days(self) -> list[int]:
        """The numbers of its days; [ALL_DAYS] for all."""
        if self.first is None or self.last is None:
            return [ALL_DAYS]
        return [number_of(one) for one in _each(self.first, self.last)]


ALL = Period(None, None)


def last_days(count: int, now_ms: int) -> Period:
    """Today and the days before it, `count` in all."""
    today = day(now_ms)
    return Period(today - timedelta(days=count - 1), today)


def _each(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
