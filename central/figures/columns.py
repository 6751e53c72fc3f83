"""Counts of days and months that are over, kept in memory by column: a province's windows have two
million counts a year, and almost none of them changes any more.

What is kept of a day or month is true as long as `span_change` says the same of it. A day or month
that goes on is read from the database each time.
"""

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.store.judged import counters
from central.store.tallies import ALL_DAYS, month_of

_OF_HALL = ("hall", "window", "staff")  # dims whose units are a hall's own
MOST_CELLS = 12_000_000  # 12 bytes each where services are of one matter: 140 MB
Place = tuple[str, str]  # hall and id; the hall is empty where an id is the same in all halls
Words = tuple[Collection[str], Collection[str]]


class Added(NamedTuple):
    """As rows of `counters.counts` and `counters.sums` are."""

    span: int
    hall: str
    id: str
    mode: str
    what: str
    policy_from: int
    ratings: int
    projects: int


class _Column:
    """Counts of one kind: of the units `at`, which are numbers."""

    def __init__(self) -> None:
        self.at, self.ratings, self.projects = array("i"), array("q"), array("q")

    def shrink(self) -> None:
        """Keep one of two that are the same: hardly any service is of many projects."""
        if self.projects == self.ratings:
            self.projects = self.ratings


_Kind = tuple[str, str, int]  # mode, what, policy_from


class _Span(NamedTuple):
    """What a day or month was when it had changed so often; or several together. sums: what was
    asked of it before, (units, nums, dens) each.
    """

    changes: tuple[int, ...]
    columns: dict[_Kind, _Column]
    cells: int
    sums: dict[tuple[Any, ...], tuple[list[int], list[int], list[int]]]


class _Part:
    """The units of a dimension under a profile, numbered as they came."""

    def __init__(self) -> None:
        self.names: list[Place] = []
        self.numbers: dict[Place, int] = {}

    def number(self, place: Place) -> int:
        found = self.numbers.get(place)
        if found is None:
            found = self.numbers[place] = len(self.names)
            self.names.append(place)
        return found


class Columns:
    """Reads counts as central/store/judged/counters.py does. Used by any thread.

    today: the number of the day. most_cells: beyond it what was asked for longest ago goes.
    """

    def __init__(self, today: Callable[[], int], most_cells: int = MOST_CELLS) -> None:
        self._today, self._most_cells = today, most_cells
        self._lock = threading.Lock()
        self._parts: dict[tuple[str, str], _Part] = {}
        self._spans: OrderedDict[tuple[str, str, tuple[int, ...]], _Span] = OrderedDict()
        self._cells = 0

    def counts(self, connection: Connection, profile: str, spans: Sequence[int]) -> list[Any]:
        """`counters.counts` of each of all halls."""
        kept, rest = self._kept(connection, profile, "hall", spans)
        found = counters.counts(connection, profile, rest, "hall") if rest else []
        if kept is None:
            return found
        part = self._numbered(profile, "hall", [(row.hall, row.id) for row in found])
        totals: dict[_Kind, dict[int, list[int]]] = {}
        for kind, column in kept.columns.items():
            total = totals.setdefault(kind, {})
            for n, ratings, projects in zip(
                column.at, column.ratings, column.projects, strict=True
            ):
                count = total.setdefault(n, [0, 0])
                count[0] += ratings
                count[1] += projects
        names = part.names
        for row in found:
            total = totals.setdefault((row.mode, row.what, row.policy_from), {})
            count = total.setdefault(part.numbers[row.hall, row.id], [0, 0])
            count[0] += int(row.ratings)
            count[1] += int(row.projects)
        return [
            Added(0, *names[n], *kind, *count)
            for kind, total in totals.items()
            for n, count in total.items()
        ]

    def whole(self, connection: Connection, profile: str, spans: Sequence[int]) -> list[Any]:
        """`counters.sums` of all halls together, no matter which."""
        kept, rest = self._kept(connection, profile, "hall", spans)
        rows = counters.sums(connection, profile, rest, "hall", None, ()) if rest else []
        totals: dict[_Kind, list[int]] = {}
        for kind, column in kept.columns.items() if kept is not None else ():
            totals[kind] = [sum(column.ratings), sum(column.projects)]
        return [*rows, *(Added(0, "", "", *kind, *count) for kind, count in totals.items())]

    def two_sums(
        self,
        connection: Connection,
        profile: str,
        spans: Sequence[int],
        dim: str,
        halls: Collection[str] | None,
        modes: Collection[str],
        whats: Words,
        listed: Collection[str],
        are_projects: bool,
        is_of_hall: bool,
    ) -> list[tuple[Place, int, int]]:
        """`counters.two_sums`, as (unit, num, den)."""
        told = (dim, halls, modes, whats, listed, are_projects, is_of_hall)
        if halls is not None or is_of_hall != (dim in _OF_HALL):
            return _units(counters.two_sums(connection, profile, spans, *told))
        kept, rest = self._kept(connection, profile, dim, spans)
        found = _units(counters.two_sums(connection, profile, rest, *told) if rest else ())
        if kept is None:
            return found
        part = self._numbered(profile, dim, [one[0] for one in found])
        key = (*(tuple(sorted(one)) for one in (modes, *whats, listed)), are_projects)
        if key not in kept.sums:
            kept.sums[key] = _two_sums(kept, len(part.names), modes, whats, listed, are_projects)
        names = part.names
        if not found:
            return [(names[n], num, den) for n, num, den in zip(*kept.sums[key], strict=True)]
        both = {n: (num, den) for n, num, den in zip(*kept.sums[key], strict=True)}
        for unit, num, den in found:
            n = part.numbers[unit]
            before = both.get(n, (0, 0))
            both[n] = before[0] + num, before[1] + den
        return [(names[n], *count) for n, count in both.items()]

    def keep(self, connection: Connection, profile: str, dim: str, spans: Sequence[int]) -> None:
        """Read of these what is over and not kept yet, or not any more."""
        self._kept(connection, profile, dim, spans)

    def _kept(
        self, connection: Connection, profile: str, dim: str, spans: Sequence[int]
    ) -> tuple[_Span | None, list[int]]:
        """Those that are over, added up, from memory; None if none is. And the others."""
        over = tuple(span for span in spans if self._is_over(span))
        rest = [span for span in spans if span not in over]
        if not over:
            return None, rest
        known = counters.span_changes(connection, over)
        changes = tuple(known.get(span, 0) for span in over)
        with self._lock:
            part = self._parts.setdefault((profile, dim), _Part())
            found = self._found((profile, dim, over), changes)
            if found is None:
                each = []
                for span, changed in zip(over, changes, strict=True):
                    one = self._found((profile, dim, (span,)), (changed,))
                    if one is None:
                        rows = counters.rows_of_span(connection, profile, span, dim)
                        one = _read(rows, part, dim in _OF_HALL, changed)
                        self._put((profile, dim, (span,)), one)
                    each.append(one)
                found = each[0]
                if len(each) > 1:
                    found = _together(each, changes)
                    self._put((profile, dim, over), found)
        return found, rest

    def _found(
        self, key: tuple[str, str, tuple[int, ...]], changes: tuple[int, ...]
    ) -> _Span | None:
        kept = self._spans.get(key)
        if kept is None or kept.changes != changes:
            return None
        self._spans.move_to_end(key)
        return kept

    def _numbered(self, profile: str, dim: str, places: Iterable[Place]) -> _Part:
        with self._lock:
            part = self._parts[profile, dim]
            for place in places:
                part.number(place)
        return part

    def _put(self, key: tuple[str, str, tuple[int, ...]], kept: _Span) -> None:
        if (before := self._spans.pop(key, None)) is not None:
            self._cells -= before.cells
        self._spans[key] = kept
        self._cells += kept.cells
        while self._cells > self._most_cells and len(self._spans) > 1:
            _, oldest = self._spans.popitem(last=False)
            self._cells -= oldest.cells

    def _is_over(self, span: int) -> bool:
        today = self._today()
        return span != ALL_DAYS and span < (today if span > 999_999 else month_of(today))


