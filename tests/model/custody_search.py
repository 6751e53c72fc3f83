"""Bounded search: every state that can be reached, and what must be true of it.

SAFE and ONCE are looked at in every state. ARRIVES is judged on the whole graph: backwards from
the settled states along fault-free steps only, so that a state from which nothing can settle any
more is found whatever order things happen in.
"""

import gc
from collections import deque
from dataclasses import dataclass, field

import custody_device as journal
from custody_rules import Rules, Scenario
from custody_steps import CLONE, steps
from custody_values import State

SAFE, ONCE, ARRIVES = "SAFE", "ONCE", "ARRIVES"


class TooLargeError(Exception):
    """The search would not end in time: make the scenario smaller."""


@dataclass
class Found:
    """What a search found.

    broken: the first property that failed, None for none. trace: the steps that lead there.
    """

    states: int
    steps: int
    broken: str | None = None
    trace: list[str] = field(default_factory=list)


def search(
    rules: Rules, world: Scenario, wanted=(SAFE, ONCE, ARRIVES), most: int = 400_000
) -> Found:
    """Looks at every reachable state. wanted: the properties that count.

    Raises TooLargeError beyond `most` states.
    """
    gc.disable()  # nothing here is a cycle, and looking for cycles takes half of the time
    try:
        return _search(rules, world, wanted, most)
    finally:
        gc.enable()


def is_safe(world: Scenario, state: State) -> bool:
    """No thanked rating has gone from the device unless the centre holds it.

    Two exceptions. A fault of the flash destroyed it before the centre held it (a boot names it:
    ARRIVES asks for that). Or a restore took it from the centre: then the gateway still holds it,
    or its database was destroyed after it had held it, the window that DESIGN 8 admits.
    """
    ghost = state.ghost
    in_centre = _in_centre(state)
    on_flash = {line.label for _, lines in state.device.segments for line in lines if line.good}
    for label, seq in ghost.thanked:
        if label in on_flash or label in in_centre:
            continue
        if seq in ghost.away:
            if seq not in ghost.burnt and label not in _in_gateway(state):
                return False
        elif label not in ghost.broken:
            return False
    return True


def is_once(world: Scenario, state: State) -> bool:
    """Nothing is counted twice, nothing forged is counted, and no identity has two meanings.

    A clone board's record is the exception to the last: it is kept beside the other as evidence.
    """
    centre = state.centre
    if centre.twice or not all(record.good for record in centre.records):
        return False
    labels = [record.label for record in centre.records]
    if len(labels) != len(set(labels)):
        return False
    return world.has_clone or not centre.conflicts


def is_settled(rules: Rules, world: Scenario, state: State) -> bool:
    """Everything thanked that is held anywhere is in the centre, and the device goes on.

    That is: it takes ratings, and the centre has signed for the last record that it gave out.
    A clone board keeps the receipts of its key from being good, which is alarmed; and what a
    restored centre and a destroyed hall lost together waits for an operator (DESIGN 8).
    """
    ram = state.device.ram
    if ram is None or not ram.is_online:
        return False
    in_centre = _in_centre(state)
    held = {line.label for _, lines in state.device.segments for line in lines if line.good}
    held |= _in_gateway(state)
    if any(label in held and label not in in_centre for label, _ in state.ghost.thanked):
        return False
    if world.has_clone:
        return CLONE.label in in_centre
    if state.ghost.away & state.ghost.burnt:
        return True
    if ram.prev and (state.centre.receipt is None or state.centre.receipt.label != ram.prev):
        return False
    return not journal.is_full(rules, world, state.device, ram)


def _search(rules: Rules, world: Scenario, wanted, most: int) -> Found:
    numbers = {world.start: 0}
    states = [world.start]
    came = [(-1, "")]
    behind: list[list[int]] = [[]]  # per state, those that reach it by one fault-free step
    queue = deque([0])
    count = 0
    while queue:
        number = queue.popleft()
        state = states[number]
        for prop, holds in ((SAFE, is_safe), (ONCE, is_once)):
            if prop in wanted and not holds(world, state):
                return Found(len(states), count, prop, _trace(came, number, state))
        for words, is_fault_free, after in steps(rules, world, state):
            count += 1
            to = numbers.get(after)
            if to is None:
                to = numbers[after] = len(states)
                if to >= most:
                    raise TooLargeError(f"{world.name}: more than {most} states")
                states.append(after)
                came.append((number, words))
                behind.append([])
                queue.append(to)
            if is_fault_free:
                behind[to].append(number)
    found = Found(len(states), count)
    if ARRIVES in wanted:
        stuck = _first_stuck(rules, world, states, behind)
        if stuck is not None:
            found.broken, found.trace = ARRIVES, _trace(came, stuck, states[stuck])
    return found


def _in_centre(state: State) -> set[str]:
    return {record.label for record in state.centre.records | state.centre.conflicts}


def _in_gateway(state: State) -> set[str]:
    return {record.label for record, _ in state.gateway.rows if record.good}


def _first_stuck(rules, world, states, behind) -> int | None:
    """The first state from which no settled one can be reached any more."""
    can_settle = bytearray(len(states))
    queue = deque(n for n, state in enumerate(states) if is_settled(rules, world, state))
    for number in queue:
        can_settle[number] = 1
    while queue:
        for number in behind[queue.popleft()]:
            if not can_settle[number]:
                can_settle[number] = 1
                queue.append(number)
    stuck = can_settle.find(0)
    return None if stuck < 0 else stuck


def _trace(came, number: int, state: State) -> list[str]:
    words = []
    while number >= 0:
        number, step = came[number][0], came[number][1]
        words.append(step)
    return [step for step in reversed(words) if step] + [_summary(state)]


def _summary(state: State) -> str:
    segments = [
        f"{number}: {' '.join(f'{line.label}@{line.seq}' for line in lines) or 'empty'}"
        for number, lines in state.device.segments
    ]
    rows = [
        f"{r.label}@{r.seq} ({v or 'waiting'})" for r, v in sorted(state.gateway.rows, key=repr)
    ]
    records = [f"{record.label}@{record.seq}" for record in sorted(state.centre.records)]
    return (
        f"then: flash {{{'; '.join(segments)}}}, slot {state.device.slot}, "
        f"gateway {rows} receipt {state.gateway.receipt}, "
        f"centre {records} receipt {state.centre.receipt}, "
        f"thanked {sorted(state.ghost.thanked)}"
    )
