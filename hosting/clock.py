"""Time: the wall's, for what is written down, and China's days and hours, for people.

Pauses and limits use `time.monotonic` where they stand: a wall clock may be set.
"""

import time
from datetime import UTC, date, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8))  # one zone, no summer time since 1991


def now_ms() -> int:
    """The wall clock: epoch milliseconds."""
    return time.time_ns() // 1_000_000


def china(at_ms: int) -> datetime:
    """An instant as people in China read it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(CHINA)


def day(at_ms: int) -> date:
    """The day of an instant in China."""
    return china(at_ms).date()


def start_of(day: date) -> int:
    """The first millisecond of a day in China."""
    return round(datetime(day.year, day.month, day.day, tzinfo=CHINA).timestamp() * 1000)


def last_time(clock: str, now_ms: int) -> int:
    """When clocks in China last showed `clock`, HH:MM."""
    hours, minutes = clock.split(":")
    today = start_of(day(now_ms)) + (int(hours) * 60 + int(minutes)) * 60_000
    return today if today <= now_ms else today - 86_400_000


def written(at_ms: int) -> str:
    """An instant as commands and logs print it: date and time in China, to the second."""
    return china(at_ms).strftime("%Y-%m-%d %H:%M:%S")
