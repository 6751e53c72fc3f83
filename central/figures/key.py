"""The key of a count as text, which opens into the services that it counts (RULES 7).

`qinnan.202609.demo.staff.0231.per_visit.active-5`: profile, span, hall, part of the hall, which
one, mode, what. A span is a day (20260901), a month (202609), days from one to another
(20260901-20261015) or 0 for all. `*` for the hall: all halls, `@450702`: those in that region
today; `*` for the id: the hall itself. `qinnan@20220607` for the profile: only what the version
from that day on judged; `active-3@20220607` among the whats: that one only where it did, since
versions may group levels otherwise. Several modes or whats, with commas between, are counted
together.
"""

import re
from datetime import date
from typing import NamedTuple

from central.ratings.period import ALL, Period
from central.rules.calendar import day_of, number_of
from hosting.toml import meant

ALL_OF = "*"
WITHIN = "@"  # before a region's id, where a hall's would stand
DIMS = (
    *("hall", "window", "staff", "institution", "line", "matter", "origin", "participant"),
    "hour",  # of the week, 1-09 on Mondays from nine; nobody counts it (central/figures/hours.py)
)
_OF_HALL = ("window", "staff", "hour")  # whose ids are a hall's own
_HOUR = re.compile(r"[1-7]-(?:[01][0-9]|2[0-3])|unknown")
_YEAR = 366  # days of hours that are looked at together
MODES = ("per_visit", "per_matter", "survey")
MOST_WORDS = 64
_WHAT = "[a-z0-9-]{1,32}(?:@[0-9]{8})?"
_PART = {
    "profile": re.compile(r"[a-z0-9-]{1,32}(?:@[0-9]{8})?"),
    "hall": re.compile(r"\*|@[A-Za-z0-9-]{1,32}|[a-z0-9-]{1,32}"),
    "dim": re.compile("|".join(DIMS)),
    "id": re.compile(r"\*|[A-Za-z0-9@_-]{1,80}"),
    "modes": re.compile(f"(?:{'|'.join(MODES)})(?:,(?:{'|'.join(MODES)}))*"),
    "whats": re.compile(rf"{_WHAT}(?:,{_WHAT}){{0,{MOST_WORDS - 1}}}"),
}
_OF_ORIGIN = re.compile(r"(active|excluded|default)-\d+|named")
LONGEST = 2400
_LEVELLED = ("active", "excluded", "default", "direct", "direct-excluded")
_LEVELS = (5, 4, 3, 2, 1, 13, 12, 11)
_PLAIN = (
    *("unrated", "waiting", "late", "second", "invited", "uninvited", "expired", "no-show"),
    *("named", "reason-missing", "uninvited-unrated", "uninvited-waiting"),
)
_NUMBERED = re.compile(
    rf"(?:(?:uninvited-)?(?:{'|'.join(_LEVELLED[:3])})|{'|'.join(_LEVELLED[3:])})"
    r"-(?:[1-5]|1[1-3])|reason-\d{1,4}"
)


class CountKey(NamedTuple):
    """A count, or several of one place and time together.

    hall, id: None for all halls, and for a hall itself. hall: of a region's, `@` and its id.
    policy_from: the version that judged them, by its first day; None for all.
    """

    profile: str
    period: Period
    hall: str | None
    dim: str
    id: str | None
    modes: tuple[str, ...]
    whats: tuple[str, ...]
    policy_from: int | None = None

    def has(self, what: str, policy_from: int) -> bool:
        """Whether it counts this, of what the version from that day on judged."""
        is_its = self.policy_from in (None, policy_from)
        return is_its and (what in self.whats or f"{what}@{policy_from}" in self.whats)

    @property
    def region(self) -> str | None:
        """The region whose halls are meant; None for one hall, and for all."""
        return region_of(self.hall)

    def __str__(self) -> str:
        version = "" if self.policy_from is None else f"@{self.policy_from}"
        return ".".join(
            (
                *(f"{self.profile}{version}", _span(self.period), self.hall or ALL_OF, self.dim),
                *(self.id or ALL_OF, ",".join(self.modes), ",".join(self.whats)),
            )
        )


def region_of(hall: str | None) -> str | None:
    """The region that stands where a hall's id would."""
    return hall[1:] if hall is not None and hall.startswith(WITHIN) else None


def read_key(text: str) -> CountKey:
    """The key of its text. Raises ValueError, whose text says what is wrong and what to write."""
    parts = text.split(".")
    if len(text) > LONGEST or len(parts) != 7:
        raise ValueError(
            "a key has seven parts with points between: profile.span.hall.dim.id.modes.whats, "
            "as qinnan.202609.demo.staff.0231.per_visit.active-5"
        )
    profile, span, hall, dim, thing, modes, whats = parts
    told = {"profile": profile, "hall": hall, "dim": dim, "id": thing}
    for name, part in {**told, "modes": modes, "whats": whats}.items():
        if not _PART[name].fullmatch(part):
            raise ValueError(f"{name}: {part[:40]!r} does not fit {_PART[name].pattern}")
    if (dim == "hall") != (thing == ALL_OF):
        raise ValueError("id: * goes with dim hall, and with no other")
    if dim in _OF_HALL and hall.startswith((ALL_OF, WITHIN)):
        raise ValueError(f"hall: name the one whose {dim} it is")
    words = tuple(dict.fromkeys(whats.split(",")))
    plain = [word.partition("@")[0] for word in words]
    for word in plain:
        if word not in _PLAIN and not _NUMBERED.fullmatch(word):
            near = meant(word, (*_PLAIN, *(f"{one}-{n}" for one in _LEVELLED for n in _LEVELS)))
            raise ValueError(f"whats: nothing is counted as {word!r}.{near}")
    if dim == "origin" and not all(_OF_ORIGIN.fullmatch(one) for one in plain):
        raise ValueError("whats: an origin has only active-, excluded-, default- and named")
    name, _, first_day = profile.partition("@")
    period = _period(span)
    if dim == "hour":
        _require_hour(thing, period)
    return CountKey(
        name,
        period,
        None if hall == ALL_OF else hall,
        dim,
        None if thing == ALL_OF else thing,
        tuple(dict.fromkeys(modes.split(","))),
        words,
        int(first_day) if first_day else None,
    )


def _require_hour(thing: str, period: Period) -> None:
    if not _HOUR.fullmatch(thing):
        raise ValueError("id: an hour of the week is 1-09 (Monday from nine) to 7-23, or unknown")
    if period.first is None or period.last is None or (period.last - period.first).days >= _YEAR:
        raise ValueError(f"span: hours are of at most {_YEAR} days")


def _span(period: Period) -> str:
    if period.first is None or period.last is None:
        return "0"
    spans = period.spans()
    if len(spans) == 1:
        return str(spans[0])
    return f"{number_of(period.first)}-{number_of(period.last)}"


def _period(span: str) -> Period:
    sentence = "span: write a day 20260901, a month 202609, days 20260901-20261015, or 0 for all"
    if span == "0":
        return ALL
    try:
        if re.fullmatch(r"[0-9]{6}", span):
            first = day_of(int(f"{span}01"))
            after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
            return Period(first, date.fromordinal(after.toordinal() - 1))
        if re.fullmatch(r"[0-9]{8}(-[0-9]{8})?", span):
            first, _, last = span.partition("-")
            period = Period(day_of(int(first)), day_of(int(last or first)))
            if period.first <= period.last:  # pyright: ignore[reportOperatorIssue]
                return period
    except (ValueError, OverflowError):
        pass
    raise ValueError(sentence)
