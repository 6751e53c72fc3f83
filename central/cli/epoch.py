"""`pingjia central epoch …`: epochs that ended, and whether all of them is there."""

import getpass
from typing import Annotated, Any

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_database, time_of
from central.directory.endings import Endings, why_ended
from hosting.clock import written


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="Epochs that ended (旧登记): is all of them there?", no_args_is_help=True
    )
    group.command("list")(list_epochs)
    group.command("close")(close)
    app.add_typer(group, name="epoch")


def list_epochs(
    hall: Annotated[str | None, typer.Option(help="Only this hall's.")] = None,
    closed: Annotated[bool, typer.Option("--closed", help="Those closed, and by what.")] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """List epochs that ended and are open still: since when, what may be missing, what to do."""
    with opened_database(config) as database:
        rows = Endings(database, time_of(database)).every(hall, not closed)
    if not rows:
        print("no epoch has been closed" if closed else "no epoch is open")
    for row in rows:
        where = f"{row.device} {row.epoch}  {row.hall}/{row.window}"
        ended = f"{why_ended(row)} {written(row.ended_at_ms)}"
        print(f"{where}, {ended}, {_closed(row) if closed else _open(row)}")
    if rows and not closed:
        print("with the old board at hand: pingjia workbench rescue --centre …; if it is dead or")
        print("lost: pingjia central epoch close DEVICE EPOCH --reason …")


def close(
    device: str,
    epoch: Annotated[int, typer.Argument(help="As `list` gives it.")],
    reason: Annotated[str, typer.Option(help="Why nothing more can come; kept.")],
    by: Annotated[str | None, typer.Option(help="Who says so; your login name.")] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Close an epoch whose board is dead or lost, by your word.

    Example: pingjia central epoch close xj-0417 29333341 --reason "burnt, seen by Li"
    """
    who = by or getpass.getuser()
    with opened_database(config) as database:
        Endings(database, time_of(database)).close(device, epoch, who, reason)
    print(f"closed {device} {epoch}, by the word of {who}")


def _open(row: Any) -> str:
    services = f"{row.services} services of its window since {written(row.since_ms)}"
    return f"covered up to {row.covered_seq}, {services}"


def _closed(row: Any) -> str:
    when = f"closed {written(row.closed_at_ms)}"
    if row.closed_by is None:
        return f"{when} by the device's own head"
    return f"{when} by {row.closed_by}: {row.closed_reason}"
