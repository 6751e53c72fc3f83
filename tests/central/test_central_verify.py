"""`pingjia central verify`: every row that was edited, removed or added is named."""

import gzip
import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from central_hall import NOW_MS, SECRET, Clock, Hall, document
from empty_file import central_in
from typer.testing import CliRunner

from central.audit.export import open_export
from central.keys import derive_key
from hosting.error import OperatorError
from pingjia import app
from protocol.batch import HeadItem
from protocol.envelope import mac16
from protocol.record import encode
from simulator.pen import Pen

MINUTE_MS = 60_000
# What people did to the database, and what is said about it. {first}: the first rating's key.
FIRST = "device = 'xj-0417' and seq = 1"
ODD = "unreadable_row: xj-0417, epoch "  # with its key
EDITS = {
    "a level is raised in the column": (
        f"update record set level = 5 where {FIRST}",
        "level_differs",
    ),
    "a level is raised in the column, and the envelope altered": (
        "update record set level = 5, envelope = cast(replace(cast(envelope as text),"
        f' \'"answer":"\', \'"answer":"0\') as blob) where {FIRST}',
        "bad_mac",
    ),
    "an envelope's MAC is exchanged": (
        "update record set envelope = cast(substr(cast(envelope as text), 1,"
        f" length(envelope) - 64) || '{'0' * 64}' as blob) where {FIRST}",
        "bad_mac",
    ),
    "an envelope becomes what cannot be read": (
        f"update record set envelope = 'ÿ' || envelope where {FIRST}",
        ODD,
    ),
    "marks become what cannot be read": (
        f"update record set marks = 'none' where {FIRST}",
        ODD,
    ),
    "marks become a number": (f"update record set marks = '7' where {FIRST}", ODD),
    "a level becomes a word": (f"update record set level = 'good' where {FIRST}", ODD),
    "a time becomes a word": (f"update record set stored_at_ms = 'now' where {FIRST}", ODD),
    "a conflict's envelope becomes text": (
        "update conflict set envelope = cast(envelope as text)",
        "unreadable_row: xj-0500, epoch ",
    ),
    "a key becomes what has no place in the order": (
        f"update record set seq = 'one' where {FIRST}",
        "unreadable_row",
    ),
    "a revocation is moved behind what was signed after it": (
        f"update device set revoked_at_ms = {NOW_MS + 510_000} where device = 'xj-0600'",
        "revocation_differs",
    ),
    "a revocation is moved before what was signed before it": (
        f"update device set revoked_at_ms = {NOW_MS + 330_000} where device = 'xj-0600'",
        "revocation_differs",
    ),
    "the place of a revocation in the chain is moved": (
        "update device set revoked_seq = revoked_seq + 1 where device = 'xj-0600'",
        "revocation_differs",
    ),
    "a revocation is taken back": (
        "update device set revoked_at_ms = null where device = 'xj-0600'",
        "revocation_invented",
    ),
    "a rejection is removed": ("delete from rejection", "rejections_differ"),
    "a rejection becomes another hall's": (
        "update rejection set hall = 'other'",
        "rejections_differ",
    ),
    "a rejection gets another reason": (
        "update rejection set reason = 'unknown_device'",
        "rejections_differ",
    ),
    "a rejection is of another time": (
        "update rejection set rejected_at_ms = rejected_at_ms + 1",
        "rejections_differ",
    ),
    "a count of rejections is lowered": (
        "update rejection_count set count = count - 1",
        "rejections_differ",
    ),
    "a count of rejections is removed": ("delete from rejection_count", "rejections_differ"),
    "an envelope is cut": (
        f"update record set envelope = substr(envelope, 1, 100) where {FIRST}",
        "malformed_envelope",
    ),
    "an envelope is emptied": (f"update record set envelope = x'' where {FIRST}", "malformed_env"),
    "an envelope is no text": (
        f"update record set envelope = x'ff' where {FIRST}",
        "malformed_envelope",
    ),
    "a receipt stands in a record's place": (
        "update record set envelope = (select receipt from chain where device = 'xj-0417')"
        f" where {FIRST}",
        "wrong_kind",
    ),
    "a record is copied over another one": (
        "update record set envelope = (select envelope from record where device = 'xj-0417' and"
        f" seq = 2) where {FIRST}",
        "key_differs",
    ),
    "a record is moved to another seq": (f"update record set seq = 40 where {FIRST}", "key_diff"),
    "a record is given to another device": (
        f"update record set device = 'xj-0500', seq = 90 where {FIRST}",
        "key_differs",
    ),
    "a record is given to another epoch": (
        f"update record set epoch = epoch + 1 where {FIRST}",
        "key_differs",
    ),
    "a record is moved to another window": (
        f"update record set \"window\" = 'w2' where {FIRST}",
        "place_differs",
    ),
    "a record is moved to another hall": (
        f"update record set hall = 'other' where {FIRST}",
        "place_differs",
    ),
    "the mac16 is edited": (f"update record set mac16 = 'x' where {FIRST}", "mac16_differs"),
    "the kind is edited": (f"update record set kind = 'boot' where {FIRST}", "kind_differs"),
    "the prev is edited": (f"update record set prev = 'x' where {FIRST}", "prev_differs"),
    "the facts are edited": (f"update record set facts = 'x' where {FIRST}", "facts_differs"),
    "the facts are taken away": (f"update record set facts = null where {FIRST}", "facts_differs"),
    "the service is edited": (f"update record set service = 'x' where {FIRST}", "service_differs"),
    "a rating is called malformed": (
        f"""update record set marks = '["malformed"]' where {FIRST}""",
        "marks_differ",
    ),
    "a rating is discredited in what is judged": (
        "update rating set void = 'signed_after_revocation'",
        "rating_differs",
    ),
    "a rating is discredited as revoked": (
        f"""update record set marks = '["signed_after_revocation"]' where {FIRST}""",
        "revocation_invented",
    ),
    "a mark about the service is taken away": (
        "update record set marks = '[]' where marks like '%facts_differ%'",
        "facts_mark_wrong",
    ),
    "a mark about the service is invented": (
        f"""update record set marks = '["facts_differ"]' where {FIRST}""",
        "facts_mark_wrong",
    ),
    "a second rating is invented": (
        "update standing set second = second + 1 where service = 'S-1'",
        "standing_differs",
    ),
    "a rating is moved to another day": (
        f"update record set rated_at_ms = rated_at_ms + 86400000 where {FIRST}",
        "time_differs",
    ),
    "a rating is moved to another day, and its time called unproven": (
        "update record set rated_at_ms = rated_at_ms - 86400000,"
        f""" marks = '["time_unproven"]' where {FIRST}""",
        "time_differs",
    ),
    "a rating's time is taken away": (
        f"update record set rated_at_ms = null where {FIRST}",
        "time_removed",
    ),
    "a rating is moved before its device was enrolled": (
        f"update record set rated_at_ms = 5 where {FIRST}",
        "time_differs",
    ),
    "the first record is removed": (f"delete from record where {FIRST}", "missing"),
    "a record is removed from the middle": (
        "delete from record where device = 'xj-0417' and seq = 3",
        "missing",
    ),
    "a record and what counts it are removed": (
        "delete from record where device = 'xj-0417' and seq = 3;"
        " delete from rating where id like 'xj-0417.%.0000000003';"
        " delete from standing; delete from figure",
        "missing",
    ),
    "a record is removed, and a gap is invented": (
        "delete from record where device = 'xj-0417' and seq = 3;"
        " insert into gap select device, epoch, seq, 3, 3, 'restart' from record"
        " where device = 'xj-0417' and kind = 'boot'",
        "gap_invented",
    ),
    "the newest record is removed": (
        "delete from record where device = 'xj-0417' and seq = 66",
        "receipt_without_record",
    ),
    "the tail is removed": ("delete from record where device = 'xj-0417' and seq > 3", "missing"),
    "the tail is removed and the chain set back": (
        "delete from record where device = 'xj-0417' and seq > 3; update chain set"
        " highest_seq = 3, covered_seq = 3, receipt_seq = 3 where device = 'xj-0417'",
        "receipt_differs",
    ),
    "the tail is removed and the receipt, too": (
        "delete from record where device = 'xj-0417' and seq > 3; update chain set highest_seq ="
        " 3, covered_seq = 3, receipt_seq = 0, receipt = null where device = 'xj-0417'",
        "not_arrived",
    ),
    "all of a device is removed": ("delete from record where device = 'xj-0417'", "missing"),
    "all records are removed": ("delete from record", "missing"),
    "a record is added under a free seq": (
        "insert into record select device, epoch, 50, mac16, kind, prev, envelope, received_at_ms,"
        ' stored_at_ms, hall, "window", service, facts, marks, hall_marks, level, rated_at_ms,'
        f" rated_error_ms from record where {FIRST}",
        "key_differs",
    ),
    "a conflict is edited": (
        "update conflict set envelope = cast(replace(cast(envelope as text),"
        " '\"took_ms\":900', '\"took_ms\":901') as blob)",
        "bad_mac",
    ),
    "a conflict is removed": ("delete from conflict", "mark_count_differs"),
    "holder and conflict change places": (
        "update record set envelope = (select envelope from conflict) where device = 'xj-0500'"
        " and seq = 2",
        "mac16_differs",
    ),
    "a document's bytes are edited": (
        "update document set bytes = cast(replace(cast(bytes as text), 'A1', 'A9') as blob)",
        "document_differs",
    ),
    "a document's column is edited": (
        "update document set ticket_no = 'A999'",
        "document_column_differs",
    ),
    "a document is moved to another window": (
        "update document set \"window\" = 'w2'",
        "document_column_differs",
    ),
    "a document is removed": ("delete from document", "document_removed"),
    "a document is removed and awaited": (
        "insert into awaited select facts, hall, \"window\", 'xj-0417', 1, 1, 0 from document;"
        " delete from document",
        "facts_missing",
    ),
    "an enrolment is moved": ("update device set \"window\" = 'w2'", "place_differs"),
    "an enrolment is removed": (
        "delete from device where device = 'xj-0417'",
        "unknown_device",
    ),
    "a gap is edited": ("update gap set last_seq = last_seq + 1", "gap_invented"),
    "a gap is removed": ("delete from gap", "gap_removed"),
    "a receipt is set forward": (
        "update chain set receipt_seq = receipt_seq + 1, covered_seq = covered_seq + 1",
        "receipt_differs",
    ),
    "a receipt is forged": (
        "update chain set receipt = cast(replace(cast(receipt as text), '\"seq\":66',"
        " '\"seq\":99') as blob)",
        "bad_receipt",
    ),
    "a receipt is another device's": (
        "update chain set receipt = (select receipt from chain where device = 'xj-0500')"
        " where device = 'xj-0417'",
        "bad_receipt",
    ),
    "a receipt is removed": ("update chain set receipt = null", "receipt_removed"),
    "a chain's highest is lowered": ("update chain set highest_seq = 1", "chain_differs"),
    "a chain is removed": ("delete from chain where device = 'xj-0417'", "chain_removed"),
    "a head is set forward": ("update head set seq = seq + 1", "head_differs"),
    "a head is forged": (
        "update head set envelope = cast(replace(cast(envelope as text), '\"seq\":66',"
        " '\"seq\":67') as blob), seq = 67",
        "bad_head",
    ),
    "what counts for a service is removed": ("delete from rating", "not_counted"),
    "what counts for a service is raised": ("update rating set level = 5", "rating_differs"),
    "what counts for a service is moved": (
        "update rating set service = 'S-77' where service = 'S-1'",
        "not_counted",
    ),
    "a service stands as another level": ("update standing set level = 2", "standing_differs"),
    "a service stands as excluded": ("update standing set state = 'excluded'", "standing_differs"),
    "what a service stands as is removed": ("delete from standing", "standing_differs"),
    "a count of documents is raised": (
        'update "window" set services = services + 1',
        "count_differs",
    ),
    "a count of a level is raised": (
        "update figure set ratings = ratings + 1 where what like 'active-%'",
        "figure_differs",
    ),
    "the counts are removed": ("delete from figure", "figure_differs"),
    "a count is added": (
        "insert into figure values"
        " ('national', 20251010, 'hall', 'demo', '', 'per_visit', 'active-5', 20000101, 7, 7)",
        "figure_differs",
    ),
    "a month is counted otherwise than its days": (
        "update figure set ratings = ratings - 1 where span = 202510 and hall = 'demo'",
        "figure_differs",
    ),
    "a month is removed": ("delete from figure where span = 202510", "figure_differs"),
    "a count of a mark is removed": ("delete from mark_tally", "mark_count_differs"),
    "a count of a mark is lowered": (
        "update mark_tally set count = 0 where mark = 'conflict'",
        "mark_count_differs",
    ),
}


