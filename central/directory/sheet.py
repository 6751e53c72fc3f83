"""Tables as offices write them: a workbook (.xlsx) or a text file (.csv), cell by cell.

What stands in a cell is read as what a person sees there: a number without its decimal point, a
date as 2026-09-01, blanks around it gone. central/directory/reading.py makes sense of it.
"""

import csv
import io
import unicodedata
import zipfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.parsers import expat

from central.directory.reading import Table
from hosting.error import OperatorError
from hosting.text_file import open_file

_FILE_BYTES = 32 << 20
_UNPACKED_BYTES = 64 << 20  # a workbook is a zip: a small one may unpack to anything
ROWS = 100_000  # of one sheet
_COLUMNS = 64
_ROW_ELEMENTS = 8 * 16_384  # of XML; Excel has 16,384 columns, and a row is read as a whole
_ELEMENTS = 3_000_000  # of XML in a part beside those in rows: each leaves something behind
_EMPTY_ROWS = 1000  # so many in a row, and the sheet is over: Excel keeps a million
_PRECISE = 10**15  # Excel keeps 15 digits of a number, the rest are zeros


def read_tables(path: Path) -> list[Table]:
    """The sheets of a workbook, or the one of a text file, which is named like the file.

    A text file may be UTF-8 or GB18030, with or without a byte order mark. Raises OperatorError
    for what is no such file, or is too large.
    """
    try:
        with open_file(path) as file:
            content = file.read(_FILE_BYTES + 1)
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > _FILE_BYTES:
        raise OperatorError(f"{path} has over {_FILE_BYTES >> 20} MB: is it another file?")
    if path.suffix.lower() == ".csv":
        found = csv.reader(io.StringIO(_text(path, content), newline=""))
        try:
            return [_table(path, path.stem, found)]
        except csv.Error as error:
            raise OperatorError(f"{path}, line {found.line_num}: {error}.") from None
    if path.suffix.lower() != ".xlsx":
        raise OperatorError(f"{path} is neither .xlsx nor .csv: save it as an Excel workbook.")
    return _sheets(path, content)


def _sheets(path: Path, content: bytes) -> list[Table]:
    import openpyxl  # 20 MB that a centre which serves does not need

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(one.file_size for one in packed.infolist()) > _UNPACKED_BYTES:
                raise OperatorError(
                    f"{path} unpacks to over {_UNPACKED_BYTES >> 20} MB: split it into several, "
                    "and leave pictures out."
                )
            for part in packed.infolist():
                if part.filename.endswith((".xml", ".rels")):
                    _require_plain(path, packed, part)
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        return [
            _table(
                *(path, sheet.title.strip()),
                sheet.iter_rows(max_col=_COLUMNS, values_only=True),
            )
            for sheet in book.worksheets
        ]
    except OperatorError:
        raise
    # What a damaged workbook makes openpyxl and its parsers raise is nowhere written down.
    except Exception as error:
        raise OperatorError(
            f"{path} cannot be read as an Excel workbook ({type(error).__name__}): "
            "open it in Excel and save it anew as .xlsx, without a password."
        ) from None


def _require_plain(path: Path, packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """Raise OperatorError for a part whose elements would fill the memory: openpyxl makes an
    object of each, of those in rows one row at a time; or that defines entities.
    """
    of_row, elements, is_in_row = 0, 0, False

    def begin(name: str, _attributes: Any) -> None:
        nonlocal of_row, elements, is_in_row
        if name.rpartition(":")[2] == "row":
            of_row, is_in_row = 0, True
        of_row += is_in_row
        elements += not is_in_row or of_row == 1
        if of_row > _ROW_ELEMENTS or elements > _ELEMENTS:
            raise OperatorError(
                f"{path}, {part.filename}: more cells than a sheet has: is it another file?"
            )

    def end(name: str) -> None:
        nonlocal is_in_row
        is_in_row &= name.rpartition(":")[2] != "row"

    def refuse(*_declared: Any) -> None:
        raise OperatorError(f"{path}, {part.filename} declares entities: no Excel writes that.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    with packed.open(part) as file:
        parser.ParseFile(file)


def _table(path: Path, title: str, found: Iterator[Any]) -> Table:
    rows: list[tuple[int, list[str | None]]] = []
    empty = 0
    for number, cells in enumerate(found, start=1):
        texts = [_shown(cell) for cell in cells[:_COLUMNS]]
        while texts and texts[-1] == "":
            texts.pop()
        empty = 0 if texts else empty + 1
        if empty > _EMPTY_ROWS:
            break
        if texts:
            rows.append((number, texts))
        if len(rows) > ROWS:
            raise OperatorError(f"{path}, {title}: over {ROWS} rows: split the sheet in two.")
    return Table(path.name, title, rows)


def _shown(value: Any) -> str | None:
    """The text of a cell; None for a number that Excel has rounded, so that digits are lost."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float):
        if abs(value) >= _PRECISE:
            return None
        return str(int(value)) if value == int(value) else str(value)
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return "".join(one for one in str(value) if unicodedata.category(one) != "Cf").strip()


def _text(path: Path, content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise OperatorError(
        f"{path} is neither UTF-8 nor GB18030: save it in Excel as "
        "“CSV UTF-8 (逗号分隔)”, or as an Excel workbook."
    )
