"""Changes of the tables, in order, applied in one transaction, all or nothing.

A change of central/store/tables/ needs a new file in versions/; a test compares the two. Loaded by
central/store/database.py where the tables are not the newest ones.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection

from central.store.database import MigrationError
from hosting.error import OperatorError

_SECOND_EDITION = "0101"  # the first migration of the contract's second edition


def migrate(connection: Connection) -> None:
    """Bring the tables up to date. Raises MigrationError, OperatorError."""
    applied = MigrationContext.configure(connection).get_current_heads()
    if any(revision < _SECOND_EDITION for revision in applied):
        raise OperatorError(
            "the database was made before v0.2.0, by the first edition of the contract, which "
            "this centre does not read: keep it, and name a new one in database_url."
        )
    config = migration_config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise MigrationError(str(error)) from error


def migration_config() -> Config:
    """alembic's settings for this folder; no alembic.ini is needed."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
