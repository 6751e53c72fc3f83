"""`pingjia gateway run` and `status`."""

import sys
import threading
from typing import Annotated

import typer

from gateway import gateway
from gateway.cli.opened import GATEWAY_TOML, ConfigFile, opened_database
from gateway.config import load_config, require_safe
from gateway.keep.certificates import Certificates, now_utc
from gateway.store import envelopes, halls, quarantine, services, states
from hosting import process
from hosting.clock import written

_GARBAGE_OBJECTS = 20_000


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(run)
    app.command()(status)


def run(
    config: ConfigFile = GATEWAY_TOML,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End when standard input ends.")
    ] = False,
) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    process.log_to_stderr()
    stopping = threading.Event()
    process.on_end(stopping.set, until_stdin_closes)
    process.look_for_garbage_seldom(_GARBAGE_OBJECTS)
    # A rating passes through four threads; Python lets each of the others run on for 5 ms.
    sys.setswitchinterval(0.0005)
    chosen = load_config(config)
    require_safe(chosen)
    gateway.run(chosen, stopping)


def status(config: ConfigFile = GATEWAY_TOML) -> None:
    """Show what the hall's database holds."""
    with opened_database(config) as database, database.read() as connection:
        hall = halls.get(connection)
        waiting = envelopes.waiting_counts(connection)
        documents = services.unsent_count(connection)
        devices = states.everyone(connection)
        refused = quarantine.counts(connection)
    typer.echo(f"hall document   {'none yet' if hall is None else f'version {hall.version}'}")
    typer.echo(f"for the centre  {waiting['waiting']} records, {documents} service documents")
    typer.echo(f"rejected there  {waiting['rejected']} records, offered again slowly")
    online = sum(row.online for row in devices)
    typer.echo(f"devices online  {online} of {len(devices)} that were ever seen")
    certificate = load_config(config).secure_dir
    if certificate is not None:
        days = Certificates(certificate).days_left(now_utc())
        typer.echo(f"certificate     of broker and API, ends in {days} days")
    for row in refused:
        device, newest = row.device or "(none of ours)", written(row.newest_at_ms)
        typer.echo(f"refused         {row.count} of {device}: {row.reason}, last {newest}")
