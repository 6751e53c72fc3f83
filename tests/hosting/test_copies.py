"""A copy of a SQLite file is whole, and takes the place of none."""

import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from hosting.copies.sqlite import copy_database, restore_database
from hosting.error import OperatorError


@pytest.fixture
def writer(tmp_path):
    """A database that somebody else has open and writes to: what it holds is in the -wal."""
    with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=8000")  # as the centre has it
        connection.execute("CREATE TABLE rating (n INTEGER PRIMARY KEY, level INTEGER)")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.executemany("INSERT INTO rating (level) VALUES (?)", [(5,)] * 1000)
        yield connection


def count(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT count(*) FROM rating").fetchone()[0]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_copy_beside_a_writer_has_all_that_was_committed(tmp_path, writer):
    """Control: the file alone, copied as files are, has nothing of it."""
    size = copy_database(tmp_path / "live.db", tmp_path / "copy.db")
    shutil.copyfile(tmp_path / "live.db", tmp_path / "plain.db")
    assert count(tmp_path / "copy.db") == 1000
    assert count(tmp_path / "plain.db") == 0
    assert size == (tmp_path / "copy.db").stat().st_size
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_it_goes_on_while_somebody_writes_all_the_time(tmp_path, writer):
    done = threading.Event()

    def write():
        with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as connection:
            while not done.is_set():
                connection.execute("INSERT INTO rating (level) VALUES (1)")

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for n in range(5):
            copy_database(tmp_path / "live.db", tmp_path / f"copy-{n}.db")
    finally:
        done.set()
        thread.join()
    counts = [count(tmp_path / f"copy-{n}.db") for n in range(5)]
    assert counts == sorted(counts)
    assert 1000 <= counts[0] < counts[-1]


def test_a_file_that_is_there_is_never_written_over(tmp_path, writer):
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(OperatorError, match="is there already: name a new file"):
        copy_database(tmp_path / "live.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "precious"
    with pytest.raises(OperatorError, match="there is no database"):
        copy_database(tmp_path / "none.db", tmp_path / "other.db")
    with pytest.raises(OperatorError, match="cannot be made"):
        copy_database(tmp_path / "live.db", tmp_path / "none" / "copy.db")


def test_a_copy_is_put_back_where_nothing_is_and_prepared_first(tmp_path, writer):
    copy_database(tmp_path / "live.db", tmp_path / "copy.db")
    target = tmp_path / "new" / "back.db"
    target.parent.mkdir()
    seen = []

    def prepare(path):
        seen.append((path != target, target.exists(), count(path)))
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("DELETE FROM rating WHERE n > 10")

    restore_database(tmp_path / "copy.db", target, "rating", prepare)
    assert seen == [(True, False, 1000)]
    assert count(target) == 10
    assert names(target.parent) == {"back.db"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


@pytest.mark.parametrize("end", ["", "-wal", "-shm"])
def test_nothing_is_restored_over_what_is_there(tmp_path, writer, end):
    """Not even over a -wal alone, which SQLite would play into the copy."""
    copy_database(tmp_path / "live.db", tmp_path / "copy.db")
    (tmp_path / f"back.db{end}").write_text("precious")
    with pytest.raises(OperatorError, match=f"back.db{end} is there"):
        restore_database(tmp_path / "copy.db", tmp_path / "back.db", "rating", lambda path: None)
    assert (tmp_path / f"back.db{end}").read_text() == "precious"


def test_what_is_no_copy_of_this_kind_is_refused_and_nothing_stays(tmp_path, writer):
    copy_database(tmp_path / "live.db", tmp_path / "copy.db")
    damaged = bytearray((tmp_path / "copy.db").read_bytes())
    damaged[4096:8192] = b"\xff" * 4096
    (tmp_path / "damaged.db").write_bytes(damaged)
    shutil.copyfile(tmp_path / "live.db", tmp_path / "plain.db")
    (tmp_path / "words.db").write_text("no database at all " * 100)
    before = names(tmp_path)

    def fail(path):
        raise OperatorError("of another hall")

    for name, table, prepare, told in (
        ("damaged.db", "rating", print, "damaged|malformed"),
        ("plain.db", "rating", print, "no copy that `backup` made"),
        ("words.db", "rating", print, "not a database"),
        ("none.db", "rating", print, "No such file"),
        ("copy.db", "envelope", print, "another program's"),
        ("copy.db", "rating", fail, "of another hall"),
    ):
        with pytest.raises(OperatorError, match=told):
            restore_database(tmp_path / name, tmp_path / "back.db", table, prepare)
        assert names(tmp_path) == before, name
