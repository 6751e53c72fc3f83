"""`pingjia workbench …`: the technician's commands; each is thin over workbench/bench.py."""

import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from workbench import bench, guide, label, network, rescue
from workbench import image as images
from workbench import selftest as selftests
from workbench.board import Board
from workbench.centre import Centre
from workbench.error import WorkbenchError
from workbench.ports import describe, plugged
from workbench.release import read_release
from workbench.secret import read_secret

app = typer.Typer(
    help="技术员工作台 The technician's bench.", invoke_without_command=True, add_completion=False
)

Port = Annotated[str | None, typer.Option(help="The board's port, see `ports`.")]
Firmware = Annotated[Path, typer.Option(help="What `make firmware` built.")]
DeviceList = Annotated[Path, typer.Option("--list", help="The bench's list of devices.")]
CentreUrl = Annotated[str, typer.Option("--centre", help="The centre's address.")]
TokenFile = Annotated[Path, typer.Option(help="A token with the scope enrol:<hall>.")]
Hall = Annotated[str, typer.Option(help="The hall's id.")]
Ca = Annotated[Path | None, typer.Option(help="The CA of the centre, PEM, if it is private.")]
_FIRMWARE = Path("build/firmware")
_DEVICES = Path("devices.csv")
_PASSWORD_BYTES = 1000


@app.callback(invoke_without_command=True)
def workbench(context: typer.Context) -> None:
    """From a box of blank boards to a box of working, labelled, enrolled devices.

    Without a command it leads through the work step by step.
    """
    if context.invoked_subcommand is None:
        guide.lead(_FIRMWARE, _DEVICES, sys.stdin.isatty())


@app.command()
def ports(port: Port = None) -> None:
    """List what is plugged in, or say what answers at one port.

    Example: pingjia workbench ports
    """
    if port is not None:
        print(f"{port}  {describe(port)}")
        return
    found = plugged()
    for one in found:
        print(f"{one.name}  {describe(one.name)}  ({one.description})")
    if not found:
        print("no USB serial port: plug a board in; a cable that only charges shows nothing")


@app.command()
def flash(
    port: Annotated[
        list[str] | None, typer.Option(help="A port; more than once for more.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All boards, in parallel.")] = False,
    bundles: Annotated[
        Path | None, typer.Option(help="A bundle, or a folder of them, issued beforehand.")
    ] = None,
    keep_bundle: Annotated[bool, typer.Option(help="Do not remove a used bundle.")] = False,
    overwrite: Annotated[
        bool, typer.Option(help="Enrol anew a board that is enrolled; its journal goes.")
    ] = False,
    image: Annotated[
        Path | None, typer.Option(help="First put this MicroPython on: .bin or .uf2.")
    ] = None,
    chip: Annotated[
        str, typer.Option(help="For --image: esp32, esp32s2, esp32s3, esp32c3 or rp2.")
    ] = "esp32",
    hashes: Annotated[
        Path, typer.Option(help="For --image: the list of images to trust (sha256sum).")
    ] = Path("images.sha256"),
    drive: Annotated[
        Path | None, typer.Option(help="For --chip rp2: the board's drive in boot mode.")
    ] = None,
    firmware: Firmware = _FIRMWARE,
    devices: DeviceList = _DEVICES,
) -> None:
    """Put the firmware on, and a bundle; verify everything; wait until the device lives.

    Example: pingjia workbench flash --all --bundles bundles/
    """
    if image is not None:
        images.check_image(image, hashes)
        if chip == "rp2":
            images.write_uf2(image, drive or images.find_drive())
            print(f"{image.name} is on the board, which restarts now; when its port is back:")
            print("pingjia workbench flash")
            return
    supply = None if bundles is None else bench.from_files(bundles)
    micropython = None if image is None else (chip, image)
    release = read_release(firmware)
    job = bench.Job(release, supply, overwrite, keep_bundle, devices, micropython)
    _work(port or bench.choose_ports(None, every), job)


