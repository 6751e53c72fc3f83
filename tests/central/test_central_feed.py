"""On PostgreSQL: nothing comes into the feed behind a reader, and all is as on SQLite."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from central_hall import NOW_MS
from rehearsal_hall import DIRECTORY, Practice, world

from central.store.judged import standings

pytestmark = pytest.mark.needs("postgresql")


def judgement(service):
    return standings.Judgement("national", "demo", service, NOW_MS, NOW_MS, "active", 5, None)


@pytest.mark.rule("R41")
@pytest.mark.parametrize("takes_turns", [True, False], ids=["ours", "control: no turn is taken"])
def test_no_row_of_the_feed_comes_in_behind_a_reader(database, takes_turns):
    """The first judge has numbered its rows and has not committed; the second is done at once, if
    it may. Whoever read the second's rows by then never sees the first's."""
    has_written, may_commit = threading.Event(), threading.Event()

    def judge(service, waits):
        while True:
            with database.read() as connection:
                turn = standings.state(connection).turn
            with database.write() as connection:
                if takes_turns and not standings.take_turn(connection, turn, NOW_MS):
                    continue
                standings.add_judged(connection, [judgement(service)])
                if waits:
                    has_written.set()
                    may_commit.wait(20)
                return

    with ThreadPoolExecutor(2) as judges:
        slow = judges.submit(judge, "slow", True)
        assert has_written.wait(20)
        quick = judges.submit(judge, "quick", False)
        threading.Event().wait(0.5)
        with database.read() as connection:
            early = [(row.n, row.service) for row in standings.judged(connection, 0, 10)]
        after = max((n for n, _ in early), default=0)
        may_commit.set()
        slow.result(20)
        quick.result(20)
        with database.read() as connection:
            late = [(row.n, row.service) for row in standings.judged(connection, after, 10)]
    seen = {service for _, service in early + late}
    assert (seen == {"slow", "quick"}) == takes_turns


def test_a_month_is_the_same_on_both_databases(database, tmp_path):
    told = []
    for name, on in (("sqlite", None), ("postgresql", database)):
        (folder := tmp_path / name).mkdir()
        practice = Practice(folder, database=on)
        practice.give(directory=DIRECTORY, **world(6, 30))
        service = practice.post("/v1/services", {"hall": "demo", "completes": "P-late"})
        practice.go("2026-10-20 00:00")
        sets = practice.get("/v1/figures", hall="demo", **{"from": "2026-09-01"})["sets"]
        keys = [one["den_key"] for one in sets[0]["figures"] if one["den_key"]]
        keys.append("qinnan.0.*.origin.qr.per_visit.active-5,active-4,named")
        lists = [practice.opened(key) for key in keys]
        assert any(services for _, services in lists)
        path = f"/v1/services/demo/{service['service']}"
        feed = [one | {"n": 0} for one in practice.feed()]
        projects = [practice.get(f"/v1/projects/P-{n}-0", status=None) for n in range(30)]
        told.append((sets, lists, practice.get(path), feed, projects))
        if on is None:
            practice.close()
    assert told[0] == told[1]
