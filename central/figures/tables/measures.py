"""How a column of a table is counted, where several versions of the rules judged the services:
each counts its own by its own levels (central/rules/combined.py).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from central.figures.shown import Words
from central.figures.tables.table import Cell, Column, Value, Where
from central.figures.tables.units import Asked, Parts, Units
from central.ratings.period import Period
from central.rules.combined import Part
from central.rules.definitions import WINDOW_MODES, Mean, Share, Shown
from central.rules.policy import Policy

_FEW = 500  # rows that are read by their names; of more, all are


class _Added(NamedTuple):
    """What a version adds to a measure: the words of its key, and where they stand."""

    words: Words
    num: tuple[tuple[str, str], ...]
    den: tuple[tuple[str, str], ...]


class Measure:
    """A column, and how its cells are made. words: the counters that a version adds up, for a
    share num and den; None for a version that has no such figure. modes: of which services.
    """

    def __init__(
        self,
        column: Column,
        words: Callable[[Policy], Words | None],
        modes: tuple[str, ...] = WINDOW_MODES,
        score: Shown | None = None,
    ) -> None:
        self.column, self.modes = column, modes
        self._words, self._score = words, score
        self._added: dict[Policy, _Added | None] = {}

    def whats(self, policy: Policy) -> tuple[str, ...]:
        """All counters that it reads under a version."""
        added = self._of(policy)
        return () if added is None else (*added.words[0], *added.words[1])

    def values(
        self,
        units: Units,
        asked: Asked,
        period: Period,
        policies: Iterable[Policy],
        listed: Collection[str],
    ) -> dict[Where, Value]:
        """Its value of each unit that has any of the counters `listed` in a period; policies: the
        versions in use. The database adds up where all of them count alike.
        """
        ways = {self._way(policy) for policy in policies}
        way = ways.pop() if len(ways) == 1 else None
        if way is None or asked.dimension.key == "hour":
            counts = units.counts(asked, period)
            return {
                where: self.value(parts)
                for where, parts in counts.items()
                if any(what in listed for part in parts for _, what in part.counts)
            }
        found = units.sums(asked, period, self.modes, way[0], listed, way[1])
        return {where: self._made(*both) for where, both in found.items()}

    def value(self, parts: Parts) -> Value:
        """Its value, over the versions that have it."""
        num = den = 0
        for policy, counts in parts:
            added = self._of(policy)
            if added is None:
                continue
            if self._score is not None:
                mean = self._score.figure.of(counts, policy, self._score.with_excluded)
                num, den = num + mean[0], den + mean[1]
                continue
            num += sum(counts.get(one, 0) for one in added.num)
            den += sum(counts.get(one, 0) for one in added.den)
        return self._made(num, den)

    def cell(
        self, asked: Asked, where: Where, now: Parts, before: Parts | None, is_whole: bool = False
    ) -> Cell:
        """Its cell of a unit. before: None where there is no period before."""
        words = {
            policy: (added := self._of(policy)) and added.words
            for policy, _ in now or (Part(asked.policy, {}),)
        }
        keys = asked.keys(where, self.modes, words, is_whole)
        return Cell(self.value(now), None if before is None else self.value(before), *keys)

    def _made(self, num: int, den: int) -> Value:
        if self.column.kind == "count":
            return num
        return Share(num, den) if self._score is None else Mean(num, den)

    def _way(self, policy: Policy) -> tuple[Words, bool] | None:
        """What a version adds, and whether of projects; None if that is no sum of counters."""
        added = self._of(policy)
        if added is None or self._score is not None:
            return None
        return added.words, policy.counting.weight.value == "project"

    def _of(self, policy: Policy) -> _Added | None:
        if policy not in self._added:
            words = self._words(policy)
            self._added[policy] = words and _Added(
                words,
                *(tuple((mode, what) for mode in self.modes for what in each) for each in words),
            )
        return self._added[policy]


class Counted:
    """Makes rows of measures (table.Maker). A column is added up for all units at once, whole rows
    are read for those that are shown. policies: the versions in use. earlier: the period before,
    None where there is none to compare with.
    """

    def __init__(
        self,
        units: Units,
        asked: Asked,
        measures: Sequence[Measure],
        policies: list[Policy],
        earlier: Period | None,
    ) -> None:
        self._units, self._asked, self._measures = units, asked, measures
        self._policies, self._earlier = policies, earlier
        self._listed = {what for one in measures for each in policies for what in one.whats(each)}
        self._columns: dict[int, dict[Where, Value]] = {}
        self._none = [one.value(()) for one in measures]
        self._now: dict[Where, Parts] = {}
        self._before: dict[Where, Parts] = {}

    def there(self, column: int) -> list[Where]:
        """The units that have anything now or in the period before. column: one to be read with
        them.
        """
        before = () if self._earlier is None else self._values(column, self._earlier)
        return [*dict.fromkeys([*self._column(column), *before])]

    def value(self, where: Where, column: int) -> Value:
        """Of one column, now."""
        return self._column(column).get(where, self._none[column])

    def _column(self, column: int) -> dict[Where, Value]:
        if column not in self._columns:
            self._columns[column] = self._values(column, self._asked.period)
        return self._columns[column]

    def _values(self, column: int, period: Period) -> dict[Where, Value]:
        told = (self._units, self._asked, period, self._policies, self._listed)
        return self._measures[column].values(*told)

    def load(self, wanted: Collection[Where]) -> None:
        """Read all of these rows."""
        few = wanted if len(wanted) <= _FEW else None
        self._now |= self._units.counts(self._asked, self._asked.period, few)
        if self._earlier is not None:
            self._before |= self._units.counts(self._asked, self._earlier, few)

    def cells(self, where: Where) -> tuple[Cell, ...]:
        """Of all columns, of a row that was loaded."""
        now, before = self._now.get(where, ()), self._before.get(where, ())
        was = None if self._earlier is None else before
        return tuple(one.cell(self._asked, where, now, was) for one in self._measures)


class Whole:
    """Makes the row of all units together."""

    def __init__(
        self, asked: Asked, measures: list[Measure], now: Parts, before: Parts | None
    ) -> None:
        self._asked, self._measures = asked, measures
        self._now, self._before = now, before

    def value(self, where: Where, column: int) -> Value:
        """Of one column, now."""
        return self._measures[column].value(self._now)

    def load(self, wanted: Collection[Where]) -> None:
        """It is there."""

    def cells(self, where: Where) -> tuple[Cell, ...]:
        """Of all columns."""
        told = (self._asked, where, self._now, self._before, True)
        return tuple(one.cell(*told) for one in self._measures)


def in_use(asked: Asked, parts: Iterable[Part]) -> list[Policy]:
    """The versions that judged anything, the newest first; that of the place if none did."""
    policies = {part.policy for part in parts}
    order = sorted(policies, key=lambda one: (-one.valid_from, one.files))
    return order or [asked.policy]
