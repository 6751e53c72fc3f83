"""Everything that was judged, judged again from the facts, and every figure added up again: what
`pingjia central verify` finds, and `recount` puts right.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection

from central.ratings import opening
from central.ratings.casebook import fold
from central.ratings.dossier import gather
from central.ratings.judge import LONGEST_PAUSE_MS, Judge
from central.ratings.settling import figures, settled
from central.ratings.versions import not_in_force
from central.store.cases import cases, steps
from central.store.database import Database
from central.store.judged import counters, facts, standings
from central.store.judged.counters import Count, FigureKey
from central.store.judged.facts import Service
from central.store.judged.standings import StandingKey, StandingRow
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.clock import now_ms as wall_ms
from hosting.error import OperatorError

_AT_ONCE = 500
_PAUSES_MS = (0, 20_000, 60_000, LONGEST_PAUSE_MS)  # of the judge, for each try at one hall

Found = Iterator[tuple[str, str, str]]  # name, where, sentence


class Hall(NamedTuple):
    """A hall counted again. wrong: (what is stored, what it should be) of services that stand
    otherwise, None for what is not there; counts: what figures lack, negative for too much.
    unopened: (service, rating) of bad ratings that have no case.
    """

    hall: str
    wrong: list[tuple[StandingRow | None, StandingRow | None]]
    counts: dict[FigureKey, Count]
    unopened: list[tuple[str, str]]


def differences(connection: Connection, judge: Judge) -> Found:
    """Standings and figures that are not what the facts give. What waits for the judge is not
    looked at, since nobody says yet that it is settled.
    """
    for hall in facts.halls(connection):
        yield from faults_of(count_again(connection, judge, hall))
    yield from _cases(connection, judge)


def _cases(connection: Connection, judge: Judge) -> Found:
    """Cases that do not stand as their steps say. What time alone makes something of next is not
    looked at when its instant has come.
    """
    now_ms, after = standings.state(connection).settled_ms, ""
    while page := cases.page(connection, after, _AT_ONCE):
        after = page[-1].no
        told = steps.of(
            connection, {row.no for row in page} | {row.joined for row in page if row.joined}
        )
        for row in page:
            shared = told[row.joined] if row.joined else []
            _, value = fold(row, told[row.no], judge.rules, now_ms, shared)
            is_due = row.next_ms is not None and row.next_ms <= now_ms
            if not is_due and cases.folded(row, value) != row:
                wrong = [one for one in value._fields if getattr(row, one) != getattr(value, one)]
                yield "case_differs", f"case {row.no}", f"other by its steps: {', '.join(wrong)}"


def faults_of(found: Hall) -> Found:
    """What is wrong in a hall that was counted again."""
    for stored, fresh in found.wrong:
        row = stored or fresh
        assert row is not None
        where = f"{row.hall}, service {row.service}, {row.profile}"
        yield "standing_differs", where, _sentence(stored, fresh)
    for key, lacks in sorted(found.counts.items()):
        profile, span, dim, hall, thing, mode, what, policy_from = key
        where = f"{hall}, {dim} {thing or '*'}, {profile}@{policy_from}, {mode} {what}, {span}"
        yield "figure_differs", where, f"it lacks {lacks[0]} services, {lacks[1]} projects"
    for service, rating in found.unopened:
        where = f"{found.hall}, service {service}"
        yield "case_missing", where, f"the bad rating {rating} has no case"


def count_again(connection: Connection, judge: Judge, hall: str) -> Hall:
    """Judge a hall's services again, and add up what is stored."""
    state = standings.state(connection)
    places = judge.places_now(connection)
    waiting = facts.touched_of(connection, hall)
    stored: dict[StandingKey, StandingRow] = {}
    after = ("", "")
    while page := standings.of_hall(connection, hall, after, _AT_ONCE):
        stored |= {row[:3]: row for row in page}
        after = (page[-1].profile, page[-1].service)
    waiting |= {
        row.service
        for row in stored.values()
        if row.due_ms is not None and row.due_ms <= state.settled_ms
    }
    wrong: list[tuple[StandingRow | None, StandingRow | None]] = []
    seen: set[StandingKey] = set()
    unopened: list[tuple[str, str]] = []
    bad = judge.rules.policies.bad_levels()
    last = ""
    while services := facts.services_of_hall(connection, hall, last, _AT_ONCE):
        last = services[-1]
        wanted: list[Service] = [(hall, one) for one in services if one not in waiting]
        dossiers = gather(connection, wanted, places)
        told = (judge.rules, bad, state.cases_since_ms, state.settled_ms)
        own = {service: dossiers[service] for service in wanted}
        new = opening.look(connection, own, places, *told).new
        unopened += [(one.service or "", one.rating or "") for one in new]
        for service in wanted:
            found = settled(dossiers[service], places, judge.rules.calendar, state.settled_ms)
            for row, _, _ in found:
                seen.add(row[:3])
                if stored.get(row[:3]) != row:
                    wrong.append((stored.get(row[:3]), row))
    gone = [row for key, row in stored.items() if key not in seen and row.service not in waiting]
    wrong += [(row, None) for row in gone]
    should = figures(stored.values())
    kept = dict(counters.figures_of_hall(connection, hall))
    lacks = {
        key: (
            should.get(key, _NONE)[0] - kept.get(key, _NONE)[0],
            should.get(key, _NONE)[1] - kept.get(key, _NONE)[1],
        )
        for key in {*should, *kept}
        if should.get(key, _NONE) != kept.get(key, _NONE)
    }
    return Hall(hall, wrong, lacks, unopened)


def recount(database: Database, judge: Judge, on_hall: Callable[[Hall], None]) -> None:
    """Put figures and standings right, hall by hall; the judge goes on meanwhile, but where it
    moves one hall again and again, it waits while that is counted, for five minutes at most.
    Raises OperatorError if that is too short.
    """
    with database.read() as connection:
        halls = facts.halls(connection)
        if (why := not_in_force(connection, judge.rules, standings.state(connection))) is not None:
            raise OperatorError(f"{why}: start the centre with these rules, and recount then.")
    for hall in halls:
        for pause_ms in _PAUSES_MS:
            with database.write() as connection:
                standings.note(connection, paused_until_ms=wall_ms() + pause_ms)
            with database.read() as connection:
                turn = standings.state(connection)
                found = count_again(connection, judge, hall)
            with database.write() as connection:
                standings.note(connection, paused_until_ms=0)
                if standings.take_turn(connection, turn.turn, turn.settled_ms):
                    counters.add_figures(connection, found.counts)
                    wrong = {
                        (row.hall, row.service) for pair in found.wrong for row in pair if row
                    }
                    wrong |= {(hall, service) for service, _ in found.unopened}
                    facts.touch(connection, wrong, turn.settled_ms)
                    if found.wrong or found.counts:
                        acts.add(connection, wall_ms(), COMMAND, "figures.recount", hall)
                    break
        else:
            raise OperatorError(
                f"the services of {hall} change faster than they are counted: recount when fewer "
                "ratings come; the halls before it are right."
            )
        on_hall(found)
    judge.settle_all()


_NONE: Count = (0, 0)


def _sentence(stored: StandingRow | None, fresh: StandingRow | None) -> str:
    if stored is None:
        return "nothing stands for it"
    if fresh is None:
        return "no such policy concerns it"
    names = [
        f"{name} is {new}, stored is {old}"
        for name, old, new in zip(StandingRow._fields, stored, fresh, strict=True)
        if old != new
    ]
    return "; ".join(names)
