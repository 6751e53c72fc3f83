"""What a hall's gateway is told about its items, and what is kept."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from central_hall import NOW_MS, SigningDevice, document, item_of, receipt_seqs, verdicts

from central.audit.verify import audit
from central.custody.intake import Intake, UnfiledError
from central.steady import PlainClock
from protocol.answer import NO_ANSWER, of_level, seal_answer
from protocol.batch import EnvelopeItem, HeadItem, Progress, ProgressItem
from protocol.envelope import is_signed, mac16
from protocol.record import Receipt, decode, encode, parse

RATING = (
    '{"v":1,"kind":"rating","device":"xj-0417","epoch":%d,"seq":1,"prev":"0000000000000000",'
    '"service":"S","ticket_no":"A1","staff_no":null,"facts":"' + "0" * 64 + '",'
    '"answer":"' + NO_ANSWER + '","settings":0,"boot":1,"up_ms":1,"at":null,"took_ms":1,'
    '"shown":1,"input":"key"}'
)


def test_a_rating_is_stored_with_its_exact_bytes(hall, device):
    """ENV-1 ENV-3: what GET gives back is byte for byte what the device signed."""
    envelope = device.rating()
    assert verdicts(hall.post(envelope)) == ["stored"]
    (row,) = hall.records()
    assert row["envelope"] == envelope
    assert (row["verdict"], row["marks"], row["received_at_ms"]) == ("stored", [], NOW_MS)


def test_verdicts_stand_in_item_order(hall, device):
    """BAT-2"""
    facts, _ = document()
    first, second = device.rating(), device.rating()
    forged = second[:-1] + ("0" if second[-1] != "0" else "1")
    answer = hall.post(facts, first, forged, first, second, facts)
    assert verdicts(answer) == [
        "stored", "stored", "rejected", "duplicate", "stored", "duplicate",
    ]  # fmt: skip


def test_the_receipt_is_signed_with_the_devices_own_key_and_names_the_highest_record(hall, device):
    """RCT-1"""
    envelopes = [device.rating() for _ in range(3)]
    (receipt,) = hall.post(*envelopes).receipts
    assert is_signed(device.key, receipt.encode())
    record = decode(parse(receipt.encode().rpartition(b"\n")[0]), (Receipt,))
    expected = (device.device, device.epoch, 3, mac16(envelopes[2].encode()), NOW_MS)
    assert tuple(record) == expected


def test_what_the_answer_says_is_already_on_disk(hall, device, database):
    """RCT-1 BAT-3: another connection, which cannot see an open transaction, sees the record."""
    answer = hall.post(device.rating())
    with database.read() as other:
        assert other.exec_driver_sql("select count(*) from record").scalar() == 1
        receipt = other.exec_driver_sql("select receipt from chain").scalar()
    assert answer.receipts == (receipt.decode(),)


def test_a_batch_that_fails_leaves_no_trace(hall, device, database, clock):
    """BAT-3: verdicts and receipts are committed together or not at all."""
    asked = []

    def fails_to_sign(name, epoch):
        asked.append(name)
        if len(asked) > 1:  # the first time it is to verify
            raise RuntimeError("the key for the receipt")
        return device.key

    envelope = device.rating()
    intake = Intake(database, fails_to_sign, PlainClock(clock))
    with pytest.raises(UnfiledError, match="RuntimeError"):
        intake.take(("demo",), [item_of(envelope)._asdict()])
    intake.close()
    assert hall.records() == []
    assert verdicts(hall.post(envelope)) == ["stored"]


def test_a_duplicate_gets_the_current_receipt_however_late_it_comes(hall, device, clock):
    """BAT-3 BAT-7: dedupe is by identity, for ever."""
    envelope = device.rating()
    first = hall.post(envelope)
    clock.ms += 10 * 365 * 86_400_000
    again = hall.post(envelope, envelope)
    assert verdicts(again) == ["duplicate", "duplicate"]
    assert receipt_seqs(again) == receipt_seqs(first)
    assert len(hall.records()) == 1


def progress(what, at_ms, service="S-1", hall="demo", staff_no=None, projects=()):
    return ProgressItem(Progress(hall, service, what, at_ms, staff_no, projects))


@pytest.mark.parametrize("ahead_ms", [0, 3_600_000, -8 * 3_600_000, 10 * 365 * 86_400_000])
def test_a_hall_s_instants_are_told_by_the_centre_s_clock(hall, database, ahead_ms):
    """BAT-9: however wrong the gateway's clock is; never in the future."""
    gateway_ms = NOW_MS + ahead_ms
    facts, _ = document(opened_at_ms=gateway_ms - 300_000)
    items = [
        facts,
        progress("invited", gateway_ms - 60_000),
        progress("closed", gateway_ms + 5000),
    ]
    items.append(progress("finished", None))
    assert verdicts(hall.post(*items, sent_ms=gateway_ms)) == ["stored"] * 4
    with database.read() as connection:
        opened = connection.exec_driver_sql("select opened_at_ms from document").scalar()
        rows = connection.exec_driver_sql("select what, at_ms from progress").all()
        assert list(audit(connection, hall.keys.key)) == []
    assert opened == NOW_MS - 300_000
    told = {"invited": NOW_MS - 60_000, "closed": NOW_MS, "finished": NOW_MS}
    assert dict(map(tuple, rows)) == told


