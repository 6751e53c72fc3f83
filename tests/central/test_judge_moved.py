"""What a hall tells of a service after it was rated badly, so that the rating goes elsewhere: its
word stands, and the officer is told, once.
"""

import json

import pytest
from central_hall import Hall, bearer, document
from rules_parts import at

from central.custody.marks import RATING_MOVED
from central.ratings import judge as judge_module
from central.store.judged import standings
from protocol.batch import EnvelopeItem, Progress, ProgressItem

RATED = at("2026-09-01 10:00")  # a Tuesday; opened ten minutes before
LATE, FORWARD = at("2026-08-20 10:00"), at("2026-10-09 10:00")
NOT_MARKED = None


class Told:
    """A hall under qinnan, and the centre that judges it."""

    def __init__(self, folder, database, clock, profile="qinnan") -> None:
        clock.ms = at("2026-08-31 09:00")
        self.clock, self.folder, self.database = clock, folder, database
        self.hall = Hall(folder, "demo", database, clock, profile=profile)
        with database.write() as connection:
            query = f"UPDATE directory SET profiles = '{profile}' WHERE kind = 'hall'"
            connection.exec_driver_sql(query)
            standings.note_directory(connection)
        self.pen = self.hall.enrol("xj-0417")
        clock.ms = RATED

    def rated(self, level: int, service: str = "01S") -> list:
        """The items of a visit that was rated."""
        item, name = document(service=service, opened_at_ms=RATED - 600_000)
        up_ms = RATED - at("2026-08-31 09:00")
        values = {"facts": name, "at": RATED, "up_ms": up_ms, "level": level, "ticket_no": "A1"}
        envelope = self.pen.rating(service=service, **values)
        return [item, EnvelopeItem(envelope, RATED, "w1", None, ())]

    def word(self, what: str, at_ms: int, service: str = "01S") -> ProgressItem:
        return ProgressItem(Progress("demo", service, what, at_ms, None, ()))

    def post(self, *items, at_ms: int | None = None) -> None:
        if at_ms is not None:
            self.clock.ms = at_ms
        self.hall.post(*items, sent_ms=self.clock.ms)

    def marks(self) -> int:
        return sum(one.count for one in self.hall.findings("demo") if one.mark == RATING_MOVED)

    def view(self, service: str = "01S") -> dict:
        """As who reads services sees it."""
        token = self.folder / "services.token"
        if not token.exists():
            self.hall.tokens.add("services:read:all", token)
        answer = self.hall.client.get(f"/v1/services/demo/{service}", headers=bearer(token))
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def told(tmp_path, database, clock):
    return Told(tmp_path, database, clock)


MOVES = {
    "back": ("finished", LATE, at("2026-09-02 10:00"), "late"),
    "forward": ("finished", FORWARD, FORWARD, "month"),
    "back, in time, of the month before": (
        *("finished", at("2026-08-31 10:00"), at("2026-09-02 10:00")),
        "month",
    ),
    "an honest one": ("finished", RATED + 60_000, RATED + 60_000, NOT_MARKED),
    "later in the month": (*("finished", at("2026-09-15 10:00"), at("2026-09-15 10:00")), None),
}


@pytest.mark.rule("R28")
@pytest.mark.parametrize("what", MOVES)
@pytest.mark.parametrize("is_apart", [True, False], ids=["behind it", "in one batch"])
def test_a_word_that_moves_a_bad_rating_is_told_to_the_officer(told, what, is_apart):
    """Also if the hall kept the rating back until it had told: its device had signed when."""
    said, at_ms, told_ms, became = MOVES[what]
    if is_apart:
        told.post(*told.rated(1))
        told.post(told.word(said, at_ms), at_ms=told_ms)
    else:
        told.post(told.word(said, at_ms), *told.rated(1), at_ms=told_ms)
    moved = told.view()["moved"]
    assert told.marks() == (became is not None)
    if became is None:
        assert moved is None
        return
    assert moved == {
        **{"rating": told.view()["ratings"][0]["id"], "became": became, "noted_ms": told_ms},
        **{"of_service": "01S", "what": said, "at_ms": at_ms, "told_ms": told_ms},
        **{"told_by": None, "day_before": 20260901, "day_now": moved["day_now"]},
    }
    assert moved["day_now"] == told.view()["standings"][0]["day"]


