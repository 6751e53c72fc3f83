"""Opening the database: SQLite as the embedded default, PostgreSQL in production."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from hosting.error import OperatorError

_MIGRATIONS = Path(__file__).parents[1] / "migrations"
_BUSY_S = 30.0  # a command beside the running centre waits for a batch, never for longer
# A batch touches pages of a dozen trees: with SQLite's own 2 MB they are read again for each, and
# written back every third batch. 64 MB of pages; some 32 MB of log between two write-backs.
_MEMORY = ("cache_size=-65536", "wal_autocheckpoint=8000")

# Of SQLite's results those that tell of disk, locks and memory, and not of what was asked.
_OF_STORE = (
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL),
    *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM),
)


class Database:
    """Transactions on one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(pingjia_writes=True)
        # SQLite has one writer at a time anyway; waiting here is fair and does not poll.
        self._turn = threading.Lock() if engine.dialect.name == "sqlite" else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and changes nothing."""
        with self._engine.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is durable when the block ends, and never was if it raises."""
        if self._turn is None:
            with self._writer.begin() as connection:
                yield connection
        else:
            with self._turn, self._writer.begin() as connection:
                yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def open_database(url: str) -> Database:
    """The database at `url`, its tables brought up to date in one transaction.

    Raises OperatorError if it cannot be opened; the tables are then as they were.
    """
    parsed = make_url(url)
    try:
        if parsed.get_backend_name() == "sqlite":
            engine = _open_sqlite(url, Path(parsed.database or ""))
        else:
            engine = create_engine(url, pool_pre_ping=True)
        database = Database(engine)
        with database.write() as connection:
            _migrate(connection)
    except ImportError as error:
        raise OperatorError(
            f"{parsed.drivername} needs a driver ({error}): pip install 'pingjia[postgresql]', "
            "and let database_url begin with postgresql+psycopg://."
        ) from error
    except (OSError, SQLAlchemyError, CommandError) as error:
        where = parsed.render_as_string(hide_password=True)
        raise OperatorError(
            f"the database {where} cannot be opened ({_first_line(error)}): check database_url, "
            "the folder's permissions and that this is no newer centre's database."
        ) from error
    return database


def is_of_store(error: Exception) -> bool:
    """Whether the database failed whatever was asked of it: it is busy, full, broken or away."""
    if not isinstance(error, DBAPIError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _OF_STORE  # the upper bits tell more of the same
    return isinstance(error, OperationalError | InterfaceError)


def _open_sqlite(url: str, path: Path) -> Engine:
    # Made before SQLite makes it, because it holds password hashes; -wal and -shm follow it.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(url, connect_args={"timeout": _BUSY_S, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", *_MEMORY):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("pingjia_writes")
    # A writer that begins as a reader cannot wait for its turn: SQLite refuses it at once.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(connection: Connection) -> None:
    config = migration_config()
    if _is_current(connection, config):
        return
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _is_current(connection: Connection, config: Config) -> bool:
    applied = MigrationContext.configure(connection).get_current_heads()
    return set(applied) == set(ScriptDirectory.from_config(config).get_heads())


def migration_config() -> Config:
    """alembic's settings for central/migrations; no alembic.ini is needed."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    return config


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