def test_the_first_word_on_progress_stays(hall, database):
    """BAT-9"""
    first = progress("closed", NOW_MS - 500_000, staff_no="0231")
    assert verdicts(hall.post(first, first, sent_ms=NOW_MS)) == ["stored", "duplicate"]
    assert hall.findings("demo") == []
    other = progress("closed", NOW_MS - 500_000, staff_no="0999")
    elsewhere = progress("closed", NOW_MS, hall="other")
    assert verdicts(hall.post(other, elsewhere, sent_ms=NOW_MS)) == ["duplicate", "rejected"]
    assert {one.mark for one in hall.findings("demo")} == {"progress_differs", "other_hall"}
    with database.read() as connection:
        query = "select staff_no, at_ms from progress"
        assert connection.exec_driver_sql(query).all() == [("0231", NOW_MS - 500_000)]


def test_a_receipt_over_an_hour_old_is_given_anew(hall, device, clock, database):
    """RCT-5: it says the same, and the hall's document stays as it is."""
    envelope = device.rating()
    first = hall.post(envelope)
    for ms, is_fresh in ((3_599_999, False), (1, False), (1, True), (3_600_000, False)):
        clock.ms += ms
        again = hall.post(HeadItem(device.head(1, mac16(envelope.encode())), None, None))
        assert (again.receipts != first.receipts) == is_fresh
        told = [
            decode(parse(one.receipts[0].encode()[:-65]), (Receipt,)) for one in (first, again)
        ]
        assert told[0]._replace(at=0) == told[1]._replace(at=0)
        assert told[1].at == (clock.ms if is_fresh else told[0].at)
        assert is_signed(device.key, again.receipts[0].encode())
        assert again.hall_version == first.hall_version
        first = again
    with database.read() as connection:
        assert [one.name for one in audit(connection, hall.keys.key)] == ["facts_missing"]


def test_batches_at_the_same_time_store_and_count_each_rating_once(
    hall, other_hall, device, database, clock
):
    """BAT-3: two gateways by mistake, or an answer that was lost; beside them another hall."""
    other, told = other_hall.enrol("xj-0999"), []
    clock.ms += 3_600_000

    def batches_of(pen):
        ratings = [pen.rating(at=clock() - 60_000 + 1000 * number) for number in range(40)]
        return [ratings[start : start + 5] for start in range(0, 40, 5)]

    batches, others = batches_of(device), batches_of(other)

    def send(name, sent):
        for batch in sent:
            items = [item_of(envelope)._asdict() for envelope in batch]
            told.extend(hall.intake.take((name,), items).verdicts)

    plans = [("demo", batches), ("demo", batches[::-1]), ("demo", batches), ("other", others)]
    with ThreadPoolExecutor(len(plans)) as threads:
        for sending in [threads.submit(send, *plan) for plan in plans]:
            sending.result()
    assert Counter(one.verdict for one in told) == {"stored": 80, "duplicate": 80}
    assert len(hall.records()) == 80
    assert receipt_seqs(hall.post(batches[0][0])) == [40]
    with database.read() as connection:
        found = {fault.name for fault in audit(connection, hall.keys.key)}
    assert found == {"facts_missing"}  # chains, receipts and counts hold


