"""Alarms that a lying hall does not explain: clones, damage, and a centre that lost records."""

import shutil
import threading
import time
from collections import Counter

import pytest
from central_hall import NOW_MS, Clock, Hall, document, receipt_seqs, verdicts
from sqlalchemy.exc import OperationalError
from test_central_clone import clone_of, named

from central.centre import Centre
from central.clockwork import Alarms, Limits
from central.keys import DeviceKeys
from central.ratings.versions import load_rules
from central.steady import PlainClock
from central.store import directory
from central.store.database import open_database
from central.store.directory import EVER, Entry
from protocol.batch import HeadItem
from protocol.envelope import mac16

HOUR_MS = 3_600_000


def alarms(hall) -> dict[str, object]:
    return {one.mark: one for one in hall.findings("demo") if one.mark != "facts_missing"}


def test_a_device_that_names_damage_is_named(hall, device):
    hall.post(device.rating())
    device.rating()
    hall.post(device.boot(65, [(2, 2, "damage"), (3, 64, "restart")], prev=device.prev))
    found = alarms(hall)["damage_named"]
    assert (found.device, found.seq, found.count) == ("xj-0417", 65, 1)


def test_an_ordinary_restart_is_no_alarm(hall, device):
    """The control of what follows."""
    hall.post(device.rating(), HeadItem(device.head(1, device.prev), None, None))
    hall.post(
        device.boot(65, [(2, 64, "restart")]), HeadItem(device.head(65, device.prev), None, None)
    )
    hall.clock.ms += 2 * HOUR_MS
    assert alarms(hall) == {}


def test_a_boot_that_hides_another_board_s_record_is_named_by_the_head(hall, device):
    """Two boards with one bundle: the second record of one is in no hands, and the other's boot
    calls its place unused.
    """
    hall.post(device.rating())
    clone = clone_of(device)
    device.rating()  # lost
    hall.post(HeadItem(device.head(2, device.prev), None, None))
    hall.post(clone.boot(65, [(2, 64, "restart")]))
    assert alarms(hall)["cloned_device"].seq == 65
    assert hall.marks()[65] == ["cloned_device"]


def test_a_head_that_comes_after_the_boot_names_it_too(hall, device):
    hall.post(device.rating())
    clone = clone_of(device)
    device.rating()  # lost
    hall.post(clone.boot(65, [(2, 64, "restart")]))
    assert "cloned_device" not in alarms(hall)
    hall.post(HeadItem(device.head(2, device.prev), None, None))
    assert alarms(hall)["cloned_device"].seq == 2


@pytest.mark.parametrize("is_first", [True, False])
def test_a_record_in_a_place_that_was_called_unused_is_named(hall, device, is_first):
    hall.post(device.rating())
    clone = clone_of(device)
    own = [device.rating(), device.rating()]
    boot = clone.boot(65, [(2, 64, "restart")])
    for items in (own[1:], [boot]) if is_first else ([boot], own[1:]):
        hall.post(*items)
    assert "cloned_device" in alarms(hall)


def test_a_head_of_another_record_than_the_one_held_is_named(hall, device):
    hall.post(device.rating())
    clone = clone_of(device)
    device.rating()
    hall.post(clone.rating())
    assert alarms(hall) == {}
    hall.post(HeadItem(device.head(2, device.prev), None, None))
    assert alarms(hall)["cloned_device"].seq == 2


def test_two_heads_of_one_seq_are_named(hall, device):
    clone = clone_of(device)
    device.rating(), clone.rating()
    hall.post(HeadItem(device.head(1, device.prev), None, None))
    hall.post(HeadItem(clone.head(1, clone.prev, up_ms=10), None, None))
    assert alarms(hall)["cloned_device"].seq == 1


def test_no_receipt_frees_a_record_that_only_another_board_s_boot_names(hall, device):
    """RCT-3: the hole that the alarm is about. Board A's records 2 and 3, of which 2 is lost in
    the hall; board B's boot names 2 to 64. A's later records must not free its record 2.
    """
    hall.post(device.rating())
    board = clone_of(device)
    lost, third = device.rating(), device.rating()
    assert receipt_seqs(hall.post(board.boot(65, [(2, 64, "restart")]))) == [65]
    hall.post(third)
    own_boot = device.boot(65, [(4, 64, "restart")], prev=mac16(third.encode()))
    later = device.rating()
    assert verdicts(hall.post(own_boot, later)) == ["conflict", "stored"]
    assert named(hall.post(later)) == [(65, board.prev)], "the other board's: frees nothing of A"
    assert {"cloned_device", "conflict", "broken_chain"} <= set(alarms(hall))
    assert named(hall.post(lost)) == [(66, device.prev)]


