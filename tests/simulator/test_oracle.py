"""The oracle's verdicts, each kind of wrong by name."""

import pytest

from simulator.check.oracle import Press, judge, of_runs, read_ratings
from simulator.people.crowd import next_ticket


def press(ticket_no="A1", level=4, thanked=True, device="d1"):
    return Press(device, ticket_no, level, 1000, 1025 if thanked else None)


def rating(ticket_no="A1", level=4, seq=2, device="d1"):
    return {"device": device, "ticket_no": ticket_no, "level": level, "seq": seq}


CASES = {
    "all is well": ([press()], [rating()], {}),
    "a press that was not thanked need not arrive": ([press(thanked=False)], [], {}),
    "the device died between close and thanks": (
        [press(thanked=False)],
        [rating()],
        {"unthanked": 1},
    ),
    "a rating is missing": ([press()], [], {"lost": 1}),
    "a rating came twice": ([press()], [rating(), rating(seq=9)], {"duplicate": 1}),
    "another level": ([press()], [rating(level=5)], {"altered": 1}),
    "nobody pressed": ([], [rating()], {"altered": 1}),
    "another device": ([press()], [rating(device="d2")], {"lost": 1, "altered": 1}),
    "another ticket": ([press()], [rating(ticket_no="A2")], {"lost": 1, "altered": 1}),
    "the second press won": (
        [press(level=4), press(level=1, thanked=False)],
        [rating(level=1)],
        {"altered": 1},
    ),
    "the first press won": ([press(level=4), press(level=1, thanked=False)], [rating()], {}),
    "an unthanked press at another level": (
        [press(thanked=False)],
        [rating(level=1)],
        {"altered": 1},
    ),
    "thanked twice, kept once": ([press(), press()], [rating()], {"lost": 1}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_is(name):
    presses, ratings, wrong = CASES[name]
    verdict = judge(presses, ratings)
    found = {k: getattr(verdict, k) for k in ("lost", "duplicate", "altered", "unthanked")}
    assert found == {"lost": 0, "duplicate": 0, "altered": 0, "unthanked": 0} | wrong
    explained = {line.split(":")[0] for line in verdict.explanations}
    assert explained == wrong.keys() - {"unthanked"}


def test_a_run_in_which_nothing_was_thanked_proves_nothing():
    assert not judge([press(thanked=False)], []).holds()
    assert judge([press()], [rating()]).holds()


def test_only_ratings_are_counted():
    envelopes = (('{"kind":"boot"}\nmac', None), ('{"kind":"rating","seq":2}\nmac', 3))
    records = [{"envelope": envelope, "level": level} for envelope, level in envelopes]
    assert read_ratings(records) == [{"kind": "rating", "seq": 2, "level": 3}]


def test_a_log_is_compared_with_its_own_run():
    """A centre that served two runs, a demo and people; a rating of a run's that nobody pressed is
    still found.
    """
    runs = [next_ticket([]) for _ in range(2)]
    assert runs[0][0] != runs[1][0]
    logs = [[press(f"{run}{first:04d}", level=3 + at)] for at, (run, first) in enumerate(runs)]
    held = [rating("A0001"), rating("王1"), *(rating(one.ticket_no, one.level) for (one,) in logs)]
    for log in logs:
        assert judge(log, of_runs(log, held)).holds()
    forged = rating(f"{runs[0][0]}0002")
    assert judge(logs[0], of_runs(logs[0], [*held, forged])).altered == 1


def test_tickets_go_on_after_a_log():
    assert next_ticket([press("A0001"), press("A0012"), press("A0003")]) == ("A", 13)
    run, first = next_ticket([])
    assert (next_ticket([press(f"{run}0007")]), first) == ((run, 8), 1)
