"""Options that several commands take, and the verdict with which they end."""

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from simulator.devices.unix import UnixPort
from simulator.parts.hall import BROKERS

INTERPRETERS = ("webassembly", "unix")

Seconds = Annotated[float | None, typer.Option(help="End after this long; without: Ctrl-C.")]
Seed = Annotated[int, typer.Option(help="Seed of everything the people choose.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")]
Broker = Annotated[
    str, typer.Option(metavar="|".join(BROKERS), help="The gateway's own, or Debian's mosquitto.")
]
Queue = Annotated[
    str,
    typer.Option(
        metavar="own|none",
        help="none: the windows are left to whoever calls the gateway's API.",
    ),
]
Ca = Annotated[Path | None, typer.Option(help="Whom to trust: the server's CA, PEM.")]
Interpreter = Annotated[
    str,
    typer.Option(
        metavar="|".join(INTERPRETERS),
        help="MicroPython's WebAssembly build, or its unix port with the board to buy.",
    ),
]
Heap = Annotated[str, typer.Option(help="Of a device on the unix port.")]
Firmware = Annotated[
    Path, typer.Option(help="A folder of built firmware.", show_default="what came with pingjia")
]


def is_left_to_others(queue: str) -> bool:
    """What --queue chooses."""
    if queue not in ("own", "none"):
        raise typer.BadParameter("choose one of own, none", param_hint="--queue")
    return queue == "none"


def unix_port(interpreter: str, heap: str) -> AbstractContextManager[UnixPort | None]:
    """What --interpreter chooses: None for the WebAssembly build."""
    if interpreter not in INTERPRETERS:
        raise typer.BadParameter(
            f"choose one of {', '.join(INTERPRETERS)}", param_hint="--interpreter"
        )
    return UnixPort(heap) if interpreter == "unix" else nullcontext()


def conclude(result: dict, as_json: bool):
    """Prints the oracle's verdict; exit code 1 if anything was lost, doubled, altered, or
    counted wrongly after the days of a rehearsal.
    """
    for explanation in result["explanations"]:
        typer.echo(explanation, err=True)
    holds = result["thanked"] > 0 and not (
        result["lost"] or result["duplicate"] or result["altered"] or result.get("wrong")
    )
    days = f", wrong after the days {result['wrong']}" if "wrong" in result else ""
    if as_json:
        typer.echo(json.dumps({k: v for k, v in result.items() if k != "explanations"}))
    else:
        typer.echo(
            f"oracle: {result['thanked']} thanked, {result['in_centre']} in the centre,"
            f" lost {result['lost']}, duplicate {result['duplicate']},"
            f" altered {result['altered']}{days}: {'holds' if holds else 'DOES NOT HOLD'}"
        )
    if not holds:
        raise typer.Exit(1)
