"""Tampering on the way: a corpus, each case with the name under which it is found; controls."""

import itertools
import json
import random
from typing import NamedTuple

import pytest
from central_hall import SECRET, SigningDevice, document, open_centre, verdicts
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from central.custody import filing, marks
from central.keys import derive_key
from central.store import ledger
from protocol.batch import FactsItem, HeadItem
from protocol.record import encode

HOUR_MS = 3_600_000


class Sent(NamedTuple):
    """What an honest hall would send: five ratings of a device, its head, and other things."""

    envelopes: list[str]
    head: HeadItem
    device: SigningDevice
    other: SigningDevice
    facts: FactsItem


def replaced(old: str, new: str, number: int = 2):
    """The case: in one of the envelopes, `old` becomes `new`."""

    def tamper(sent: Sent):
        text = sent.envelopes[number]
        assert old in text
        return [*sent.envelopes[:number], text.replace(old, new, 1), *sent.envelopes[number + 1 :]]

    return tamper


def changed(how):
    """The case: the third envelope goes through `how`."""
    return lambda sent: [*sent.envelopes[:2], how(sent.envelopes[2]), *sent.envelopes[3:]]


def record_and_mac(envelope: str) -> tuple[str, str]:
    record, _, mac = envelope.rpartition("\n")
    return record, mac


def without(*numbers):
    """The case: some envelopes never go up, and the head does."""
    return lambda sent: [
        *(one for number, one in enumerate(sent.envelopes) if number not in numbers),
        sent.head,
    ]


def added(make):
    """The case: something goes up that the device never made."""
    return lambda sent: [*sent.envelopes, make(sent)]


def swapped_macs(sent: Sent):
    (one, mac), (two, other) = (record_and_mac(sent.envelopes[n]) for n in (1, 2))
    return [sent.envelopes[0], f"{one}\n{other}", f"{two}\n{mac}", *sent.envelopes[3:]]


def reencoded(**how):
    """The case: the same members, other bytes."""

    def encode_again(envelope):
        record, mac = record_and_mac(envelope)
        return f"{json.dumps(json.loads(record), **how)}\n{mac}"

    return changed(encode_again)


def reordered(envelope):
    record, mac = record_and_mac(envelope)
    members = dict(reversed(json.loads(record).items()))
    return f"{json.dumps(members, separators=(',', ':'))}\n{mac}"


def older_heads(sent: Sent):
    return [*sent.envelopes, sent.head, HeadItem(sent.device.head(2), None, None)]


def other_s_key(sent: Sent):
    return sent.other.sign(encode(sent.device.rating_record(level=5)))


def with_key(key: bytes):
    """The case: the device's next record, signed with a key that it never had."""
    return added(
        lambda sent: SigningDevice("xj-0417", 1, key).sign(encode(sent.device.rating_record()))
    )


def receipt_of(sent: Sent, seq: int) -> str:
    return sent.device.receipt(seq=seq, mac16="a" * 16, at=5)


