"""What a restored centre says until all is there again; and an export, taken in by a new one.

Copies under load, and a whole hall: tests/journey/test_copies_of_a_hall.py.
"""

import gzip
import json
import sqlite3
from contextlib import closing

import pytest
from alembic import command
from central_hall import NOW_MS, SECRET, Hall, bearer
from sqlalchemy import create_engine, make_url
from typer.testing import CliRunner

from central.audit.export import fill, write_export
from central.audit.restoring import Restoring, note_restored
from central.custody.marks import RESTORED
from central.migrations import migration_config
from central.store import covers, transfer
from central.store.database import open_database
from hosting.error import OperatorError
from pingjia import app
from protocol.batch import HeadItem
from protocol.envelope import mac16

HOUR_MS = 3_600_000


def central(folder, *words):
    """`pingjia central …` with the settings of a folder."""
    words = ["central", *map(str, words), "--config", str(folder / "central.toml")]
    return CliRunner().invoke(app, words)


def head(device, envelopes, seq: int, receipt=None, up_ms: int = 9) -> HeadItem:
    return HeadItem(device.head(seq, mac16(envelopes[seq - 1].encode()), up_ms), receipt, None)


@pytest.fixture
def rated(hall, device):
    """Three ratings of one device, all here and told of; a second device that never spoke."""
    hall.enrol("xj-0500")
    envelopes = [device.write(device.rating_record(service=f"S-{n}")) for n in range(1, 6)]
    hall.post(*envelopes[:3], head(device, envelopes, 3))
    return envelopes


def told(hall) -> list[tuple[str, int]]:
    return [(one.hall, one.count) for one in hall.findings(None) if one.mark == RESTORED]


def test_it_waits_for_a_device_until_all_that_it_tells_of_is_here(hall, device, rated, clock):
    """Not for one that never spoke. A device that says nothing new, and then tells of two more."""
    watch = Restoring(hall.database, clock)
    watch.look()
    assert (watch.told, told(hall)) == (None, [])
    assert note_restored(hall.database, clock()) == 1
    watch.look()
    assert "1 devices in 1 halls to come" in str(watch.told)
    assert told(hall) == [("demo", 1)]
    assert [one.mark for one in hall.findings("demo") if one.mark == RESTORED] == [RESTORED]
    clock.ms += 1000
    hall.post(head(device, rated, 5, up_ms=20))
    watch.look()
    assert told(hall) == [("demo", 1)], "it told of what is not here"
    hall.post(rated[3])
    watch.look()
    assert watch.told is not None
    hall.post(rated[4])
    watch.look()
    assert (watch.told, told(hall)) == (None, [])


def test_a_head_that_says_nothing_new_is_word_enough(hall, device, rated, clock):
    """Control: without the restore such a head is not even kept."""
    clock.ms += 1000
    assert [one.verdict for one in hall.post(head(device, rated, 3, up_ms=20)).verdicts] == [
        "duplicate"
    ]
    note_restored(hall.database, clock())
    watch = Restoring(hall.database, clock)
    hall.post(head(device, rated, 3, up_ms=30))
    watch.look()
    assert (watch.told, told(hall)) == (None, [])


def test_a_shown_receipt_for_what_is_not_here_keeps_it_up(hall, device, rated, clock):
    (receipt,) = hall.post(rated[3]).receipts
    note_restored(hall.database, clock())
    with hall.database.write() as connection:  # as a copy from before that record
        connection.exec_driver_sql("DELETE FROM record WHERE seq = 4")
        connection.exec_driver_sql("UPDATE chain SET covered_seq = 3, receipt_seq = 3")
    watch = Restoring(hall.database, clock)
    hall.post(head(device, rated, 3, receipt, up_ms=20))
    watch.look()
    assert told(hall) == [("demo", 1)]


@pytest.mark.parametrize("how", ["revoked", "enrolled anew", "after thirty days"])
def test_who_is_gone_is_not_waited_for(hall, device, rated, clock, how):
    note_restored(hall.database, clock())
    if how == "revoked":
        hall.revoke("xj-0417", NOW_MS, "lost")
    elif how == "enrolled anew":
        clock.ms += HOUR_MS
        hall.enrol("xj-0417")
    else:
        clock.ms += 31 * 24 * HOUR_MS
    watch = Restoring(hall.database, clock)
    watch.look()
    assert (watch.told, told(hall)) == (None, [])


def test_an_export_with_hashes_is_a_whole_centre_again(hall, device, rated, tmp_path, clock):
    """From either database into either: tokens open it, devices log in, and it goes on."""
    write_export(hall.database, tmp_path / "out.gz", lambda: 0, with_hashes=True)
    secret = (tmp_path / "demo.token").read_text().strip().rpartition("_")[2]
    folder = tmp_path / "new"
    folder.mkdir()
    database = open_database(f"sqlite:///{folder}/central.db")
    fill(database, tmp_path / "out.gz")
    with database.read() as connection:
        assert transfer.without_password(connection) == 0
        hashes = connection.exec_driver_sql("SELECT secret_sha256 FROM token").scalars().all()
    assert secret not in str(hashes)
    new = object.__new__(Hall)
    new.folder, new.name, new.clock = folder, "demo", clock
    new.serve(database)
    new.headers, new.reader = bearer(tmp_path / "demo.token"), bearer(tmp_path / "reader.token")
    assert [v.verdict for v in new.post(*rated).verdicts] == ["duplicate"] * 3 + ["stored"] * 2
    assert len(new.records()) == 5
    database.close()


