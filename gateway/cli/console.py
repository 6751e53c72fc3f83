"""`pingjia gateway console`: binds the PC of a window to its console."""

import io
import sys
from typing import Annotated

import segno
import typer

from gateway.cli.opened import GATEWAY_TOML, ConfigFile, opened_database
from gateway.cli.pages import Address, pages_address, require_windows
from gateway.config import load_config
from gateway.desk.codes import new_code
from hosting.clock import now_ms, written


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(console)


def console(
    window: Annotated[str, typer.Argument(help="The window, e.g. w1.")],
    address: Address = None,
    qr: Annotated[
        bool | None, typer.Option("--qr/--no-qr", help="Draw the link; on a terminal it is.")
    ] = None,
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Print a link that binds one PC to a window's console: once, within ten minutes.

    Example: pingjia gateway console w1 --address http://10.1.2.3:8080
    """
    place = pages_address(load_config(config), address)
    with opened_database(config) as database:
        require_windows(database, [window])
        code, ends_at_ms = new_code(database, window, now_ms())
    link = f"{place}/login#{code}"
    typer.echo(f"open on the PC of window {window}, once, until {written(ends_at_ms)}:")
    typer.echo(f"  {link}")
    typer.echo(f"or open {place}/login and type {code}")
    typer.echo(f"from then on its console is {place}/windows/{window}")
    if sys.stdout.isatty() if qr is None else qr:
        drawn = io.StringIO()
        segno.make_qr(link).terminal(drawn, border=2, compact=True)
        typer.echo(drawn.getvalue(), nl=False)
