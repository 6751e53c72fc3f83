"""Which day a rating belongs to, and the days that figures are asked for. Values in, values out.

Days are those of Asia/Shanghai. As a number a day is its date, 20251009; ALL_DAYS stands for all
of them together.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

ALL_DAYS = 0
_SHANGHAI = timezone(timedelta(hours=8))  # no summer time since 1991, long before the first rating


class Period(NamedTuple):
    """The days from `first` to `last`, both included; both None for all days."""

    first: date | None
    last: date | None

    def days(self) -> list[int]:
        """The numbers of its days; [ALL_DAYS] for all."""
        if self.first is None or self.last is None:
            return [ALL_DAYS]
        return [_number(day) for day in _each(self.first, self.last)]


ALL = Period(None, None)


def last_days(count: int, now_ms: int) -> Period:
    """Today and the days before it, `count` in all."""
    today = _date(now_ms)
    return Period(today - timedelta(days=count - 1), today)


def today(now_ms: int) -> date:
    """The day that it is now."""
    return _date(now_ms)


def start_of(day: date) -> int:
    """The first millisecond of a day."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=_SHANGHAI)
    return round(midnight.timestamp() * 1000)


def day_of(at_ms: int) -> int:
    """The day of an instant, as a number."""
    return _number(_date(at_ms))


def _date(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_SHANGHAI).date()


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _each(first: date, last: date) -> Iterator[date]:
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)