@pytest.mark.parametrize("level", [5, 4, 3], ids=str)
def test_the_control_a_rating_that_is_not_bad_moves_unmarked(told, level):
    told.post(*told.rated(level))
    told.post(told.word("finished", LATE), at_ms=at("2026-09-02 10:00"))
    assert told.view()["standings"][0]["late"] == 1
    assert (told.marks(), told.view()["moved"]) == (0, None)


def test_the_control_what_was_told_before_the_rating_is_no_answer_to_it(told):
    told.post(told.word("finished", LATE), at_ms=RATED - 60_000)
    told.post(*told.rated(1), at_ms=RATED)
    assert told.view()["standings"][0]["late"] == 1
    assert (told.marks(), told.view()["moved"]) == (0, None)


def test_the_control_a_judge_that_looks_for_none_says_nothing(told, monkeypatch):
    monkeypatch.setattr(judge_module, "suspects", lambda *_: {})
    told.post(*told.rated(1))
    told.post(told.word("finished", LATE), at_ms=at("2026-09-02 10:00"))
    assert told.view()["standings"][0]["late"] == 1
    assert told.marks() == 0


def test_it_is_marked_once_however_often_it_is_judged(told):
    told.post(*told.rated(1), *told.rated(1, "01T"))
    told.post(told.word("closed", LATE - 60_000), at_ms=at("2026-09-02 10:00"))
    told.post(told.word("finished", LATE), at_ms=at("2026-09-03 10:00"))
    for _ in range(2):
        with told.database.write() as connection:
            standings.touch_from(connection, 0, told.clock())
        told.hall.judge.settle_all()
    assert told.marks() == 1
    told.post(told.word("finished", LATE, "01T"))
    assert told.marks() == 2, "of another service"
    assert told.view()["finished_at_ms"] == LATE, "its word stands"


def test_a_business_system_of_the_hall_is_named(told):
    """By the completion of a project, which finishes the visits of it."""
    told.post(*told.rated(1))
    (told.folder / "w.token").unlink(missing_ok=True)
    told.hall.tokens.add("services:write:demo", told.folder / "w.token")
    told.clock.ms = at("2026-09-02 10:00")
    body = {"hall": "demo", "completes": "p"}
    body["progress"] = [{"what": "finished", "at": "2026-08-20 10:00"}]
    headers = bearer(told.folder / "w.token")
    answer = told.hall.client.post("/v1/services", content=json.dumps(body), headers=headers)
    assert answer.status_code == 201, answer.text
    told.hall.judge.settle_all()
    moved = told.view()["moved"]
    assert moved["became"] == "late"
    assert moved["of_service"] == answer.json()["service"]
    assert moved["told_by"] == (told.folder / "w.token").read_text().split("_")[1]
    assert told.marks() == 1


def test_no_hall_learns_by_it_what_was_bad(told):
    """It would need only to tell of each service once more."""
    told.post(*told.rated(1))
    told.post(told.word("finished", LATE), at_ms=at("2026-09-02 10:00"))
    assert told.marks() == 1
    for scope in ("pages:read:hall:demo", "figures:read:hall:demo"):
        file = told.folder / f"{scope}.token".replace(":", "-")
        told.hall.tokens.add(scope, file)
        for path in ("/", "/halls/demo", "/marks", "/v1/marks", "/v1/figures?hall=demo"):
            answer = told.hall.client.get(path, headers=bearer(file))
            assert RATING_MOVED not in answer.text
            assert "差评因" not in answer.text
    answer = told.hall.client.get("/v1/halls/demo", headers=told.hall.headers)
    assert answer.status_code == 200
    assert RATING_MOVED not in answer.text
