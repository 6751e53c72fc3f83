"""The picture of a sheet of labels in docs/, as a printer has it.

    .venv/bin/python docs/label_screenshot.py

It draws a box of twenty devices as PDF, the last with the longest ids, and renders the page.
"""

import sys
from pathlib import Path

import pypdfium2

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from workbench.desk import label, sheet  # noqa: E402

_DPI = 130
_BOX = [
    label.Labelled(
        *(f"xj-{number:04d}", "wulumuqi-tianshan", "29922165", "2026-11-22"),
        *(f"/dev/ttyUSB{number}", f"58CD0{number:03d}A1"),
    )
    for number in range(1, 20)
]
_LONGEST = label.Labelled(
    *("x" * 28 + "0020", "h" * 32, "29922165", "2026-11-22", "/dev/cu.usbserial-14220", "0" * 32)
)


def main() -> None:
    """Writes docs/images/labels.png."""
    (file,) = sheet.as_pdf([*_BOX, _LONGEST])
    with pypdfium2.PdfDocument(file) as document:
        picture = document[0].render(scale=_DPI / 72, grayscale=True).to_pil()
    picture.quantize(16).save(ROOT / "docs/images/labels.png", optimize=True)


if __name__ == "__main__":
    main()
