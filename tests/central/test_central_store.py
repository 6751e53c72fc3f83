"""The store: migrations, bounds, and how the file is kept."""

import sqlite3
import stat
from contextlib import closing

import pytest
from central_hall import differences, receipt_seqs
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.pool import Pool
from sqlalchemy.schema import CreateTable

from central.store import covers, ledger, rejections, services, walk
from central.store.database import open_database
from central.store.judged import facts, standings
from central.store.tables import metadata
from hosting.error import OperatorError

STEPS = 50  # hundreds of SQLite's steps in one batch


def test_models_and_migrations_do_not_differ(database):
    with database.read() as connection:
        assert differences(connection) == []


def test_every_table_can_be_made_on_postgresql():
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))


def test_the_database_commits_durably_and_checks_its_references(database):
    with database.read() as connection:
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
        for pragma, value in wanted.items():
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_the_database_file_is_for_its_owner_only(tmp_path):
    with closing(open_database(f"sqlite:///{tmp_path}/central.db")):
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("central.db*")}
    assert modes == {0o600}


def test_opening_it_again_changes_nothing(database, tmp_path):
    with closing(sqlite3.connect(tmp_path / "central.db")) as connection:
        before = connection.execute("select sql from sqlite_master").fetchall()
        open_database(f"sqlite:///{tmp_path}/central.db").close()
        assert connection.execute("select sql from sqlite_master").fetchall() == before


def test_a_migration_that_fails_leaves_the_database_untouched(tmp_path):
    path = tmp_path / "central.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("create table head (somebody text)")  # the migration needs this name
    with pytest.raises(OperatorError, match=r"central\.db cannot be opened"):
        open_database(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("head",)]


def test_a_database_of_a_newer_centre_is_refused(database, tmp_path):
    with database.write() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    with pytest.raises(OperatorError, match="newer centre"):
        open_database(f"sqlite:///{tmp_path}/central.db")


def test_a_database_of_the_first_edition_is_refused(database, tmp_path):
    with database.write() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0007'")
    with pytest.raises(OperatorError, match=r"before v0\.2\.0.*keep it"):
        open_database(f"sqlite:///{tmp_path}/central.db")


def test_rejections_are_bounded_and_their_counts_are_not(database):
    def row(number):
        return {
            "hall": "demo",
            "reason": "bad_mac" if number % 2 else "unknown_device",
            "sentence": str(number),
            "first_bytes": b"x",
            "rejected_at_ms": number,
        }

    for start in range(0, 12_000, 2_000):
        with database.write() as connection:
            rejections.add(connection, [row(start + number) for number in range(2_000)])
    with database.read() as connection:
        counts = [tuple(row) for row in rejections.counts(connection)]
        kept = connection.exec_driver_sql("select count(*), min(id) from rejection").one()
        assert rejections.newest(connection, 1)[0].sentence == "11999"
    assert tuple(kept) == (10_000, 2_001)
    assert counts == [
        ("demo", "bad_mac", 6_000, 11_999),
        ("demo", "unknown_device", 6_000, 11_999),
    ]


def test_looking_records_up_never_reads_the_whole_table(database):
    """The cost of a batch must not grow with what is stored."""
    plans = []

    def explain(connection, _cursor, statement, parameters, _context, _many):
        if statement.startswith(("SELECT", "WITH")):
            raw = connection.connection.driver_connection
            plans.extend(
                row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            )

    keys = [("a-01", 1, seq) for seq in range(1, 4)] + [("b-01", 2, 1)]
    with database.read() as connection:
        event.listen(connection, "before_cursor_execute", explain)
        ledger.rows(connection, keys)
        ledger.conflict_rows(connection, keys)
        services.awaiting(connection, ["0" * 16])
        services.facts(connection, ["0" * 16, "1" * 16])
        services.held(connection, ["0" * 16])
        facts.services(connection, [("demo", "S-1"), ("demo", "S-2")])
        facts.ratings(connection, [("demo", "S-1"), ("demo", "S-2")])
        standings.of(connection, ["national"], [("demo", "S-1")])
        ledger.held_above(connection, ("a-01", 1), 5, 10)
        covers.gaps_above(connection, ("a-01", 1), 5)
        covers.heads(connection, [("a-01", 1)])
        walk.page(connection, None, ("a-01", 1, 2, ""), 10)
        walk.page(connection, "a-01", ("a-01", 1, 2, ""), 10)
    assert plans
    scans = {plan for plan in plans if plan.startswith("SCAN") or "TEMP B-TREE" in plan}
    assert scans == {"SCAN json_each VIRTUAL TABLE INDEX 1:"}  # the keys themselves


@pytest.mark.parametrize("live", [10, 1000])
def test_a_backlog_is_taken_without_reading_the_live_ratings_above_it(hall, device, live):
    """What a batch of it costs does not grow with them."""
    hall.is_judged = False
    backlog = [device.rating() for _ in range(40)]
    hall.post(*backlog[:10])
    device.seq += 1
    for _ in range(live // 10):
        hall.post(*[device.rating() for _ in range(10)])
    steps = []

    @event.listens_for(Pool, "checkout")
    def watch(connection, _record, _proxy):
        connection.set_progress_handler(lambda: steps.append(1), 100)

    try:
        assert receipt_seqs(hall.post(*backlog[10:20])) == [20]
    finally:
        event.remove(Pool, "checkout", watch)
    assert 0 < len(steps) < STEPS