def _units(rows: Iterable[Any]) -> list[tuple[Place, int, int]]:
    return [((row[0], row[1]), int(row[2]), int(row[3])) for row in rows]


def _two_sums(
    span: _Span,
    size: int,
    modes: Collection[str],
    whats: Words,
    listed: Collection[str],
    are_projects: bool,
) -> tuple[list[int], list[int], list[int]]:
    """The units that have anything listed, and of each the two sums."""
    num, den, is_there = [0] * size, [0] * size, bytearray(size)
    for (mode, what, _), column in span.columns.items():
        if what not in listed:
            continue
        for n in column.at:
            is_there[n] = 1
        added = column.projects if are_projects else column.ratings
        for total, some in zip((num, den), whats, strict=True):
            if mode in modes and what in some:
                for n, count in zip(column.at, added, strict=True):
                    total[n] += count
    there = [n for n in range(size) if is_there[n]]
    return there, [num[n] for n in there], [den[n] for n in there]


def _together(spans: Sequence[_Span], changes: tuple[int, ...]) -> _Span:
    """Several as one."""
    sums: dict[_Kind, dict[int, list[int]]] = {}
    for span in spans:
        for kind, column in span.columns.items():
            total = sums.setdefault(kind, {})
            for n, ratings, projects in zip(
                column.at, column.ratings, column.projects, strict=True
            ):
                count = total.get(n)
                if count is None:
                    total[n] = [ratings, projects]
                else:
                    count[0] += ratings
                    count[1] += projects
    columns = {kind: _column(total) for kind, total in sums.items()}
    return _Span(changes, columns, sum(len(column.at) for column in columns.values()), {})


def _column(counts: Mapping[int, Sequence[int]]) -> _Column:
    found = _Column()
    found.at.extend(counts)
    found.ratings.extend(count[0] for count in counts.values())
    found.projects.extend(count[1] for count in counts.values())
    found.shrink()
    return found


def _read(rows: Iterable[Any], part: _Part, is_of_hall: bool, changes: int) -> _Span:
    """Rows as columns, a unit's after the other's; what is the same in all halls is added up."""
    columns: dict[_Kind, _Column] = {}
    places: dict[tuple[_Kind, int], int] = {}
    last_hall, last_one, n = None, None, 0
    for hall, one, mode, what, policy_from, ratings, projects in rows:
        kind = (mode, what, policy_from)
        column = columns.get(kind)
        if column is None:
            column = columns[kind] = _Column()
        if one != last_one or hall != last_hall:
            last_hall, last_one = hall, one
            n = part.number((hall, one) if is_of_hall else ("", one))
        if not is_of_hall:
            at = places.setdefault((kind, n), len(column.at))
            if at < len(column.at):
                column.ratings[at] += ratings
                column.projects[at] += projects
                continue
        column.at.append(n)
        column.ratings.append(ratings)
        column.projects.append(projects)
    for column in columns.values():
        column.shrink()
    return _Span((changes,), columns, sum(len(column.at) for column in columns.values()), {})
