"""What is done with boards on their cables: `ports`, `flash`, `network`."""

from pathlib import Path
from typing import Annotated

import typer

from hosting.error import OperatorError
from hosting.secret_file import read_private
from shipped import FIRMWARE
from workbench.board import image as images
from workbench.board.ports import describe, plugged
from workbench.board.release import read_release
from workbench.board.repl import Board
from workbench.cli.options import DEVICES, DeviceList, Firmware, MayOverwrite, Port
from workbench.cli.progress import work
from workbench.desk import bench, network

_PASSWORD_BYTES = 1000


def ports(port: Port = None) -> None:
    """List what is plugged in, or say what answers at one port.

    Example: pingjia workbench ports
    """
    if port is not None:
        print(f"{port}  {describe(port)}")
        return
    found = plugged()
    for one in found:
        number = f", {one.serial_number}" if one.serial_number else ""
        print(f"{one.name}  {describe(one.name)}  ({one.description}{number})")
    if not found:
        print("no USB serial port: plug a board in; a cable that only charges shows nothing")


def flash(
    port: Annotated[
        list[str] | None, typer.Option(help="A port; more than once for more.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All boards, in parallel.")] = False,
    bundles: Annotated[
        Path | None, typer.Option(help="A bundle, or a folder of them, issued beforehand.")
    ] = None,
    keep_bundle: Annotated[bool, typer.Option(help="Do not remove a used bundle.")] = False,
    overwrite: MayOverwrite = False,
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
    firmware: Firmware = FIRMWARE,
    devices: DeviceList = DEVICES,
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
    work(port or bench.choose_ports(None, every), job)


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
        raise OperatorError("name a Wi-Fi (--wifi NAME) or say --ethernet, one of them.")
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


def _password(file: Path | None) -> str:
    if file is None:
        return typer.prompt("password of the Wi-Fi (empty: none)", default="", hide_input=True)
    try:
        return (
            read_private(file, "write the password into it.", _PASSWORD_BYTES)
            .decode()
            .strip("\r\n")
        )
    except UnicodeDecodeError:
        raise OperatorError(f"{file} holds no text.") from None
