"""`pingjia demo`: a hall without hardware, from nothing to the oracle's verdict."""

import asyncio
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shipped import FIRMWARE
from simulator.check.days import EZHOU, QINNAN
from simulator.cli.options import (
    INTERPRETERS,
    Broker,
    Firmware,
    Heap,
    Interpreter,
    Json,
    Queue,
    Seconds,
    Seed,
    conclude,
    is_left_to_others,
    unix_port,
)
from simulator.demo import Show, run_hall
from simulator.devices.unix import HEAP
from simulator.parts.hall import BROKERS, Hall
from simulator.parts.plugs import PARTS
from simulator.parts.sabotage import KINDS

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    windows: Annotated[int, typer.Option(min=1, max=200, help="Windows, a device each.")] = 8,
    seconds: Seconds = None,
    seed: Seed = 1,
    pull: Annotated[
        str,
        typer.Option(
            metavar="SECOND:PART,…",
            help=f"Pull plugs by script; parts are {', '.join(PARTS)}: 20:broker,35:gateway",
        ),
    ] = "",
    days: Annotated[
        int,
        typer.Option(
            min=0,
            max=400,
            help="In a rehearsal: so many days pass at the end, with reminders and defaults.",
        ),
    ] = 0,
    as_json: Json = False,
    keep: Annotated[Path | None, typer.Option(help="Keep everything in this new folder.")] = None,
    damage: Annotated[
        str | None,
        typer.Option(
            "--sabotage",
            metavar="|".join(KINDS),
            help="Damage one rating in the centre before the verdict: the oracle must find it.",
        ),
    ] = None,
    broker: Broker = "embedded",
    tls: Annotated[
        bool, typer.Option("--tls", help="Broker, API and pages with TLS and the hall's own CA.")
    ] = False,
    interpreter: Interpreter = INTERPRETERS[0],
    heap: Heap = HEAP,
    firmware: Firmware = FIRMWARE,
    queue: Queue = "own",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the gateway's API and pages; 0: a free one.")
    ] = 0,
):
    """A living hall on this machine: people, devices, gateway and centre.

    In a terminal it is a table, and keys pull plugs. Nothing may be lost: the oracle, who saw
    every key and every thanks, says so at the end.

    Example: pingjia demo --windows 8 --seconds 60 --pull 20:broker,35:gateway

    With --days the centre is a rehearsal under two regions' rules at once (钦南, 鄂州): after the
    people's time the days pass in a moment, and the oracle works out for itself who was reminded,
    what is 未评 and what counts by default: pingjia demo --seconds 20 --days 10

    To test a queue system (docs/integrate.md): pingjia demo --queue none --port 8080 --keep trial
    """
    if damage not in (None, *KINDS):
        raise typer.BadParameter(f"choose one of {', '.join(KINDS)}", param_hint="--sabotage")
    if broker not in BROKERS:
        raise typer.BadParameter(f"choose one of {', '.join(BROKERS)}", param_hint="--broker")
    if days and (damage is not None or pull):
        raise typer.BadParameter("goes without --pull and --sabotage", param_hint="--days")
    called = is_left_to_others(queue)
    if called and days:
        raise typer.BadParameter("goes without --days", param_hint="--queue")
    show = Show(seconds, seed, _pulls(pull), damage, days, called)
    if keep is not None:
        keep.mkdir(parents=True, mode=0o700)
    folder = nullcontext(str(keep)) if keep else tempfile.TemporaryDirectory(prefix="pingjia-")
    with folder as name:
        profiles = (QINNAN, EZHOU) if days else ()
        path = Path(name).resolve()
        hall = Hall(
            *(path, firmware.resolve(), windows),
            broker=broker,
            profiles=profiles,
            is_secure=tls,
            api_port=port,
            has_kiosk=not days and not called,  # else people's services would be others'
        )
        say = (lambda text: typer.echo(text, err=True)) if as_json else typer.echo
        console = Console()
        is_watched = console.is_terminal and sys.stdin.isatty() and not as_json
        try:
            with unix_port(interpreter, heap) as unix:
                watched = console if is_watched else None
                result = asyncio.run(run_hall(hall, show, say, watched, unix))
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
    conclude(result, as_json)


def _pulls(text: str) -> tuple[tuple[float, str], ...]:
    """(second, part) of `20:broker,35:gateway`."""
    pulls = []
    for pull in filter(None, text.split(",")):
        second, _, part = pull.strip().partition(":")
        if part not in PARTS or not second.isdecimal():
            raise typer.BadParameter(
                f"{pull!r} is no SECOND:PART; parts are {', '.join(PARTS)}", param_hint="--pull"
            )
        pulls.append((float(second), part))
    return tuple(pulls)