def central(folder, *arguments):
    words = [str(one) for one in arguments]
    return CliRunner().invoke(app, ["central", *words, "--config", str(folder / "central.toml")])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A folder with a centre's store in which everything holds."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "central.toml").write_text("")
    (folder / "master.secret").write_bytes(SECRET)
    (folder / "master.secret").chmod(0o600)
    database = central_in(folder)
    clock = Clock()
    hall = Hall(folder, "demo", database, clock)
    Hall(folder, "other", database, clock)
    hall.halls.add_window("demo", "w2", "2号窗口")
    fill(hall, clock)
    database.close()
    return folder


def fill(hall, clock) -> None:
    """Two devices with whatever there is; the first one has seqs 1 to 5 and 65, 66."""
    device = hall.enrol("xj-0417")
    clock.ms += 5 * MINUTE_MS
    facts, name = document(ticket_no="A1")
    first = device.rating(level=1, service="S-1", facts=name, ticket_no="A1", at=NOW_MS + 70_000)
    hall.post(facts, first)
    hall.post(device.rating(facts=name, at=NOW_MS + 80_000))  # facts_differ
    hall.post(device.rating(), device.rating(service="S-1"), device.reasons(1))
    hall.post(device.boot(65, [(6, 60, "restart"), (61, 64, "damage")]), device.rating(at=None))
    (receipt,) = hall.post(first).receipts
    hall.post(HeadItem(device.head(66, device.prev), receipt, None))
    other = hall.enrol("xj-0500")
    hall.post(other.rating(), other.rating())
    twin = encode(other.rating_record(seq=2, prev="0" * 16, level=2))
    hall.post(other.sign(twin))
    gone = hall.enrol("xj-0600")
    clock.ms += 5 * MINUTE_MS
    times = [NOW_MS + minute * MINUTE_MS for minute in (6, 8, 9)]
    hall.post(gone.rating(at=times[0]), gone.rating(at=times[1]))
    hall.revoke("xj-0600", NOW_MS + 7 * MINUTE_MS, "stolen")
    hall.post(gone.rating(at=times[2]), "none")


