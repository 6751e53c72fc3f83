"""Epochs that end: open at once, until a head signed after the end is covered, or a word is given.

tests/journey/test_lying_hall.py has the lie, tests/workbench/test_bench_endings.py the bench.
"""

import pytest
from central_hall import NOW_MS, SECRET, bearer, document
from sqlalchemy import text
from typer.testing import CliRunner

from central.audit.verify import audit
from central.custody import heads
from central.directory.endings import why_ended
from central.store import alarms, clocks
from central.store.tables import metadata
from hosting.error import OperatorError
from pingjia import app
from protocol.batch import HeadItem
from protocol.record import parse

MINUTE_MS = 60_000


def at_of(receipt) -> int:
    return parse(receipt.encode().rpartition(b"\n")[0])["at"]


def open_ones(hall) -> list[tuple[str, int]]:
    found = [one for one in hall.findings(None) if one.mark == "open_epoch"]
    return [(one.device, one.epoch) for one in found]


def finding(hall):
    (found,) = [one for one in hall.findings("demo") if one.mark == "open_epoch"]
    return found


def faults(hall) -> set[str]:
    with hall.database.read() as connection:
        return {one.name for one in audit(connection, hall.keys.key)} - {"facts_missing"}


def headed(device, heard, **changes):
    """The device's word on its newest record, after it has heard a receipt signed at `heard`."""
    values = {"seq": device.seq, "mac": device.prev, "heard": heard, **changes}
    return HeadItem(device.head(**values), None, None)


def heard_of(hall, *items) -> int:
    """When the receipt was signed that the answer brings."""
    (receipt,) = hall.post(*items).receipts
    return at_of(receipt)


@pytest.fixture
def later(hall, device):
    """A device that has spoken, and heard its receipt, a minute ago."""
    old = heard_of(hall, device.rating(), device.rating())
    hall.post(headed(device, old))
    hall.clock.ms += MINUTE_MS
    device.old_receipt_ms = old
    return device


def enrol_anew(hall):
    hall.enrol("xj-0417")


def revoke(hall):
    hall.revoke("xj-0417", None, "更换")


def test_a_revocation_does_not_take_the_reason_of_an_end_before_it(hall, later):
    hall.enrol("xj-0417")
    hall.clock.ms += MINUTE_MS
    hall.revoke("xj-0417", None, "更换")
    told = {row.epoch: why_ended(row) for row in hall.endings.every(None, True)}
    assert told.pop(later.epoch) == "enrolled anew"
    assert [*told.values()] == ["revoked"]


def refuse(hall):
    with hall.database.write() as connection:
        connection.exec_driver_sql("update device set approved_at_ms = null")
    hall.approval.refuse("xj-0417", "来历不明")


@pytest.mark.parametrize("end", [enrol_anew, revoke, refuse])
def test_an_epoch_that_ends_is_open_at_once(hall, later, end):
    assert open_ones(hall) == []
    end(hall)
    assert open_ones(hall) == [("xj-0417", later.epoch)]
    found = finding(hall)
    assert (found.hall, found.window, found.first_at_ms) == ("demo", "w1", hall.clock.ms)
    assert found.services == 0


def test_it_tells_how_many_services_its_window_had_since_the_last_proof(hall, later):
    """Those opened between the proof and the end; also when their documents come later."""
    hall.halls.add_window("demo", "w2", "2号窗口")
    numbers = iter(range(1, 9))

    def opened(at_ms, **changes):
        facts, _ = document(service=f"S-{next(numbers)}", opened_at_ms=at_ms, **changes)
        return facts

    proven_ms, now_ms = later.old_receipt_ms, hall.clock.ms
    hall.post(opened(proven_ms), opened(proven_ms + 1), sent_ms=now_ms)
    enrol_anew(hall)
    assert finding(hall).services == 1
    hall.clock.ms += MINUTE_MS
    hall.post(
        opened(now_ms), opened(now_ms + 1), opened(now_ms, window="w2"), sent_ms=now_ms + MINUTE_MS
    )
    assert finding(hall).services == 2


