"""`pingjia sim`: virtual devices and the oracle, against parts that already run, and storms."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from hosting.error import OperatorError
from shipped import FIRMWARE
from simulator.check.oracle import judge, of_runs, read_log, summary
from simulator.cli.options import (
    INTERPRETERS,
    Broker,
    Ca,
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
from simulator.demo import run_devices
from simulator.devices.folder import of_bundle
from simulator.devices.unix import HEAP
from simulator.parts.faults import FAULTS, storm_hall
from simulator.parts.hall import Hall
from simulator.parts.run import read_centre
from simulator.web import Centre, QueueSystem, read_token

app = typer.Typer(
    help="Virtual devices and the oracle, against parts that already run.",
    no_args_is_help=True,
    add_completion=False,
)


@app.command()
def check(
    oracle: Annotated[Path, typer.Option(help="The oracle's log of a run.")],
    centre: Annotated[str, typer.Option(help="The centre's address.")],
    token_file: Annotated[Path, typer.Option(help="A token with scope records:read.")],
    ca: Ca = None,
    as_json: Json = False,
):
    """Hold an oracle's log against what a centre holds.

    Example: pingjia sim check --oracle run/oracle.jsonl --centre http://127.0.0.1:8443
    --token-file run/reader.token
    """
    ratings = asyncio.run(read_centre(Centre(centre, read_token(token_file), ca)))
    presses = read_log(oracle)
    own = of_runs(presses, ratings)
    if len(own) < len(ratings):
        others = len(ratings) - len(own)
        typer.echo(f"{others} ratings of other runs or people are not compared", err=True)
    verdict = judge(presses, own)
    conclude(summary(verdict, None, None), as_json)


@app.command(name="storm")
def run_storm(
    fault: Annotated[str, typer.Option(help="What to do, see --list.")] = "gateway-kill",
    times: Annotated[int, typer.Option(min=1, max=1000)] = 5,
    windows: Annotated[int, typer.Option(min=1, max=200)] = 4,
    seed: Seed = 1,
    broker: Broker = "embedded",
    firmware: Firmware = FIRMWARE,
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
    conclude(result, False)


@app.command()
def device(
    bundles: Annotated[list[Path], typer.Argument(help="Bundles, as enrolment wrote them.")],
    devices: Annotated[Path, typer.Option(help="The folder for the device folders.")],
    firmware: Firmware = FIRMWARE,
):
    """Make virtual devices of bundles, with the built firmware, for `sim run`.

    Example: pingjia sim device bundles/*.json --devices run/devices
    """
    for bundle in bundles:
        typer.echo(f"made {of_bundle(devices, firmware, bundle)}")


@app.command()
def run(
    devices: Annotated[Path, typer.Option(help="What `sim device` or `demo --keep` made.")],
    oracle: Annotated[Path, typer.Option(help="Where the oracle writes its log.")],
    gateway: Annotated[str, typer.Option(help="The gateway's address.")],
    token_file: Annotated[Path, typer.Option(help="A token of the gateway's API.")],
    ca: Ca = None,
    interpreter: Interpreter = INTERPRETERS[0],
    heap: Heap = HEAP,
    seconds: Seconds = None,
    seed: Seed = 1,
    queue: Queue = "own",
    bundles: Annotated[
        Path | None, typer.Option(help="A folder of bundles: devices that are not there are made.")
    ] = None,
    firmware: Firmware = FIRMWARE,
):
    """Run virtual devices and people against a gateway that already runs.

    With --queue none people only rate: whoever calls the gateway's API serves them, and a hall in
    which nobody rated is an error.

    Devices trust the CA in their bundle; --ca is the gateway's, for the queue system. On the unix
    port a device's journal is a file of its own (journal.img): a device stays on the interpreter
    on which it began (`pingjia demo --interpreter unix --keep DIR` makes such ones).

    Example: pingjia sim run --devices run/devices --oracle run/oracle.jsonl
    --gateway http://127.0.0.1:8080 --token-file run/queue.token --seconds 30
    """
    is_called_by_others = is_left_to_others(queue)
    for bundle in sorted(bundles.glob("*.json")) if bundles else ():
        if not (devices / bundle.stem / "identity.json").exists():
            of_bundle(devices, firmware, bundle)
    folders = {path.parent.name: path.parent for path in devices.resolve().glob("*/identity.json")}
    if not folders:
        raise OperatorError(f"there is no device in {devices}: `pingjia sim device` makes some")
    api = QueueSystem(gateway, read_token(token_file), ca)
    with unix_port(interpreter, heap) as unix:
        given = (folders, oracle.resolve(), api, seconds, seed, typer.echo, unix)
        asyncio.run(run_devices(*given, is_called_by_others))
