"""Opening the hall's database: SQLite in WAL mode, durable at every commit."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, event, inspect, select
from sqlalchemy.exc import DatabaseError

from gateway.store.tables import Table
from hosting.error import OperatorError

MIGRATIONS = Path(__file__).parent.parent / "migrations"

_NEWEST = "0102"  # of these migrations
_CORRUPT, _NOT_A_DATABASE = 11, 26  # SQLite's primary result codes
_IO_ERROR = 10
_LOG_BYTES = 8 * 1024 * 1024
_UNREADABLE = (266, 522, 8458)  # a read that failed, was short, or met a corrupt file system
# READONLY, IOERR, FULL, CANTOPEN: of the disk, whatever was asked.
_OF_DISK = (8, _IO_ERROR, 13, 14)
# A cold disk of 200 MB/s is read within a second; SQLite cannot be interrupted in it before 3.41.
_CHECKED_BYTES = 200_000_000


class MigrationError(Exception):
    """The tables are of no shape that this gateway knows."""


class DamagedError(OperatorError):
    """The file was a gateway's database, and cannot be trusted any more."""


class Database:
    """The database file at `path`, created or migrated to the newest shape when opened.

    Raises OperatorError if it cannot be opened or migrated; then it is as it was. `is_damaged`
    turns true when SQLite meets damage later.
    """

    def __init__(self, path: Path, busy_ms: int = 5000, migrations: Path = MIGRATIONS):
        self.path = path
        self.is_damaged = threading.Event()
        self.commits = 0  # of this process, which alone writes while it runs
        self.on_failed: Callable[[DatabaseError], None] = lambda error: None  # of each write
        self._writing = threading.Lock()  # fair, unlike SQLite's own polling for its lock
        # Not as text: a folder may have `?` and `%` in its name.
        url = URL.create("sqlite", database=str(path))
        self._engine = create_engine(url, pool_size=16, max_overflow=32)
        event.listen(self._engine, "do_connect", self._connect)
        event.listen(self._engine, "connect", lambda raw, _: _prepare(raw, busy_ms))
        event.listen(self._engine, "begin", _begin)
        event.listen(self._engine, "handle_error", self._look_at)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(0o600)
            self._migrate(migrations)
        except (DatabaseError, OSError, MigrationError) as error:
            self._engine.dispose()
            if self.is_damaged.is_set() or isinstance(error, MigrationError):
                raise DamagedError(f"{path} is damaged: {error}.") from error
            raise OperatorError(
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
        try:
            with self._writing, self._engine.connect() as connection:
                connection = connection.execution_options(is_writing=True)
                with connection.begin():
                    yield connection
                self.commits += 1
        except DatabaseError as error:
            self.on_failed(error)
            raise

    def check(self) -> None:
        """Look for damage, page by page unless that takes too long. Raises DamagedError."""
        try:
            with self.read() as connection:
                for table in Table.metadata.sorted_tables:
                    connection.execute(select(table).limit(1)).all()
                if self._size(connection, "page_count") > _CHECKED_BYTES:
                    return  # what is met later is set aside later
                found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except DatabaseError as error:
            raise DamagedError(str(error)) from error
        if found != "ok":
            raise DamagedError(found)

    def reopen(self) -> None:
        """Use no connection again that is open now: its files may have been moved and put back."""
        self._engine.dispose()

    def free_bytes(self) -> int:
        """What the file has free inside: deleted rows leave room for new ones."""
        with self.read() as connection:
            return self._size(connection, "freelist_count")

    def close(self, is_last: bool = False) -> None:
        """Close all connections. is_last: nobody writes any more, so the file is made whole
        without the -wal beside it.
        """
        if is_last:
            with suppress(DatabaseError, sqlite3.Error), self._writing:
                raw = self._engine.raw_connection()
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                raw.close()
        self._engine.dispose()

    def _size(self, connection: Connection, what: str) -> int:
        pages = connection.exec_driver_sql(f"PRAGMA {what}").scalar_one()
        return pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()

    def _connect(self, _dialect, _record, _arguments, named):
        """A connection to the file that is there: none is made where it was taken away, which
        would begin a database of its own with the -wal of the other one.
        """
        return sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=rw", uri=True, **named)

    def _look_at(self, context) -> None:
        if _code(context.original_exception) & 255 in (_CORRUPT, _NOT_A_DATABASE) or (
            _code(context.original_exception) in _UNREADABLE
        ):
            self.is_damaged.set()

    def _migrate(self, migrations: Path) -> None:
        with self.write() as connection:  # one transaction: all migrations or none
            tables = inspect(connection).get_table_names()
            if tables and "alembic_version" not in tables:
                raise OperatorError("The database file belongs to another program; name another.")
            if tables and migrations == MIGRATIONS:
                found = connection.exec_driver_sql("SELECT version_num FROM alembic_version")
                if list(found.scalars()) == [_NEWEST]:
                    return  # alembic takes a fifth of a second to load
            import_module("gateway.migrations").migrate(connection, migrations)


def is_of_disk(error: BaseException) -> bool:
    """Whether nothing could be written: the disk is full, read-only, or fails."""
    code = _code(getattr(error, "orig", error))
    return code & 255 in _OF_DISK and code not in _UNREADABLE


def is_io_error(error: BaseException | None) -> bool:
    """Whether a read, write or fsync failed; the next one may not."""
    return _code(getattr(error, "orig", error)) & 255 == _IO_ERROR


def _code(error: BaseException | None) -> int:
    return getattr(error, "sqlite_errorcode", None) or 0


def _prepare(raw, busy_ms: int) -> None:
    raw.isolation_level = None  # we say BEGIN ourselves; sqlite3 would say it late
    cursor = raw.cursor()
    cursor.execute(f"PRAGMA busy_timeout={busy_ms}")
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # a commit that returned survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-8192")  # KB; at its own 2,000 a million ratings cost more
    # Pages of 4 KB. At its own 1,000 one rating in fifty waits while they are written back.
    cursor.execute("PRAGMA wal_autocheckpoint=2000")
    # A reader that stood still has let the log grow: what is above this goes back to the disk.
    cursor.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
    cursor.close()


def _begin(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("is_writing")
    # IMMEDIATE: a writer that began as a reader cannot wait for the lock, it fails at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
