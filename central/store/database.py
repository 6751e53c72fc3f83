"""Opening the database: SQLite as the embedded default, PostgreSQL in production."""

import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as NoneFreeError

from hosting.error import OperatorError
from hosting.text_file import file_id

log = logging.getLogger(__name__)

_BUSY_S = 10.0  # a command and the running centre wait for each other; a gateway waits 30 s
# A batch touches pages of a dozen trees: with SQLite's own 2 MB they are read again for each, and
# written back every third batch. 64 MB of pages; some 32 MB of log between two write-backs.
# A log that a reader has let grow goes back to that.
_MEMORY = ("cache_size=-65536", "wal_autocheckpoint=8000", "journal_size_limit=33554432")
# On PostgreSQL, of one process. None beyond it: an extra one would be made and thrown away again
# and again under load, 5 ms each.
CONNECTIONS = 16
_QUIET_S = 5.0  # a connection that was used just now need not be asked whether it is still there
# A look at several devices locks 64 partitions with their four indexes each, read or not.
_LOCKS = 256
_NEWEST = "0102"  # of central/migrations
_MIGRATING = 0x70696E676A6961  # the name of the lock: "pingjia"

# Of SQLite's results those that tell of disk, locks and memory, and not of what was asked.
_OF_STORE = (
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM),
)


class MigrationError(Exception):
    """The tables are of no shape that this centre knows."""


class Database:
    """Transactions on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.url = engine.url.render_as_string(hide_password=True)
        self._writer = engine.execution_options(pingjia_writes=True)
        if engine.dialect.name == "sqlite":
            self._reader = engine
        else:  # PostgreSQL's own level lets each statement see another state
            self._reader = engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        # SQLite has one writer at a time anyway; waiting here is fair and does not poll.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None
        self._path = Path(engine.url.database or "")
        self._file = file_id(self._path)
        self._was_away = False

    def sign_acts(self, key: bytes) -> None:
        """Sign what is noted of acts from now on (central/store/people/acts.py) with this key."""
        self._writer = self._writer.execution_options(pingjia_acts=key)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with self._reader.connect() as connection, connection.begin() as transaction:
            yield connection
            if connection.dialect.name == "sqlite":
                transaction.rollback()
            else:  # it could not write; psycopg forgets all it has prepared when one rolls back
                transaction.commit()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when the block ends, and never was if it raises.

        Raises OperationalError if SQLite's file is not in its place any more: what is written to
        one that was moved, deleted or replaced does not fail, and is nowhere.
        """
        if self._turn is None:
            with self._writer.begin() as connection:
                yield connection
        else:
            with self._turn:
                if self._was_away and self._is_in_place():
                    self._engine.dispose()  # of what was open then, nothing is used again
                    self._was_away = False
                with self._writer.begin() as connection:
                    yield connection
                    if not self._is_in_place():
                        self._was_away = True
                        raise OperationalError(None, None, _AWAY)

    def forget_erased(self) -> None:
        """Let nothing that was overwritten or deleted remain in SQLite's log of changes; on
        PostgreSQL until its own vacuum. A reader that holds the log keeps it until the next time.
        """
        if self._turn is not None:
            with self._turn, self._engine.connect() as connection:
                raw: Any = connection.connection.dbapi_connection
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _is_in_place(self) -> bool:
        wal = self._path.with_name(f"{self._path.name}-wal")
        return file_id(self._path) == self._file and wal.exists()

    @property
    def can_listen(self) -> bool:
        """Whether processes may tell each other something by it: PostgreSQL."""
        return self._turn is None

    @contextmanager
    def listening(self, channel: str) -> Iterator[Callable[[float], bool]]:
        """A connection beside all others on which PostgreSQL tells what others NOTIFY; what is
        given waits for so many seconds, and says whether anything came.
        """
        with self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            connection.detach()  # it never serves a transaction again
            driver.set_autocommit(True)
            driver.execute(f"LISTEN {channel}")
            yield lambda wait_s: any(True for _ in driver.notifies(timeout=wait_s, stop_after=1))

    def close(self, is_last: bool = False) -> None:
        """Close every connection. is_last: nobody writes any more, so SQLite's file is made whole
        without the -wal beside it.
        """
        if is_last and self._turn is not None:
            with suppress(SQLAlchemyError, sqlite3.Error), self._turn:
                raw = self._engine.raw_connection()
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                raw.close()
        self._engine.dispose()


