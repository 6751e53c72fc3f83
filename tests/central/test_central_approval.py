"""Approval: what a technician enrolled is kept at once, and counts when the province says so."""

import pytest
from central_hall import NOW_MS, client_of, document, receipt_seqs, verdicts

from central.audit.verify import audit
from central.centre import Centre
from central.clockwork import Limits
from central.custody.batch import STEPS, find_places
from central.custody.intake import Intake
from central.ratings.period import ALL, last_days
from central.ratings.versions import load_rules
from central.steady import PlainClock
from hosting.error import OperatorError

DAY_MS = 86_400_000


@pytest.fixture
def pending(hall):
    """A device that a technician enrolled, and that has rated three services."""
    pen = hall.enrol_by_bench("xj-0900")
    hall.clock.ms += 60_000
    assert verdicts(hall.post(*[pen.rating(level=1) for _ in range(3)])) == ["stored"] * 3
    return pen


def counts(hall, period=ALL) -> dict[int, int]:
    return hall.report(period, "demo", None).whole.counts


def total(hall) -> int:
    return hall.report(ALL, "demo", None).whole.total


def holds(hall) -> bool:
    """Whether `pingjia central verify` finds nothing; documents are no matter here."""
    with hall.database.read() as connection:
        found = {one.name for one in audit(connection, hall.keys.key)}
    assert found <= {"facts_missing"}, found
    return True


def test_what_is_pending_is_kept_verified_receipted_and_not_counted(hall, pending):
    assert receipt_seqs(hall.post(pending.rating(level=5))) == [4]
    assert [row["level"] for row in hall.records(device="xj-0900")] == [1, 1, 1, 5]
    assert total(hall) == 0
    assert hall.report(last_days(1, hall.clock()), "demo", "w1").whole.total == 0
    assert holds(hall)


def test_records_say_whether_they_wait_for_approval(hall, device, pending):
    hall.post(device.rating())

    def approvals(name):
        return {row["approval"] for row in hall.records(device=name)}

    assert (approvals("xj-0417"), approvals("xj-0900")) == ({"approved"}, {"pending"})
    other = hall.enrol_by_bench("xj-0801")
    hall.clock.ms += 60_000
    hall.post(other.rating())
    hall.approval.approve(["xj-0900"])
    hall.approval.refuse("xj-0801", "来历不明")
    assert (approvals("xj-0900"), approvals("xj-0801")) == ({"approved"}, {"refused"})


def test_once_approved_it_counts_from_its_enrolment_on(hall, pending):
    (done,) = hall.approval.approve(["xj-0900"])
    assert (done.device, done.epoch, done.hall, done.window) == (
        *("xj-0900", pending.epoch, "demo", "w1"),
    )
    assert done.counted == 3
    assert counts(hall)[1] == 3
    assert counts(hall, last_days(1, hall.clock()))[1] == 3
    assert holds(hall)
    hall.post(pending.rating(level=4))
    assert total(hall) == 4
    assert holds(hall)


def test_what_the_province_enrols_needs_no_approval(hall, device):
    hall.clock.ms += 60_000
    hall.post(device.rating())
    assert total(hall) == 1
    assert hall.approval.every(None, True) == []


def test_a_centre_may_need_none(hall, database):
    centre = Centre(
        *(database, hall.keys, load_rules("national"), Limits(), PlainClock(hall.clock)),
        is_direct=True,
    )
    hall.client = client_of(centre.app)
    pen = hall.enrol_by_bench("xj-0901")
    hall.clock.ms += 60_000
    hall.post(pen.rating())
    assert total(hall) == 1
    assert hall.approval.every(None, True) == []


def test_a_pending_rating_takes_no_true_one_s_place(hall, device, pending):
    """Neither before it is approved, nor when it is."""
    hall.post(pending.rating(service="S-9", level=1))
    hall.post(device.rating(service="S-9", level=5))
    assert counts(hall) == {1: 0, 2: 0, 3: 0, 4: 0, 5: 1}
    assert holds(hall)
    (done,) = hall.approval.approve(["xj-0900"])
    assert done.counted == 4
    assert counts(hall) == {1: 3, 2: 0, 3: 0, 4: 0, 5: 1}
    assert holds(hall)


