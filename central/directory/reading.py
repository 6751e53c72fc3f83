"""From sheets to lines of the directory: every row checked, every fault told at once.

Values in, values out; nothing here needs what reads workbooks, so that a centre that serves does
not load it. Next: central/directory/register.py holds the lines against what is there.
"""

import re
import unicodedata
from typing import Any, NamedTuple

from central.directory.cells import WrongCellError
from central.directory.kinds import BY_NAME, KINDS, Kind, nearest

FAULTS = 500  # told at once
_HEADING_ROWS = 10  # offices put a title above the headings
_FAILED = re.compile(r"#[A-Z/0]+[!?]?")  # what Excel shows instead of a value
_NOTES = ("说明", "notes")  # the template's sheet for people


class Table(NamedTuple):
    """One sheet. rows: (number as Excel shows it, the cells' texts), empty rows left out;
    a cell that lost what was typed is None.
    """

    file: str
    title: str
    rows: list[tuple[int, list[str | None]]]

    def place(self, row: int, column: int) -> str:
        """Where a cell is, as people look for it: `名录.xlsx 窗口!C7`. column: from 0."""
        letters = ""
        while column >= 0:
            column, letter = divmod(column, 26)
            letters = chr(65 + letter) + letters
            column -= 1
        return f"{self.file} {self.title}!{letters}{row}"


class Fault(NamedTuple):
    """What is wrong in a cell, and what to write instead. place: file, sheet and cell."""

    place: str
    chinese: str
    english: str

    def __str__(self) -> str:
        return f"{self.place}：{self.chinese}\n    {self.english}"


class Line(NamedTuple):
    """A row of a sheet. values: what its cells say, by field; a column that the sheet does not
    have is not in it, nor a wrong cell. id: "" where that is wrong. cells: where each stands, by
    field; "" is the row itself.
    """

    kind: Kind
    id: str
    values: dict[str, Any]
    cells: dict[str, str]

    def is_dated(self) -> bool:
        """Whether of what it is, and since when, can be read."""
        return self.id != "" and ("first_day" in self.values or "first_day" not in self.cells)


def read_lines(tables: list[Table]) -> tuple[list[Line], list[Fault]]:
    """The lines of all sheets, kind by kind, and what is wrong in them: the importer tells that
    with what is wrong in the right cells of the same lines.
    """
    lines: list[Line] = []
    faults: list[Fault] = []
    for table in tables:
        kind = BY_NAME.get(_heading(table.title))
        if kind is not None:
            _read_table(table, kind, lines, faults)
        elif _heading(table.title) not in _NOTES and table.rows:
            faults.append(_unknown_sheet(table))
    _find_twice(lines, faults)
    order = {kind.kind: at for at, kind in enumerate(KINDS)}
    return sorted(lines, key=lambda line: order[line.kind.kind]), faults


def read_rows(kind: Kind, rows: list[dict[str, Any]]) -> tuple[list[Line], list[Fault]]:
    """The same of rows as programs send them: members are named by the columns' English headings,
    null is an empty cell, and what a row does not name stays as it is. Places are `rows.3.name`,
    counted from 0.
    """
    known = {one.english: one for one in kind.columns}
    lines: list[Line] = []
    faults: list[Fault] = []
    for number, row in enumerate(rows):
        at = f"rows.{number}"
        for name in row:
            if name not in known:
                faults.append(_unknown_column(f"{at}.{name}", name, known))
        for one in kind.columns:
            if one.is_required and one.english not in row:
                told = f"缺少“{one.english}”（{one.title}）", f"{one.english} is missing"
                faults.append(Fault(f"{at}.{one.english}", *told))
        cells = {
            known[name].field: (f"{at}.{name}", _cell_of(value))
            for name, value in row.items()
            if name in known
        }
        _read_row(kind, at, cells, lines, faults)
    _find_twice(lines, faults)
    return lines, faults


