"""A copy of a SQLite file that is whole, or is not there; and the way back.

The only SQL outside of a tier's store/: it is about files, and knows no table.
"""

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hosting.error import OperatorError

_BUSY_MS = 30_000
_ENDS = ("", "-wal", "-shm", "-journal")
_WAL = 2  # the file format's read version (sqlite.org/fileformat2.html, 1.3.3), at byte 19


def copy_database(database: Path, copy: Path) -> int:
    """Copy a database, also one that others read and write, as of one moment; how many bytes.

    `copy` is for its owner only, checked, and on the disk when it has its name. Raises
    OperatorError.
    """
    if not database.is_file():
        raise OperatorError(f"there is no database {database} to copy: did it ever run?")
    with _new_file(copy) as new, _told(f"{database} cannot be copied to {copy}"):
        # Not SQLite's stepped backup: beside a writer it begins again and again.
        with closing(_connected(database, "rw")) as connection:
            connection.execute("VACUUM INTO ?", (str(new.absolute()),))
        _require_sound(new, copy)
    return copy.stat().st_size


def restore_database(
    copy: Path, database: Path, table: str, prepare: Callable[[Path], None]
) -> None:
    """Put a copy where no database is. Raises OperatorError; then nothing is there.

    table: one that only a database of this kind has. prepare: called with its path before it has
    its name.
    """
    for end in _ENDS:
        there = database.with_name(database.name + end)
        if there.exists():
            raise OperatorError(
                f"{there} is there: a copy is restored where no database is. Move it away, with "
                "all that stands beside it, and keep it until the devices have offered again."
            )
    with _new_file(database) as new, _told(f"{copy} cannot be restored to {database}"):
        with copy.open("rb") as source, new.open("r+b") as target:
            if source.read(20)[19:] == bytes([_WAL]):
                raise OperatorError(
                    f"{copy} is a database's own file and no copy that `backup` made: what was "
                    "written last may lie in a -wal beside it. After a clean stop it may be put "
                    "in its place by hand, with that."
                )
            source.seek(0)
            shutil.copyfileobj(source, target, 1 << 20)
        _require_sound(new, copy)
        with closing(_connected(new, "ro")) as connection:
            query = "SELECT 1 FROM sqlite_master WHERE name = ?"
            if connection.execute(query, (table,)).fetchone() is None:
                raise OperatorError(f"{copy} is the copy of another program's database.")
        prepare(new)
        with closing(_connected(new, "rw")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _new_file(path: Path) -> Iterator[Path]:
    """A file beside `path`, for its owner only, that has its name and is durable when the block
    ends without an error, and is gone otherwise.
    """
    if path.exists():
        raise OperatorError(f"{path} is there already: name a new file.")
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise OperatorError(f"{path} cannot be made: {error.strerror}.") from None
    try:
        yield new
        if os.geteuid() == 0:  # what root puts back is for the service's user
            owner = path.parent.stat()
            os.chown(new, owner.st_uid, owner.st_gid)
        for end in _ENDS[1:]:
            new.with_name(new.name + end).unlink(missing_ok=True)
        _sync(new)
        new.rename(path)
        _sync(path.parent)
    finally:
        for end in _ENDS:
            new.with_name(new.name + end).unlink(missing_ok=True)


def _require_sound(path: Path, name: Path) -> None:
    with closing(_connected(path, "ro")) as connection:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise OperatorError(f"{name} is damaged ({found}): take another copy.")


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
    )
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    return connection


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # not every disk knows it of a folder
            raise
    finally:
        os.close(descriptor)


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise OperatorError(f"{what}: {error}. Is the disk full, is it damaged?") from None
    except OSError as error:
        raise OperatorError(f"{what}: {error.strerror}.") from None
