"""A rule that throws stops figures, says so, and no receipt waits; after the mend all is good."""

import threading
import time

import pytest
from central_hall import NOW_MS, Hall, bearer, document, verdicts

from central.ratings import judge as judge_module
from central.ratings import settling
from central.ratings.judge import Judge
from central.ratings.period import ALL
from central.ratings.recount import differences
from central.ratings.versions import load_rules
from central.rules.standing import stand
from central.steady import PlainClock
from central.store.judged import projects, standings
from hosting.clock import now_ms as wall_ms
from protocol.batch import Matter

SERVICES = 12


def serve(hall: Hall, device, n: int) -> None:
    """A visit, rated; nobody judges it yet."""
    hall.is_judged = False
    item, name = document(service=f"S-{n}", opened_at_ms=NOW_MS - 600_000)
    rating = device.rating(service=f"S-{n}", facts=name, ticket_no="A1", at=NOW_MS - 300_000)
    answer = hall.post(item, rating)
    assert verdicts(answer) == ["stored", "stored"]
    assert answer.receipts


def fail_for(monkeypatch, services) -> None:
    """A rule throws for these services, for all if None."""

    def broken(policy, calendar, service, *arguments, **more):
        if services is None or service.service in services:
            raise ZeroDivisionError("a rule of this policy divides by nothing")
        return stand(policy, calendar, service, *arguments, **more)

    monkeypatch.setattr(settling, "stand", broken)


def lag(hall: Hall):
    with hall.database.read() as connection:
        return hall.judge.lag(connection)


def rated(hall: Hall) -> int:
    """How many ratings count, as pages show it."""
    with hall.database.read() as connection:
        report = hall.figures.report(connection, ALL, "demo", None)
    assert report is not None
    return report.whole.total


def page(hall: Hall) -> str:
    """The page of figures, as a browser gets it."""
    token = hall.folder / "pages.token"
    own = {"accept": "text/html", "sec-fetch-site": "same-origin"}
    if not token.exists():
        hall.tokens.add("pages:read", token)
        hall.client.post("/login", data={"token": token.read_text().strip()}, headers=own)
    answer = hall.client.get("/halls/demo", headers=own)
    assert answer.status_code == 200, answer.text
    return answer.text


BROKEN = "统计规则出错"


def mended(hall: Hall) -> None:
    """The centre starts again with the rule mended; everything is counted."""
    hall.judge = hall.figures.judge = Judge(
        hall.database, load_rules("national"), PlainClock(hall.clock)
    )
    hall.judge.settle_all()
    assert rated(hall) == SERVICES + 1
    assert lag(hall)[1:] == (0, None, None, None)
    with hall.database.read() as connection:
        assert list(differences(connection, hall.judge)) == []


@pytest.mark.parametrize("broken", [{"S-3"}, None], ids=["one service", "all services"])
def test_a_rule_that_throws_stops_figures_and_no_receipt(hall, device, monkeypatch, broken):
    fail_for(monkeypatch, broken)
    for n in range(SERVICES):
        serve(hall, device, n)
    hall.judge.settle_all()
    counted = SERVICES - 1 if broken else 0
    assert rated(hall) == counted
    told = lag(hall)
    assert told.pending == SERVICES - counted
    assert told.since_ms == NOW_MS
    assert told.failure is not None
    assert "ZeroDivisionError: a rule of this policy divides by nothing" in told.failure
    assert told.failure.startswith("demo/S-3: " if broken else "demo/S-")
    assert BROKEN in page(hall)
    began_s = time.monotonic()
    serve(hall, device, SERVICES)
    assert time.monotonic() - began_s < 5
    hall.judge.settle_all()
    assert rated(hall) == (counted + 1 if broken else 0)
    monkeypatch.setattr(settling, "stand", stand)
    mended(hall)
    assert BROKEN not in page(hall)


def test_when_all_fails_the_judge_pauses_outside_of_its_transaction(hall, device, monkeypatch):
    """Inside it, every receipt would wait as long."""
    fail_for(monkeypatch, None)
    hall.is_judged = False
    hall.post(*[document(service=f"S-{n}", opened_at_ms=NOW_MS)[0] for n in range(60)])
    serve(hall, device, 0)
    monkeypatch.setattr(judge_module, "_MOST_FAILED", 50)
    slept = []

    def sleep(seconds):
        began_s = time.monotonic()
        with hall.database.write() as connection:  # a receipt
            assert standings.state(connection).failure is not None
        slept.append((seconds, time.monotonic() - began_s < 1))

    class Clock:
        monotonic = staticmethod(time.monotonic)

    monkeypatch.setattr(Clock, "sleep", staticmethod(sleep), raising=False)
    monkeypatch.setattr(judge_module, "time", Clock)
    writer = threading.Thread(target=hall.judge.settle_all, daemon=True)
    writer.start()
    writer.join(20)
    assert not writer.is_alive(), "it slept while it held the one writer"
    assert slept
    assert set(slept) == {(1.0, True)}