def test_another_verified_record_of_the_same_key_is_kept_as_conflict(hall, device):
    """BAT-2 BAT-4: it is evidence; the receipt passes it."""
    held = device.rating(level=5)
    other = device.sign(encode(device.rating_record(seq=1, prev="0" * 16, level=1)))
    answer = hall.post(held, other, device.rating(), other)
    assert verdicts(answer) == ["stored", "conflict", "stored", "conflict"]
    assert receipt_seqs(answer) == [2]
    assert verdicts(hall.post(other)) == ["conflict"]
    kept = [(row["verdict"], row["envelope"]) for row in hall.records()]
    assert kept[:2] == [("stored", held), ("conflict", other)]
    assert len(kept) == 3


def test_a_forged_record_does_not_take_the_key_from_the_true_one(hall, device):
    """BAT-4: only a record whose MAC verifies occupies its key."""
    true = device.rating()
    forged = SigningDevice(device.device, device.epoch, b"x" * 32).rating(level=1)
    answer = hall.post(forged, true)
    assert verdicts(answer) == ["rejected", "stored"]
    assert answer.verdicts[0].reason.startswith("bad_mac")
    assert [row["envelope"] for row in hall.records()] == [true]


@pytest.mark.parametrize(
    ("members", "mark"),
    [
        ('"v":1,"kind":"rating","answer":5', "malformed"),
        ('"v":1,"kind":"rating","answer":"f"', "malformed"),
        ('"v":1,"kind":"boot","gaps":[[5,4,"restart"]]', "malformed"),
        ('"v":1,"kind":"song"', "unknown_kind"),
        ('"v":1,"kind":"\\u0000\\ud800"', "unknown_kind"),
        ('"v":1,"kind":7', "unknown_kind"),
        ('"v":1', "unknown_kind"),
        ('"v":2,"kind":"rating"', "unknown_version"),
        ('"v":true,"kind":"rating"', "unknown_version"),
        ('"kind":"rating"', "unknown_version"),
    ],
)
def test_what_is_signed_but_cannot_be_read_is_stored_and_marked(hall, device, members, mark):
    """REC-7 BAT-4"""
    strange = device.raw(f'{{{members},"device":"xj-0417","epoch":{device.epoch},"seq":1}}')
    answer = hall.post(strange)
    assert [(v.verdict, v.marks) for v in answer.verdicts] == [("stored", (mark,))]
    assert receipt_seqs(answer) == [1]
    assert hall.records()[0]["envelope"] == strange


def test_unknown_members_are_kept_and_ignored(hall, device):
    """REC-6"""
    text = (RATING % device.epoch).replace('"boot":1', '"mood":{"a":[1,2]},"boot":1')
    answer = hall.post(device.sign(seal_answer(device.key, text.encode(), of_level(4))))
    assert [(v.verdict, v.marks) for v in answer.verdicts] == [("stored", ("undated",))]
    (row,) = hall.records()
    assert "mood" in row["envelope"]
    assert (row["level"], row["codes"]) == (4, [])


@pytest.mark.parametrize(
    "plain", [bytes(16), b"\x06" + bytes(15), b"\x05" + bytes(14) + b"\x01", bytes([5] * 16)]
)
@pytest.mark.parametrize("space", ["", " "])
def test_an_answer_that_is_no_level_is_malformed_and_kept(hall, device, plain, space):
    """SEA-3 BAT-4"""
    text = (RATING % device.epoch).encode()
    record = seal_answer(device.key, text, plain if not space else of_level(5))
    envelope = device.sign(record.replace(b'"answer":', b'"answer":' + space.encode()))
    answer = hall.post(envelope)
    assert [(v.verdict, v.marks) for v in answer.verdicts] == [("stored", ("malformed",))]
    (row,) = hall.records()
    assert (row["envelope"], row["level"], row["codes"]) == (envelope, None, [])


def test_what_was_answered_is_read_by_the_centre(hall, device):
    """SEA-1 SEA-2"""
    hall.post(device.rating(level=2), device.reasons(1, codes=(214, 209)))
    rating, reasons = hall.records()
    assert (rating["level"], rating["codes"]) == (2, [])
    assert (reasons["level"], reasons["codes"]) == (None, [214, 209])


