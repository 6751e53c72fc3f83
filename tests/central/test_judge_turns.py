"""Halls are judged in turn: what one hall leaves waiting keeps no other from its figures."""

import random
import time

import pytest
from central_hall import NOW_MS, Hall, document, verdicts

from central.ratings import judge as judge_module
from central.ratings.judge import BACKLOG, Judge
from central.ratings.versions import load_rules
from central.steady import PlainClock
from central.store import sql
from central.store.judged import facts, standings, waiting
from central.store.judged.facts import Service
from central.store.tables import metadata

MANY = 100_000


def oldest_first(connection, most, turns, left=()):
    """What the judge did before: whatever hall it is of."""
    query = "SELECT n, hall, service, at_ms FROM touched ORDER BY n LIMIT ?"
    return list(sql.run(connection, query, (most,))), turns


def touch(database, services: list[Service]) -> None:
    """In this order."""
    with database.write() as connection:
        rows = [(*one, NOW_MS) for one in services]
        table = metadata.tables["touched"]
        sql.insert_many(connection, table, ("hall", "service", "at_ms"), rows)


def touch_many(database, hall: str, count: int) -> None:
    with database.write() as connection:
        facts.touch(connection, [(hall, f"S{n}") for n in range(count)], NOW_MS)


def judge_of(database) -> Judge:
    return Judge(database, load_rules("national"), PlainClock(lambda: NOW_MS))


def waits(database) -> dict[str, int]:
    with database.read() as connection:
        query = "SELECT hall, count(*) FROM touched GROUP BY hall"
        return {row[0]: row[1] for row in connection.exec_driver_sql(query)}


@pytest.mark.rule("R40")
@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: the oldest first"])
def test_no_hall_waits_behind_another_halls_backlog(database, monkeypatch, is_ours):
    if not is_ours:
        monkeypatch.setattr(waiting, "in_turn", oldest_first)
    touch_many(database, "big", 3 * BACKLOG)
    touch(database, [("small", "S1"), ("smaller", "S1")])
    judge_of(database).settle()
    left = waits(database)
    assert (set(left) == {"big"}) == is_ours, left
    assert left["big"] == 2 * BACKLOG + (2 if is_ours else 0), "a turn is as large as it was"


def test_each_hall_has_its_turn_whatever_waits_elsewhere(database):
    """Of halls of which many wait, one after the other; where few wait, long before that."""
    big = [f"b{n:02}" for n in range(12)]
    for hall in big:
        touch_many(database, hall, 2 * BACKLOG)
    judge = judge_of(database)
    judge.settle()
    few = [f"f{n:03}" for n in range(150)]
    touch(database, [(hall, f"S{n}") for hall in few for n in range(2)])
    for _ in range(2):  # 150 halls, 250 services: half of what two turns take
        judge.settle()
    assert set(waits(database)) <= set(big), "no hall of which few wait"
    for _ in range(len(big)):
        judge.settle()
    left = waits(database)
    assert all(left.get(hall, 0) < 2 * BACKLOG for hall in big), left


def test_what_is_in_turn_is_all_that_waits_and_none_twice(database):
    """Of queues of any lengths, with and without services that are not looked at."""
    for seed in range(6):
        chance = random.Random(seed)
        lengths = [chance.choice((1, 2, 10, 11, 90)) for _ in range(chance.randrange(1, 120))]
        services = [(f"h{at}", f"S{n}") for at, long in enumerate(lengths) for n in range(long)]
        chance.shuffle(services)
        left = set(chance.sample(services, chance.choice((0, len(services) // 3))))
        turns = waiting.Turns(chance.choice(("", "h1", "zz")), chance.choice(("", "h2", "zz")))
        most = chance.choice((50, 501))
        with database.write() as connection:
            connection.exec_driver_sql("DELETE FROM touched")
        touch(database, services)
        seen: list[Service] = []
        for _ in range(-(-len(services) // most)):
            with database.write() as connection:
                rows, turns = waiting.in_turn(connection, most, turns, left)
                facts.forget_touched(connection, [row[0] for row in rows])
            found = [row[1:3] for row in rows]
            there = {one for one in services if one not in left} - set(seen)
            assert len(found) == min(most, len(there)), seed
            assert set(found) <= there, seed
            seen += found
        assert sorted(seen) == sorted(set(services) - left), seed


@pytest.mark.parametrize("part", [5, 10**6], ids=["ours", "control: after all that waits"])
def test_a_backlog_leaves_a_share_to_what_is_due(database, hall, monkeypatch, part):
    """A default, or a reminder, of a hall waits for no other hall's documents."""
    monkeypatch.setattr(judge_module, "_DUE_PART", part)
    hall.post(document(opened_at_ms=NOW_MS - 600_000)[0])
    judge = judge_of(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE standing SET due_ms = 1")
    touch_many(database, "big", 2 * BACKLOG)
    judge.settle()
    with database.read() as connection:
        is_due = bool(standings.due(connection, NOW_MS, 9))
    assert is_due == (part > 5)


def test_a_rating_is_judged_at_once_while_100_000_wait_at_a_restart(tmp_path, database, clock):
    """An old backlog, that leaves nothing to intake."""
    big = Hall(tmp_path, "big", database, clock)
    small = Hall(tmp_path, "small", database, clock)
    small.is_judged = False
    pen = small.enrol("xj-0417")
    touch_many(database, "big", MANY)
    clock.ms += 3_600_000
    big.serve(database)  # it starts again
    big.judge.settle()
    item, name = document(service="S-1", hall="small", opened_at_ms=NOW_MS - 600_000)
    said = {"service": "S-1", "facts": name, "ticket_no": "A1", "at": NOW_MS}
    began_s = time.monotonic()
    answer = small.post(item, pen.rating(**said))
    assert verdicts(answer) == ["stored", "stored"]
    assert answer.receipts
    big.judge.settle()
    took_s = time.monotonic() - began_s
    with database.read() as connection:
        assert [row.state for row in standings.of_hall(connection, "small", ("", ""), 9)] == [
            "active"
        ]
    assert waits(database) == {"big": MANY - 2 * BACKLOG + 1}, "the backlog goes on, too"
    assert took_s < 2