def test_a_restored_centre_names_what_it_lost(tmp_path):
    """A backup, two ratings with their receipt, and the backup is put back."""
    clock = Clock()
    path, backup = tmp_path / "central.db", tmp_path / "backup.db"
    database = open_database(f"sqlite:///{path}")
    hall = Hall(tmp_path, "demo", database, clock)
    device = hall.enrol("xj-0417")
    hall.post(device.rating())
    database.close()
    shutil.copy(path, backup)
    database = open_database(f"sqlite:///{path}")
    sent = [device.rating(), device.rating()]
    hall.database = hall.intake._database = database
    (receipt,) = hall.intake.take(("demo",), [item(one) for one in sent]).receipts
    database.close()
    database = open_database(f"sqlite:///{backup}")
    restored = Hall.__new__(Hall)
    restored.__dict__.update(hall.__dict__, database=database)
    restored.intake._database = restored.figures._database = database
    head = HeadItem(device.head(3, device.prev), receipt, None)
    restored.intake.take(("demo",), [head._asdict()])
    found = alarms(restored)["lost_by_centre"]
    assert (found.seq, found.last_seq, found.first_at_ms) == (2, 3, NOW_MS)
    restored.intake.take(("demo",), [item(one) for one in sent])
    assert "lost_by_centre" not in alarms(restored)
    database.close()


def item(envelope: str) -> dict:
    return {
        "envelope": envelope,
        "received_at_ms": NOW_MS,
        "window": "w1",
        "service": None,
        "marks": [],
    }


def test_a_gap_is_an_alarm_only_after_the_time_set(hall, device, database):
    first, second = device.rating(), device.rating()
    hall.post(second)
    found = Alarms(PlainClock(hall.clock), Limits(gap_ms=60_000))
    for minutes, expected in ((0.9, []), (0.1, ["gap"])):
        hall.clock.ms += round(minutes * 60_000)
        with database.read() as connection:
            names = [one.mark for one in found.find(connection, "demo")]
        assert [name for name in names if name != "facts_missing"] == expected
    hall.post(first)
    assert "gap" not in alarms(hall)


def test_a_backlog_that_moves_is_no_gap(hall, device):
    """What is covered grows: the time begins anew."""
    backlog = [device.rating() for _ in range(10)]
    for envelope in backlog:
        hall.post(HeadItem(device.head(10, device.prev), None, None), envelope)
        assert "gap" not in alarms(hall)
        hall.clock.ms += HOUR_MS - 1
    assert "gap" not in alarms(hall)


class Away:
    """A database that cannot be read."""

    url = "sqlite:///away.db"
    can_listen = False

    def read(self):
        raise OperationalError("select", {}, Exception("the database is away"))

    write = read

    def close(self, is_last: bool = False) -> None:
        pass

    def sign_acts(self, _key: bytes) -> None:
        pass


def centre_over(database) -> Centre:
    return Centre(database, DeviceKeys(bytes(32)), load_rules("national"), Limits(), PlainClock())


def until(condition) -> None:
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def test_a_running_centre_looks_beside_its_requests_for_what_is_seldom_rated(database):
    centre = centre_over(database)
    assert centre.alarms.shares_at_ms is None
    centre.start()
    until(lambda: centre.alarms.shares_at_ms is not None)
    assert "shares" in threads()
    centre.close()
    assert "shares" not in threads()


def test_a_database_that_is_away_ends_neither_that_nor_the_centre(caplog, monkeypatch):
    centre = centre_over(Away())
    monkeypatch.setattr(centre, "begin", lambda: None)  # it was there when the centre began
    centre.start()
    until(lambda: len(caplog.records) == 7)
    assert "shares" in threads()
    assert centre.alarms.shares_at_ms is None, "nobody knows"
    centre.close()
    assert "shares" not in threads()
    told = {record.getMessage() for record in caplog.records}
    assert any(one.startswith("alarm store: ") for one in told)
    assert {one for one in told if not one.startswith("alarm store: ")} == {
        "shares failed and is tried again",
        "directory failed and is tried again",
        "backfill failed and is tried again",
        "judge failed and is tried again",
        "cases failed and is tried again",
        "restoring failed and is tried again",
    }