@pytest.mark.parametrize("kind", ["head", "receipt", "settings", "update"])
@pytest.mark.parametrize("v", [1, 2])
def test_what_was_signed_for_another_purpose_is_no_record(hall, device, kind, v):
    """REC-5"""
    text = f'{{"v":{v},"kind":"{kind}","device":"xj-0417","epoch":{device.epoch},"seq":1}}'
    (verdict,) = hall.post(device.raw(text)).verdicts
    assert verdict.verdict == "rejected"
    assert verdict.reason.startswith("wrong_kind")
    assert hall.records() == []


def test_a_record_is_no_head(hall, device):
    """REC-5"""
    (verdict,) = hall.post(HeadItem(device.rating(), None, None)).verdicts
    assert (verdict.verdict, verdict.reason.split(":")[0]) == ("rejected", "wrong_kind")


@pytest.mark.parametrize(
    "record",
    [
        '{"v":1,"kind":"rating","device":"xj-0417","epoch":EPOCH}',
        '{"v":1,"kind":"rating","device":"xj-0417","epoch":EPOCH,"seq":0}',
        '{"v":1,"kind":"rating","device":"xj-0417","epoch":EPOCH,"seq":1.0}',
        '{"v":1,"kind":"rating","device":"xj-0417","epoch":EPOCH,"seq":true}',
        '{"v":1,"kind":"rating","device":"XJ","epoch":EPOCH,"seq":1}',
        '{"v":1,"kind":"rating","device":"xj-0417\\u0000","epoch":EPOCH,"seq":1}',
        '{"v":1,"kind":"rating","device":["xj-0417"],"epoch":EPOCH,"seq":1}',
        '[{"device":"xj-0417","epoch":EPOCH,"seq":1}]',
        "[" * 900,
        "not json",
        "",
    ],
)
def test_bytes_in_which_no_identity_can_be_read_belong_to_nobody(hall, device, record):
    """REC-2"""
    envelope = device.raw(record.replace("EPOCH", str(device.epoch)))
    good = device.rating()
    answer = hall.post(envelope, good)
    assert verdicts(answer) == ["rejected", "stored"]
    assert answer.verdicts[0].reason.startswith("malformed_envelope")


def test_a_device_of_another_hall_is_unknown(hall, other_hall, device):
    """BAT-4: the token of one hall cannot speak for the devices of another."""
    foreign = other_hall.enrol("ab-0001")
    envelope = foreign.rating()
    answer = hall.post(envelope, device.rating())
    assert verdicts(answer) == ["rejected", "stored"]
    assert answer.verdicts[0].reason.startswith("unknown_device")
    assert verdicts(other_hall.post(envelope)) == ["stored"]


def test_a_device_that_was_never_enrolled_is_unknown(hall):
    stranger = '{"v":1,"kind":"rating","device":"nobody","epoch":1,"seq":1}'
    (verdict,) = hall.post(SigningDevice("nobody", 1, b"k" * 32).raw(stranger)).verdicts
    assert verdict.reason.startswith("unknown_device")


def test_an_epoch_that_a_restored_backup_forgot_is_still_verified(hall, device):
    """BAT-4: the key itself proves that the centre enrolled the device in that epoch."""
    epoch = device.epoch + 5
    forgotten = SigningDevice("xj-0417", epoch, hall.keys.key("xj-0417", epoch))
    answer = hall.post(forgotten.raw(RATING % epoch))
    assert verdicts(answer) == ["stored"]
    assert len(answer.receipts) == 1


def test_a_new_epoch_leaves_the_old_one_verifiable(hall, device):
    old = device.rating()
    new = hall.enrol("xj-0417")
    assert new.epoch > device.epoch
    answer = hall.post(old, new.rating())
    assert verdicts(answer) == ["stored", "stored"]
    assert len(answer.receipts) == 2


def test_what_the_hall_writes_beside_an_envelope_cannot_keep_it_out(hall, device):
    """BAT-4"""
    wrong = {
        "received_at_ms": "yesterday",
        "window": "../w1",
        "service": "\u0000",
        "marks": [1] * 99,
    }
    body = json.dumps({"items": [{"envelope": device.rating(), **wrong}]})
    response = hall.client.post("/v1/batches", content=body, headers=hall.headers)
    assert response.json()["verdicts"][0]["verdict"] == "stored"
    assert hall.records()[0]["received_at_ms"] == NOW_MS