def test_two_ratings_of_one_service_on_a_pending_device(hall, pending):
    hall.post(pending.rating(service="S-9"), pending.rating(service="S-9"))
    assert hall.approval.approve(["xj-0900"])[0].counted == 5
    assert total(hall) == 4
    assert holds(hall)


def test_the_earlier_epoch_of_a_device_takes_its_place_when_it_is_approved(hall):
    first = hall.enrol_by_bench("xj-0900")
    hall.clock.ms += 60_000
    second = hall.enrol("xj-0900")
    hall.clock.ms += 60_000
    hall.post(first.rating(service="S-9", level=2), second.rating(service="S-9", level=5))
    assert counts(hall)[5] == 1
    hall.approval.approve(["xj-0900"])
    assert (counts(hall)[2], counts(hall)[5]) == (1, 0)
    assert holds(hall)


def test_approval_is_of_an_enrolment_and_never_of_an_id(hall, device):
    """A technician who enrols a device of the province's anew gets nothing counted for it."""
    hall.clock.ms += 60_000
    hall.post(device.rating(level=5))
    anew = hall.enrol_by_bench("xj-0417")
    hall.clock.ms += 120_000
    hall.post(device.rating(level=5), anew.rating(service="S-9", level=1))
    assert counts(hall) == {1: 0, 2: 0, 3: 0, 4: 0, 5: 2}
    hall.approval.refuse("xj-0417", "不是我们的")
    hall.post(device.rating(level=5))
    assert counts(hall) == {1: 0, 2: 0, 3: 0, 4: 0, 5: 3}, "its own enrolment is not concerned"
    assert holds(hall)


def test_what_is_refused_never_counts_and_its_login_goes(hall, pending):
    def is_revoked():
        document = hall.client.get("/v1/halls/demo", headers=hall.headers).json()
        return [one["revoked"] for one in document["devices"]]

    assert is_revoked() == [False]
    hall.approval.refuse("xj-0900", "来历不明")
    hall.clock.ms += 60_000
    assert is_revoked() == [True]
    assert verdicts(hall.post(pending.rating())) == ["stored"]
    assert total(hall) == 0
    assert len(hall.records()) == 4
    assert holds(hall)
    with pytest.raises(OperatorError, match="refused already; to use the device, enrol it anew"):
        hall.approval.approve(["xj-0900"])


def test_a_rating_without_a_time_counts_once_under_its_day(hall):
    """Whether it is approved before its time is known, or after."""
    pens = [hall.enrol_by_bench(name) for name in ("xj-0901", "xj-0902")]
    hall.clock.ms += 60_000
    for pen in pens:
        hall.post(pen.rating(at=None, up_ms=10, boot=1))
    hall.approval.approve(["xj-0901"])
    for pen in pens:
        hall.post(pen.rating(at=hall.clock(), up_ms=20, boot=1))
    assert total(hall) == 2
    hall.approval.approve(["xj-0902"])
    assert total(hall) == 4
    assert hall.report(last_days(1, hall.clock()), "demo", None).whole.total == 4
    assert holds(hall)


def test_revoked_while_it_is_pending(hall, pending):
    """A technician replaced it: what it signed before counts once it is approved."""
    hall.clock.ms += 60_000
    hall.revoke("xj-0900", NOW_MS + 2, "更换")
    assert total(hall) == 0
    assert holds(hall)
    assert hall.approval.approve(["xj-0900"])[0].counted == 1
    assert total(hall) == 1
    assert holds(hall)