def test_a_head_signed_after_the_end_closes_it(hall, later):
    """RCT-6: the receipt is from after the end, the head has heard it, all is covered."""
    enrol_anew(hall)
    hall.clock.ms += 1
    heard = heard_of(hall, later.rating())
    assert heard == hall.clock.ms
    hall.post(headed(later, heard))
    assert open_ones(hall) == []
    assert faults(hall) == set()
    (row,) = hall.endings.every("demo", False)
    assert (row.closed_at_ms, row.closed_by) == (hall.clock.ms, None)


def test_a_receipt_is_signed_anew_after_the_end_when_a_batch_names_the_epoch(hall, later):
    """RCT-6: also when it is not an hour old, and whatever the clock did."""
    before = heard_of(hall, headed(later, None))
    assert before == later.old_receipt_ms, "the control: it has not ended"
    hall.clock.ms = NOW_MS - 10 * MINUTE_MS
    enrol_anew(hall)
    (row,) = hall.endings.every(None, True)
    assert row.ended_at_ms == before, "nothing that was signed so far is later"
    for _ in range(3):
        assert heard_of(hall, headed(later, None)) == before + 1, "and is not taken back"
    hall.post(headed(later, before + 1, up_ms=10))
    assert open_ones(hall) == []


def test_a_head_that_heard_a_time_that_was_taken_back_never_closes_it(hall, later):
    """RCT-6: also when the centre's time has come there again."""
    ahead_ms = 3 * 86_400_000
    with hall.database.write() as connection:
        clocks.keep_time(connection, clocks.KeptTime(hall.clock.ms))
    hall.clock.ms += ahead_ms
    hoarded = headed(later, heard_of(hall, later.rating()), up_ms=99)
    hall.clock.ms -= ahead_ms - MINUTE_MS
    with hall.database.write() as connection:
        clocks.move(connection, -ahead_ms, hall.clock.ms)
    hall.post(later.rating())
    enrol_anew(hall)
    for _ in range(4):
        hall.clock.ms += 86_400_000
        heard = heard_of(hall, hoarded)
        assert open_ones(hall) == [("xj-0417", later.epoch)]
    assert faults(hall) == set()
    hall.post(headed(later, heard, up_ms=100))
    assert open_ones(hall) == [], "the control"


def test_one_that_never_spoke_crowds_out_none_that_did(hall, later):
    """A province enrols boxes of devices twice; the page has room for a thousand."""
    enrol_anew(hall)
    with hall.database.write() as connection:
        for table in ("device", "chain", "ending"):
            names = metadata.tables[table].c.keys()
            columns = ", ".join(f'"{name}"' for name in names)
            query = f"select {columns} from {table} where device = 'xj-0417' and epoch = :epoch"
            row = connection.execute(text(query), {"epoch": later.epoch}).one()._asdict()
            row |= {"highest_seq": 0, "covered_seq": 0} if table == "chain" else {}
            row |= {"ended_at_ms": row["ended_at_ms"] + 1} if table == "ending" else {}
            rows = [row | {"device": f"xx-{number}"} for number in range(alarms.MOST)]
            connection.execute(metadata.tables[table].insert(), rows)
    assert open_ones(hall) == [("xj-0417", later.epoch)]


def test_a_hoarded_head_does_not_close_it(hall, later):
    """RCT-6: what was signed before the end has heard nothing that was signed after it."""
    hoarded = headed(later, later.old_receipt_ms, up_ms=99)
    enrol_anew(hall)
    hall.clock.ms += MINUTE_MS
    hall.post(later.rating())
    hall.post(hoarded)
    assert open_ones(hall) == [("xj-0417", later.epoch)]
    assert faults(hall) == set()


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "control: any head will do"])
def test_it_counts_that_a_head_is_from_after_the_end(hall, later, monkeypatch, is_ours):
    if not is_ours:
        was = heads.close_ended

        def without(connection, sent, places, *rest):
            changed = {key: one._replace(ended_at_ms=0) for key, one in places.items()}
            was(connection, sent, places | changed, *rest)

        monkeypatch.setattr("central.custody.batch.close_ended", without)
    hoarded = headed(later, later.old_receipt_ms, up_ms=99)
    enrol_anew(hall)
    hall.post(hoarded)
    assert (open_ones(hall) == []) != is_ours
    assert ("bad_end_head" in faults(hall)) != is_ours


