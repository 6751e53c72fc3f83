"""Halls are judged in turn: what one hall leaves waiting keeps no other from its figures."""

import random
import time

import pytest
from central_hall import NOW_MS, Hall, document, verdicts

from central.ratings import judge as judge_module
from central.ratings.judge import BACKLOG, LIVE, Judge
from central.ratings.versions import load_rules
from central.steady import PlainClock
from central.store import sql
from central.store.judged import facts, standings, waiting
from central.store.judged.facts import Service

MANY = 100_000


def oldest_first(connection, most, behind="", left=()):
    """What the judge did before: whatever hall it is of."""
    query = "SELECT n, hall, service, at_ms FROM touched ORDER BY n LIMIT ?"
    return list(sql.run(connection, query, (most,)))


def touch(database, services: list[Service]) -> None:
    """One after the other, so that their numbers follow."""
    with database.write() as connection:
        for one in services:
            facts.touch(connection, [one], NOW_MS)


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
    touch(database, [("big", f"S{n}") for n in range(3 * BACKLOG)])
    touch(database, [("small", "S1"), ("smaller", "S1")])
    judge_of(database).settle()
    left = waits(database)
    assert (set(left) == {"big"}) == is_ours, left
    assert left["big"] == 2 * BACKLOG + (2 if is_ours else 0), "a turn is as large as it was"


@pytest.mark.parametrize("halls", [LIVE // 2, 2 * LIVE + 7, BACKLOG + 100])
def test_each_hall_has_its_turn_before_one_has_its_second(database, halls):
    """Also if there are more than one turn takes."""
    names = [f"h{n:03}" for n in range(halls)]
    touch(database, [(name, f"S{n}") for name in names for n in range(2)])
    judge, seen = judge_of(database), []
    while left := waits(database):
        judge.settle()
        after = waits(database)
        seen += [name for name in left for _ in range(left[name] - after.get(name, 0))]
        if len(seen) >= halls:
            assert set(seen) == set(names), "each has had one"
            break
        assert len(set(seen)) == len(seen), "nobody has had two"
    judge.settle_all()
    assert not waits(database)


def test_what_is_in_turn_is_what_a_slow_count_says(database):
    """Of queues of any lengths, with and without services that are not looked at."""
    for seed in range(12):
        chance = random.Random(seed)
        lengths = [chance.choice((1, 2, 7, 90, 400)) for _ in range(chance.randrange(1, 30))]
        services = [
            (f"h{hall}", f"S{n}") for hall, long in enumerate(lengths) for n in range(long)
        ]
        chance.shuffle(services)
        left = set(chance.sample(services, chance.choice((0, len(services) // 3))))
        behind = chance.choice(("", "h1", "h2", "zz"))
        most = chance.choice((1, 50, 501))
        with database.write() as connection:
            connection.exec_driver_sql("DELETE FROM touched")
        touch(database, services)
        with database.read() as connection:
            found = waiting.in_turn(connection, most, behind, left)
        queues: dict[str, list[Service]] = {}
        for one in services:
            if one not in left:
                queues.setdefault(one[0], []).append(one)
        order = sorted(queues, key=lambda hall: (hall <= behind, hall))
        slow = [queues[hall][n] for n in range(400) for hall in order if n < len(queues[hall])]
        if not left:
            assert [row[1:3] for row in found] == slow[:most], seed
        assert len(found) == min(most, len(slow)), seed
        assert not {row[1:3] for row in found} & left, seed


@pytest.mark.parametrize("part", [5, 10**6], ids=["ours", "control: after all that waits"])
def test_a_backlog_leaves_a_share_to_what_is_due(database, hall, monkeypatch, part):
    """A default, or a reminder, of a hall waits for no other hall's documents."""
    monkeypatch.setattr(judge_module, "_DUE_PART", part)
    hall.post(document(opened_at_ms=NOW_MS - 600_000)[0])
    judge = judge_of(database)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE standing SET due_ms = 1")
    touch(database, [("big", f"S{n}") for n in range(2 * BACKLOG)])
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
    with database.write() as connection:
        facts.touch(connection, [("big", f"S{n}") for n in range(MANY)], NOW_MS - 3_600_000)
    big.serve(database)  # it starts again
    big.judge.settle()
    item, name = document(service="S-1", hall="small", opened_at_ms=NOW_MS - 600_000)
    said = {"service": "S-1", "facts": name, "ticket_no": "A1", "at": NOW_MS - 300_000}
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
    assert waits(database) == {"big": MANY - 2 * BACKLOG + 1}, "the backlog goes on meanwhile"
    assert took_s < 2