def copy_of(store, folder):
    """A copy of the store, and the file of its database."""
    for name in ("central.toml", "master.secret", "central.db"):
        shutil.copy(store / name, folder / name)
    return folder, folder / "central.db"


def test_where_nobody_did_anything_only_what_the_marks_tell_is_found(store, tmp_path):
    """The control: without it every case below would prove nothing."""
    folder, _ = copy_of(store, tmp_path)
    result = central(folder, "verify")
    names = [line.split(":")[0] for line in result.stdout.splitlines()[:-1]]
    assert names == ["facts_missing"] * 8, result.stdout
    assert result.exit_code == 1


@pytest.mark.parametrize("what", EDITS)
def test_what_was_done_to_the_database_is_named(store, tmp_path, what):
    statement, name = EDITS[what]
    folder, path = copy_of(store, tmp_path)
    with closing(sqlite3.connect(path)) as database:
        before = database.total_changes
        database.executescript(statement)
        assert database.total_changes > before, "the case changes something"
    result = central(folder, "verify")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()[:-1]
    assert any(one.startswith(name) for one in lines), result.stdout
    found = {line.split(":")[0] for line in lines}
    if not name.startswith("facts_missing"):
        assert found != {"facts_missing"}


def test_the_corpus_is_large_enough():
    assert len(EDITS) >= 60


