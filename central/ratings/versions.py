"""The rules that are in force, and the versions of them that services were judged by: what was
used may not become another one without a word (RULES 5).
"""

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.directory.attribution import Register
from central.ratings.places import Places
from central.rules.calendar import Calendar, day_number, day_of, read_overrides
from central.rules.policy import Policies, Policy, load_policies
from central.store import directory
from central.store.database import Database
from central.store.judged import facts, standings
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.error import OperatorError

PolicyKey = tuple[str, int, str]  # profile, valid_from, place of an override: a version


class Rules(NamedTuple):
    """By what services are judged. default: the profile of places to which the directory gives
    none.
    """

    policies: Policies
    calendar: Calendar
    default: str


def load_rules(
    default: str,
    profiles: Path | None = None,
    overrides: Path | None = None,
    calendar: Path | None = None,
) -> Rules:
    """The rules that are shipped, and what a province puts beside them: folders of profiles and of
    details for places, a file of days. Raises OperatorError that names file, key and remedy.
    """
    policies = load_policies(profiles, overrides)
    days = Calendar(read_overrides(calendar) if calendar is not None else None)
    return Rules(policies, days, policies.named(default))


def key_of(policy: Policy) -> PolicyKey:
    """What names a version."""
    return policy.profile, policy.valid_from, policy.place if policy.base is not None else ""


def begin(database: Database, rules: Rules, now_ms: int) -> None:
    """Hold the rules against those that services were judged by, before anything is judged.

    Services are judged again from the first day of a version that is new, those whose limits a
    new calendar may move, and all if the profile of places without one is another. Raises
    OperatorError as `require_accepted`.
    """
    with database.write() as connection:
        state = standings.state(connection)
        while not standings.take_turn(connection, state.turn, state.settled_ms):
            state = standings.state(connection)  # what is judged by other rules now is void
        now_ms = max(now_ms, state.settled_ms)
        known = require_accepted(connection, rules, now_ms)
        seen = _seen(state)
        new = [one.valid_from for key, one in known.items() if key not in seen]
        default = _default(rules)
        if default not in seen:
            new.append(0)
        if new:
            standings.touch_from(connection, min(new), now_ms)
        if seen != {*known, default}:
            standings.note(connection, versions=json.dumps([*sorted(known), default]))
        if state.calendar != rules.calendar.sha256:
            standings.touch_limited(connection, now_ms)
            standings.note(connection, calendar=rules.calendar.sha256)


def not_in_force(connection: Connection, rules: Rules, state: Any) -> str | None:
    """Why services may not be judged by these rules now, None if they may. Another centre may have
    begun with others since these were read: judging by these would use up what it touched for
    them. state: of the judge; where nobody ever began, any rules may.
    """
    if state.versions is None:
        return None
    known = known_versions(rules)
    uses = standings.uses(connection)
    is_same = _seen(state) == {*known, _default(rules)} and state.calendar == rules.calendar.sha256
    if is_same and all(known[key].sha256 == uses[key] for key in uses if key in known):
        return None
    return (
        "this centre has other rules than those that services are judged by now, and judges "
        "nothing until it is started again"
    )


@lru_cache(maxsize=8)
def known_versions(rules: Rules) -> dict[PolicyKey, Policy]:
    """All versions that there are, by what names them."""
    return {
        key_of(one): one
        for profile in rules.policies.profiles()
        for one in rules.policies.versions(profile)
    }


def _seen(state: Any) -> set[PolicyKey]:
    return {(key[0], key[1], key[2]) for key in json.loads(state.versions or "[]")}


def _default(rules: Rules) -> PolicyKey:
    return rules.default, 0, "default"


def require_accepted(connection: Connection, rules: Rules, now_ms: int) -> dict[PolicyKey, Policy]:
    """All versions that there are. Raises OperatorError for one that was edited in use, and for a
    new one from a day on of which services were judged already: either would change what is past.
    """
    known = known_versions(rules)
    for key, sha256 in standings.uses(connection).items():
        if key not in known or known[key].sha256 != sha256:
            raise OperatorError(_edited(key, known.get(key)))
    for key, (policy, count) in _backdated(connection, rules, known.values(), now_ms).items():
        raise OperatorError(_late(key, policy, count))
    return known


def _backdated(
    connection: Connection, rules: Rules, known: Iterable[Policy], now_ms: int
) -> dict[PolicyKey, tuple[Policy, int]]:
    """The versions that are new, and how many services of their days the version before them, or
    the text that they detail, has judged already.
    """
    used = standings.uses(connection)
    seen = _seen(standings.state(connection))
    register = Register(directory.entries(connection))
    places = Places(register, rules.policies, rules.default)
    found: dict[PolicyKey, tuple[Policy, int]] = {}
    for policy in known:
        key = key_of(policy)
        if key in used or key in seen or policy.valid_from >= day_number(now_ms):
            continue
        halls = facts.halls(connection)
        if policy.base is not None:
            halls = [one for one in halls if places.lies_in(one, policy.place, policy.valid_from)]
        days = (policy.valid_from, policy.valid_to or day_number(now_ms))
        count = standings.count_of_days(connection, policy.profile, halls, days)
        if count:
            found[key] = policy, count
    return found


def accept(database: Database, rules: Rules, profile: str, now_ms: int) -> list[PolicyKey]:
    """Let edited versions of a profile hold as they are now, and new ones from the past on; which
    they were. What they judged is judged again at the next start: a centre that runs now has the
    text of before in memory.
    """
    with database.write() as connection:
        state = standings.state(connection)
        used = standings.uses(connection)
        edited = {
            key_of(one): one.sha256
            for one in rules.policies.versions(profile)
            if used.get(key_of(one), one.sha256) != one.sha256
        }
        for key, sha256 in edited.items():
            standings.accept_use(connection, key, sha256, max(now_ms, state.settled_ms))
        versions, now_ms = rules.policies.versions(profile), max(now_ms, state.settled_ms)
        late = _backdated(connection, rules, versions, now_ms)
        added = {key: policy.sha256 for key, (policy, _) in late.items()}
        standings.add_uses(connection, added, now_ms)
        seen = _seen(state)
        standings.note(connection, versions=json.dumps(sorted(seen - set(edited))))
        if edited or added:
            told = json.dumps({**{str(key): one for key, one in edited.items()}}, sort_keys=True)
            acts.add(connection, now_ms, COMMAND, "policy.accept", profile, told)
    return [*edited, *added]


def _late(key: PolicyKey, policy: Policy, count: int) -> str:
    profile, first_day, place = key
    where = f" for {place}" if place else ""
    return (
        f"{' and '.join(policy.files)}: this version of {profile}{where} is new, and {count} "
        f"services of its days, from {day_of(first_day)} on, were judged without it: give it a "
        f"later valid_from, or run `pingjia central policy accept {profile}`, which judges them "
        "again by it."
    )


def _edited(key: PolicyKey, now: Policy | None) -> str:
    profile, first_day, place = key
    name = f"the version of {profile} from {first_day}{f' for {place}' if place else ''}"
    if now is None:
        return (
            f"{name} is not there any more, and services were judged by it: put its file back; to "
            "end it, add a version with a later valid_from."
        )
    return (
        f"{' and '.join(now.files)}: {name} is in use and may not be edited: add one with a later "
        f"valid_from, or run `pingjia central policy accept {profile}`, which judges again all "
        "that it judged."
    )
