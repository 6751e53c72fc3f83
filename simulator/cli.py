"""`pingjia demo` and `pingjia sim`: a hall without hardware."""

import asyncio
import json
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from simulator.demo import Show, run_devices, run_hall
from simulator.faults import FAULTS, storm_hall
from simulator.hall import BROKERS, Hall
from simulator.oracle import judge, read_log, summary
from simulator.plugs import PARTS
from simulator.run import read_centre
from simulator.sabotage import KINDS
from simulator.web import Centre, QueueSystem, read_token

app = typer.Typer(
    help="Virtual devices and the oracle, against parts that already run.",
    no_args_is_help=True,
    add_completion=False,
)
demo_app = typer.Typer(add_completion=False)
_FIRMWARE = Path("build/firmware")

Seconds = Annotated[float | None, typer.Option(help="End after this long; without: Ctrl-C.")]
Seed = Annotated[int, typer.Option(help="Seed of everything the people choose.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")]
Broker = Annotated[
    str, typer.Option(metavar="|".join(BROKERS), help="The gateway's own, or Debian's mosquitto.")
]
Firmware = Annotated[Path, typer.Option(help="The built firmware (`make firmware`).")]


@demo_app.command()
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
    firmware: Firmware = _FIRMWARE,
):
    """A living hall on this machine: people, devices, gateway and centre.

    In a terminal it is a table, and keys pull plugs. Nothing may be lost: the oracle, who saw
    every key and every thanks, says so at the end.

    Example: pingjia demo --windows 8 --seconds 60 --pull 20:broker,35:gateway
    """
    if damage not in (None, *KINDS):
        raise typer.BadParameter(f"choose one of {', '.join(KINDS)}", param_hint="--sabotage")
    if broker not in BROKERS:
        raise typer.BadParameter(f"choose one of {', '.join(BROKERS)}", param_hint="--broker")
    show = Show(seconds, seed, _pulls(pull), damage)
    if keep is not None:
        keep.mkdir(parents=True, mode=0o700)
    folder = nullcontext(str(keep)) if keep else tempfile.TemporaryDirectory(prefix="pingjia-")
    with folder as name:
        hall = Hall(Path(name).resolve(), firmware.resolve(), windows, broker=broker)
        say = (lambda text: typer.echo(text, err=True)) if as_json else typer.echo
        console = Console()
        is_watched = console.is_terminal and sys.stdin.isatty() and not as_json
        try:
            result = asyncio.run(run_hall(hall, show, say, console if is_watched else None))
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
    _conclude(result, as_json)


@app.command()
def check(
    oracle: Annotated[Path, typer.Option(help="The oracle's log of a run.")],
    centre: Annotated[str, typer.Option(help="The centre's address.")],
    token_file: Annotated[Path, typer.Option(help="A token with scope records:read.")],
    as_json: Json = False,
):
    """Hold an oracle's log against what a centre holds.

    Example: pingjia sim check --oracle run/oracle.jsonl --centre http://127.0.0.1:8443
    --token-file run/reader.token
    """
    ratings = asyncio.run(read_centre(Centre(centre, read_token(token_file))))
    verdict = judge(read_log(oracle), ratings)
    _conclude(summary(verdict, None, None), as_json)


@app.command(name="storm")
def run_storm(
    fault: Annotated[str, typer.Option(help="What to do, see --list.")] = "gateway-kill",
    times: Annotated[int, typer.Option(min=1, max=1000)] = 5,
    windows: Annotated[int, typer.Option(min=1, max=200)] = 4,
    seed: Seed = 1,
    broker: Broker = "embedded",
    firmware: Firmware = _FIRMWARE,
    show: Annotated[bool, typer.Option("--list", help="List the faults.")] = False,
):
    """Do a fault to a fresh hall again and again while people rate; the oracle judges.

    Example: pingjia sim storm --fault broker-kill --times 20 --seed 7
    """
    if show:
        for name, known in FAULTS.items():
            typer.echo(f"{name:24}{(known.__doc__ or '').splitlines()[0]}")
        return
    if fault not in FAULTS:
        raise typer.BadParameter(f"choose one of {', '.join(FAULTS)}", param_hint="--fault")
    with tempfile.TemporaryDirectory(prefix="pingjia-") as name:
        folder = Path(name).resolve()
        hall = Hall(folder, firmware.resolve(), windows, may_misbehave=True, broker=broker)
        result = asyncio.run(storm_hall(hall, fault, times, seed, typer.echo))
    _conclude(result, False)


@app.command()
def run(
    devices: Annotated[Path, typer.Option(help="Folder of device folders (see `pingjia demo`).")],
    oracle: Annotated[Path, typer.Option(help="Where the oracle writes its log.")],
    gateway: Annotated[str, typer.Option(help="The gateway's address.")],
    token_file: Annotated[Path, typer.Option(help="A token of the gateway's API.")],
    seconds: Seconds = None,
    seed: Seed = 1,
):
    """Run virtual devices and people against a gateway that already runs.

    Example: pingjia sim run --devices run/devices --oracle run/oracle.jsonl
    --gateway http://127.0.0.1:8080 --token-file run/queue.token --seconds 30
    """
    folders = {path.name: path for path in sorted(devices.resolve().iterdir())}
    queue = QueueSystem(gateway, read_token(token_file))
    asyncio.run(run_devices(folders, oracle.resolve(), queue, seconds, seed, typer.echo))


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


def _conclude(result, as_json):
    """Prints the oracle's verdict; exit code 1 if anything was lost, doubled or altered."""
    for explanation in result["explanations"]:
        typer.echo(explanation, err=True)
    holds = result["thanked"] > 0 and not (
        result["lost"] or result["duplicate"] or result["altered"]
    )
    if as_json:
        typer.echo(json.dumps({k: v for k, v in result.items() if k != "explanations"}))
    else:
        typer.echo(
            f"oracle: {result['thanked']} thanked, {result['in_centre']} in the centre,"
            f" lost {result['lost']}, duplicate {result['duplicate']},"
            f" altered {result['altered']}: {'holds' if holds else 'DOES NOT HOLD'}"
        )
    if not holds:
        raise typer.Exit(1)
