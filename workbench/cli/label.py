"""`label`: sheets of labels for the devices of the bench's list."""

from pathlib import Path
from typing import Annotated

import typer

from hosting.error import OperatorError
from hosting.secret_file import write_new
from workbench.cli.options import DEVICES, DeviceList
from workbench.desk import label


def print_labels(
    out: Annotated[Path, typer.Option(help="A new SVG file; further pages get numbers.")],
    devices: DeviceList = DEVICES,
    device: Annotated[list[str] | None, typer.Option(help="Only these.")] = None,
) -> None:
    """Make a sheet of labels, 24 a page: QR, device, hall, date.

    Example: pingjia workbench label --out labels.svg
    """
    known = label.read_list(devices)
    chosen = [row for row in known if not device or row.device in device]
    missing = set(device or []) - {row.device for row in chosen}
    if missing or not chosen:
        raise OperatorError(f"{devices} does not have {', '.join(sorted(missing)) or 'any'}.")
    for number, page in enumerate(label.sheets(chosen), 1):
        path = out if number == 1 else out.with_stem(f"{out.stem}-{number}")
        write_new(path, page.encode(), mode=0o644)
        print(f"wrote {path}")
