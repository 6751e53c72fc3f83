"""A table of figures as it is shown: a page, an answer and a spreadsheet have the same one."""

from typing import Any, NamedTuple

from central.figures.key import CountKey
from central.figures.report import ENOUGH
from central.rules.definitions import Mean, Share

Value = str | int | Share | Mean | None


class Column(NamedTuple):
    """A column. kind: of its values, `text`, `count`, `share`, `mean`, or `rate`, a share that is
    no share of counts. articles: what it stands on, None among them for this system's own
    agreement; () where there is nothing to say.
    is_bad_high: whether much of it is bad; None where that is not said.
    """

    name: str
    zh: str
    en: str
    kind: str
    meaning_zh: str = ""
    meaning_en: str = ""
    articles: tuple[str | None, ...] = ()
    is_bad_high: bool | None = None


class Cell(NamedTuple):
    """What stands in a row. before: of the period before. num_key, den_key: what opens into the
    services that a count, or the two of a share, count; None where there is nothing to open.
    """

    value: Value
    before: Value = None
    num_key: CountKey | None = None
    den_key: CountKey | None = None


class Row(NamedTuple):
    """A unit's row. hall, id: as in a count's key. place: where it is, as people call it. page:
    the end of its page's path; None where it has none.
    """

    hall: str | None
    id: str | None
    name: str
    place: str
    cells: tuple[Cell, ...]
    page: str | None = None


class Table(NamedTuple):
    """columns: those of the rows' cells, behind the names. whole: the place itself; None where a
    sum says nothing. ranked_by: the column that puts the worst first.
    """

    columns: tuple[Column, ...]
    rows: list[Row]
    whole: Row | None
    ranked_by: str | None


def arranged(
    table: Table, wanted: str = "", sort: str | None = None, is_rising: bool | None = None
) -> Table:
    """The rows with `wanted` in their name, place or id, by a column, the worst first unless told
    otherwise; shares and means of fewer than ENOUGH come last, since they say little. Raises
    ValueError for no column. The whole stands beside all rows only.
    """
    if wanted.strip():
        table = table._replace(whole=None)
    rows = [row for row in table.rows if _has(row, wanted.strip().lower())]
    names = [column.name for column in table.columns]
    sort = sort or table.ranked_by
    if sort is None or sort == "name":
        return table._replace(rows=rows)
    if sort not in names:
        raise ValueError(f"sort: no column is named {sort}: {', '.join(names)}, name")
    index = names.index(sort)
    if is_rising is None:
        is_rising = table.columns[index].is_bad_high is False
    said = [row for row in rows if _weight(row.cells[index].value) is not None]
    few = [row for row in rows if _weight(row.cells[index].value) is None]
    said.sort(key=lambda row: _weight(row.cells[index].value), reverse=not is_rising)
    few.sort(key=lambda row: -_n(row.cells[index].value))
    return table._replace(rows=said + few)


def is_said(value: Value) -> bool:
    """Whether there are enough to say a share or a mean."""
    return _n(value) >= ENOUGH


def shown(value: Value) -> str:
    """A value as text: a share or mean of fewer than ENOUGH as its two counts."""
    if value is None:
        return "—"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, str):
        return value
    if _n(value) == 0:
        return "—"
    if isinstance(value, Share):
        return f"{value.percent()}%" if is_said(value) else f"{value.num}/{value.den}"
    return f"{value.mean()}" if is_said(value) else f"{value.sum}/{value.n}"


def _n(value: Value) -> int:
    if isinstance(value, Share):
        return value.den
    return value.n if isinstance(value, Mean) else 0


def _weight(value: Value) -> Any:
    if isinstance(value, Share | Mean):
        return value[0] / value[1] if is_said(value) else None
    return value


def _has(row: Row, wanted: str) -> bool:
    texts = (row.name, row.place, row.id or "", row.hall or "")
    return not wanted or any(wanted in text.lower() for text in texts)