BAD = marks.BAD_MAC
FIELDS = {
    "v": ('"v":1', '"v":2'),
    "kind": ('"kind":"rating"', '"kind":"song"'),
    "device": ('"device":"xj-0417"', '"device":"xj-0500"'),
    "epoch": ('"epoch":2', '"epoch":3'),
    "seq": ('"seq":3', '"seq":9'),
    "prev": ('"prev":"', '"prev":"0'),
    "service": ("xj-0417-S3", "xj-0417-S9"),
    "ticket_no": ('"A3"', '"A9"'),
    "staff_no": ('"0231"', '"0232"'),
    "staff_no to null": ('"0231"', "null"),
    "facts": ('"facts":"0', '"facts":"1'),
    "answer": ('"answer":"', '"answer":"0'),
    "answer as a number": ('"answer":"', '"answer":5,"x":"'),
    "a level beside it": ('"answer"', '"level":5,"answer"'),
    "shown": ('"shown":0', '"shown":1'),
    "settings": ('"settings":0', '"settings":1'),
    "boot": ('"boot":1', '"boot":2'),
    "up_ms": ('"up_ms":3000', '"up_ms":3001'),
    "at": ('"at":1', '"at":2'),
    "at to null": ('"took_ms"', '"at":null,"took_ms"'),
    "took_ms": ('"took_ms":900', '"took_ms":0'),
    "input": ('"key"', '"kiosk"'),
    "a member more": ('"input"', '"note":"","input"'),
    "a member twice": ('"boot":1', '"boot":1,"boot":5'),
    "a space": ('"boot":1', '"boot": 1'),
    "an escape": ('"key"', '"\\u006bey"'),
    "a fraction": ('"boot":1', '"boot":1.0'),
    "an exponent": ('"up_ms":3000', '"up_ms":3e3'),
    "a leading space": ('{"v"', ' {"v"'),
    "a space at the end": ("}\n", "} \n"),
}
CASES = {f"edited: {name}": (replaced(*pair), BAD) for name, pair in FIELDS.items()} | {
    "edited: bytes that are no JSON": (replaced("{", ""), marks.MALFORMED_ENVELOPE),
    "edited: an unknown device": (replaced("xj-0417", "xj-9999"), marks.UNKNOWN_DEVICE),
    "edited: a byte order mark": (replaced("{", "\ufeff{"), marks.MALFORMED_ENVELOPE),
    "edited: a second line": (replaced(',"kind"', ',\n"kind"'), marks.MALFORMED_ENVELOPE),
    "edited: an array around it": (
        changed(lambda text: "[" + text.replace("\n", "]\n")),
        marks.MALFORMED_ENVELOPE,
    ),
    "edited: no seq": (replaced('"seq":3,', ""), marks.MALFORMED_ENVELOPE),
    "MAC: upper case": (
        changed(lambda text: text[:-64] + text[-64:].upper()),
        marks.MALFORMED_ENVELOPE,
    ),
    "MAC: one digit": (
        changed(lambda text: text[:-1] + ("0" if text[-1] != "0" else "1")),
        BAD,
    ),
    "MAC: zeros": (changed(lambda text: text[:-64] + "0" * 64), BAD),
    "MAC: shorter": (changed(lambda text: text[:-1]), marks.MALFORMED_ENVELOPE),
    "MAC: a line feed behind it": (changed(lambda text: text + "\n"), marks.MALFORMED_ENVELOPE),
    "MAC: none": (changed(lambda text: text[:-65]), marks.MALFORMED_ENVELOPE),
    "MAC: those of two records swapped": (swapped_macs, BAD),
    "re-encoded: with spaces": (reencoded(), BAD),
    "re-encoded: sorted": (reencoded(sort_keys=True, separators=(",", ":")), BAD),
    "re-encoded: indented": (reencoded(indent=1), marks.MALFORMED_ENVELOPE),
    "re-encoded: members reversed": (changed(reordered), BAD),
    "cut: half an envelope": (changed(lambda text: text[:90]), marks.MALFORMED_ENVELOPE),
    "cut: nothing left": (changed(lambda text: ""), marks.MALFORMED_ENVELOPE),
    "dropped: the first": (without(0), "gap"),
    "dropped: one in the middle": (without(2), "gap"),
    "dropped: two in the middle": (without(1, 3), "gap"),
    "dropped: the last": (without(4), "gap"),
    "dropped: the tail": (without(2, 3, 4), "gap"),
    "dropped: all": (without(0, 1, 2, 3, 4), "gap"),
    "inserted: with no key": (with_key(b"x" * 32), BAD),
    "inserted: with the key of another device": (added(other_s_key), marks.WRONG_DEVICE),
    "inserted: with the key of another epoch": (with_key(derive_key(SECRET, "xj-0417", 5)), BAD),
    "inserted: a receipt as a record": (
        added(lambda sent: receipt_of(sent, 5)),
        marks.WRONG_KIND,
    ),
    "inserted: a head as a record": (added(lambda sent: sent.head.head), marks.WRONG_KIND),
    "inserted: a record as a head": (
        added(lambda sent: HeadItem(sent.envelopes[0], None, None)),
        marks.WRONG_KIND,
    ),
    "inserted: a forged head": (
        added(lambda sent: HeadItem(sent.head.head.replace('"seq":5', '"seq":4'), None, None)),
        BAD,
    ),
    "replayed: an old head": (older_heads, "older_head"),
    "replayed: under another device's name": (
        added(lambda sent: sent.envelopes[2].replace("xj-0417", "xj-0500")),
        BAD,
    ),
    "exchanged: another record of the board's key": (
        added(
            lambda sent: sent.device.sign(
                encode(sent.device.rating_record(seq=3, prev="b" * 16, level=5))
            )
        ),
        "conflict",
    ),
    "exchanged: a record and its successor": (
        lambda sent: [
            *sent.envelopes[:2],
            sent.device.sign(encode(sent.device.rating_record(seq=3, prev="b" * 16))),
            *sent.envelopes[3:],
        ],
        "broken_chain",
    ),
    "exchanged: the service document": (
        lambda sent: [FactsItem(sent.facts.facts.replace("营业", "其他")), *sent.envelopes],
        "facts_missing",
    ),
    "exchanged: another hall's document": (
        lambda sent: [FactsItem(sent.facts.facts.replace('"demo"', '"other"')), *sent.envelopes],
        marks.OTHER_HALL,
    ),
}


def honest(hall) -> Sent:
    facts, _ = document()
    device, other = hall.enrol("xj-0417"), hall.enrol("xj-0500")
    envelopes = [device.rating(level=1, at=hall.clock.ms) for _ in range(5)]
    return Sent(envelopes, HeadItem(device.head(5, device.prev), None, None), device, other, facts)


def found_after(hall, items) -> set[str]:
    """The names on the page two hours after these items came."""
    hall.post(*items)
    hall.clock.ms += 2 * HOUR_MS
    return {one.mark for one in hall.findings("demo")}


def test_nothing_is_found_where_nobody_tampers(hall):
    """The control. That documents are missing is true: these ratings have none."""
    sent = honest(hall)
    assert found_after(hall, [*sent.envelopes, sent.head]) == {"facts_missing"}


