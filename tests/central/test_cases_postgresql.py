"""Cases on PostgreSQL: opened, stepped by two at once, escalated, read by the board."""

import threading

import pytest
from central_hall import NOW_MS, document

from central.cases.deadlines import Deadlines
from central.cases.desk import Desk, NewStep, RefusedStepError
from central.rules.cases.steps import Actor
from central.steady import PlainClock
from central.store.cases import cases
from central.store.cases.cases import NEVER_MS, Scope

pytestmark = pytest.mark.needs("postgresql")
DAY_MS = 86_400_000
OFFICER = Actor("officer", "officer", "tax")
FIRST, SECOND = (Actor(f"supervisor-{n}", "supervisor") for n in (1, 2))


def test_a_case_is_opened_stepped_urged_and_found(hall, device):
    item, name = document(service="S-1", opened_at_ms=NOW_MS - 600_000)
    said = {"service": "S-1", "facts": name, "ticket_no": "A1", "at": NOW_MS - 1000, "level": 1}
    hall.post(item, device.rating(**said))
    judge = hall.judge
    judge.settle_all()
    judge.settle_all()
    desk = Desk(hall.database, judge, hall.clock)
    with hall.database.read() as connection:
        (row,) = cases.page(connection, "", 10)
        (same,) = cases.board(connection, Scope(), (0, NEVER_MS + 1), (0, ""), 10)
        assert same == row
        assert cases.counts(connection, Scope(), 0, 0, 0) == (1, 0, 0, 0)
        assert cases.board(connection, Scope(regions=("x",)), (0, NEVER_MS), (0, ""), 9) == []
        assert cases.board(connection, Scope("x"), (0, NEVER_MS), (0, ""), 9) == []
        assert cases.received(connection, Scope(), (0, NEVER_MS), (0, ""), 9) == [row]
    # Two supervisors decide at the same moment: one waits for the other, and is told.
    refused, begin = [], threading.Barrier(2)

    def decide(actor):
        begin.wait(10)
        try:
            desk.take(row.no, actor, NewStep("malicious", text="x"))
        except RefusedStepError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=decide, args=(one,)) for one in (FIRST, SECOND)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["malicious waits for its second account already"]
    with hall.database.read() as connection:
        seen = desk.seen(connection, row.no)
    assert [one.what for one in seen.steps] == ["malicious"]
    other = SECOND if seen.steps[0].actor == FIRST else FIRST
    desk.take(row.no, other, NewStep("confirmed", about=seen.steps[0].id))
    judge.settle_all()
    with hall.database.read() as connection:
        query = "SELECT state FROM standing WHERE service = 'S-1'"
        assert connection.exec_driver_sql(query).scalar() == "excluded"
    Deadlines(hall.database, judge, PlainClock(hall.clock)).settle_all()
