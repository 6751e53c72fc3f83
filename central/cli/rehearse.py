"""`pingjia central rehearse`: a centre for training, whose clock is set by hand."""

from datetime import datetime
from typing import Annotated

import typer

from central.centre import open_rehearsal
from central.cli.opened import CENTRAL_TOML, ConfigFile
from central.cli.run import UntilStdinCloses, serve
from central.config import load_config
from hosting.clock import CHINA
from hosting.error import OperatorError

_FORMATS = ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(rehearse)


def rehearse(
    config: ConfigFile = CENTRAL_TOML,
    at: Annotated[
        datetime | None,
        typer.Option(formats=_FORMATS, help="When a new rehearsal begins, in China; now."),
    ] = None,
    until_stdin_closes: UntilStdinCloses = False,
) -> None:
    """Run a rehearsal (演练) on a database of its own, marked for ever: no real centre runs on it.

    `PUT /v1/rehearsal/clock` sets its clock forward, `POST /v1/rehearsal/facts` gives it services,
    ratings and decisions: docs/rehearsal.md.
    """
    chosen = load_config(config)
    if chosen.share_address:
        raise OperatorError("share_address = true is for real centres: a rehearsal runs alone.")
    at_ms = None if at is None else round(at.replace(tzinfo=CHINA).timestamp() * 1000)
    serve(chosen, lambda: open_rehearsal(chosen, at_ms), until_stdin_closes)
