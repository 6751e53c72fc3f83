"""`pingjia central settings …`: what devices say, ask and sound like."""

from pathlib import Path
from typing import Annotated

import typer

import shipped
from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_database, time_of
from central.directory import device_settings
from central.store.device_settings import of_hall
from central.store.places import require_hall
from hosting.clock import written


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="What devices say, ask and sound like.", no_args_is_help=True)
    group.command("set")(set_settings)
    group.command("list")(list_settings)
    group.command("example")(print_example)
    app.add_typer(group, name="settings")


def set_settings(
    file: Annotated[Path, typer.Argument(help="TOML or JSON, as `example` prints it.")],
    hall: Annotated[str, typer.Option()],
    window: Annotated[str | None, typer.Option(help="Only this window.")] = None,
    device: Annotated[str | None, typer.Option(help="Only this device.")] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Set wording, reasons, times, volume and staff card of a hall, a window or a device.

    Each device gets them signed with its own key, uses them at once, and says so in its state.
    """
    content = device_settings.read_file(file)
    with opened_database(config) as database:
        place = (hall, window, device)
        version, count = device_settings.put(database, time_of(database), place, content)
    print(f"set version {version} for {' '.join(filter(None, place))}, devices: {count}")


def list_settings(
    hall: Annotated[str, typer.Option()],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """What was set in a hall, the newest first; the gateway shows which version a device uses."""
    with opened_database(config) as database, database.read() as connection:
        row = require_hall(connection, hall)
        versions = of_hall(connection, hall)
    if not versions:
        print(f"nothing was set for {hall}: its devices use the built-in settings, version 0")
    if row.further_version is not None:
        where = "no further address of the broker"
        if row.further_host is not None:
            where = f"the broker's further address {row.further_host}:{row.further_port}"
        print(f"version {row.further_version}: {where}, with the words of the one before")
    for row in versions:
        place = " ".join(filter(None, (row.hall, row.window, row.device)))
        print(f"version {row.version}, {written(row.set_at_ms)}: {place}\n  {row.content}")


def print_example() -> None:
    """Print a file for `set`: every key, with the built-in values."""
    print(shipped.example("settings.toml"), end="")