def test_a_time_that_no_receipt_has_proves_nothing(hall, later):
    enrol_anew(hall)
    hall.post(headed(later, hall.clock.ms + 999_999))
    assert open_ones(hall) != []


def test_a_head_whose_records_are_missing_does_not_close_it_until_they_come(hall, later):
    """RCT-6."""
    enrol_anew(hall)
    hall.clock.ms += 1
    heard = heard_of(hall, headed(later, None))
    kept_back, newest = later.rating(level=1), later.rating()
    hall.post(newest)
    hall.post(headed(later, heard, up_ms=20))
    found = finding(hall)
    assert (found.seq, found.last_seq) == (3, 4)
    hall.clock.ms += MINUTE_MS
    hall.post(kept_back)
    assert open_ones(hall) == []
    assert faults(hall) == set()


def test_another_board_s_record_in_its_place_does_not_close_it(hall, later):
    """A second board with the same bundle: covered is a record that the head does not name."""
    enrol_anew(hall)
    hall.clock.ms += 1
    heard = heard_of(hall, later.rating())
    hall.post(headed(later, heard, mac="f" * 16, up_ms=30))
    assert open_ones(hall) == [("xj-0417", later.epoch)]


def test_the_highest_of_its_heads_decides(hall, later):
    """A device that went on after the end has to bring that, too."""
    enrol_anew(hall)
    hall.clock.ms += 1
    heard = heard_of(hall, headed(later, None))
    early = headed(later, heard, up_ms=20)
    later.rating()
    hall.post(headed(later, heard, up_ms=30))
    hall.post(early)
    assert finding(hall).last_seq == 3


def test_an_epoch_that_never_spoke_is_no_alarm_while_its_window_had_no_service(hall, device):
    """A bundle that no board ever got. It stays open, and one service of its time tells."""
    hall.clock.ms += MINUTE_MS
    enrol_anew(hall)
    assert open_ones(hall) == []
    assert [row.device for row in hall.endings.every(None, True)] == ["xj-0417"]
    facts, _ = document(opened_at_ms=hall.clock.ms - 1)
    hall.post(facts, sent_ms=hall.clock.ms)
    assert open_ones(hall) == [("xj-0417", device.epoch)]
    assert finding(hall).services == 1


def test_a_board_that_was_never_switched_on_proves_it_on_the_bench(hall, device):
    """The bench has it write its first `boot`."""
    hall.clock.ms += MINUTE_MS
    enrol_anew(hall)
    facts, _ = document(opened_at_ms=hall.clock.ms - 1)
    hall.post(facts, sent_ms=hall.clock.ms)
    hall.clock.ms += 1
    heard = heard_of(hall, device.boot(1, boot=1))
    hall.post(headed(device, heard))
    assert open_ones(hall) == []


def test_an_end_is_the_first_one(hall, later):
    revoke(hall)
    ended_ms = hall.clock.ms
    hall.clock.ms += MINUTE_MS
    enrol_anew(hall)
    assert finding(hall).first_at_ms == ended_ms
    enrol_anew(hall)
    assert len(hall.endings.every(None, True)) == 2


def central(folder, *words):
    command = ["central", "epoch", *map(str, words), "--config", str(folder / "central.toml")]
    return CliRunner().invoke(app, command)


def test_an_operator_closes_it_with_a_reason_that_is_kept(hall, later):
    enrol_anew(hall)
    hall.clock.ms += MINUTE_MS
    hall.endings.close("xj-0417", later.epoch, "王工", "旧机烧毁，已查看")
    assert open_ones(hall) == []
    (row,) = hall.endings.every("demo", False)
    assert (row.closed_by, row.closed_reason) == ("王工", "旧机烧毁，已查看")
    assert (row.closed_at_ms, faults(hall)) == (hall.clock.ms, set())
    with pytest.raises(OperatorError, match="closed already"):
        hall.endings.close("xj-0417", later.epoch, "王工", "再说一次")


