"""Hours of the week: when services of a hall began, and how they were rated then.

`1-09` is Monday from 09:00 to 10:00, in China; the day is that under which the service counts.
"""

from typing import NamedTuple

from sqlalchemy import Connection

from central.ratings.period import Period
from central.ratings.settling import words_of
from central.rules.calendar import day_of, number_of
from central.store.judged import hours
from central.store.judged.hours import UNKNOWN

WEEKDAYS = ("周一 Mon", "周二 Tue", "周三 Wed", "周四 Thu", "周五 Fri", "周六 Sat", "周日 Sun")


class HourRow(NamedTuple):
    """A counter of an hour, as a row of central/store/judged/counters.py."""

    hall: str
    id: str
    mode: str
    what: str
    policy_from: int
    ratings: int
    projects: int


def hour_rows(connection: Connection, profile: str, period: Period, hall: str) -> list[HourRow]:
    """The counters of the hours of a week, over days that have a first and a last."""
    found: dict[tuple[str, str, str, int], tuple[int, int]] = {}
    for row in hours.by_hour(connection, profile, hall, days_of(period)):
        id = UNKNOWN
        if row.hour is not None and row.day:
            id = f"{day_of(row.day).isoweekday()}-{row.hour:02d}"
        for what, n in words_of(row.whats):
            key = (id, row.mode, what, row.policy_from)
            ratings, projects = found.get(key, (0, 0))
            times = n * row.services
            found[key] = ratings + times, projects + times * row.projects
    return [HourRow(hall, *key, *both) for key, both in sorted(found.items())]


def days_of(period: Period) -> tuple[int, int]:
    """The first and the last day, as numbers."""
    assert period.first is not None
    assert period.last is not None
    return number_of(period.first), number_of(period.last)


def name_of(id: str) -> str:
    """What people call an hour, in both languages."""
    if id == UNKNOWN:
        return "时刻未知 Time unknown"
    weekday, _, hour = id.partition("-")
    return f"{WEEKDAYS[int(weekday) - 1]} {hour}:00"
