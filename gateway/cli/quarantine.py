"""`pingjia gateway quarantine …`: what was refused."""

from typing import Annotated

import typer

from gateway.cli.opened import GATEWAY_TOML, ConfigFile, opened_database
from gateway.config import load_config
from gateway.hall.hall_book import HallBook
from gateway.hall.replay import replay
from gateway.keep.alarms import Alarms
from gateway.keep.hall_clock import HallClock
from gateway.store import quarantine
from hosting.clock import written
from hosting.error import OperatorError
from hosting.log import harmless


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="What was refused, and why.")
    group.command("list")(quarantine_list)
    group.command("show")(quarantine_show)
    group.command("replay")(quarantine_replay)
    app.add_typer(group, name="quarantine")


def quarantine_list(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 20,
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """List the refused payloads, newest first, and how many there ever were."""
    with opened_database(config) as database, database.read() as connection:
        counts, rows = quarantine.counts(connection), quarantine.newest(connection, limit)
    for row in counts:
        typer.echo(f"refused {row.count} of {row.device or '(none of ours)'}: {row.reason}")
    for row in rows:
        is_whole = "whole" if len(row.beginning) == row.size else f"{len(row.beginning)} kept"
        line = (
            f"{row.id:>6}  {written(row.received_at_ms)}  {row.device or row.topic}  "
            f"{row.reason}: {row.detail} ({row.size} bytes, {is_whole})"
        )
        typer.echo(harmless(line))


def quarantine_show(
    number: Annotated[int, typer.Argument(help="As `list` gives it.")],
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Show a refused payload: what is printable as it is, the rest escaped."""
    with opened_database(config) as database, database.read() as connection:
        row = quarantine.get(connection, number)
    if row is None:
        raise OperatorError(f"The quarantine has no number {number}; `list` shows what it has.")
    typer.echo(f"{written(row.received_at_ms)}  {row.topic!r}")
    typer.echo(harmless(f"{row.reason}: {row.detail}"))
    typer.echo(f"{len(row.beginning)} of {row.size} bytes:\n{row.beginning!r}")


def quarantine_replay(
    numbers: Annotated[list[int] | None, typer.Argument(help="As `list` gives them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that is kept.")] = False,
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Judge refused records again after a fix; what passes now goes to the centre.

    Example: pingjia gateway quarantine replay 17 18
    """
    if bool(numbers) == every:
        raise OperatorError("Name the numbers to replay, or --all.")
    hall = load_config(config).hall
    with opened_database(config) as database:
        book = HallBook(hall, database, Alarms(), HallClock(database))
        with database.read() as connection:
            wanted = numbers or [row.id for row in quarantine.newest(connection, 1_000_000)][::-1]
        outcomes = replay(database, hall, book.devices, wanted)
    for outcome in outcomes:
        word = "taken in" if outcome.is_taken else "not taken in"
        typer.echo(f"{outcome.row_id:>6}  {word}: {outcome.sentence}")
    taken = sum(outcome.is_taken for outcome in outcomes)
    typer.echo(f"replayed {len(outcomes)}, {taken} taken in")
