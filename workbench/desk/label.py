"""A printable sheet of labels: QR, device, hall, date. A4, three columns of eight (70 x 37 mm)."""

import csv
import io
import os
from datetime import date
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import segno

from hosting.error import OperatorError

_COLUMNS, _ROWS = 3, 8
_WIDTH, _HEIGHT = 70, 37  # mm, a usual sheet of 24
_FIELDS = ["device", "hall", "epoch", "date"]


class Labelled(NamedTuple):
    """A device as its label and the bench's list have it. date: of the enrolment, ISO."""

    device: str
    hall: str
    epoch: str
    date: str


def note(path: Path, device: str, hall: str, epoch: int) -> None:
    """Adds a device to the bench's list (CSV), which `label` reads. Raises OperatorError."""
    try:
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if file.tell() == 0:
                writer.writerow(_FIELDS)
            writer.writerow([device, hall, epoch, date.today().isoformat()])
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None


def read_list(path: Path) -> list[Labelled]:
    """The devices of a bench's list; of one enrolled twice the newest. Raises OperatorError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [Labelled(*(row[name] for name in _FIELDS)) for row in csv.DictReader(file)]
    except (OSError, KeyError, csv.Error, UnicodeDecodeError) as error:
        raise OperatorError(
            f"{path} cannot be read as the bench's list ({error}): `pingjia workbench flash` and "
            "`enrol` write it; name it with --list."
        ) from None
    return list({row.device: row for row in rows}.values())


def sheets(devices: list[Labelled]) -> list[str]:
    """The labels as SVG pages. The QR holds the device's id and hall, no secret."""
    most = _COLUMNS * _ROWS
    return [_sheet(devices[start : start + most]) for start in range(0, len(devices), most)]


def _sheet(devices: list[Labelled]) -> str:
    labels = [
        _label(device, _WIDTH * (place % _COLUMNS), _HEIGHT * (place // _COLUMNS))
        for place, device in enumerate(devices)
    ]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="210mm" height="297mm" '
        'viewBox="0 0 210 297" font-family="Noto Sans CJK SC, sans-serif">\n'
        + "\n".join(labels)
        + "\n</svg>\n"
    )


def _label(device: Labelled, x: int, y: int) -> str:
    code = io.BytesIO()
    qr = segno.make_qr(f"pingjia:{device.hall}/{device.device}", error="m")
    qr.save(code, kind="svg", xmldecl=False, svgns=False, border=0, nl=False, omitsize=True)
    size = qr.symbol_size(border=0)[0]
    lines = [
        f'<text x="34" y="13" font-size="5" font-weight="bold">{escape(device.device)}</text>',
        f'<text x="34" y="20" font-size="3.5">大厅 {escape(device.hall)}</text>',
        f'<text x="34" y="26" font-size="3.5">{escape(device.date)}</text>',
    ]
    return (
        f'<g transform="translate({x} {y})"><g transform="translate(6 6) scale({25 / size:.4f})">'
        f"{code.getvalue().decode()}</g>{''.join(lines)}</g>"
    )