@pytest.mark.parametrize(
    ("ahead_ms", "counted"), [(60_000, 0), (86_400_000, 1)], ids=["a recount", "a clock set back"]
)
def test_the_judge_rests_for_a_recount_and_for_no_clock(hall, device, ahead_ms, counted):
    """When a recount said that it is to wait, the machine's clock may have been a day ahead."""
    serve(hall, device, 0)
    with hall.database.write() as connection:
        standings.note(connection, paused_until_ms=wall_ms() + ahead_ms)
    hall.judge.settle_all()
    assert rated(hall) == counted


def test_what_failed_is_tried_again_by_itself(hall, device, monkeypatch):
    fail_for(monkeypatch, None)
    serve(hall, device, 0)
    hall.judge.settle_all()
    monkeypatch.setattr(settling, "stand", stand)
    hall.judge.settle_all()
    assert rated(hall) == 0, "not at once: a broken rule is not tried without end"
    later = time.monotonic() + judge_module._TRY_AGAIN_S + 1
    monkeypatch.setattr(judge_module.time, "monotonic", lambda: later)
    hall.judge.settle_all()
    assert rated(hall) == 1
    assert lag(hall).failure is None


def test_a_judge_that_hangs_keeps_no_hall_waiting(hall, device, monkeypatch):
    hangs, goes_on = threading.Event(), threading.Event()

    def slow(*arguments, **more):
        hangs.set()
        assert goes_on.wait(60)
        return stand(*arguments, **more)

    serve(hall, device, 0)
    monkeypatch.setattr(settling, "stand", slow)
    thread = threading.Thread(target=hall.judge.settle)
    thread.start()
    try:
        assert hangs.wait(60)
        for n in range(1, SERVICES + 1):
            serve(hall, device, n)  # a receipt each, while a rule thinks
    finally:
        goes_on.set()
        thread.join()
    monkeypatch.setattr(settling, "stand", stand)
    mended(hall)


def test_a_judge_that_ends_in_the_middle_of_writing_has_written_nothing(hall, device, monkeypatch):
    for n in range(SERVICES + 1):
        serve(hall, device, n)
    with monkeypatch.context() as patch:
        patch.setattr(standings, "add_judged", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            hall.judge.settle()
    with hall.database.read() as connection:
        for table in ("standing", "figure", "judged", "policy_use"):
            query = f"SELECT count(*) FROM {table}"
            assert connection.exec_driver_sql(query).scalar() == 0, table
    mended(hall)


def test_the_api_says_how_far_time_is_settled_and_what_waits(hall, device, monkeypatch):
    fail_for(monkeypatch, {"S-1"})
    for n in range(3):
        serve(hall, device, n)
    hall.judge.settle_all()
    token = hall.folder / "figures.token"
    hall.tokens.add("figures:read", token)
    answer = hall.client.get("/v1/figures", headers=bearer(token))
    members = answer.json()
    assert (members["pending"], members["settled_to_ms"]) == (1, NOW_MS)


@pytest.mark.parametrize("most", [200, 10_000], ids=["bounded", "control: any number is one"])
def test_a_number_given_to_everything_is_no_project(hall, device, monkeypatch, most):
    """A hall's system that sends `0` for all: each service stood on all others."""
    hall.is_judged = False
    monkeypatch.setattr(projects, "MOST", most)
    gathered = []
    gather = judge_module.gather

    def counted(*asked):
        gathered.append(len(found := gather(*asked)))
        return found

    for first in (0, 120, 240):
        matters = (Matter("0", 1, "t1", None),)
        items = [
            document(service=f"S-{n}", opened_at_ms=NOW_MS - 600_000, matters=matters)[0]
            for n in range(first, first + 120)
        ]
        hall.post(*items)
        hall.judge.settle_all()
        with hall.database.read() as connection:
            assert list(differences(connection, hall.judge)) == []
    monkeypatch.setattr(judge_module, "gather", counted)
    hall.post(document(service="S-last", opened_at_ms=NOW_MS - 600_000, matters=matters)[0])
    hall.judge.settle_all()
    assert (sum(gathered) == 1) == (most == 200), gathered
