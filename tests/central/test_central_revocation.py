"""Revocation: what a device signs afterwards is stored and marked; what it signed before stays."""

import pytest
from central_hall import NOW_MS, verdicts
from typer.testing import CliRunner

from central.custody.batch import STEPS, find_places
from central.custody.intake import Intake
from central.ratings.period import ALL
from hosting.error import OperatorError
from pingjia import app
from protocol.batch import HeadItem

MINUTE_MS = 60_000


@pytest.fixture
def later(hall, device):
    """A device that made three ratings, two minutes apart, in the ten minutes that are over."""
    hall.clock.ms += 10 * MINUTE_MS
    hall.post(*[device.rating(at=NOW_MS + n * MINUTE_MS, boot=n) for n in (2, 4, 6)])
    return device


def counted(hall) -> int:
    return hall.report(ALL, "demo", None).whole.total


def test_what_was_signed_before_stays(hall, later):
    assert hall.revoke("xj-0417", None, "丢失") == 0
    assert hall.marks() == {1: [], 2: [], 3: []}
    assert counted(hall) == 3


def test_what_is_signed_afterwards_is_stored_marked_and_not_counted(hall, later):
    hall.revoke("xj-0417", None, "丢失")
    hall.clock.ms += MINUTE_MS
    answer = hall.post(later.rating(at=hall.clock.ms, boot=9), later.rating(at=5, boot=10))
    assert verdicts(answer) == ["stored", "stored"]
    assert hall.marks()[4] == ["signed_after_revocation"]
    assert "signed_after_revocation" in hall.marks()[5], "its place in the order is behind that"
    assert counted(hall) == 3
    assert len(hall.records()) == 5


def test_a_time_in_the_past_marks_what_is_held_already(hall, later):
    at_ms = NOW_MS + 4 * MINUTE_MS
    assert hall.revoke("xj-0417", at_ms, "被盗") == 2
    marks = ["signed_after_revocation"]
    assert hall.marks() == {1: [], 2: marks, 3: marks}
    assert counted(hall) == 1
    (found,) = [one for one in hall.findings("demo") if one.mark == marks[0]]
    assert found.count == 2


def test_a_backlog_that_says_it_is_older_counts_and_is_marked(hall, later):
    """Nobody can prove it; a device that was replaced is read out later."""
    hall.revoke("xj-0417", None, "更换")
    hall.clock.ms += MINUTE_MS
    hall.post(later.rating(at=NOW_MS + 7 * MINUTE_MS, boot=7))
    assert hall.marks()[4] == ["arrived_after_revocation"]
    assert counted(hall) == 4


def test_what_the_centre_knew_of_needs_no_mark(hall, later):
    """A head spoke of the record before the revocation."""
    late = later.rating(at=NOW_MS + 7 * MINUTE_MS, boot=7)
    hall.post(HeadItem(later.head(4, later.prev), None, None))
    hall.clock.ms += MINUTE_MS
    hall.revoke("xj-0417", None, "更换")
    hall.clock.ms += MINUTE_MS
    hall.post(late)
    assert hall.marks()[4] == []


def test_a_thief_s_rating_does_not_take_the_place_of_the_true_one(hall, later):
    hall.revoke("xj-0417", None, "被盗")
    hall.clock.ms += MINUTE_MS
    other = hall.enrol("xj-0500")
    hall.post(later.rating(service="S-9", at=hall.clock.ms, boot=9, level=5))
    hall.post(other.rating(service="S-9", at=hall.clock.ms, level=1))
    assert counted(hall) == 4
    assert hall.report(ALL, "demo", None).whole.counts[1] == 1


def test_the_hall_is_told_to_refuse_its_login_until_it_is_enrolled_anew(hall, later):
    def of_hall():
        document = hall.client.get("/v1/halls/demo", headers=hall.headers).json()
        return document["version"], document["devices"][0]["revoked"]

    version, revoked = of_hall()
    assert not revoked
    hall.revoke("xj-0417", None, "丢失")
    assert of_hall() == (version + 1, True)
    hall.clock.ms += MINUTE_MS
    renewed = hall.enrol("xj-0417")
    assert not of_hall()[1]
    hall.post(renewed.rating(at=hall.clock.ms, service="S-9"))
    assert counted(hall) == 4


@pytest.mark.parametrize(
    ("name", "at_ms", "word"),
    [("xj-9999", None, "no device"), ("xj-0417", 2**50, "future"), ("XJ", None, "device")],
)
def test_a_revocation_that_cannot_be_is_refused(hall, name, at_ms, word, later):
    with pytest.raises(OperatorError, match=word):
        hall.revoke(name, at_ms, "?")


def test_a_device_is_revoked_once(hall, later):
    hall.revoke("xj-0417", None, "丢失")
    with pytest.raises(OperatorError, match="revoked already"):
        hall.revoke("xj-0417", None, "again")


def test_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def central(*words):
        result = CliRunner().invoke(app, ["central", *words])
        assert result.exit_code == 0, result.output
        return result.stdout

    central("init")
    hall = ("--mqtt-host", "h", "--mqtt-port", "1", "--token-out", "hall.token")
    central("hall", "add", "demo", *hall)
    place = ("--hall", "demo", "--window", "w1")
    central("window", "add", *place, "--name", "1")
    central("enrol", "--device", "xj-0417", *place, "--out", "xj-0417.json")
    said = central("revoke", "xj-0417", "--at", "2026-01-02T08:00:00", "--reason", "stolen")
    assert "revoked xj-0417 since 2026-01-02 08:00:00 (Asia/Shanghai); 0 records" in said


@pytest.mark.parametrize("is_looked_at_again", [True, False], ids=["as it is", "control"])
def test_a_revocation_between_judging_and_filing_is_seen(
    hall, device, monkeypatch, is_looked_at_again
):
    """A thief's rating does not count because it was under way when the device was revoked."""
    judge = Intake._judge

    def judge_and_be_late(self, halls, items, now_ms):
        offer = judge(self, halls, items, now_ms)
        hall.revoke("xj-0417", NOW_MS, "被盗")
        return offer

    def trust_what_was_judged(batch):
        records = [one for offer in batch.offers for one in offer.records]
        batch.places = {one.row.epoch_key: one.place for one in records}

    monkeypatch.setattr(Intake, "_judge", judge_and_be_late)
    if not is_looked_at_again:
        steps = [trust_what_was_judged if one is find_places else one for one in STEPS]
        monkeypatch.setattr("central.custody.batch.STEPS", steps)
    hall.clock.ms += 1000
    hall.post(device.rating(at=NOW_MS + 5))
    assert (counted(hall) == 0) == is_looked_at_again
