"""`pingjia gateway carry out` and `in`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.opened import GATEWAY_TOML, ConfigFile
from gateway.config import Config, load_config
from gateway.gateway import DATABASE
from gateway.hall.hall_book import HallBook
from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.store.database import Database
from gateway.upward.carried import FOLDER, carry_in, carry_out
from gateway.upward.outbox import Pace
from hosting.error import OperatorError

_TAKEN_S = 30.0
_files = typer.Typer(
    help="大厅无网络时，用文件往来 A hall without a network: files.", no_args_is_help=True
)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_files, name="carry")


@_files.command("out")
def out(
    file: Annotated[Path, typer.Argument(help="A new file; it holds ratings, sealed.")],
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Write all that waits for the centre into a file, also beside a running gateway.

    Example: pingjia gateway carry out /media/stick/xj-01.out
    """
    chosen = _carried(config)
    database = Database(chosen.data_dir / DATABASE)
    try:
        clock = HallClock(database)
        book = HallBook(chosen.hall, database, Alarms(), clock)
        items = carry_out(database, book, clock, Pace.of(chosen), file)
    finally:
        database.close()
    typer.echo(f"{items} items are in {file}: carry it to the centre, `pingjia central carry`")


@_files.command("in")
def take_in(
    file: Annotated[Path, typer.Argument(help="What `pingjia central carry` wrote.")],
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Take the centre's answers: receipts for the devices, and what has changed in the hall."""
    chosen = _carried(config)
    there = carry_in(file, chosen.hall, chosen.data_dir / FOLDER)
    until = time.monotonic() + _TAKEN_S
    while there.exists():
        if time.monotonic() > until:
            typer.echo(f"{there} is taken when the gateway runs (pingjia gateway status)")
            raise typer.Exit(1)
        time.sleep(0.2)
    typer.echo(f"taken: {file}")


def _carried(path: Path) -> Config:
    chosen = load_config(path)
    if not chosen.carried:
        raise OperatorError(f"{path}: set carried = true, and restart: this hall has a network.")
    if not (chosen.data_dir / DATABASE).exists():
        raise OperatorError(f"{chosen.data_dir / DATABASE} does not exist yet: start it once.")
    return chosen
