"""What every command opens: the configuration file, and the database of its hall."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gateway.config import load_config
from gateway.gateway import DATABASE
from gateway.store.database import Database
from hosting import toml
from hosting.error import OperatorError

ConfigFile = Annotated[Path, typer.Option("--config", help="The settings file.")]
GATEWAY_TOML = toml.found("gateway.toml")


@contextmanager
def opened_database(config_file: Path, may_be_new: bool = False) -> Iterator[Database]:
    """The database of a hall. Raises OperatorError if it is not there."""
    path = load_config(config_file).data_dir / DATABASE
    if not may_be_new and not path.exists():
        raise OperatorError(f"{path} does not exist yet. Was the gateway started once?")
    database = Database(path)
    try:
        yield database
    finally:
        database.close()
