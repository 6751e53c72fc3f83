"""The chain of a device's epoch: what is covered, and whether links hold. Values in, values out.

Both are judged from what is held, never from the order in which it arrived (CHN-2, RCT-3).
"""

from collections.abc import Iterable
from typing import NamedTuple

from protocol.envelope import NO_MAC16

Run = tuple[int, int]  # first and last seq, both included


class Cover(NamedTuple):
    """covered_seq: every seq from 1 to it is held or named, and so is what the records there name
    in `prev`. receipt_seq: the highest held there.

    highest_seq: the highest held at all. mac16: of the record receipt_seq, empty if that did not
    change.
    """

    covered_seq: int
    receipt_seq: int
    highest_seq: int
    mac16: str


def extend(
    cover: Cover, held: dict[int, str], gaps: Iterable[Run], before_seq: int | None = None
) -> Cover:
    """`cover` after records arrived.

    held: seq -> mac16 of the new records and of all those held above covered_seq. gaps: the runs
    named above covered_seq. A record that a boot had named and that turns up counts as held.
    before_seq: where to end at the latest, because what is there is not judged yet, or its link
    names a record that nobody here holds.
    """
    covered_seq = cover.covered_seq
    for first, last in sorted([(seq, seq) for seq in held] + list(gaps)):
        if first > covered_seq + 1:
            break
        covered_seq = max(covered_seq, last)
    if before_seq is not None:
        covered_seq = max(cover.covered_seq, min(covered_seq, before_seq - 1))
    inside = max((seq for seq in held if seq <= covered_seq), default=0)
    highest_seq = max(cover.highest_seq, max(held, default=0))
    if inside > cover.receipt_seq:
        return Cover(covered_seq, inside, highest_seq, held[inside])
    return Cover(covered_seq, cover.receipt_seq, highest_seq, "")


def without(runs: Iterable[Run], others: Iterable[Run]) -> list[Run]:
    """What of `runs` lies in none of the others."""
    left = list(runs)
    for start, end in others:
        cut = []
        for first, last in left:
            if end < first or last < start:
                cut.append((first, last))
                continue
            cut += [(first, start - 1)] if first < start else []
            cut += [(end + 1, last)] if end < last else []
        left = cut
    return left


def gaps_below(boot_seq: int, gaps: Iterable[tuple[int, int, str]]) -> dict[int, tuple[int, str]]:
    """The runs that a boot may name, first -> (last, cause): only what lies below itself."""
    runs: dict[int, tuple[int, str]] = {}
    for first, last, cause in gaps:
        last = min(last, boot_seq - 1)
        if first <= last and last > runs.get(first, (0, ""))[0]:
            runs[first] = (last, cause)
    return runs


def predecessor(boot_seq: int, gaps: Iterable[Run]) -> int:
    """The seq of the last record that the device could read at a boot: 0 for none (CHN-1).

    gaps: the runs that this boot names. What an earlier boot named lies below that boot, which
    this one either could read or names too.
    """
    seq = boot_seq - 1
    for first, last in sorted(gaps, key=lambda run: run[1], reverse=True):
        if first <= seq <= last:
            seq = first - 1
    return seq


def is_link_broken(prev: str, predecessor_mac16: str | None) -> bool:
    """Whether `prev` is not the predecessor's; None stands for "there is no record before it"."""
    return prev != (predecessor_mac16 or NO_MAC16)


def may_skip(
    predecessor_seq: int, receipt_seq: int, prev: str, is_older_held: bool, is_full: bool
) -> bool:
    """Whether a boot may pass over its predecessor.

    Below its receipt a device need not name what it can no longer read, so it links to an older
    record, or to none. A boot that `is_full` had no room for all runs: the boots after it name
    the others.
    """
    is_unnamed_allowed = is_full or predecessor_seq <= receipt_seq
    return is_unnamed_allowed and (prev == NO_MAC16 or is_older_held)