@pytest.mark.parametrize(
    ("name", "words"),
    [(("xj-9999", 1), "epoch list"), (("xj-0417", 1), "epoch list"), (None, "has not ended")],
)
def test_what_cannot_be_closed_is_said(hall, later, name, words):
    with pytest.raises(OperatorError, match=words):
        hall.endings.close(*(name or ("xj-0417", later.epoch)), "王工", "?")


def test_the_operator_s_command(hall, later, request):
    is_postgresql = "postgresql" in request.node.callspec.id
    url = f'database_url = "{request.getfixturevalue("cluster").url}"' if is_postgresql else ""
    (hall.folder / "central.toml").write_text(url)
    (hall.folder / "master.secret").touch(0o600)
    (hall.folder / "master.secret").write_bytes(SECRET)
    enrol_anew(hall)
    listed = central(hall.folder, "list").output
    assert f"xj-0417 {later.epoch}  demo/w1, enrolled anew 20" in listed
    assert "covered up to 2, 0 services of its window since 20" in listed
    assert "pingjia workbench rescue" in listed
    refused = central(hall.folder, "close", "xj-0417", later.epoch, "--reason", "x" * 201)
    assert (refused.exit_code, "the reason" in refused.stderr) == (1, True)
    why = ("--reason", "burnt", "--by", "Wang")
    done = central(hall.folder, "close", "xj-0417", later.epoch, *why)
    assert done.output == f"closed xj-0417 {later.epoch}, by the word of Wang\n"
    assert central(hall.folder, "list").output == "no epoch is open\n"
    assert "by Wang: burnt" in central(hall.folder, "list", "--closed").output


def test_a_bench_asks_for_an_epoch_of_its_own_hall_only(hall, other_hall, later):
    tokens = [hall.folder / "a.bench", hall.folder / "b.bench"]
    hall.tokens.add("enrol:demo", tokens[0])
    hall.tokens.add("enrol:other", tokens[1])

    def ask(name, token, epoch):
        path = f"/v1/halls/{name}/devices/xj-0417/epochs/{epoch}"
        return hall.client.get(path, headers=bearer(token))

    assert ask("demo", tokens[0], later.epoch).json()["ended_at_ms"] is None
    enrol_anew(hall)
    found = ask("demo", tokens[0], later.epoch).json()
    assert found["ended_at_ms"] == hall.clock.ms
    assert (found["closed"], found["covered_seq"], found["proven_seq"]) == (None, 2, None)
    assert ask("other", tokens[1], later.epoch).status_code == 404
    assert ask("demo", tokens[1], later.epoch).status_code == 403
    assert ask("demo", tokens[0], 2**31).status_code == 422


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("delete from ending", "end_removed"),
        ("update ending set ended_at_ms = ended_at_ms - 1", "end_differs"),
        ("update ending set closed_at_ms = 1", "closed_wrongly"),
        ("update ending set closed_at_ms = 1, closed_by = 'x'", "closed_wrongly"),
        ("update ending set epoch = epoch + 1", "end_invented"),
        ("update ending set closed_at_ms = 1, head = (select envelope from head)", "bad_end_head"),
    ],
)
def test_what_somebody_did_to_an_end_is_named(hall, later, change, name):
    enrol_anew(hall)
    assert faults(hall) == set()
    with hall.database.write() as connection:
        connection.exec_driver_sql(change)
    assert name in faults(hall)


def test_a_closed_epoch_that_lost_its_records_is_named(hall, later):
    enrol_anew(hall)
    hall.clock.ms += 1
    hall.post(headed(later, heard_of(hall, headed(later, None)), up_ms=30))
    with hall.database.write() as connection:
        connection.exec_driver_sql("update chain set covered_seq = 1, receipt_seq = 1")
    assert "closed_wrongly" in faults(hall)
