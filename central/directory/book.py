"""The directory as a workbook: what an import would read back without a change."""

import io
from typing import Any

from central.directory.kinds import KINDS, shown

_ROWS_ABOVE = 1


def workbook(rows: dict[str, list[dict[str, Any]]]) -> bytes:
    """An .xlsx with a sheet a kind. rows: by kind, as importer.exported gives them; without any it
    is the template: the headings, each with a remark, and a sheet that tells what to fill in.
    """
    import xlsxwriter  # a centre that serves does not need it

    file = io.BytesIO()
    # Cells are texts: no id loses its zeros, and no name becomes a formula.
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(file, options)
    text = book.add_format({"num_format": "@"})
    heading = book.add_format({"bold": True, "num_format": "@", "bottom": 1})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    if not rows:
        notes = book.add_worksheet("说明")
        _write_notes(notes, heading, wrapped)
    for kind in KINDS:
        sheet = book.add_worksheet(kind.title)
        sheet.freeze_panes(_ROWS_ABOVE, 0)
        for at, column in enumerate(kind.columns):
            sheet.set_column(at, at, 10 + len(column.about[0]) / 3, text)
            sheet.write_string(0, at, column.title, heading)
            sheet.write_comment(0, at, "\n".join(column.about))
        for number, values in enumerate(rows.get(kind.kind, []), start=_ROWS_ABOVE):
            for at, column in enumerate(kind.columns):
                sheet.write_string(number, at, shown(column, values.get(column.field)), text)
    book.close()
    return file.getvalue()


def _write_notes(sheet: Any, heading: Any, wrapped: Any) -> None:
    sheet.set_column(0, 3, 18)
    sheet.set_column(4, 5, 60)
    titles = ("表", "列", "必填", "例", "填写说明", "in English")
    for at, title in enumerate(titles):
        sheet.write_string(0, at, title, heading)
    number = 0
    for kind in KINDS:
        for column in kind.columns:
            number += 1
            cells = (
                *(kind.title, column.title, "是" if column.is_required else ""),
                *(column.example, *column.about),
            )
            for at, cell in enumerate(cells):
                sheet.write_string(number, at, cell, wrapped)