def test_an_export_is_verified_as_the_database_is(store, tmp_path):
    folder, _ = copy_of(store, tmp_path)
    assert central(folder, "export", "--out", folder / "all.jsonl.gz").exit_code == 0
    assert central(folder, "export", "--out", folder / "all.jsonl.gz").exit_code == 1
    live, kept = central(folder, "verify"), central(folder, "verify", folder / "all.jsonl.gz")
    assert kept.stdout == live.stdout
    lines = gzip.decompress((folder / "all.jsonl.gz").read_bytes()).splitlines()
    assert not [line for line in lines if b"secret_sha256" in line or b"$7$" in line]


@pytest.mark.parametrize("way", ["edited", "removed", "added", "cut", "half", "nonsense"])
def test_what_was_done_to_an_export_is_named(store, tmp_path, way):
    folder, _ = copy_of(store, tmp_path)
    file = folder / "all.jsonl.gz"
    central(folder, "export", "--out", file)
    lines = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
    where = next(i for i, line in enumerate(lines) if line.get("table") == "record")
    name = "malformed_envelope"
    if way == "edited":
        lines[where]["row"]["envelope"] = lines[where]["row"]["envelope"].replace(
            '"took_ms":900', '"took_ms":901'
        )
        name = "bad_mac"
    elif way == "removed":
        del lines[where]
        lines[-1]["rows"] -= 1
        name = "missing"
    elif way == "added":
        row = {**lines[where]["row"], "seq": 50}
        lines.insert(where, {"table": "record", "row": row})
        lines[-1]["rows"] += 1
        name = "key_differs"
    elif way == "cut":
        del lines[where + 1 :]
    packed = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
    packed = packed[: len(packed) // 2] if way == "half" else packed
    file.write_bytes(b"not gzip" if way == "nonsense" else packed)
    result = central(folder, "verify", file)
    assert result.exit_code == 1
    if way in ("cut", "half", "nonsense"):
        assert "all.jsonl.gz" in result.stderr
        assert "Traceback" not in result.output
    else:
        assert name in result.stdout


def test_a_range_of_days_looks_at_what_was_stored_then(store, tmp_path):
    folder, path = copy_of(store, tmp_path)
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"update record set level = 5 where {FIRST}")
        database.commit()
    day = "2025-10-09"  # NOW_MS in Asia/Shanghai
    assert "level_differs" in central(folder, "verify", "--from", day, "--to", day).stdout
    assert "level_differs" not in central(folder, "verify", "--from", "2025-10-10").stdout
    assert "level_differs" not in central(folder, "verify", "--to", "2025-10-08").stdout