@pytest.mark.parametrize("case", CASES)
def test_tampering_is_found_by_name(hall, case):
    tamper, name = CASES[case]
    sent = honest(hall)
    assert name in found_after(hall, tamper(sent))
    kept = {row["envelope"] for row in hall.records()}
    assert kept & set(sent.envelopes) or case == "dropped: all"


def test_the_corpus_is_large_enough():
    assert len(CASES) >= 60


def test_a_centre_that_does_not_check_macs_finds_fewer(hall, monkeypatch):
    """The control: without the check, edited ratings are counted as they came."""
    monkeypatch.setattr("central.custody.open.is_mac", lambda key, record, mac: True)
    sent = honest(hall)
    tamper, name = CASES["edited: ticket_no"]
    assert name not in found_after(hall, tamper(sent))
    assert '"A9"' in hall.records()[2]["envelope"]


# FAULTS.md 11: duplicates, reordering, a day replayed, another device's name.


@st.composite
def deliveries(draw):
    """A day of ratings, and the way in which they arrive: doubled, reordered, replayed."""
    count = draw(st.integers(1, 60))
    device = SigningDevice("xj-0417", 29_333_341, derive_key(SECRET, "xj-0417", 29_333_341))
    envelopes = [device.rating(at=None if n % 3 else 5) for n in range(count)]
    copies = draw(st.integers(1, 5))
    window = draw(st.integers(1, 50))
    rng = random.Random(draw(st.integers(0, 2**32)))
    sent = [one for one in envelopes for _ in range(rng.randint(1, copies))]
    for start in range(0, len(sent), window):
        piece = sent[start : start + window]
        rng.shuffle(piece)
        sent[start : start + window] = piece
    cuts = sorted({0, len(sent), *(rng.randrange(len(sent)) for _ in range(5))})
    return envelopes, [sent[a:b] for a, b in itertools.pairwise(cuts)]


def check_delivery(delivery, folder) -> tuple[int, list[int]]:
    """(how often ratings are counted, the seqs held) after all came, and came again."""
    envelopes, batches = delivery
    with open_centre(folder) as (database, take):
        for batch in batches:
            assert set(verdicts(take(batch))) <= {"stored", "duplicate"}
        replay = [one.replace("xj-0417", "xj-0418") for one in envelopes]
        for start in range(0, len(envelopes), 50):
            again = verdicts(take(envelopes[start : start + 50]))
            assert set(again) == {"duplicate"}
            assert set(verdicts(take(replay[start : start + 50]))) == {"rejected"}
        with database.read() as connection:
            counted = connection.exec_driver_sql("select count(*) from rating").scalar_one()
            query = "select seq from record order by device, epoch, seq"
            return counted, list(connection.exec_driver_sql(query).scalars())


def check_many(examples, tmp_path_factory):
    @seed(20261123)
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(delivery=deliveries())
    def check(delivery):
        count = len(delivery[0])
        folder = tmp_path_factory.mktemp("centre")
        assert check_delivery(delivery, folder) == (count, list(range(1, count + 1)))

    check()


def test_doubled_reordered_and_replayed_ratings_count_once(tmp_path_factory):
    """BAT-7 CHN-2"""
    check_many(15, tmp_path_factory)


@pytest.mark.long
def test_many_doubled_reordered_and_replayed_ratings_count_once(tmp_path_factory):
    """BAT-7 CHN-2"""
    check_many(300, tmp_path_factory)


def test_a_centre_that_does_not_dedupe_counts_twice(tmp_path_factory, monkeypatch):
    """The control: it fails on the count."""

    def forget(connection, candidates, chains, known):
        for number, row in enumerate(candidates):
            row.seq += 1000 * (1 + number) if ledger.rows(connection, [row.key]) else 0
        return file_records(connection, candidates, chains, known)

    file_records = filing.file_records
    monkeypatch.setattr(filing, "file_records", forget)
    device = SigningDevice("xj-0417", 29_333_341, derive_key(SECRET, "xj-0417", 29_333_341))
    envelope = device.rating()
    with open_centre(tmp_path_factory.mktemp("centre")) as (database, take):
        take([envelope])
        take([envelope])
        with database.read() as connection:
            count = connection.exec_driver_sql("select count(*) from record").scalar_one()
    assert count == 2


def test_a_day_replayed_after_48_hours_changes_nothing_and_is_named(hall, device):
    """BAT-7"""
    day = [device.rating() for _ in range(200)]
    hall.post(*day)
    before = hall.records()
    hall.clock.ms += 48 * HOUR_MS
    assert set(verdicts(hall.post(*day))) == {"duplicate"}
    assert hall.records() == before
    (replayed,) = [one for one in hall.findings("demo") if one.mark == "replayed"]
    assert (replayed.count, replayed.device, replayed.first_at_ms) == (
        200,
        "xj-0417",
        hall.clock.ms,
    )


def test_what_no_receipt_covers_may_be_offered_for_days(hall, device):
    """BAT-5: an honest gateway does so; it is no replay."""
    device.rating()
    waiting = device.rating()
    hall.post(waiting)
    hall.clock.ms += 48 * HOUR_MS
    hall.post(waiting)
    assert "replayed" not in {one.mark for one in hall.findings("demo")}
