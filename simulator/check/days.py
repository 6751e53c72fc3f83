"""What must have become of each visit after some days, worked out anew: the oracle's own few lines
beside the centre's rules. Two regions' rules at once:

qinnan: five working days after the visit ended nobody can rate it any more, and it is 未评
(钦南 第十七条第二款); whoever has not rated after 24 hours is reminded (第一款). ezhou-norm: seven
days, then it counts as 基本满意 (鄂州 第十四条). 4 and 5 are good in both.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import chinese_calendar

from simulator.check.oracle import Press

QINNAN, EZHOU = "qinnan", "ezhou-norm"
_HOURS_AHEAD = timedelta(hours=8)
# Off in every year; the package knows the others of the years of which a notice was given.
_ALWAYS_OFF = {(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)}


@dataclass
class Visit:
    """A visit as the queue system knows it; its own clock. closed_ms: None if it never said so."""

    service: str
    device: str
    ticket_no: str
    opened_ms: int
    closed_ms: int | None = None


def expected(
    visits: Iterable[Visit], presses: Iterable[Press], now_ms: int
) -> dict[str, dict[str, int]]:
    """Profile -> how many visits count as what at `now_ms`, by the words of `seen`."""
    levels = {(one.device, one.ticket_no): one.level for one in presses if one.thanked_at_ms}
    found = {QINNAN: Counter(), EZHOU: Counter()}
    for visit in visits:
        ended_ms = visit.opened_ms if visit.closed_ms is None else visit.closed_ms
        level = levels.get((visit.device, visit.ticket_no))
        if level is not None:
            for counts in found.values():
                counts["rated"] += 1
                counts["good"] += level >= 4
            continue
        first = _day(ended_ms)
        is_over = _day(now_ms) > _fifth_working_day(first)
        found[QINNAN]["unrated" if is_over else "waiting"] += 1
        found[QINNAN]["reminded"] += now_ms - ended_ms >= 24 * 3_600_000
        is_over = _day(now_ms) > first + timedelta(days=7)
        found[EZHOU]["default" if is_over else "waiting"] += 1
    words = ("rated", "good", "unrated", "default", "waiting")
    told = {profile: {one: counts[one] for one in words} for profile, counts in found.items()}
    told[QINNAN]["reminded"] = found[QINNAN]["reminded"]
    return told


def seen(figures: dict, feed: Iterable[dict]) -> dict[str, dict[str, int]]:
    """The same, from what the centre answers: GET /v1/figures of the hall, GET /v1/feed."""
    found = {}
    for one in figures["sets"]:
        shares = {
            figure["figure"]: figure for figure in one["figures"] if not figure["with_excluded"]
        }
        rated, all_of_them = shares["rated_rate"]["num"], shares["rated_rate"]["den"]
        counts = {"rated": rated, "good": shares["active_good_rate"]["num"]}
        counts["unrated"] = shares.get("unrated_rate", {"num": 0})["num"]
        defaults = shares.get("good_rate", {"den": rated})["den"] - rated
        counts["default"] = defaults
        counts["waiting"] = all_of_them - rated - counts["unrated"] - defaults
        found[one["profile"]] = counts
    reminded = {
        one["service"] for one in feed if (one["profile"], one["what"]) == (QINNAN, "remind")
    }
    found[QINNAN]["reminded"] = len(reminded)
    return found


def differences(should: dict[str, dict[str, int]], found: dict[str, dict[str, int]]) -> list[str]:
    """A sentence for each number that is not what it should be."""
    return [
        f"{profile}: {word} {found.get(profile, {}).get(word)} in the centre, must be {count}"
        for profile, counts in should.items()
        for word, count in counts.items()
        if found.get(profile, {}).get(word) != count
    ]


def _day(at_ms: int) -> date:
    return (datetime.fromtimestamp(at_ms / 1000, UTC) + _HOURS_AHEAD).date()


def _fifth_working_day(first: date) -> date:
    day, left = first, 5
    while left:
        day += timedelta(days=1)
        left -= _is_worked(day)
    return day


def _is_worked(day: date) -> bool:
    try:
        return chinese_calendar.is_workday(day)
    except NotImplementedError:  # of a year without a notice
        return day.weekday() < 5 and (day.month, day.day) not in _ALWAYS_OFF