@app.command()
def enrol(
    centre: CentreUrl,
    token_file: TokenFile,
    hall: Hall,
    window: Annotated[str, typer.Option(help="Where the device will stand.")],
    device: Annotated[str, typer.Option(help="Its id, as its label will show it.")],
    port: Port = None,
    overwrite: Annotated[
        bool, typer.Option(help="Enrol anew a board that is enrolled; its journal goes.")
    ] = False,
    ca: Ca = None,
    firmware: Firmware = _FIRMWARE,
    devices: DeviceList = _DEVICES,
) -> None:
    """Ask the centre for a bundle, and put it on a board (with the firmware, where it lacks).

    Example: pingjia workbench enrol --centre https://centre.example --token-file technician.token
    --hall demo --window w1 --device xj-0417
    """
    with Centre(centre, hall, token_file, ca) as client:
        source = bench.from_centre(client, device, window)
        job = bench.Job(read_release(firmware), source, overwrite, False, devices)
        _work(bench.choose_ports(port, False), job)


@app.command()
def selftest(
    port: Port = None,
    out: Annotated[Path | None, typer.Option(help="A new file for the printable report.")] = None,
    centre: Annotated[str | None, typer.Option(help="Wait until this centre has it.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="For --centre.")] = None,
    ca: Ca = None,
    firmware: Firmware = _FIRMWARE,
) -> None:
    """Try keys, lamps, sound, flash, network, broker and clock; the device signs the result.

    Example: pingjia workbench selftest --port /dev/ttyUSB0 --out xj-0417.txt
    """
    (name,) = bench.choose_ports(port, False)
    release = read_release(firmware)
    with Board(name) as board:
        tested = selftests.selftest(board, release.version, _ask, print)
    page = selftests.report(tested)
    if out is not None:
        rescue.write_new(out, page.encode())
    print(page)
    if centre is not None and token_file is not None:
        with Centre(centre, tested.hall, token_file, ca) as client:
            bench.wait_for_record(client, tested.device, tested.seq)
        print("the centre has the record")
    if tested.failed:
        raise WorkbenchError(
            f"{tested.device} failed: {', '.join(tested.failed)}. Do not put it on a counter; "
            "docs/technician.md says what each part needs."
        )


@app.command(name="label")
def print_labels(
    out: Annotated[Path, typer.Option(help="A new SVG file; further pages get numbers.")],
    devices: DeviceList = _DEVICES,
    device: Annotated[list[str] | None, typer.Option(help="Only these.")] = None,
) -> None:
    """Make a sheet of labels, 24 a page: QR, device, hall, date.

    Example: pingjia workbench label --out labels.svg
    """
    known = label.read_list(devices)
    chosen = [row for row in known if not device or row.device in device]
    missing = set(device or []) - {row.device for row in chosen}
    if missing or not chosen:
        raise WorkbenchError(f"{devices} does not have {', '.join(sorted(missing)) or 'any'}.")
    for number, page in enumerate(label.sheets(chosen), 1):
        path = out if number == 1 else out.with_stem(f"{out.stem}-{number}")
        rescue.write_new(path, page.encode())
        print(f"wrote {path}")


@app.command()
def replace(
    old: Annotated[str, typer.Option(help="The dead device's id.")],
    device: Annotated[str, typer.Option(help="The new device's id.")],
    centre: CentreUrl,
    token_file: TokenFile,
    hall: Hall,
    port: Port = None,
    ca: Ca = None,
    firmware: Firmware = _FIRMWARE,
    devices: DeviceList = _DEVICES,
) -> None:
    """Put a new device in a dead one's window, and revoke the dead one.

    Example: pingjia workbench replace --old xj-0417 --device xj-0588 --hall demo
    --centre https://centre.example --token-file technician.token
    """
    (name,) = bench.choose_ports(port, False)
    release = read_release(firmware)
    with Centre(centre, hall, token_file, ca) as client:
        for line in bench.replace(name, release, client, old, device, devices):
            print(line)


@app.command(name="rescue")
def rescue_records(
    port: Port = None,
    out: Annotated[Path | None, typer.Option(help="A new file; DEVICE.jsonl.gz if none.")] = None,
) -> None:
    """Read what an old device's journal still holds; it keeps all of it.

    Example: pingjia workbench rescue --port /dev/ttyUSB0
    """
    (name,) = bench.choose_ports(port, False)
    with Board(name) as board:
        found = rescue.read_journal(board)
    path = out or Path(f"{found.device}-{found.epoch}.jsonl.gz")
    rescue.write_rescued(found, path)
    damaged = f", {found.damaged} damaged pieces left out" if found.damaged else ""
    records = "1 record" if len(found.envelopes) == 1 else f"{len(found.envelopes)} records"
    print(f"{name}: {records} of {found.device} in {path}{damaged}")


@app.command()
def deliver(
    file: Annotated[Path, typer.Argument(help="What `rescue` wrote.")],
    centre: CentreUrl,
    token_file: TokenFile,
    hall: Hall,
    ca: Ca = None,
) -> None:
    """Hand rescued records to the centre; what it has already is counted once only.

    Example: pingjia workbench deliver xj-0417-29333341.jsonl.gz --hall demo
    --centre https://centre.example --token-file technician.token
    """
    envelopes = rescue.read_rescued(file)
    with Centre(centre, hall, token_file, ca) as client:
        counts = client.deliver(envelopes)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "empty")
    if counts.get("rejected"):
        raise WorkbenchError("the centre rejected some: keep the file, and ask its operator.")


@app.command(name="network")
def set_network(
    port: Port = None,
    wifi: Annotated[str | None, typer.Option(help="The Wi-Fi's name (SSID).")] = None,
    hidden: Annotated[bool, typer.Option(help="The Wi-Fi does not tell its name.")] = False,
    password_file: Annotated[
        Path | None, typer.Option(help="A file with its password; asked for if none.")
    ] = None,
    ethernet: Annotated[bool, typer.Option(help="A network cable instead.")] = False,
    address: Annotated[
        str | None, typer.Option(help="Fixed: ADDRESS/BITS,GATEWAY,NAMESERVER.")
    ] = None,
    ca: Annotated[Path | None, typer.Option(help="The CA of the hall's broker, PEM.")] = None,
) -> None:
    """Tell a device how it reaches its hall.

    Example: pingjia workbench network --wifi hall-devices --hidden
    """
    if (wifi is None) != ethernet:
        raise WorkbenchError("name a Wi-Fi (--wifi NAME) or say --ethernet, one of them.")
    fixed = None if address is None else network.parse_address(address)
    if wifi is None:
        settings = network.ethernet(fixed)
    else:
        settings = network.wifi(wifi, _password(password_file), hidden, fixed)
    (name,) = bench.choose_ports(port, False)
    with Board(name) as board:
        network.put_network(board, settings, None if ca is None else network.der(ca))
        board.reset()
    print(f"{name}: network settings written and verified; the board restarts")


def _work(names: list[str], job: bench.Job) -> None:
    """Does a job to all boards, with bars on a terminal; one line each; error if any failed."""
    failed = {}
    console = Console(stderr=True)
    with Progress(
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # else the results would leave with the bars
    ) as bars:
        bar = {name: bars.add_task(name, total=None) for name in names}

        def show(name: str, sent: int, total: int) -> None:
            bars.update(bar[name], completed=sent, total=total)

        for name, result in bench.work_on_all(names, job, show):
            if isinstance(result, WorkbenchError):
                failed[name] = str(result)
            else:
                print(result, flush=True)
            bars.remove_task(bar[name])
    if len(names) == 1 and failed:
        raise WorkbenchError(failed[names[0]])
    if failed:
        done = len(names) - len(failed)
        first = f"{done} of {len(names)} boards are done, {len(failed)} failed:"
        sentences = [_indented(text) for _, text in sorted(failed.items())]
        raise WorkbenchError("\n".join([first, *sentences]))


def _indented(text: str) -> str:
    paragraph = textwrap.TextWrapper(79, initial_indent="  ", subsequent_indent="    ")
    paragraph.break_long_words = paragraph.break_on_hyphens = False  # names of ports
    return paragraph.fill(text)


def _ask(question: str) -> bool:
    return typer.confirm(question)


def _password(file: Path | None) -> str:
    if file is None:
        return typer.prompt("password of the Wi-Fi (empty: none)", default="", hide_input=True)
    try:
        return read_secret(file, _PASSWORD_BYTES).decode().strip("\r\n")
    except UnicodeDecodeError:
        raise WorkbenchError(f"{file} holds no text.") from None
