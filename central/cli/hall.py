"""`pingjia central hall …` and `window …`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from central.cli.opened import (
    CENTRAL_TOML,
    ConfigFile,
    device_keys,
    opened_database,
    opened_url,
    time_of,
)
from central.config import load_config
from central.directory.devices import Devices
from central.directory.halls import DAY_MS, Halls
from central.directory.roster import read_roster
from hosting.clock import day
from hosting.error import OperatorError


def add_to(app: typer.Typer) -> None:
    """Add the groups."""
    halls = typer.Typer(help="Halls (大厅).", no_args_is_help=True)
    halls.command("add")(add_hall)
    halls.command("import")(import_hall)
    halls.command("carry")(carry)
    halls.command("list")(list_halls)
    windows = typer.Typer(help="Windows of a hall (窗口).", no_args_is_help=True)
    windows.command("add")(add_window)
    windows.command("rest")(rest)
    windows.command("list")(list_windows)
    app.add_typer(halls, name="hall")
    app.add_typer(windows, name="window")


def add_hall(
    hall: str,
    mqtt_host: Annotated[str, typer.Option(help="Where devices reach the hall's broker.")],
    mqtt_port: Annotated[int, typer.Option(min=1, max=65535)],
    token_out: Annotated[Path, typer.Option(help="A new file for the gateway's token.")],
    name: Annotated[str, typer.Option(help="What people call the hall.")] = "",
    ca: Annotated[Path | None, typer.Option(help="The broker's CA, PEM.")] = None,
    carries_every: Annotated[
        int | None, typer.Option(metavar="DAYS", help="It has no network: files are carried.")
    ] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Add a hall, and write the token for its gateway."""
    with opened_database(config) as database:
        place = (hall, name or hall, mqtt_host, mqtt_port)
        Halls(database, time_of(database)).add(*place, _pem(ca), token_out, carries_every)
    print(f"added hall {hall}; its gateway's token is in {token_out}")


def import_hall(
    hall: str,
    roster: Annotated[Path, typer.Argument(help="CSV in UTF-8: window,name,device.")],
    bundles: Annotated[Path, typer.Option(help="The folder for the devices' bundles.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Add many windows and enrol their devices at once, from a table.

    It can be repeated: what is there already stays as it is.

    Example: pingjia central hall import xj-01 windows.csv --bundles bundles
    """
    chosen = load_config(config)
    keys = device_keys(chosen)
    lines = read_roster(roster)
    with opened_url(chosen) as database:
        new = Devices(database, keys.key, time_of(database)).equip(hall, lines, bundles)
    print(f"hall {hall} has the {len(lines)} windows; bundles of {new} new devices in {bundles}")


def add_window(
    hall: Annotated[str, typer.Option()],
    window: Annotated[str, typer.Option()],
    name: Annotated[str, typer.Option(help="What people read: 1号窗口.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Add a window to a hall."""
    with opened_database(config) as database:
        Halls(database, time_of(database)).add_window(hall, window, name)
    print(f"added window {window} to hall {hall}")


def carry(
    hall: str,
    every: Annotated[int | None, typer.Option(metavar="DAYS", help="1 to 30.")] = None,
    is_ended: Annotated[bool, typer.Option("--end", help="It has a network.")] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Say how often the files of a hall without a network arrive; its limits are longer then."""
    if (every is None) != is_ended:
        raise OperatorError("say how often, with --every DAYS, or --end.")
    with opened_database(config) as database:
        Halls(database, time_of(database)).carry(hall, every)
    print(f"hall {hall}: {_carries(None if every is None else every * DAY_MS)}")


def list_halls(config: ConfigFile = CENTRAL_TOML) -> None:
    """List halls: their names, and how their batches arrive."""
    with opened_database(config) as database:
        rows = Halls(database, time_of(database)).every()
    for row in rows:
        print(f"{row.hall}  {row.name}, {_carries(row.carry_ms)}")


def rest(
    hall: str,
    window: str,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The day on which it is in use again, in China."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; shown with it.")] = None,
    is_ended: Annotated[bool, typer.Option("--end", help="It is in use again now.")] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Put a window to rest until a day: nobody misses its device, which counts as ever.

    Example: pingjia central window rest xj-01 w3 --until 2027-03-01 --reason 装修
    """
    if (until is None) != is_ended:
        raise OperatorError("say until which day, with --until DAY, or --end.")
    with opened_database(config) as database:
        halls = Halls(database, time_of(database))
        if until is None:
            halls.end_rest(hall, window)
            print(f"window {window} of hall {hall} is in use again")
        else:
            halls.rest(hall, window, until.date(), reason)
            print(f"window {window} of hall {hall} rests until {until.date()}")


def list_windows(hall: str, config: ConfigFile = CENTRAL_TOML) -> None:
    """List the windows of a hall, and which of them rest until when."""
    with opened_database(config) as database:
        rows = Halls(database, time_of(database)).windows(hall)
    for row in rows:
        why = f" ({row.rest_reason})" if row.rest_reason else ""
        until = f", rests until {day(row.rest_until_ms)}{why}" if row.rest_until_ms else ""
        print(f"{row.window}  {row.name}{until}")


def _carries(carry_ms: int | None) -> str:
    if carry_ms is None:
        return "by network"
    return f"files are carried every {carry_ms // DAY_MS} days"


def _pem(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        pem = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorError(f"{path} cannot be read as PEM: {error}.") from None
    if "-----BEGIN CERTIFICATE-----" not in pem or len(pem) > 65536:
        raise OperatorError(f"{path} is no certificate in PEM form.")
    return pem
