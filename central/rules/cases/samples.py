"""Spot checks (抽查, R57, R103): which cases or services are drawn, by a seed that is kept.
Whoever has the seed and the list draws the same again; nobody who has not can know it before.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple


class Sample(NamedTuple):
    """drawn: what was drawn, in the order of the draw. of: how many there were; sha256: of all
    their names, so that a list that was changed afterwards is found.
    """

    drawn: tuple[str, ...]
    of: int
    sha256: str


def sample(names: Iterable[str], seed: str, percent: int) -> Sample:
    """`percent` of these, rounded up, drawn by `seed`. Raises ValueError for a percentage that is
    none, and for a seed that one could guess.
    """
    if not 1 <= percent <= 100:
        raise ValueError("percent is a whole number from 1 to 100")
    if len(seed) < 32:
        raise ValueError("seed is at least 32 characters: 32 hex digits of a random number")
    known = sorted(set(names))
    count = -(-len(known) * percent // 100)
    drawn = sorted(known, key=lambda one: _lot(seed, one))[:count]
    whole = hashlib.sha256("\n".join(known).encode()).hexdigest()
    return Sample(tuple(drawn), len(known), whole)


def _lot(seed: str, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{name}".encode()).digest()
