"""What every command opens: the configuration file, the database that it names, and its time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

import shipped
from central.config import Config, load_config
from central.keys import DeviceKeys, read_master_secret
from central.store.database import Database, open_database
from central.store.judged import standings
from central.timekeeper import Timekeeper
from hosting import toml
from hosting.clock import written
from hosting.error import OperatorError
from hosting.text_file import write_new_text

ConfigFile = Annotated[Path, typer.Option("--config", help="The settings file.")]
FromDay = Annotated[
    datetime | None,
    typer.Option("--from", formats=["%Y-%m-%d"], help="From when changes hold; today."),
]
CENTRAL_TOML = toml.found("central.toml")


def make_settings(config: Path) -> None:
    """The settings file with every key and its default, if there is none."""
    if not config.exists():
        write_new_text(config, shipped.example("central.toml"))
        print(f"made {config}")


@contextmanager
def opened_database(config_file: Path) -> Iterator[Database]:
    """The database of a centre. What a command changes is signed with the master secret: where
    that is missing, it can only look.
    """
    with opened_url(load_config(config_file)) as database:
        yield database


@contextmanager
def opened_url(config: Config) -> Iterator[Database]:
    """The database that a configuration names."""
    database = open_database(config.database_url)
    try:
        if config.master_secret_file.exists():
            keys = keys_in(device_keys(config), database)
            database.sign_acts(keys.acts_key())
        yield database
    finally:
        database.close()


def device_keys(config: Config) -> DeviceKeys:
    """The keys of all devices, from the master secret. Raises OperatorError."""
    return DeviceKeys(read_master_secret(config.master_secret_file))


def keys_in(keys: DeviceKeys, database: Database) -> DeviceKeys:
    """Those that hold in this database: a rehearsal has its own, whatever its secret."""
    with database.read() as connection:
        is_rehearsal = standings.state(connection).is_rehearsal
    return keys.of_rehearsal() if is_rehearsal else keys


def time_of(database: Database, is_exact: bool = False) -> Callable[[], int]:
    """The centre's time, which is what a command writes down; said if the machine has another.

    is_exact: what is written could be wrong for good by it. Then OperatorError if they differ.
    """
    clock = Timekeeper(database).clock
    doubt = clock.doubt()
    if doubt is not None:
        sentence = (
            f"this machine's clock says {written(doubt.wall_ms)}, the centre's time is "
            f"{written(doubt.steady_ms)} (both Asia/Shanghai). If the machine is right, run "
            "`pingjia central clock accept`"
        )
        if is_exact:
            raise OperatorError(f"{sentence}; or give the time with --at.")
        typer.echo(f"{sentence}; this command goes by the centre's time.", err=True)
    return clock.now_ms
