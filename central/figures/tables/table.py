"""A table of figures as it is shown: a page, an answer and a spreadsheet have the same one."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple, Protocol

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


Where = tuple[str | None, str | None]  # hall and id, as in a count's key
Told = Callable[[Where], tuple[str, str]]  # a unit's name, and the place where it is


class Maker(Protocol):
    """Makes the cells of a unit's row; one value of it for the order, and all cells of those that
    were loaded.
    """

    def value(self, where: Where, column: int) -> Value: ...
    def load(self, wanted: Collection[Where]) -> None: ...
    def cells(self, where: Where) -> tuple[Cell, ...]: ...


class Row:
    """A unit's row, made when it is looked at: a province has 40,000 windows, a page shows 100.

    hall, id: as in a count's key. name, place: what it and the place where it is are called.
    """

    __slots__ = ("_cells", "_page_of", "_told", "_where", "maker")

    def __init__(
        self,
        where: Where,
        maker: Maker,
        told: Told,
        page_of: Callable[[Where], str | None] = lambda _: None,
    ) -> None:
        self.maker = maker
        self._where, self._told, self._page_of = where, told, page_of
        self._cells: tuple[Cell, ...] | None = None

    @property
    def hall(self) -> str | None:
        """Its hall; None for all."""
        return self._where[0]

    @property
    def id(self) -> str | None:
        """Its id; None for a hall itself."""
        return self._where[1]

    @property
    def page(self) -> str | None:
        """The end of its page's path; None where it has none."""
        return self._page_of(self._where)

    def value(self, column: int) -> Value:
        """One of its values."""
        return self.maker.value(self._where, column)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """One for each column."""
        if self._cells is None:
            self._cells = self.maker.cells(self._where)
        return self._cells

    @property
    def names(self) -> tuple[str, str]:
        """What people call it and the place where it is; that is empty where it is not said."""
        return self._told(self._where)

    @property
    def name(self) -> str:
        """What people call it."""
        return self.names[0]

    @property
    def place(self) -> str:
        """Where it is."""
        return self.names[1]


class Table(NamedTuple):
    """columns: those of the rows' cells, behind the names. whole: the place itself; None where a
    sum says nothing. ranked_by: the column that puts the worst first. found: how many rows there
    are, of a part of a table.
    """

    columns: tuple[Column, ...]
    rows: list[Row]
    whole: Row | None
    ranked_by: str | None
    found: int = 0


def arranged(
    table: Table, wanted: str = "", sort: str | None = None, is_rising: bool | None = None
) -> Table:
    """The rows with `wanted` in their name, place or id, by a column, the worst first unless told
    otherwise; shares and means of fewer than ENOUGH come last, since they say little. Raises
    ValueError for no column. The whole stands beside all rows only.
    """
    if wanted.strip():
        table = table._replace(whole=None)
    rows = [*table.rows]
    if wanted.strip():
        rows = [row for row in rows if _has(row, wanted.strip().lower())]
    names = [column.name for column in table.columns]
    sort = sort or table.ranked_by
    if sort == "name":
        rows.sort(key=lambda row: row.name, reverse=is_rising is False)
    if sort is None or sort == "name":
        return table._replace(rows=rows)
    if sort not in names:
        raise ValueError(f"sort: no column is named {sort}: {', '.join(names)}, name")
    index = names.index(sort)
    if is_rising is None:
        is_rising = table.columns[index].is_bad_high is False
    said, few = [], []
    for row in rows:
        value = row.value(index)
        weight = _weight(value)
        if weight is None:
            few.append((_n(value), row))
        else:
            said.append((weight, row))
    said.sort(key=lambda pair: pair[0], reverse=not is_rising)
    few.sort(key=lambda pair: -pair[0])
    return table._replace(rows=[row for _, row in said + few])


def part(table: Table, after: int = 0, limit: int | None = None) -> Table:
    """The rows from `after` on, `limit` of them or all, read now: with the connection that the
    table was made with.
    """
    rows = table.rows[after:] if limit is None else table.rows[after : after + limit]
    if rows:
        rows[0].maker.load([(row.hall, row.id) for row in rows])
    for row in rows if table.whole is None else (*rows, table.whole):
        row.cells  # noqa: B018
    return table._replace(rows=rows, found=len(table.rows))


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
    texts = (*row.names, row.id or "", row.hall or "")
    return any(wanted in text.lower() for text in texts)