def test_what_is_numbered_goes_on_above_what_was_taken_in(hall, device, rated, tmp_path):
    """PostgreSQL's own counters know nothing of numbers that were given."""
    write_export(hall.database, tmp_path / "out.gz", lambda: 0)
    with hall.database.write() as connection:
        numbered = connection.dialect.name != "sqlite"
        transfer.go_on(connection)
        if numbered:
            (name,) = connection.exec_driver_sql(
                "SELECT pg_get_serial_sequence('rejection', 'id')"
            ).scalars()
            assert name is not None
    assert hall.post("no envelope at all").verdicts[0].verdict == "rejected"


def test_the_commands_copy_restore_and_say_what_is_not_in_it(hall, rated, tmp_path):
    if make_url(hall.database.url).get_backend_name() != "sqlite":
        settings = f'database_url = "{hall.database.url}"\n'
        (tmp_path / "central.toml").write_text(settings)
        refused = central(tmp_path, "backup", tmp_path / "copy.db")
        assert refused.exit_code == 1
        assert "pg_basebackup" in refused.stderr
        assert "docs/copies.md" in refused.stderr
        return
    (tmp_path / "central.toml").write_text("")
    (tmp_path / "master.secret").touch(0o600)
    (tmp_path / "master.secret").write_bytes(SECRET)
    done = central(tmp_path, "backup", tmp_path / "copy.db")
    assert done.exit_code == 0, done.stderr
    assert f"not in it, keep them apart: {tmp_path / 'master.secret'}" in done.stdout
    assert SECRET not in (tmp_path / "copy.db").read_bytes()
    assert central(tmp_path, "restore", tmp_path / "copy.db").exit_code == 1
    empty = tmp_path / "empty"
    empty.mkdir()
    done = central(empty, "restore", tmp_path / "copy.db")
    assert done.exit_code == 0, done.stderr
    assert "what 1 devices said after the copy is offered again" in done.stdout
    assert f"put {empty / 'master.secret'} in its place" in done.stdout
    assert sorted(path.name for path in empty.iterdir()) == ["central.db", "central.toml"]
    assert central(empty, "restore").exit_code == 1
    (empty / "central.db").unlink()
    (empty / "master.secret").touch(0o600)
    (empty / "master.secret").write_bytes(bytes(32))
    wrong = central(empty, "restore", tmp_path / "copy.db")
    assert wrong.exit_code == 1
    assert "the master secret is not the one that belongs to this database" in wrong.stderr
    assert "LOOK  secret" in central(empty, "doctor").stdout
    (empty / "master.secret").write_bytes(SECRET)
    assert "ok    secret" in central(empty, "doctor").stdout
    database = open_database(f"sqlite:///{empty}/central.db")
    with database.read() as connection:
        assert covers.is_restoring(connection)
        assert connection.exec_driver_sql("SELECT count(*) FROM record").scalar() == 3
    database.close()


def test_an_export_is_taken_in_only_where_nothing_is(hall, rated, tmp_path):
    """Control: of a cut export nothing stays."""
    whole, cut = tmp_path / "whole.gz", tmp_path / "cut.gz"
    write_export(hall.database, whole, lambda: 0)
    cut.write_bytes(whole.read_bytes()[:-20])
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "central.toml").write_text("")
    assert central(folder, "import", cut).exit_code == 1
    database = open_database(f"sqlite:///{folder}/central.db")
    with database.read() as connection:
        assert transfer.first_held(connection) is None
    database.close()
    done = central(folder, "import", whole)
    assert done.exit_code == 0, done.stderr
    assert "2 devices have no password in it and must be enrolled again" in done.stdout
    again = central(folder, "import", whole)
    assert again.exit_code == 1
    assert "holds something already (table " in again.stderr


def test_an_edited_export_leaves_nothing(hall, rated, tmp_path):

    write_export(hall.database, tmp_path / "out.gz", lambda: 0)
    lines = gzip.decompress((tmp_path / "out.gz").read_bytes()).splitlines()
    end = json.loads(lines[-1])["rows"] + 1
    lines[-1] = json.dumps({"rows": end}).encode()
    (tmp_path / "out.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    database = open_database(f"sqlite:///{tmp_path}/other.db")
    with pytest.raises(OperatorError, match="cut or edited"):
        fill(database, tmp_path / "out.gz")
    with database.read() as connection:
        assert transfer.first_held(connection) is None
    database.close()


def test_a_copy_before_an_upgrade_keeps_the_older_tables(tmp_path):
    """The way back: the older version runs on it. Restored by this one it has the newest."""
    (tmp_path / "central.toml").write_text("")
    engine, config = create_engine(f"sqlite:///{tmp_path}/central.db"), migration_config()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0101")
    engine.dispose()
    assert central(tmp_path, "backup", tmp_path / "copy.db").exit_code == 0
    assert [version_of(tmp_path / name) for name in ("central.db", "copy.db")] == ["0101"] * 2
    folder = tmp_path / "new"
    folder.mkdir()
    assert central(folder, "restore", tmp_path / "copy.db").exit_code == 0
    assert version_of(folder / "central.db") > "0101"
    assert version_of(tmp_path / "copy.db") == "0101"


def version_of(path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
