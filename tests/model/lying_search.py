"""Looks at every state of a hall that may lie, or is honest, and at what must be true of it."""

from collections import deque
from typing import NamedTuple

from lying_centre import named
from lying_steps import is_lost, is_owed, start, steps
from lying_values import LACK, NEVER, LyingRules, State, World

NAMED, HONEST, FALSE = "NAMED", "HONEST", "FALSE"


class Seen(NamedTuple):
    """What a search saw. broken: the property that failed, empty for none; story: how."""

    states: int
    broken: str = ""
    story: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()


def look(rules: LyingRules, world: World, most: int = 400_000) -> Seen:
    """Look at every state that can be reached. names: by which alarms a hall was named.

    Raises OverflowError beyond `most` states: a search that did not end says nothing.
    """
    first = start(world)
    came: dict[State, tuple[State | None, str]] = {first: (None, "")}
    queue, names = deque([first]), set()
    while queue:
        state = queue.popleft()
        name = named(rules, world, state)
        names.add(name)
        if broken := _broken(rules, world, state, name):
            return Seen(len(came), broken, _story(came, state, name), frozenset(names))
        for words, after in steps(rules, world, state):
            if after not in came:
                came[after] = state, words
                queue.append(after)
        if len(came) > most:
            raise OverflowError(f"{world.name}: more than {most} states")
    return Seen(len(came), names=frozenset(names) - {""})


def _broken(rules: LyingRules, world: World, state: State, name: str) -> str:
    """NAMED: a rating or a document is missing for longer than the stated delay, and nobody is
    named, or was within the hour before. HONEST: an honest hall is named. FALSE: what no citizen
    pressed is counted.
    """
    if state.falsely_counted:
        return FALSE
    if world.is_honest:
        return HONEST if name else ""
    if name or state.named_at != NEVER:
        return ""
    now, longest = state.now, world.alone + LACK
    for one in state.ratings:
        is_over = now >= one.at + longest or (one.ripe_at != NEVER and now >= one.ripe_at + LACK)
        if is_over and is_lost(rules, state, one):
            return NAMED
    for shown in state.services:
        if now >= shown.at + longest + LACK and is_owed(world, state, shown):
            return NAMED
    return ""


def _story(came, state: State, name: str) -> tuple[str, ...]:
    words: list[str] = [f"then, at {state.now}: {name or 'nobody is named'}"]
    before: State | None = state
    while before is not None:
        before, step = came[before]
        words += [step] if step else []
    return tuple(reversed(words))
