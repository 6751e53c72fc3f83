"""What every command opens: the configuration file, and the database that it names."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from central.config import Config, load_config
from central.keys import DeviceKeys, read_master_secret
from central.store.database import Database, open_database

ConfigFile = Annotated[Path, typer.Option("--config", help="The settings file.")]
FromDay = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="From when changes hold; today."),
]
CENTRAL_TOML = Path("central.toml")


@contextmanager
def opened_database(config_file: Path) -> Iterator[Database]:
    """The database of a centre; no secret is read."""
    with opened_url(load_config(config_file)) as database:
        yield database


@contextmanager
def opened_url(config: Config) -> Iterator[Database]:
    """The database that a configuration names."""
    database = open_database(config.database_url)
    try:
        yield database
    finally:
        database.close()


def device_keys(config: Config) -> DeviceKeys:
    """The keys of all devices, from the master secret. Raises OperatorError."""
    return DeviceKeys(read_master_secret(config.master_secret_file))
