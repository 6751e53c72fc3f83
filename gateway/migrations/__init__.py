"""The shapes the hall's database had, and the way from each to the next (alembic).

Loaded by gateway/store/database.py where the tables are not the newest ones.
"""

from pathlib import Path

import alembic.command
import alembic.config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from gateway.store.database import MigrationError
from hosting.error import OperatorError

_SECOND_EDITION = "0101"  # the first migration of the contract's second edition


def migrate(connection: Connection, folder: Path) -> None:
    """Bring the tables to the newest shape in `folder`. Raises MigrationError, OperatorError."""
    config = alembic.config.Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        _require_readable(connection, config)
        alembic.command.upgrade(config, "head")
    except CommandError as error:
        raise MigrationError(str(error)) from error


def _require_readable(connection: Connection, config: alembic.config.Config) -> None:
    newest = ScriptDirectory.from_config(config).get_current_head() or ""
    found = MigrationContext.configure(connection).get_current_revision() or newest
    if found < _SECOND_EDITION:
        raise OperatorError(
            "The database was made before v0.2.0, by the first edition of the contract, which "
            "this gateway does not read. Keep the file, and begin with another data folder."
        )
    if found.isdecimal() and len(found) == len(newest) and found > newest:
        raise OperatorError(
            "The database was written by a newer gateway. Install that one again; this one "
            "leaves the file as it is."
        )
