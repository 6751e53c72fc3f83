"""The store as a file that can be kept elsewhere and verified later: JSON lines, gzip.

Each line is {"table", "row"}, the last one {"rows": how many}. It has no secrets but the ratings,
unless hashes are asked for: then `import` makes a whole centre of it.
"""

import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from central.store import transfer
from central.store.database import Database, open_database
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.error import OperatorError

_AT_ONCE = 1000  # rows


def write_export(
    database: Database, path: Path, now_ms: Callable[[], int], with_hashes: bool = False
) -> int:
    """Write everything that is kept, as of one moment, to a new file; how many rows. It is an act,
    which stands in the file, too. with_hashes: of tokens, accounts and devices' passwords, too,
    and what is sealed.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except OSError as error:
        raise OperatorError(f"{path} cannot be made: {error.strerror}. Name a new file.") from None
    try:
        with database.write() as connection:
            acts.add(connection, now_ms(), COMMAND, "export", path.name)
        with os.fdopen(descriptor, "wb") as file, gzip.GzipFile(fileobj=file, mode="wb") as packed:
            return _write(database, packed, with_hashes)
    except BaseException:
        path.unlink(missing_ok=True)  # half of it would only look like a backup
        raise


def _write(database: Database, packed: gzip.GzipFile, with_hashes: bool) -> int:
    count = 0
    with database.read() as connection:
        for name, row in transfer.all_rows(connection, with_hashes):
            packed.write(json.dumps({"table": name, "row": row}).encode() + b"\n")
            count += 1
    packed.write(json.dumps({"rows": count}).encode() + b"\n")
    return count


@contextmanager
def open_export(path: Path) -> Iterator[Database]:
    """An export as a database of its own, gone at the end. Raises OperatorError for a bad one."""
    with TemporaryDirectory(prefix="pingjia-export-") as folder:
        database = open_database(URL.create("sqlite", database=f"{folder}/export.db"))
        try:
            fill(database, path)
            yield database
        finally:
            database.close()


def fill(database: Database, path: Path) -> int:
    """Take an export into an empty database, all or nothing; how many rows. Raises
    OperatorError.
    """
    count, end, number = 0, None, 0
    try:
        with gzip.open(path, "rb") as lines, database.write() as connection:
            name, rows = "", []
            for line in lines:
                number += 1
                members = json.loads(line)
                if "rows" in members:
                    end = members["rows"]
                    continue
                if members["table"] != name or len(rows) == _AT_ONCE:
                    if rows:
                        transfer.add_rows(connection, name, rows)
                    name, rows = members["table"], []
                rows.append(members["row"])
                count += 1
            if rows:
                transfer.add_rows(connection, name, rows)
            transfer.go_on(connection)
            if end != count:
                raise OperatorError(
                    f"{path} has {count} rows and should have {end}: it was cut or edited."
                )
    except FileNotFoundError:
        raise OperatorError(
            f"there is no file {path}: `pingjia central export --out {path}` makes one."
        ) from None
    except (OSError, EOFError, zlib.error) as error:
        raise OperatorError(f"{path} cannot be read to its end: {error}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, SQLAlchemyError) as error:
        reason = str(error).splitlines()[0]
        raise OperatorError(
            f"{path}, up to line {number}, is not what `pingjia central export` writes: {reason}."
        ) from None
    return count
