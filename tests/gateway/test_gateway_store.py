"""The database: its shape, its durability, and refusals that stay bounded. TOP-2"""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from gateway.store import quarantine
from gateway.store.database import MIGRATIONS, Database
from gateway.store.tables import Table
from hosting.error import OperatorError


@pytest.fixture
def database(tmp_path):
    opened = Database(tmp_path / "gateway.sqlite")
    yield opened
    opened.close()


def test_the_migrations_lead_to_the_models(database):
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_every_commit_is_durable(database):
    with database.write() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_ids_are_never_given_twice(database):
    """A queue that ran empty must not begin at 1 again: "id > last" would skip its rows."""
    with database.read() as connection:
        tables = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name"
        ).scalars()
        assert list(tables) == [
            "envelope",
            "happening",
            "progress",
            "quarantine",
            "service",
            "stood",
        ]


def test_a_failing_block_leaves_nothing(database):
    def fail():
        with database.write() as connection:
            quarantine.put(connection, [_refusal(1)], 10)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with database.read() as connection:
        assert quarantine.counts(connection) == []


def test_a_foreign_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    with pytest.raises(OperatorError):
        Database(path)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    other.close()
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(OperatorError):
        Database(path)


def test_a_database_of_the_first_edition_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "gateway.sqlite"
    Database(path).close()
    with sqlite3.connect(path) as first:
        first.execute("UPDATE alembic_version SET version_num = '0004'")
    first.close()
    with pytest.raises(OperatorError, match=r"before v0\.2\.0"):
        Database(path)


def test_a_failing_migration_changes_nothing(tmp_path):
    """All or nothing: the second of two steps fails, the first is undone."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for part in ("env.py", "versions/0101_second_edition.py"):
        (folder / part).parent.mkdir(exist_ok=True)
        (folder / part).write_text((MIGRATIONS / part).read_text())
    (folder / "versions/0102_bad.py").write_text(
        "from alembic import op\nrevision, down_revision = '0102', '0101'\n"
        "def upgrade():\n    op.execute('CREATE TABLE half (x)')\n    op.execute('nonsense')\n"
    )
    path = tmp_path / "gateway.sqlite"
    with pytest.raises(OperatorError):
        Database(path, migrations=folder)
    with sqlite3.connect(path) as left:
        assert left.execute("SELECT name FROM sqlite_master").fetchall() == []
    left.close()


def test_the_quarantine_keeps_the_newest_and_counts_everything(database):
    """TOP-2"""
    for start in range(0, 100, 20):
        with database.write() as connection:
            rows = [_refusal(number) for number in range(start, start + 20)]
            quarantine.put(connection, rows, kept=7)
    with database.read() as connection:
        kept = [row.received_at_ms for row in quarantine.newest(connection, 500)]
        assert kept == list(range(99, 92, -1))
        counts = quarantine.counts(connection)
    assert {(row.reason, row.count) for row in counts} == {("too_large", 10)}
    assert len(counts) == 10


def _refusal(at_ms: int) -> dict:
    return {
        "received_at_ms": at_ms,
        "device": f"dev-{at_ms % 10}",
        "topic": "t",
        "reason": "too_large",
        "detail": "d",
        "size": 9,
        "beginning": b"x",
    }