def test_a_clone_s_hidden_link_is_found_in_the_store(store, tmp_path):
    """A record of another board in a record's place: signed well, and its link does not hold."""
    folder, path = copy_of(store, tmp_path)
    with closing(sqlite3.connect(path)) as database:
        (envelope,) = database.execute(f"select envelope from record where {FIRST}").fetchone()
        record = json.loads(envelope.rpartition(b"\n")[0])
        forged = envelope.rpartition(b"\n")[0].replace(b'"A1"', b'"A9"')
        device, epoch = record["device"], record["epoch"]
        sealed = Pen(device, epoch, derive_key(SECRET, device, epoch)).sign(forged)
        database.execute(
            f"update record set envelope = ?, mac16 = ? where {FIRST}",
            (sealed, mac16(sealed)),
        )
        database.commit()
    assert "broken_chain" in central(folder, "verify").stdout


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(OperatorError, match="there is no file"), open_export(tmp_path / "none"):
        pass


def test_an_export_that_could_not_be_finished_leaves_nothing(store, tmp_path, monkeypatch):
    def full(connection, with_hashes):
        yield "hall", {"hall": "demo"}
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("central.store.transfer.all_rows", full)
    folder, _ = copy_of(store, tmp_path)
    assert central(folder, "export", "--out", folder / "half.jsonl.gz").exit_code == 1
    assert not (folder / "half.jsonl.gz").exists()
