"""Two boards with one bundle: no receipt frees a record for which another one stands. RCT-3"""

import itertools
import random
import re

import pytest
from central_hall import SECRET, SigningDevice, open_centre, receipt_seqs, verdicts
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from sqlalchemy import event

from central.custody import chain
from central.custody.chain import Cover
from central.keys import derive_key
from protocol.batch import HeadItem
from protocol.envelope import mac16, split
from protocol.record import Rating, Receipt, encode, parse


class Clone(SigningDevice):
    """A second board; at its window people are discontent, so that its records differ."""

    def record(self, kind, **changes):
        return super().record(kind, **({"level": 2, **changes} if kind is Rating else changes))


def clone_of(device: SigningDevice) -> Clone:
    """A second board with the same bundle that goes on where the first one stands."""
    clone = Clone(device.device, device.epoch, device.key)
    clone.seq, clone.prev = device.seq, device.prev
    return clone


def named(answer) -> list[tuple[int, str]]:
    """(seq, mac16) of each receipt."""
    receipts = [parse(split(receipt.encode())[0]) for receipt in answer.receipts]
    return [(receipt["seq"], receipt["mac16"]) for receipt in receipts]


def test_a_receipt_waits_for_the_record_that_a_link_names(hall, device):
    """RCT-3 CHN-2 BAT-2: the model's trace `rct_3_links`, through batches."""
    assert receipt_seqs(hall.post(device.rating())) == [1]
    clone = clone_of(device)
    lost, after = device.rating(), device.rating()
    assert receipt_seqs(hall.post(after)) == [1]
    other = clone.rating()
    answer = hall.post(other)
    assert verdicts(answer) == ["stored"]
    assert named(answer) == [(2, mac16(other.encode()))]
    assert hall.marks() == {1: [], 2: [], 3: ["broken_chain"]}
    assert receipt_seqs(hall.post(device.rating())) == [2], "a fourth record changes nothing"
    answer = hall.post(lost)
    assert verdicts(answer) == ["conflict"]
    assert named(answer) == [(4, device.prev)]
    assert verdicts(hall.post(lost)) == ["conflict"]
    assert hall.marks()[3] == ["broken_chain"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_whatever_comes_first(hall, device, order):
    """RCT-3 CHN-2: one board's three records and the clone's, each in a batch of its own."""
    own = [device.rating()]
    clone = clone_of(device)
    own += [device.rating(), device.rating()]
    records = [*own, clone.rating()]
    arrived, told = [], []
    for number in order:
        arrived.append(records[number])
        told = named(hall.post(records[number]))
        if told and told[0] == (3, device.prev):
            assert set(own) <= set(arrived)
    assert told == [(3, device.prev)]


def test_the_named_record_s_own_link_has_to_hold_too(hall, device):
    """RCT-3: of the board's three, the first is still missing when the second is a conflict."""
    clone = clone_of(device)
    first, second, third = (device.rating() for _ in range(3))
    assert receipt_seqs(hall.post(clone.rating(), clone.rating(), third)) == [2]
    assert verdicts(hall.post(second)) == ["conflict"]
    assert receipt_seqs(hall.post(second)) == [2]
    answer = hall.post(first)
    assert verdicts(answer) == ["conflict"]
    assert receipt_seqs(answer) == [3]


def test_a_long_branch_of_conflicts_is_followed_to_its_end(hall, device):
    """RCT-3: 1,200 records of one board are conflicts, the last of them comes last."""
    hall.post(device.rating())
    clone = clone_of(device)
    theirs, ours = ([board.rating() for _ in range(1200)] for board in (clone, device))
    for start in range(0, 1200, 400):
        hall.post(*theirs[start : start + 400])
    assert receipt_seqs(hall.post(device.rating())) == [1201]
    for start in (0, 400, 800):
        sent = ours[start : start + 400]
        assert receipt_seqs(hall.post(*[one for one in sent if one != ours[3]])) == [1201]
    assert receipt_seqs(hall.post(ours[3])) == [1202]


def test_a_rating_with_a_broken_link_is_kept_and_the_receipt_waits_before_it(hall, device):
    """BAT-4 RCT-3"""
    first = device.rating()
    device.prev = "f" * 16
    answer = hall.post(first, device.rating(), device.rating())
    assert verdicts(answer) == ["stored"] * 3
    assert answer.verdicts[1].marks == ("broken_chain",)
    assert receipt_seqs(answer) == [1]
    assert hall.marks() == {1: [], 2: ["broken_chain"], 3: []}


@pytest.mark.parametrize("points_to", ["the lost one", "one before it"])
def test_a_boot_waits_for_the_record_that_it_names(hall, device, points_to):
    """RCT-3 CHN-1: also when that one has gone to the conflicts below its predecessor's place."""
    assert receipt_seqs(hall.post(device.rating())) == [1]
    clone = clone_of(device)
    lost = [device.rating()]
    last = 2
    hall.post(clone.rating())
    if points_to == "one before it":  # the board has a receipt for the third, or lost it
        hall.post(clone.rating())
        last = 3
    answer = hall.post(device.boot(65, [(last + 1, 64, "restart")]))
    assert receipt_seqs(answer) == [last]
    assert hall.marks()[65] == ["broken_chain"]
    assert receipt_seqs(hall.post(device.rating())) == [last]
    assert receipt_seqs(hall.post(*lost)) == [66]


@pytest.mark.parametrize("way", ["one batch", "one by one", "backwards"])
@pytest.mark.parametrize("points_to", ["an older record", "nothing"])
def test_a_boot_that_passes_over_records_keeps_no_receipt_back(hall, device, way, points_to):
    """RCT-3: a restored centre does not know that the device had a receipt for the second."""
    first, second = device.rating(), device.rating()
    prev = mac16(first.encode()) if points_to == "an older record" else "0" * 16
    sent = [first, second, device.boot(65, [(3, 64, "restart")], prev=prev)]
    if way == "one batch":
        answers = [hall.post(*sent)]
    else:
        answers = [hall.post(one) for one in (sent if way == "one by one" else sent[::-1])]
    assert receipt_seqs(answers[-1]) == [65]


def test_a_boot_is_judged_once_more_when_all_below_it_is_there(hall, device):
    """RCT-3 CHN-2: a restored centre, and the boot came while what it names could still come."""
    clone, lost = clone_of(device), device.rating()
    ratings = [clone.rating() for _ in range(3)]
    boot = device.boot(65, [(4, 64, "restart")])
    receipt = device.sign(encode(Receipt(device.device, device.epoch, 3, clone.prev, 1)))
    head = HeadItem(device.head(65), receipt, None)
    assert hall.post(ratings[2], boot, head).receipts == ()
    assert receipt_seqs(hall.post(*ratings[:2], head)) == [3]
    assert hall.marks()[65] == [], "the receipt that the device showed excuses it"
    assert receipt_seqs(hall.post(lost)) == [65]


def test_no_receipt_names_a_record_with_a_broken_link_that_a_boot_had_named(hall, device):
    """RCT-3: its place is passed already, but its board may hold what `prev` names."""
    hall.post(device.rating(), device.rating())
    clone = clone_of(device)
    boot = device.boot(65, [(3, 64, "restart")], prev="e" * 16)
    assert receipt_seqs(hall.post(boot)) == [2]
    assert receipt_seqs(hall.post(clone.rating())) == [3]
    clone.prev = "d" * 16
    assert receipt_seqs(hall.post(clone.rating())) == [3]


def test_a_broken_link_deep_in_a_backlog_is_not_passed(hall, device):
    """RCT-3: beyond one look of 1,000 rows, with a boot's gap that leaps over it."""
    envelopes = [device.rating() for _ in range(1500)]
    device.prev = "f" * 16
    envelopes += [device.rating() for _ in range(700)]
    envelopes.append(
        device.boot(2401, [(900, 2400, "damage")], prev=mac16(envelopes[898].encode()))
    )
    for start in range(1, len(envelopes), 500):
        assert hall.post(*envelopes[start : start + 500]).receipts == ()
    assert receipt_seqs(hall.post(envelopes[0])) == [1500]


@pytest.mark.parametrize(
    ("before_seq", "covered", "receipt"),
    [(None, 6, 6), (7, 6, 6), (6, 5, 3), (4, 3, 3), (1, 0, 0)],
)
def test_coverage_ends_before_a_seq(before_seq, covered, receipt):
    """RCT-3: within a named run as well as at a record."""
    held = {seq: f"{seq:016d}" for seq in (1, 2, 3, 6)}
    cover = chain.extend(Cover(0, 0, 0, ""), held, [(4, 5)], before_seq)
    assert (cover.covered_seq, cover.receipt_seq, cover.highest_seq) == (covered, receipt, 6)


def test_a_good_batch_costs_no_look_at_the_branches(hall, device, database):
    """RCT-3: conflicts are looked at only where a link is broken or a conflict came."""
    hall.post(device.rating())
    statements = []
    with database.write() as connection:
        engine = connection.engine
    event.listen(engine, "before_cursor_execute", lambda *said: statements.append(said[2]))
    envelopes = [device.rating(), device.boot(65, [(3, 64, "restart")]), device.rating()]
    assert receipt_seqs(hall.post(*envelopes)) == [66]
    reads = [text for text in statements if re.search(r'(JOIN|FROM) "?record\b', text)]
    assert len(reads) == 2, "the one before them, and the seqs that the boot calls unused"
    assert not [text for text in statements if "conflict" in text]


@st.composite
def two_boards(draw):
    """What each board wrote, the common stem included, and a way in which all of it arrives."""
    board = SigningDevice("xj-0417", 29_333_341, derive_key(SECRET, "xj-0417", 29_333_341))
    stem = [board.rating() for _ in range(draw(st.integers(0, 2)))]
    boards = [board, clone_of(board)]
    wrote = [[*stem, *(one.rating() for _ in range(draw(st.integers(0, 5))))] for one in boards]
    rng = random.Random(draw(st.integers(0, 2**32)))
    sent = [*wrote[0], *wrote[1][len(stem) :]]
    rng.shuffle(sent)
    cuts = sorted(rng.sample(range(len(sent) + 1), k=min(draw(st.integers(0, 9)), len(sent))))
    return wrote, [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)]) if a < b]


@seed(20261122)
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(delivery=two_boards())
def test_a_receipt_names_a_record_only_when_all_of_its_board_s_are_there(
    delivery, tmp_path_factory
):
    """RCT-3 CHN-2: whatever comes first, and in the end nothing is kept back."""
    wrote, batches = delivery
    arrived, told = set(), []
    with open_centre(tmp_path_factory.mktemp("centre")) as (_, take):
        for batch in batches:
            told = named(take(batch))
            arrived |= set(batch)
            for seq, mac in told:
                for board in wrote:
                    if len(board) >= seq and mac16(board[seq - 1].encode()) == mac:
                        assert set(board[:seq]) <= arrived
    assert [seq for seq, _ in told] == [max(map(len, wrote))] * bool(told)
