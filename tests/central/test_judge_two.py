"""Two judges on one PostgreSQL, as two processes of one centre have them: each service once."""

import itertools
import threading
from collections import Counter

import pytest
from central_hall import NOW_MS, document

from central.ratings import judge as judge_module
from central.ratings import recount as recount_module
from central.ratings.judge import Judge
from central.ratings.recount import differences
from central.ratings.versions import load_rules
from central.steady import PlainClock
from central.store.judged import standings

pytestmark = pytest.mark.needs("postgresql")
SERVICES = 60


def serve(hall, device, first: int, count: int) -> None:
    items = []
    for n in range(first, first + count):
        item, name = document(service=f"S-{n}", opened_at_ms=NOW_MS - 600_000)
        items.append(item)
        said = {"service": f"S-{n}", "facts": name, "ticket_no": "A1", "at": NOW_MS - 1000}
        items.append(device.rating(**said))
    hall.post(*items)


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: nobody takes a turn"])
def test_two_judges_count_each_service_once(hall, device, monkeypatch, is_ours):
    hall.is_judged = False
    if not is_ours:
        monkeypatch.setattr(standings, "take_turn", lambda *_: True)
    judges = [Judge(hall.database, load_rules("fujian"), PlainClock(hall.clock)) for _ in range(2)]
    serve(hall, device, 0, SERVICES)
    both_have_read = threading.Barrier(2)
    first = threading.local()
    gather = judge_module.gather

    def together(*asked):
        found = gather(*asked)
        if not getattr(first, "is_over", False):  # both have read the same, neither has written
            first.is_over = True
            both_have_read.wait(30)
        return found

    monkeypatch.setattr(judge_module, "gather", together)
    threads = [threading.Thread(target=judge.settle_all) for judge in judges]
    for thread in threads:
        thread.start()
    serve(hall, device, SERVICES, SERVICES)
    for thread in threads:
        thread.join()
    monkeypatch.setattr(judge_module, "gather", gather)
    judges[1].settle_all()
    with hall.database.read() as connection:
        query = "SELECT ratings FROM figure WHERE dim = 'hall' AND span = 0 AND what = 'active-5'"
        (counted,) = connection.exec_driver_sql(query).scalars()
        judged = Counter(row.service for row in standings.judged(connection, 0, 1000))
        faults = list(differences(connection, judges[0]))
    is_once = (counted, len(judged), max(judged.values())) == (2 * SERVICES, 2 * SERVICES, 1)
    assert (is_once and not faults) == is_ours, (counted, judged.most_common(2), faults[:2])


def test_a_recount_ends_while_ratings_come(hall, device, monkeypatch):
    """Each turn of a judge voids a count of the same state: then judges wait for one hall."""
    hall.is_judged = False
    judge = Judge(hall.database, load_rules("fujian"), PlainClock(hall.clock))
    serve(hall, device, 0, 3)
    judge.settle_all()
    came = iter(range(3, 23))
    count_again = recount_module.count_again

    def meanwhile(*asked):
        found = count_again(*asked)
        for n in itertools.islice(came, 1):
            serve(hall, device, n, 1)
            judge.settle()
        return found

    monkeypatch.setattr(recount_module, "count_again", meanwhile)
    counted = []
    recount_module.recount(hall.database, judge, counted.append)
    assert [one.hall for one in counted] == ["demo"]
    assert next(came) < 10, "it waited until no rating came"
    judge.settle_all()
    with hall.database.read() as connection:
        assert list(differences(connection, judge)) == []
        assert judge.lag(connection).pending == 0
