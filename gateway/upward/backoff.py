"""Pauses after failures, longer and longer, so that a centre that comes back is not run over."""

import random


class Backoff:
    """Pauses that double from `first_s` to `longest_s`, each between half and the whole of it."""

    def __init__(self, first_s: float, longest_s: float, chance: random.Random):
        self._first_s = first_s
        self._longest_s = longest_s
        self._chance = chance
        self._failures = 0

    def pause_s(self, at_least_s: float | None = None) -> float:
        """The pause after one more failure; Retry-After is `at_least_s`."""
        whole_s = min(self._first_s * 2 ** min(self._failures, 30), self._longest_s)
        self._failures += 1
        pause_s = whole_s * self._chance.uniform(0.5, 1.0)
        return max(pause_s, at_least_s or 0.0)

    def reset(self) -> None:
        """It worked."""
        self._failures = 0
