"""How a column of a table is counted, where several versions of the rules judged the services:
each counts its own by its own levels (central/rules/combined.py).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from central.figures.shown import Words
from central.figures.tables.table import Cell, Column, Value, Where
from central.figures.tables.units import Asked, Parts
from central.rules.combined import Part
from central.rules.definitions import WINDOW_MODES, Mean, Share, Shown
from central.rules.policy import Policy

Counters = Mapping[Where, Parts]


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
        if self.column.kind == "count":
            return num
        return Share(num, den) if self._score is None else Mean(num, den)

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

    def _of(self, policy: Policy) -> _Added | None:
        if policy not in self._added:
            words = self._words(policy)
            self._added[policy] = words and _Added(
                words,
                *(tuple((mode, what) for mode in self.modes for what in each) for each in words),
            )
        return self._added[policy]


class Counted:
    """Makes rows of measures (table.Maker) from what was counted now and in the period before."""

    def __init__(
        self,
        asked: Asked,
        measures: list[Measure],
        now: Counters,
        before: Counters | None,
    ) -> None:
        self._asked, self._measures = asked, measures
        self._now, self._before = now, before

    def value(self, where: Where, column: int) -> Value:
        """Of one column, now."""
        return self._measures[column].value(self._now.get(where, ()))

    def cells(self, where: Where) -> tuple[Cell, ...]:
        """Of all columns."""
        now = self._now.get(where, ())
        before = None if self._before is None else self._before.get(where, ())
        return tuple(one.cell(self._asked, where, now, before) for one in self._measures)


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

    def cells(self, where: Where) -> tuple[Cell, ...]:
        """Of all columns."""
        told = (self._asked, where, self._now, self._before, True)
        return tuple(one.cell(*told) for one in self._measures)


def in_use(asked: Asked, parts: Iterable[Part]) -> list[Policy]:
    """The versions that judged anything, the newest first; that of the place if none did."""
    policies = {part.policy for part in parts}
    order = sorted(policies, key=lambda one: (-one.valid_from, one.files))
    return order or [asked.policy]
