"""Sheets of labels that print: A4, three columns of eight (70 x 37 mm), as PDF and as SVG.

A code holds the device's id and hall, no secret. Every line keeps its place with any viewer's
fonts: letters are of one width, and what is longer than its place is broken or cut.
"""

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import segno

from workbench.desk.label import Labelled

_COLUMNS, _ROWS = 3, 8
_WIDTH, _HEIGHT = 70, 37  # mm, a usual sheet of 24
_PAGE = (210, 297)  # mm, A4
_CODE = 25  # mm, beside 4 modules of white at least, as ISO/IEC 18004 wants it
_CODE_AT = (5, 6)
_TEXT_AT = 34  # mm from the label's left
_LINE = 16  # letters
_LETTER = 0.6  # of a font's size: the width of each letter of Courier and its kin
_LETTERS = "Courier New, Courier, monospace"
_ID, _SMALL = 3.3, 2.5  # mm, sizes of letters
_VALUE_AT = _TEXT_AT + 2.6 * _SMALL


class _Text(NamedTuple):
    """A line at x, y (of its foot) in mm from the page's top left. is_caption: Chinese."""

    x: float
    y: float
    size: float
    words: str
    is_bold: bool = False
    is_caption: bool = False

    @property
    def width(self) -> float:
        """In mm."""
        return len(self.words) * self.size * (1 if self.is_caption else _LETTER)


class _Bar(NamedTuple):
    """Dark modules of a code side by side, in mm."""

    x: float
    y: float
    width: float
    height: float


def as_pdf(devices: list[Labelled]) -> list[bytes]:
    """One file with all pages."""
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(_PAGE[0] * mm, _PAGE[1] * mm))
    canvas.setTitle("Pingjia")
    for page in _pages(devices):
        for bar in _bars(page):
            foot = _PAGE[1] - bar.y - bar.height
            box = (bar.x * mm, foot * mm, bar.width * mm, bar.height * mm)
            canvas.rect(*box, stroke=0, fill=1)
        for text in _texts(page):
            font = "Courier-Bold" if text.is_bold else "Courier"
            canvas.setFont("STSong-Light" if text.is_caption else font, text.size * mm)
            canvas.drawString(text.x * mm, (_PAGE[1] - text.y) * mm, text.words)
        canvas.showPage()
    canvas.save()
    return [file.getvalue()]


def as_svg(devices: list[Labelled]) -> list[bytes]:
    """A file a page."""
    return [_svg(page).encode() for page in _pages(devices)]


# By the ending of a file's name.
KINDS: dict[str, Callable[[list[Labelled]], list[bytes]]] = {".pdf": as_pdf, ".svg": as_svg}


def _svg(page: list[Labelled]) -> str:
    dark = "".join(
        f"M{bar.x:.4f} {bar.y:.4f}h{bar.width:.4f}v{bar.height:.4f}h-{bar.width:.4f}z"
        for bar in _bars(page)
    )
    lines = [
        f'<text x="{text.x:.2f}" y="{text.y:.2f}" font-size="{text.size}" '
        f'font-weight="{"bold" if text.is_bold else "normal"}" '
        f'font-family="{"sans-serif" if text.is_caption else _LETTERS}" '
        f'textLength="{text.width:.2f}" lengthAdjust="spacingAndGlyphs">'
        f"{escape(text.words)}</text>"
        for text in _texts(page)
    ]
    width, height = _PAGE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" '
        f'viewBox="0 0 {width} {height}">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n'
        f'<path shape-rendering="crispEdges" d="{dark}"/>\n' + "\n".join(lines) + "\n</svg>\n"
    )


def _pages(devices: list[Labelled]) -> list[list[Labelled]]:
    most = _COLUMNS * _ROWS
    return [devices[start : start + most] for start in range(0, len(devices), most)]


def _places(page: list[Labelled]) -> Iterator[tuple[Labelled, int, int]]:
    for place, device in enumerate(page):
        yield device, _WIDTH * (place % _COLUMNS), _HEIGHT * (place // _COLUMNS)


def _bars(page: list[Labelled]) -> Iterator[_Bar]:
    for device, left, top in _places(page):
        rows = segno.make_qr(f"pingjia:{device.hall}/{device.device}", error="m").matrix
        module = _CODE / len(rows)
        for number, row in enumerate(rows):
            y = top + _CODE_AT[1] + number * module
            for first, length in _runs(row):
                x = left + _CODE_AT[0] + first * module
                yield _Bar(x, y, length * module, module)


def _runs(row: Any) -> Iterator[tuple[int, int]]:
    """(first, length) of the dark modules side by side in a row of bytes."""
    first = 0
    for piece in bytes(row).split(b"\0"):
        if piece:
            yield first, len(piece)
        first += len(piece) + 1


def _texts(page: list[Labelled]) -> Iterator[_Text]:
    for device, left, top in _places(page):
        y = top + 5.0
        for words in _broken(device.device):
            y += _ID * 1.3
            yield _Text(left + _TEXT_AT, y, _ID, words, is_bold=True)
        y += 1
        for caption, lines in (
            ("大厅", _broken(device.hall)),
            ("日期", [device.date]),
            ("端口", _end(device.port.removeprefix("/dev/"))),
            ("板号", _end(device.serial_number)),
        ):
            for number, words in enumerate(lines):
                y += _SMALL * 1.4
                if not number:
                    yield _Text(left + _TEXT_AT, y, _SMALL, caption, is_caption=True)
                yield _Text(left + _VALUE_AT, y, _SMALL, words)


def _broken(words: str) -> list[str]:
    """An id in lines, broken after a hyphen if that makes no third line."""
    if len(words) <= _LINE:
        return [words]
    after = words.rfind("-", 0, _LINE) + 1
    cut = after if after and len(words) - after <= _LINE else _LINE
    return [words[:cut], *_broken(words[cut:])]


def _end(words: str) -> list[str]:
    """The end of what is too long for its line: serial numbers differ there."""
    return [words[-_LINE:]] if words else []
