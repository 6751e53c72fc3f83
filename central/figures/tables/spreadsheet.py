"""A table as a spreadsheet: exactly what the page shows, cell by cell.

A name is text whatever it begins with: none becomes a formula, in a workbook by its type, in a
text file by an apostrophe before it. A share is three columns, its counts and its percentage,
which is left empty below ENOUGH as on the page. Text files begin with a byte order mark, since
Excel reads them as GB18030 without one.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

from central.figures.tables.table import Column, Row, Table, Value, is_said
from central.rules.definitions import OURS, Mean, Share

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what Excel takes for the begin of one
_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}
_BEFORE = ("上期", "before")


def workbook(title: str, said: Sequence[str], table: Table, english: bool = False) -> bytes:
    """An .xlsx of one sheet: what it is in a few lines, then the table. said: of which place and
    days, by which rules.
    """
    import xlsxwriter  # only who asks for a workbook needs it

    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, _OPTIONS)
    sheet = book.add_worksheet("表 Table")
    bold, wrapped = book.add_format({"bold": True}), book.add_format({"text_wrap": True})
    percent, mean = (book.add_format({"num_format": one}) for one in ("0.0%", "0.00"))
    sheet.write_string(0, 0, title, bold)
    for number, line in enumerate(said, start=1):
        sheet.write_string(number, 0, line)
    top = len(said) + 2
    for number, line in enumerate(_lines(table, english)):
        for column, value in enumerate(line):
            place = (top + number, column)
            if isinstance(value, str):
                sheet.write_string(*place, value, bold if number == 0 else wrapped)
            elif isinstance(value, int):
                sheet.write_number(*place, value)
            elif isinstance(value, _Percent):
                sheet.write_number(*place, value.per_mille / 1000, percent)
            elif isinstance(value, float):
                sheet.write_number(*place, value, mean)
    sheet.set_column(0, 1, 28)
    sheet.freeze_panes(top + 1, 1)
    for number, line in enumerate(_sources(table, english), top + len(table.rows) + 3):
        sheet.write_string(number, 0, line)
    book.close()
    return out.getvalue()


def text_file(title: str, said: Sequence[str], table: Table, english: bool = False) -> bytes:
    """The same as .csv, UTF-8 with a byte order mark."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    for line in (title, *said):
        writer.writerow([_harmless(line)])
    writer.writerow([])
    for cells in _lines(table, english):
        writer.writerow([_harmless(one) for one in cells])
    writer.writerow([])
    for line in _sources(table, english):
        writer.writerow([_harmless(line)])
    return out.getvalue().encode("utf-8-sig")


class _Percent:
    """A percentage, in per mille and rounded down, as the page says it."""

    def __init__(self, share: Share) -> None:
        self.per_mille = share.num * 1000 // share.den

    def __str__(self) -> str:
        return f"{self.per_mille // 10}.{self.per_mille % 10}%"


def _harmless(value: Any) -> str:
    text = "" if value is None else f"{value}"
    is_text = isinstance(value, str)
    return f"'{text}" if is_text and text.startswith(_FORMULA) else text


def _lines(table: Table, english: bool) -> list[list[Any]]:
    has_before = any(
        cell.before is not None for row in (*table.rows, table.whole) if row for cell in row.cells
    )
    heads = ["Name", "Where", "Id"] if english else ["名称", "所在", "编号"]
    for column in table.columns:
        heads += _heads(column, english, has_before)
    found = [heads]
    if table.whole is not None:
        whole = "All" if english else "合计"
        found.append([whole, "", "", *_values(table, table.whole, has_before)])
    for row in table.rows:
        told = [row.name, row.place, row.page or row.id or ""]
        found.append([*told, *_values(table, row, has_before)])
    return found


def _heads(column: Column, english: bool, has_before: bool) -> list[str]:
    title = column.en if english else column.zh
    if column.kind in ("text", "rate"):
        return [title]
    before = f"{title} {_BEFORE[english]}"
    if column.kind == "count":
        return [title, before] if has_before else [title]
    parts = {
        ("share", False): ("条数", "总数"),
        ("share", True): ("of them", "of"),
        ("mean", False): ("总和", "条数"),
        ("mean", True): ("sum", "n"),
    }[column.kind, english]
    heads = [title, *(f"{title} {part}" for part in parts)]
    return [*heads, before] if has_before else heads


def _values(table: Table, row: Row, has_before: bool) -> list[Any]:
    found: list[Any] = []
    for column, cell in zip(table.columns, row.cells, strict=True):
        found.append(_said(cell.value))
        if column.kind in ("share", "mean"):
            found += [None, None] if cell.value is None else [*cell.value]  # pyright: ignore
        if has_before and column.kind not in ("text", "rate"):
            found.append(_said(cell.before))
    return found


def _said(value: Value) -> Any:
    if isinstance(value, Share):
        return _Percent(value) if is_said(value) else None
    if isinstance(value, Mean):
        return value.sum * 100 // value.n / 100 if is_said(value) else None
    return value


def _sources(table: Table, english: bool) -> list[str]:
    """What each column is, and by which article."""
    found = []
    for column in table.columns:
        if column.articles:
            title, meaning = (column.zh, column.meaning_zh)
            if english:
                title, meaning = (column.en, column.meaning_en)
            by = "；".join(one or OURS for one in column.articles)
            found.append(f"{title}：{meaning}（{by}）" if meaning else f"{title}（{by}）")
    return found