def _cell_of(value: Any) -> Any:
    """The text that a cell of this value has; what is none stays, and is refused as such."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(value) if isinstance(value, int) else value


def _read_table(table: Table, kind: Kind, lines: list[Line], faults: list[Fault]) -> None:
    known = {_heading(name): one for one in kind.columns for name in (one.title, one.english)}
    at, named = _headings(table, known)
    if at is None:
        wanted = "、".join(one.title for one in kind.columns if one.is_required)
        place = table.place(1, 0)
        faults.append(Fault(place, f"找不到表头，应有 {wanted}", f"no headings: {wanted}"))
        return
    columns: dict[str, int] = {}
    number = table.rows[at][0]
    for position, name in enumerate(named):
        place = table.place(number, position)
        if name not in known:
            if name:
                faults.append(_unknown_column(place, name, known))
        elif known[name].field in columns:
            faults.append(Fault(place, f"“{name}”出现两次", f"the column {name} is there twice"))
        else:
            columns[known[name].field] = position
    for one in kind.columns:
        if one.is_required and one.field not in columns:
            place = table.place(number, 0)
            english = f"the column {one.title} ({one.english}) is missing"
            faults.append(Fault(place, f"缺少“{one.title}”这一列", english))
            return
    for number, texts in table.rows[at + 1 :]:
        cells = {
            field: (table.place(number, at), texts[at] if at < len(texts) else "")
            for field, at in columns.items()
        }
        _read_row(kind, table.place(number, 0), cells, lines, faults)


def _unknown_column(place: str, name: str, known: dict[str, Any]) -> Fault:
    meant = nearest(name, known)
    told = f"，是不是“{meant}”" if meant else "，请删去这一列"
    also = f"; did you mean {meant}?" if meant else ": remove it"
    return Fault(place, f"没有“{name}”这一列{told}", f"no column {name}{also}")


def _headings(table: Table, known: dict[str, Any]) -> tuple[int | None, list[str]]:
    """Which row has the headings, and what they are: the first one with two of them."""
    for at, (_, cells) in enumerate(table.rows[:_HEADING_ROWS]):
        named = [_heading(cell or "") for cell in cells]
        if sum(name in known for name in named) >= 2:
            return at, named
    return None, []


def _read_row(
    kind: Kind,
    place: str,
    cells: dict[str, tuple[str, Any]],
    lines: list[Line],
    faults: list[Fault],
) -> None:
    """cells: by field, where each stands and its text."""
    values: dict[str, Any] = {}
    places = {"": place}
    for field, (where, cell) in cells.items():
        column = kind.column(field)
        places[field] = where
        try:
            values[field] = _value(cell, column)
        except WrongCellError as wrong:
            told = f"{column.title}：{wrong.chinese}", f"{column.english}: {wrong.english}"
            faults.append(Fault(places[field], *told))
    first, last = values.get("first_day"), values.get("last_day")
    if first is not None and last is not None and last < first:
        told = "终止日期早于生效日期", "it would end before it begins"
        faults.append(Fault(places["last_day"], *told))
    is_named = all(key in values for key in kind.keys)
    what = "/".join([values[key] for key in kind.keys]) if is_named else ""
    lines.append(Line(kind, what, values, places))


def _value(cell: Any, column: Any) -> Any:
    if cell is None:
        raise WrongCellError(
            "数字太长，Excel 只保留 15 位，后面的已经丢失；请把这一列设为文本后重新填写",
            "Excel keeps 15 digits of a number; make the column text and type it anew",
        )
    if not isinstance(cell, str):
        raise WrongCellError("应为文本", "it must be a text")
    cell = cell.strip()
    if _FAILED.fullmatch(cell):
        raise WrongCellError(f"公式出错 {cell}", f"the formula failed: {cell}")
    if cell == "":
        if column.is_required:
            raise WrongCellError("不能为空", "it must not be empty")
        return None
    return column.read(cell)


def _find_twice(lines: list[Line], faults: list[Fault]) -> None:
    """Faults for what stands in two rows, of the same day. The second one is dropped."""
    seen: dict[Any, Line] = {}
    for line in list(lines):
        if not line.is_dated():
            continue
        key = (line.kind.kind, line.id, line.values.get("first_day"))
        if key in seen:
            first = seen[key].cells[""]
            told = f"“{line.id}”与 {first} 重复", f"{line.id} stands in {first} already"
            faults.append(Fault(line.cells[""], *told))
            lines.remove(line)
        seen.setdefault(key, line)


def _unknown_sheet(table: Table) -> Fault:
    names = [kind.title for kind in KINDS] + [kind.english for kind in KINDS]
    meant = nearest(_heading(table.title), names)
    told = f"，是不是“{meant}”" if meant else f"，应为 {'、'.join(names[: len(KINDS)])} 之一"
    also = f"; did you mean {meant}?" if meant else f": one of {', '.join(names[len(KINDS) :])}"
    chinese = f"没有“{table.title}”这种表{told}"
    return Fault(table.place(1, 0), chinese, f"no sheet is named {table.title}{also}")


def _heading(cell: str) -> str:
    """A heading as it is compared: without blanks, stars and remarks in brackets."""
    plain = unicodedata.normalize("NFKC", cell)
    return re.sub(r"\(.*?\)|[\s*]", "", plain).lower()
