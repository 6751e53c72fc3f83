"""`pingjia central enrol` and `revoke`."""

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
)
from central.config import load_config
from central.directory.devices import Devices, revoke_device
from hosting.clock import CHINA, now_ms


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(enrol)
    app.command()(revoke)


def enrol(
    device: Annotated[str, typer.Option()],
    hall: Annotated[str, typer.Option()],
    window: Annotated[str, typer.Option()],
    out: Annotated[Path, typer.Option(help="A new file for the bundle, which has the key.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Enrol a device at a window, and write the bundle that the workbench puts on it."""
    chosen = load_config(config)
    keys = device_keys(chosen)
    with opened_url(chosen) as database:
        epoch = Devices(database, keys.key, now_ms).enrol(device, hall, window, out)
    print(f"enrolled {device} at {hall}/{window}, epoch {epoch}; its bundle is {out}")


def revoke(
    device: str,
    reason: Annotated[str, typer.Option(help="Why; kept with the device.")],
    at: Annotated[
        datetime | None, typer.Option(help="Since when it is not trusted, time in China; now.")
    ] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Revoke a device: its hall refuses it, what it signs from then on is marked, not counted."""
    at_ms = None if at is None else round(at.replace(tzinfo=CHINA).timestamp() * 1000)
    with opened_database(config) as database:
        count = revoke_device(database, device, at_ms, reason, now_ms())
    print(f"revoked {device}; {count} records that are held were signed after that")
