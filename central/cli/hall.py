"""`pingjia central hall …` and `window …`."""

from pathlib import Path
from typing import Annotated

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_database
from central.directory.halls import Halls
from hosting.clock import now_ms
from hosting.error import OperatorError


def add_to(app: typer.Typer) -> None:
    """Add the groups."""
    halls = typer.Typer(help="Halls (大厅).", no_args_is_help=True)
    halls.command("add")(add_hall)
    windows = typer.Typer(help="Windows of a hall (窗口).", no_args_is_help=True)
    windows.command("add")(add_window)
    app.add_typer(halls, name="hall")
    app.add_typer(windows, name="window")


def add_hall(
    hall: str,
    mqtt_host: Annotated[str, typer.Option(help="Where devices reach the hall's broker.")],
    mqtt_port: Annotated[int, typer.Option(min=1, max=65535)],
    token_out: Annotated[Path, typer.Option(help="A new file for the gateway's token.")],
    name: Annotated[str, typer.Option(help="What people call the hall.")] = "",
    ca: Annotated[Path | None, typer.Option(help="The broker's CA, PEM.")] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Add a hall, and write the token for its gateway."""
    with opened_database(config) as database:
        halls = Halls(database, now_ms)
        halls.add(hall, name or hall, mqtt_host, mqtt_port, _pem(ca), token_out)
    print(f"added hall {hall}; its gateway's token is in {token_out}")


def add_window(
    hall: Annotated[str, typer.Option()],
    window: Annotated[str, typer.Option()],
    name: Annotated[str, typer.Option(help="What people read: 1号窗口.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Add a window to a hall."""
    with opened_database(config) as database:
        Halls(database, now_ms).add_window(hall, window, name)
    print(f"added window {window} to hall {hall}")


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
