"""`pingjia gateway run`."""

import sys
import threading
from typing import Annotated

import typer

from gateway import gateway
from gateway.cli.opened import GATEWAY_TOML, ConfigFile
from gateway.config import load_config, require_safe
from hosting import process
from hosting.log import log_to_stderr

_GARBAGE_OBJECTS = 20_000


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(run)


def run(
    config: ConfigFile = GATEWAY_TOML,
    until_stdin_closes: Annotated[
        bool, typer.Option("--until-stdin-closes", help="End when standard input ends.")
    ] = False,
) -> None:
    """Run the gateway until SIGTERM or SIGINT."""
    log_to_stderr()
    stopping = threading.Event()
    process.on_end(stopping.set, until_stdin_closes)
    process.look_for_garbage_seldom(_GARBAGE_OBJECTS)
    # A rating passes through four threads; Python lets each of the others run on for 5 ms.
    sys.setswitchinterval(0.0005)
    chosen = load_config(config)
    require_safe(chosen)
    gateway.run(chosen, stopping)