def test_a_document_that_differs_is_marked_before_and_after(hall, pending):
    facts, name = document(service="S-7", ticket_no="Z1")
    hall.post(facts, pending.rating(service="S-7", facts=name))
    hall.approval.approve(["xj-0900"])
    assert hall.records(device="xj-0900")[-1]["marks"] == ["facts_differ"]
    assert total(hall) == 4
    assert holds(hall)


def test_a_box_is_approved_at_once_and_nothing_of_another_hall(hall, other_hall, pending):
    for number in range(20):
        hall.enrol_by_bench(f"box-{number:04}")
    other_hall.enrol_by_bench("yy-0001")
    assert len(hall.approval.every("demo", True)) == 21
    until_ms = hall.clock()
    hall.clock.ms += 1
    hall.enrol_by_bench("late-0001")
    assert len(hall.approval.approve_all("demo", until_ms)) == 21
    assert [row.device for row in hall.approval.every(None, True)] == ["late-0001", "yy-0001"]
    assert len(hall.approval.approve_all("demo")) == 1
    assert hall.approval.approve_all("demo") == []
    assert total(hall) == 3


def test_one_that_cannot_be_approved_holds_the_others_back(hall, pending):
    with pytest.raises(OperatorError, match="device list"):
        hall.approval.approve(["xj-0900", "xj-9999"])
    assert total(hall) == 0


def test_a_device_that_waits_twice_is_named_with_its_epoch(hall, pending):
    second = hall.enrol_by_bench("xj-0900")
    with pytest.raises(OperatorError, match=f"xj-0900/{second.epoch}"):
        hall.approval.approve(["xj-0900"])
    hall.approval.refuse(f"xj-0900/{second.epoch}", "登记了两次")
    assert hall.approval.approve(["xj-0900"])[0].epoch == pending.epoch
    with pytest.raises(OperatorError, match="approved already"):
        hall.approval.approve([f"xj-0900/{pending.epoch}"])
    assert total(hall) == 3


def test_pending_for_three_days_is_an_alarm_until_it_is_settled(hall, pending):
    hall.enrol_by_bench("xj-0901")
    hall.clock.ms += 3 * DAY_MS - 60_000
    assert "pending_enrolment" not in {one.mark for one in hall.findings(None)}
    hall.clock.ms += 1
    found = [one for one in hall.findings("demo") if one.mark == "pending_enrolment"]
    assert [(one.device, one.first_at_ms) for one in found] == [("xj-0900", NOW_MS)]
    hall.clock.ms += 60_000
    for settle in (hall.approval.approve, lambda names: hall.approval.refuse(names[0], "?")):
        left = [one.device for one in hall.findings("demo") if one.mark == "pending_enrolment"]
        settle(left[:1])
    assert "pending_enrolment" not in {one.mark for one in hall.findings(None)}


@pytest.mark.parametrize("is_looked_at_again", [True, False], ids=["as it is", "control"])
def test_an_approval_between_judging_and_filing_is_seen(
    hall, pending, monkeypatch, is_looked_at_again
):
    """No rating is lost to the figures because it was under way at that moment."""
    judge = Intake._judge

    def judge_and_be_late(self, halls, items, now_ms):
        offer = judge(self, halls, items, now_ms)
        hall.approval.approve(["xj-0900"])
        return offer

    def trust_what_was_judged(batch):
        records = [one for offer in batch.offers for one in offer.records]
        batch.places = {one.row.epoch_key: one.place for one in records}

    monkeypatch.setattr(Intake, "_judge", judge_and_be_late)
    if not is_looked_at_again:
        steps = [trust_what_was_judged if one is find_places else one for one in STEPS]
        monkeypatch.setattr("central.custody.batch.STEPS", steps)
    hall.post(pending.rating())
    assert total(hall) == (4 if is_looked_at_again else 3)


def test_an_approval_that_nobody_gave_is_named(hall, pending):
    with hall.database.write() as connection:
        connection.exec_driver_sql("update device set approved_at_ms = 1")
    with hall.database.read() as connection:
        found = {one.name for one in audit(connection, hall.keys.key)}
    assert "rating_differs" in found
