"""`label`: sheets of labels for the devices of the bench's list."""

from pathlib import Path
from typing import Annotated

import typer

from hosting.error import OperatorError
from hosting.secret_file import write_new
from workbench.cli.options import DEVICES, DeviceList
from workbench.desk import label, sheet


def print_labels(
    out: Annotated[
        Path,
        typer.Option(help="A new file: .pdf has all pages, of .svg further pages get numbers."),
    ],
    devices: DeviceList = DEVICES,
    device: Annotated[list[str] | None, typer.Option(help="Only these.")] = None,
) -> None:
    """Make sheets of labels, 24 a page: QR, device, hall, date, and the board it belongs to.

    Example: pingjia workbench label --out labels.pdf
    """
    draw = sheet.KINDS.get(out.suffix.lower())
    if draw is None:
        raise OperatorError(
            f"{out}: a sheet of labels is a .pdf or a .svg: name it "
            f"{out.with_suffix('.pdf').name}."
        )
    known = label.read_list(devices)
    chosen = [row for row in known if not device or row.device in device]
    missing = set(device or []) - {row.device for row in chosen}
    if missing or not chosen:
        raise OperatorError(f"{devices} does not have {', '.join(sorted(missing)) or 'any'}.")
    files = draw(chosen)
    paths = [out, *(out.with_stem(f"{out.stem}-{n}") for n in range(2, len(files) + 1))]
    for path in paths:
        if path.exists():  # before any is written
            raise OperatorError(f"{path} exists already and is never overwritten: name another.")
    for path, content in zip(paths, files, strict=True):
        write_new(path, content, mode=0o644)
        print(f"wrote {path}")
