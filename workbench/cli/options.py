"""The options that several commands share, and their defaults."""

from pathlib import Path
from typing import Annotated

import typer

Port = Annotated[str | None, typer.Option(help="The board's port, see `ports`.")]
Firmware = Annotated[
    Path, typer.Option(help="A folder of built firmware.", show_default="what came with pingjia")
]
DeviceList = Annotated[Path, typer.Option("--list", help="The bench's list of devices.")]
CentreUrl = Annotated[str, typer.Option("--centre", help="The centre's address.")]
TokenFile = Annotated[Path, typer.Option(help="A token with the scope enrol:<hall>.")]
Hall = Annotated[str, typer.Option(help="The hall's id.")]
Ca = Annotated[Path | None, typer.Option(help="The CA of the centre, PEM, if it is private.")]
MayOverwrite = Annotated[
    bool, typer.Option(help="Make a board that is a device another one; its journal goes.")
]
DEVICES = Path("devices.csv")
