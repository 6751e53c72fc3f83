"""Runs of seqs: sorted lists of [first, last], both included, that do not touch each other."""


def add(runs: list, seq: int):
    """Adds a seq that is higher than all before it."""
    if runs and runs[-1][1] == seq - 1:
        runs[-1][1] = seq
    else:
        runs.append([seq, seq])


def subtract(first: int, last: int, known: list) -> list:
    """The runs within first … last that no run of `known` (in any order) covers."""
    left = []
    for start, end in sorted([(run[0], run[1]) for run in known]):
        if start > first:
            left.append([first, min(start - 1, last)])
        first = max(first, end + 1)
        if first > last:
            break
    if first <= last:
        left.append([first, last])
    return [run for run in left if run[0] <= run[1]]