def test_a_hall_cannot_discredit_a_rating_with_marks_of_its_own(hall, device):
    item = EnvelopeItem(device.rating(), NOW_MS, "w1", None, ("rated_twice", "late"))
    assert hall.post(item).verdicts[0].marks == ()
    (row,) = hall.records()
    assert (row["marks"], row["hall_marks"]) == ([], ["rated_twice", "late"])


def test_the_highest_head_is_kept_and_answered_with_the_receipt(hall, device, database):
    first = hall.post(device.rating())
    (receipt,) = first.receipts
    low, high = device.head(1), device.head(7)
    answer = hall.post(
        HeadItem(high, receipt, None), HeadItem(low, None, None), HeadItem(high, None, None)
    )
    assert verdicts(answer) == ["stored", "duplicate", "duplicate"]
    assert answer.receipts == first.receipts
    assert verdicts(hall.post(HeadItem(low, "no receipt", None))) == ["duplicate"]
    with database.read() as connection:
        row = connection.exec_driver_sql("select seq, receipt_seq from head").one()
    assert tuple(row) == (7, 1)


def test_a_forged_head_is_rejected(hall, device):
    forged = device.head(7)[:-64] + "0" * 64
    (verdict,) = hall.post(HeadItem(forged, None, None)).verdicts
    assert verdict.reason.startswith("bad_mac")


def test_no_batch_tells_of_a_projects_completion(hall, device, database):
    """RULES 3: else any hall could finish another's project; the ratings beside it are stored."""
    facts, name = document(service="done-" + "a" * 32)
    word = progress("finished", NOW_MS - 60_000, service="done-" + "b" * 32)
    answer = hall.post(facts, word, device.rating(service="done-" + "a" * 32, facts=name))
    assert verdicts(answer) == ["rejected", "rejected", "stored"]
    assert all("POST /v1/services tells" in one.reason for one in answer.verdicts[:2])
    with database.read() as connection:
        for table in ("document", "progress", "service_project"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0


def test_a_document_of_another_hall_is_rejected(hall):
    facts, _ = document(hall="other")
    assert hall.post(facts).verdicts[0].reason.startswith("other_hall")


@pytest.mark.parametrize(
    "raw",
    [
        None, 5, [], {}, {"facts": 5}, {"facts": "{}"}, {"facts": "x" * 1_000_000},
        {"envelope": "x" * 1_000_000}, {"envelope": "\ud800"}, {"envelope": {"a": 1}},
        {"head": "\ud800" * 70}, {"head": None}, {"something": "else"},
    ],
)  # fmt: skip
def test_a_bad_item_is_a_verdict_and_harms_no_other(hall, device, raw):
    """BAT-2: counted, visible with its reason; the rating beside it arrives."""
    body = json.dumps({"items": [raw, {"envelope": device.rating(), "received_at_ms": 1}]})
    response = hall.client.post("/v1/batches", content=body, headers=hall.headers)
    assert response.status_code == 200
    assert [v["verdict"] for v in response.json()["verdicts"]] == ["rejected", "stored"]
    reason = response.json()["verdicts"][0]["reason"]
    told = hall.client.get("/v1/rejections", headers=hall.reader).json()
    assert told["counts"] == [
        {"hall": "demo", "reason": reason.split(":")[0], "count": 1, "last_at_ms": NOW_MS}
    ]
    assert told["newest"][0]["sentence"] == reason
    assert len(told["newest"][0]["first_bytes"].encode()) <= 256


def test_a_rescued_record_in_any_script_is_known_as_rescued(hall, device, database):
    """BAT-4: what msgspec does not read, protocol/ does, with all that stands beside it."""
    record = (
        '{"v":1,"kind":"note","device":"xj-0417","epoch":%d,"seq":1,'
        '"prev":"0000000000000000","text":"\u4f60\u597d"}'
    )
    envelope = device.raw((record % device.epoch).encode().decode("unicode_escape"))
    assert verdicts(hall.intake.rescue("demo", [envelope])) == ["stored"]
    with database.read() as connection:
        marks = connection.exec_driver_sql("select hall_marks from record").scalar()
    assert json.loads(marks) == ["rescued"]
