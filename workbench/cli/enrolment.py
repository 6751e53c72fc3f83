"""Devices that the centre gives a bundle, one at a time: `enrol`, `replace`."""

from typing import Annotated

import typer

from shipped import FIRMWARE
from workbench.board.release import read_release
from workbench.cli.options import (
    DEVICES,
    Ca,
    CentreUrl,
    DeviceList,
    Firmware,
    Hall,
    MayOverwrite,
    Port,
    TokenFile,
)
from workbench.cli.progress import work
from workbench.desk import bench
from workbench.desk.centre import Centre


def enrol(
    centre: CentreUrl,
    token_file: TokenFile,
    hall: Hall,
    window: Annotated[str, typer.Option(help="Where the device will stand.")],
    device: Annotated[str, typer.Option(help="Its id, as its label will show it.")],
    port: Port = None,
    overwrite: MayOverwrite = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Although another board has this id: that one is ended."),
    ] = False,
    ca: Ca = None,
    firmware: Firmware = FIRMWARE,
    devices: DeviceList = DEVICES,
) -> None:
    """Ask the centre for a bundle, and put it on a board (with the firmware, where it lacks).

    Example: pingjia workbench enrol --centre https://centre.example --token-file technician.token
    --hall demo --window w1 --device xj-0417
    """
    with Centre(centre, hall, token_file, ca) as client:
        source = bench.from_centre(client, device, window, replace)
        job = bench.Job(read_release(firmware), source, overwrite, False, devices)
        work(bench.choose_ports(port, False), job)


def replace(
    old: Annotated[str, typer.Option(help="The dead device's id.")],
    device: Annotated[str, typer.Option(help="The new device's id.")],
    centre: CentreUrl,
    token_file: TokenFile,
    hall: Hall,
    port: Port = None,
    ca: Ca = None,
    firmware: Firmware = FIRMWARE,
    devices: DeviceList = DEVICES,
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
