"""Opening the hall's database: SQLite in WAL mode, durable at every commit."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import alembic.command
import alembic.config
from sqlalchemy import Connection, create_engine, event, inspect
from sqlalchemy.exc import DatabaseError

from gateway.error import GatewayError

MIGRATIONS = Path(__file__).parent.parent / "migrations"


class Database:
    """The database file at `path`, created or migrated to the newest shape when opened.

    Raises GatewayError if it cannot be opened or migrated; then it is as it was.
    """

    def __init__(self, path: Path, busy_ms: int = 5000, migrations: Path = MIGRATIONS):
        self._writing = threading.Lock()  # fair, unlike SQLite's own polling for its lock
        self._engine = create_engine(f"sqlite:///{path}", pool_size=16, max_overflow=32)
        event.listen(self._engine, "connect", lambda raw, _: _prepare(raw, busy_ms))
        event.listen(self._engine, "begin", _begin)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(0o600)
            self._migrate(migrations)
        except (DatabaseError, OSError) as error:
            self._engine.dispose()
            raise GatewayError(
                f"{path} cannot be opened: {error}. Is the disk full, is it a gateway's "
                "database, and may this user write it?"
            ) from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one moment of the database."""
        with self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when the block has ended without an error."""
        with self._writing, self._engine.connect() as connection:
            connection = connection.execution_options(is_writing=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _migrate(self, migrations: Path) -> None:
        config = alembic.config.Config()
        config.set_main_option("script_location", str(migrations).replace("%", "%%"))
        with self.write() as connection:  # one transaction: all migrations or none
            if inspect(connection).get_table_names() and not _is_ours(connection):
                raise GatewayError("The database file belongs to another program; name another.")
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")


def _is_ours(connection: Connection) -> bool:
    return "alembic_version" in inspect(connection).get_table_names()


def _prepare(raw, busy_ms: int) -> None:
    raw.isolation_level = None  # we say BEGIN ourselves; sqlite3 would say it late
    cursor = raw.cursor()
    cursor.execute(f"PRAGMA busy_timeout={busy_ms}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a commit that returned survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("is_writing")
    # IMMEDIATE: a writer that began as a reader cannot wait for the lock, it fails at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
