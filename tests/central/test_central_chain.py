"""Chains: what a receipt covers, and which links and ratings are marked."""

import random

import pytest
from central_hall import (
    NOW_MS,
    SECRET,
    SigningDevice,
    document,
    open_centre,
    receipt_seqs,
    verdicts,
)
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import select

from central.custody import chain
from central.custody.chain import Cover
from central.keys import derive_key
from central.ratings.period import ALL
from central.store.tables import metadata
from protocol.envelope import mac16

NONE = Cover(0, 0, 0, "")


@pytest.mark.parametrize(
    ("held", "gaps", "covered", "receipt"),
    [
        ([], [], 0, 0),
        ([1, 2, 3], [], 3, 3),
        ([1, 3], [], 1, 1),
        ([2, 3], [], 0, 0),
        ([1, 2, 65], [(3, 64)], 65, 65),
        ([1, 2, 65], [(3, 40)], 40, 2),
        ([65], [(1, 64)], 65, 65),
        ([1, 2, 30, 65], [(3, 64)], 65, 65),
        ([1, 65], [(2, 50), (40, 64)], 65, 65),
    ],
)
def test_a_receipt_covers_the_contiguous_part_and_names_the_highest_held(
    held, gaps, covered, receipt
):
    """RCT-3"""
    cover = chain.extend(NONE, {seq: f"{seq:016d}" for seq in held}, gaps)
    assert (cover.covered_seq, cover.receipt_seq) == (covered, receipt)
    assert cover.mac16 == (f"{receipt:016d}" if receipt else "")


def test_a_record_named_in_a_gap_that_turns_up_moves_the_receipt():
    cover = chain.extend(NONE, {1: "a"}, [(2, 9)])
    assert (cover.covered_seq, cover.receipt_seq) == (9, 1)
    assert chain.extend(cover, {5: "e"}, []) == Cover(9, 5, 5, "e")


@pytest.mark.parametrize(
    ("boot_seq", "gaps", "expected"),
    [
        (1, [], 0),
        (65, [], 64),
        (65, [(4, 64)], 3),
        (65, [(1, 64)], 0),
        (65, [(4, 20), (22, 64)], 21),
        (65, [(22, 64), (4, 21)], 3),
        (65, [(1, 10), (5, 64)], 0),
    ],
)
def test_a_boot_follows_the_last_record_that_it_does_not_name(boot_seq, gaps, expected):
    """CHN-1"""
    assert chain.predecessor(boot_seq, gaps) == expected


def test_a_boot_cannot_name_what_lies_above_itself():
    gaps = [(4, 99, "restart"), (70, 80, "damage"), (4, 9, "damage")]
    assert chain.gaps_below(65, gaps) == {4: (64, "restart")}


def test_a_record_that_arrives_early_is_no_fault_and_is_not_covered(hall, device):
    """CHN-2 RCT-3"""
    first, second, third = (device.rating() for _ in range(3))
    early = hall.post(third)
    assert verdicts(early) == ["stored"]
    assert early.receipts == ()
    assert receipt_seqs(hall.post(first)) == [1]
    assert receipt_seqs(hall.post(second)) == [3]
    assert hall.marks() == {1: [], 2: [], 3: []}


def test_a_broken_link_is_marked_when_both_records_are_there(hall, device):
    """CHN-1 CHN-2"""
    first = device.rating()
    device.prev = "f" * 16
    second = device.rating()
    assert hall.post(second).verdicts[0].marks == ()
    hall.post(first)
    assert hall.marks() == {1: [], 2: ["broken_chain"]}


def test_a_first_record_that_claims_a_predecessor_is_marked(hall, device):
    """CHN-1"""
    device.prev = "f" * 16
    assert hall.post(device.rating()).verdicts[0].marks == ("broken_chain",)


@pytest.mark.parametrize("order", ["as written", "boot first"])
def test_a_boot_links_over_what_it_names(hall, device, order):
    """CHN-1"""
    envelopes = [device.rating(), device.boot(65, [(2, 64, "restart")]), device.rating()]
    sent = envelopes if order == "as written" else envelopes[::-1]
    answers = [hall.post(envelope) for envelope in sent]
    assert receipt_seqs(answers[-1]) == [66]
    assert hall.marks() == {1: [], 65: [], 66: []}


@pytest.mark.parametrize("order", ["as written", "boot first"])
def test_a_boot_that_passes_over_a_record_without_a_receipt_is_marked(hall, device, order):
    """CHN-1: the device had no right to forget record 2."""
    first, second = device.rating(), device.rating()
    boot = device.boot(65, [(3, 64, "restart")], prev=mac16(first.encode()))
    sent = [first, second, boot] if order == "as written" else [boot, second, first]
    hall.post(*sent)
    assert hall.marks()[65] == ["broken_chain"]