_AWAY = sqlite3.OperationalError(
    "its file, or the -wal beside it, was moved or replaced: put it back, or restart the centre"
)


def open_database(url: str | URL) -> Database:
    """The database at `url`, its tables brought up to date in one transaction.

    Raises OperatorError if it cannot be opened; the tables are then as they were.
    """
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            engine = _open_sqlite(url, Path(parsed.database or ""))
        else:
            engine = _open_postgresql(url)
        database = Database(engine)
        with database.write() as connection:
            if engine.dialect.name != "sqlite":  # of processes that start together one migrates
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
                _warn_of_few_locks(connection)
            _migrate(connection)
    except ImportError as error:
        raise OperatorError(
            f"{parsed.drivername} needs a driver ({error}): pip install 'pingjia[postgresql]', "
            "and let database_url begin with postgresql+psycopg://."
        ) from error
    except (OSError, SQLAlchemyError, MigrationError) as error:
        where = parsed.render_as_string(hide_password=True)
        raise OperatorError(
            f"the database {where} cannot be opened ({_first_line(error)}): check database_url, "
            "the folder's permissions and that this is no newer centre's database."
        ) from error
    return database


def is_of_store(error: Exception) -> bool:
    """Whether the database failed whatever was asked of it: it is busy, full, broken or away."""
    if isinstance(error, NoneFreeError):  # no connection came free in time
        return True
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _OF_STORE  # the upper bits tell more of the same
    return isinstance(error, OperationalError | InterfaceError)


def _open_sqlite(url: str | URL, path: Path) -> Engine:
    # Made before SQLite makes it, because it holds password hashes; -wal and -shm follow it.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    # The one used last comes first: the pages that it has read are still true.
    arguments = {"timeout": _BUSY_S, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, pool_use_lifo=True)

    def connect(_dialect: Any, _record: Any, _arguments: Any, named: Any) -> sqlite3.Connection:
        # None is made where the file was taken away: it would begin another one, with this -wal.
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, **named)

    event.listen(engine, "do_connect", connect)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    # What is erased leaves nothing in the file: keys of sealed data (central/people/raters.py).
    kept = ("secure_delete=ON", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
    for pragma in (*kept, *_MEMORY):
        connection.execute(f"PRAGMA {pragma}")


def _open_postgresql(url: str | URL) -> Engine:
    # The one used last comes first: what it has prepared is prepared.
    engine = create_engine(url, pool_size=CONNECTIONS, max_overflow=0, pool_use_lifo=True)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_require_alive, engine.dialect))
    return engine


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used_s"] = time.monotonic()


def _require_alive(dialect: Any, connection: Any, record: Any, _proxy: Any) -> None:
    """Ask a connection that was quiet whether the server still knows it; a new one takes its
    place if not. SQLAlchemy's own pool_pre_ping asks each time: a round trip for each transaction.
    """
    if time.monotonic() - record.info.get("used_s", math.inf) > _QUIET_S:
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error


def _warn_of_few_locks(connection: Connection) -> None:
    most = int(connection.exec_driver_sql("SHOW max_locks_per_transaction").scalar_one())
    if most < _LOCKS:
        log.warning(
            "PostgreSQL has max_locks_per_transaction = %d: set it to %d or more in "
            "postgresql.conf and restart it, or many readers at a time run out of shared memory",
            most,
            _LOCKS,
        )


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("pingjia_writes")
    # A writer that begins as a reader cannot wait for its turn: SQLite refuses it at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    if inspect(connection).has_table("alembic_version"):
        applied = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars()
        if list(applied) == [_NEWEST]:
            return  # alembic takes a fifth of a second to load
    import_module("central.migrations").migrate(connection)


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