def test_no_request_looks_for_what_is_seldom_rated_and_each_tells_when_it_was_done(hall, device):
    hall.halls.add_window("demo", "w2", "2号窗口")
    hall.clock.ms += HOUR_MS
    for number in range(60):
        for window, rated in (("w1", 6), ("w2", 54)):
            name = f"{window}-{number}"
            facts, _ = document(service=name, window=window, ticket_no=f"A{number}")
            hall.post(facts, *([device.rating(service=name)] if number < rated else []))
    assert "seldom_rated" not in alarms(hall)
    hall.count_shares()
    found = alarms(hall)["seldom_rated"]
    assert (found.window, found.count, found.last_at_ms) == ("w1", 54, hall.clock.ms)
    counted_at_ms = hall.clock.ms
    hall.clock.ms += 40 * 24 * HOUR_MS
    assert alarms(hall)["seldom_rated"].last_at_ms == counted_at_ms, "as it was then"
    hall.count_shares()
    assert "seldom_rated" not in alarms(hall)


@pytest.mark.parametrize("place", [None, "demo"])
def test_sums_and_counts_are_those_of_the_findings(hall, other_hall, device, place):
    """What pages show at a province's size is never put together of all findings."""
    for one, pen in ((hall, device), (other_hall, other_hall.enrol("xj-0500"))):
        one.post(pen.rating(), pen.rating(service=f"{pen.device}-S1"), pen.rating(prev="f" * 16))
        one.clock.ms += 1000
        one.post(pen.rating()[:-64] + "0" * 64, pen.rating(service=f"{pen.device}-S1"))
    hall.clock.ms += 2 * HOUR_MS
    with hall.database.read() as connection:
        found = hall.alarms.findings(connection, place, 5000)
        by_mark = hall.alarms.by_mark(connection, place, 1)
        counts = hall.alarms.counts(connection, place)
        some = hall.alarms.findings(connection, place, 2)
    assert {"facts_missing", "broken_chain", "bad_mac"} <= {one.mark for one in found.newest}
    assert found.others == 0
    assert (some.newest, some.others) == (found.newest[:2], len(found.newest) - 2)
    groups = {}
    for one in found.newest:
        groups.setdefault(one.mark, []).append(one)
    assert {one.mark: (one.count, one.places) for one in by_mark} == {
        mark: (sum(one.count for one in ones), len(ones)) for mark, ones in groups.items()
    }
    for one in by_mark:
        assert one.newest[0].last_at_ms == max(each.last_at_ms for each in groups[one.mark])
        first = [each.first_at_ms for each in groups[one.mark] if each.first_at_ms is not None]
        assert one.first_at_ms == min(first, default=None)
    parts = Counter()
    for one in found.newest:
        parts[one.hall if place is None else one.window] += one.count
    assert counts == parts


def test_a_hall_without_devices_and_one_that_is_no_more_raise_no_silence(hall, device):
    """The control is the same hall while its device stands there."""
    hall.post(device.rating(), HeadItem(device.head(1, device.prev), None, None))
    hall.clock.ms += 11 * 24 * HOUR_MS
    hall.note_running()
    hall.clock.ms += 1
    assert {"silent_hall", "silent_device"} <= set(alarms(hall))
    hall.revoke("xj-0417", None, "closed")
    assert {"silent_hall", "silent_device"} & set(alarms(hall)) == set()
    hall.enrol("xj-0417")
    hall.clock.ms += 11 * 24 * HOUR_MS
    assert "silent_hall" in alarms(hall)
    hall.revoke("xj-0417", None, "closed")
    hall.halls.remove("demo")
    assert {one.mark for one in hall.findings("demo")} <= {"open_epoch"}


def test_a_hall_is_ended_by_an_import_and_its_alarms_when_its_devices_are(hall, device):
    """While they stand there, all that is missing is told; then what their epochs owe."""
    device.rating()
    hall.post(HeadItem(device.head(1, device.prev), None, None))
    hall.clock.ms += 11 * 24 * HOUR_MS
    owed = {one.mark for one in hall.findings("demo")}
    assert {"gap", "silent_device"} <= owed
    with hall.database.write() as connection:
        entry = Entry("hall", "demo", EVER, 20251009, name="大厅")
        directory.save(connection, [entry], hall.clock())
    hall.settle_directory()
    assert {one.mark for one in hall.findings("demo")} == owed
    hall.revoke("xj-0417", None, "closed")
    assert {one.mark for one in hall.findings("demo")} == {"open_epoch"}
    assert {one.mark for one in hall.findings(None)} == {"open_epoch"}