@pytest.mark.parametrize("points_to", ["an older record", "nothing"])
def test_below_its_receipt_a_boot_may_pass_over_what_it_can_no_longer_read(
    hall, device, points_to
):
    """CHN-1: JRN-4 names only what lies above the last receipt."""
    first, second = device.rating(), device.rating()
    assert receipt_seqs(hall.post(first, second)) == [2]
    prev = mac16(first.encode()) if points_to == "an older record" else "0" * 16
    hall.post(device.boot(65, [(3, 64, "restart")], prev=prev))
    assert hall.marks()[65] == []


def test_a_boot_that_points_to_nothing_known_is_marked(hall, device):
    hall.post(device.rating(), device.rating())
    hall.post(device.boot(65, [(3, 64, "restart")], prev="e" * 16))
    assert hall.marks()[65] == ["broken_chain"]


def test_a_backlog_longer_than_one_look_is_covered_in_one_go(hall, device):
    """RCT-3: 2,500 records above a hole, then the hole is filled."""
    envelopes = [device.rating() for _ in range(2500)]
    answers = [hall.post(*envelopes[start : start + 500]) for start in range(1, 2500, 500)]
    assert [answer.receipts for answer in answers] == [()] * 5
    assert receipt_seqs(hall.post(envelopes[0])) == [2500]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("changes", "marks"),
    [
        ({}, []),
        ({"window": "w2"}, ["facts_differ"]),
        ({"ticket_no": "B1"}, ["facts_differ"]),
        ({"staff_no": None}, ["facts_differ"]),
        ({"service": "S-2"}, ["facts_differ"]),
    ],
)
def test_facts_that_do_not_fit_are_a_mark_whatever_comes_first(
    hall, device, changes, marks, order
):
    """BAT-4 BAT-2"""
    facts, name = document(**changes)
    rating = device.rating(service="S-1", ticket_no="A1", facts=name)
    for item in [facts, rating][::order]:
        assert verdicts(hall.post(item)) == ["stored"]
    assert hall.marks() == {1: marks}


@pytest.mark.parametrize("order", [1, -1])
def test_the_later_rating_of_a_service_is_kept_and_does_not_count(hall, device, order):
    """BAT-4"""
    first = device.rating(service="S-1", level=5)
    second = device.rating(service="S-1", level=1)
    for envelope in [first, second][::order]:
        hall.post(envelope)
    assert hall.marks() == {1: [], 2: []}
    assert hall.report(ALL, "demo", None).whole.counts == {5: 1, 4: 0, 3: 0, 2: 0, 1: 0}


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_devices_the_one_that_was_pressed_first_counts(hall, device, order):
    other = hall.enrol("xj-0418")
    earlier = other.rating(service="S-1", level=2, at=NOW_MS - 9)
    for envelope in [earlier, device.rating(service="S-1", level=4, at=NOW_MS)][::order]:
        hall.post(envelope)
    assert hall.report(ALL, "demo", None).whole.counts == {5: 0, 4: 0, 3: 0, 2: 1, 1: 0}


@st.composite
def deliveries(draw):
    """A device's records with boots and gaps, and a way in which they may arrive."""
    device = SigningDevice("xj-0417", 29_333_341, derive_key(SECRET, "xj-0417", 29_333_341))
    facts = [document(service=f"S-{number}", ticket_no=f"A{number}") for number in range(3)]
    envelopes: list = [item for item, _ in facts]
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()) and device.seq:
            boot_seq = (device.seq // 8 + 1) * 8 + 1
            first = device.seq + 1
            gaps = [(first, boot_seq - 1, "restart")] if first < boot_seq else []
            envelopes.append(device.boot(boot_seq, gaps))
        for _ in range(draw(st.integers(1, 4))):
            number = draw(st.integers(0, 2))
            envelopes.append(
                device.rating(
                    service=f"S-{number}", ticket_no=f"A{draw(st.integers(0, 2))}",
                    facts=facts[number][1],
                )
            )  # fmt: skip
    rng = random.Random(draw(st.integers(0, 2**32)))
    sent = envelopes + rng.choices(envelopes, k=draw(st.integers(0, 10)))
    rng.shuffle(sent)
    cuts = sorted(rng.sample(range(len(sent) + 1), k=min(4, len(sent))))
    batches = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)]) if a < b]
    return envelopes, batches


@seed(20261121)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(delivery=deliveries())
def test_any_order_duplication_and_batching_ends_in_the_same_store(delivery, tmp_path_factory):
    """CHN-2 RCT-3 BAT-7: records, marks, gaps and the receipt do not depend on the way."""
    envelopes, batches = delivery
    in_order = _store(tmp_path_factory.mktemp("a"), [[item] for item in envelopes])
    assert _store(tmp_path_factory.mktemp("b"), batches) == in_order


def _store(folder, batches):
    with open_centre(folder) as (database, take):
        for batch in batches:
            assert "rejected" not in verdicts(take(batch))
        with database.read() as connection:
            tables = ("record", "conflict", "gap", "chain", "rating", "document")
            return {name: sorted(_rows(connection, name)) for name in tables}


def _rows(connection, name):
    """The rows without a rating's time, which is told by what is known when it comes."""
    query = select(*[one for one in metadata.tables[name].c if not one.name.startswith("rated_")])
    return map(tuple, connection.execute(query))
