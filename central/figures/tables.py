"""Tables of figures: each unit of a dimension a row, with N, article and the period before.

What a table shows is made here once; pages, GET /v1/tables and spreadsheets have it from here.
"""

from collections.abc import Callable, Mapping

from central.figures.shown import Counters
from central.figures.table import Cell, Column, Row, Table, Value, arranged
from central.figures.units import Asked, Names, Place, Units, page_of
from central.rules.definitions import WINDOW_MODES, Share, Shown, shown, weighed
from central.rules.policy import Policy
from central.rules.reasons import THEMES, level_of
from central.rules.sections import Value as Ruled

Maker = Callable[[Units, Asked], Table]
Counted = Mapping[tuple[str, str], int]

_STATES = ("active", "default", "excluded", "unrated", "waiting")


class _Measure:
    """A column, and how its cells are made. whats: the counters that are added up, for a share
    num and den; modes: of which services.
    """

    def __init__(
        self,
        column: Column,
        num: tuple[str, ...],
        den: tuple[str, ...] | None = None,
        modes: tuple[str, ...] = WINDOW_MODES,
        shown: Shown | None = None,
    ) -> None:
        self.column = column
        self.num, self.den, self.modes, self._shown = num, den, modes, shown

    def of(self, counts: Counters, policy: Policy) -> Value:
        """Its value."""
        weighted = weighed(counts, policy)
        if self._shown is not None:
            return self._shown.figure.of(weighted, policy, self._shown.with_excluded)
        num = self._sum(weighted, self.num)
        return num if self.den is None else Share(num, self._sum(weighted, self.den))

    def cell(
        self, asked: Asked, where: Place, now: Counters, before: Counters | None, is_whole: bool
    ) -> Cell:
        """Its cell of a unit. before: None where there is no period before."""
        keys = [
            asked.key(where, self.modes, whats, is_whole) if whats else None
            for whats in (self.num, self.den)
        ]
        was = None if before is None else self.of(before, asked.policy)
        return Cell(self.of(now, asked.policy), was, *keys)

    def _sum(self, counts: Counted, whats: tuple[str, ...]) -> int:
        return sum(counts.get((mode, what), 0) for mode in self.modes for what in whats)


def rates(units: Units, asked: Asked) -> Table:
    """Every figure that the policy shows of such units; the good rate puts the worst first. A
    second one with the excluded ratings stands where it differs anywhere (decision 7).
    """
    policy = asked.policy
    bad = tuple(f"active-{level}" for level in policy.levels.bad.value)
    measures = [
        _count("services", "应评服务", "Services", _subjects()),
        _count("ratings", "评价", "Ratings", _active(policy)),
        _count("bad", "差评", "Bad ratings", bad, (policy.levels.bad,), True),
    ]
    is_of_means = policy.figures.mean is not None and policy.figures.mean.value == "of_means"
    for one in shown(policy, asked.dimension.figured):
        # A mean of means is that of a unit's own staff, which no counter of the unit knows.
        if one.figure.key != "score" or not is_of_means or asked.dimension.key == "staff":
            measures.append(_figure(one, policy))
    table = _made(units, asked, measures, "active_good_rate")
    names = [column.name for column in table.columns]
    same = {
        index
        for index, name in enumerate(names)
        if name.endswith(_EXCLUDED)
        and all(
            row.cells[index].value == row.cells[names.index(name.removesuffix(_EXCLUDED))].value
            for row in (*table.rows, *([table.whole] if table.whole else []))
        )
    }
    return _without(table, same)


def reasons(units: Units, asked: Asked) -> Table:
    """What bad ratings say was wrong, by theme (R109: for the owners of guides), and how many
    said nothing where a reason is asked for. A rating with two reasons is in two counts.
    """
    bad = asked.policy.levels.bad
    measures = [
        _count("bad", "差评", "Bad ratings", tuple(f"active-{one}" for one in bad.value), (bad,))
    ]
    for theme in THEMES:
        whats = tuple(f"reason-{one}" for one in theme.codes if level_of(one) in bad.value)
        measures.append(_count(theme.key, theme.zh, theme.en, whats, (None,), True))
    required = asked.policy.reasons and asked.policy.reasons.required
    if required is not None:
        told = ("未填原因", "No reason", ("reason-missing",), (required,), True)
        measures.append(_count("missing", *told))
    return _made(units, asked, measures, "documents")


def invitations(units: Units, asked: Asked) -> Table:
    """Who was invited to rate, and what became of those who never were (R4)."""
    groups = (
        ("good", "未提示·好评", "Uninvited, good", asked.policy.levels.good.value),
        ("middle", "未提示·中评", "Uninvited, middle", asked.policy.levels.middle.value),
        ("bad", "未提示·差评", "Uninvited, bad", asked.policy.levels.bad.value),
    )
    rate = next(one for one in shown(asked.policy) if one.figure.key == "uninvited_rate")
    measures = [
        _count("invited", "已提示", "Invited", ("invited",)),
        _figure(rate, asked.policy),
        *(
            _count(key, zh, en, tuple(f"uninvited-active-{one}" for one in levels))
            for key, zh, en, levels in groups
        ),
        _count("unrated", "未提示·未评", "Uninvited, unrated", ("uninvited-unrated",)),
        _count("waiting", "未提示·等待", "Uninvited, waiting", ("uninvited-waiting",)),
        _count("expired", "超时未按键", "No key in time", ("expired",)),
        _count("no_show", "过号", "No-show", ("no-show",)),
    ]
    return _made(units, asked, measures, "uninvited_rate")


def watch(units: Units, asked: Asked) -> Table:
    """Where ratings of the levels that the policy names are concentrated (R88: S3 第二十九条
    “基本满意以下”). Above its threshold, which no text gives and a lower level may set. Raises
    ValueError under a policy without such a list.
    """
    ruled = asked.policy.figures.watch
    if ruled is None:
        raise ValueError("此规则没有重点名单。")
    limits = ruled.value
    low = tuple(f"active-{one}" for one in limits.levels)
    share = Column(
        *("low", "所列等级占比", "Share of these levels", "share"),
        *("所列等级的评价占全部计入评价的比例", "ratings of these levels among all that count"),
        *((ruled.article,), True),
    )
    measures = [
        _count("ratings", "评价", "Ratings", _active(asked.policy)),
        _count("count", "所列等级", "Of these levels", low, (ruled,), True),
        _Measure(share, low, _active(asked.policy)),
    ]
    table = arranged(_made(units, asked, measures, "low"), sort="low")
    listed = []
    for row in table.rows:
        value = row.cells[2].value
        assert isinstance(value, Share)
        is_much = value.num and value.num * 100 >= limits.share * value.den
        if is_much and value.den >= limits.least:
            listed.append(row)
    return table._replace(rows=listed)


_EXCLUDED = "_with_excluded"


def _subjects() -> tuple[str, ...]:
    levelled = ("active", "default", "excluded")
    whats = [f"{state}-{level}" for state in levelled for level in _LEVELS]
    return (*whats, "unrated", "waiting")


_LEVELS = (5, 4, 3, 2, 1, 13, 12, 11)


def _active(policy: Policy) -> tuple[str, ...]:
    levels = policy.levels
    grouped = levels.good.value + levels.middle.value + levels.bad.value
    return tuple(f"active-{level}" for level in grouped)


def _count(
    key: str,
    zh: str,
    en: str,
    whats: tuple[str, ...],
    sources: tuple[Ruled | None, ...] = (),
    is_bad_high: bool | None = None,
) -> _Measure:
    articles = tuple(one and one.article for one in sources)
    column = Column(key, zh, en, "count", articles=articles, is_bad_high=is_bad_high)
    return _Measure(column, whats)


_BAD_HIGH = ("middle_rate", "bad_rate", "unrated_rate", "uninvited_rate")


def _figure(one: Shown, policy: Policy) -> _Measure:
    figure = one.figure
    more = ("（含不予采纳）", " (with excluded)") if one.with_excluded else ("", "")
    column = Column(
        figure.key + (_EXCLUDED if one.with_excluded else ""),
        figure.zh + more[0],
        figure.en + more[1],
        "mean" if figure.key == "score" else "share",
        figure.meaning_zh,
        figure.meaning_en,
        tuple(dict.fromkeys(value and value.article for _, value in figure.sources(policy))),
        figure.key in _BAD_HIGH,
    )
    num, den = figure.counters(policy, one.with_excluded)
    return _Measure(column, num, den, figure.modes, one)


def _made(units: Units, asked: Asked, measures: list[_Measure], ranked_by: str) -> Table:
    """The rows of all units that have anything now or before, and of those that there are."""
    whats = {what for one in measures for what in (*one.num, *(one.den or ()))}
    period, earlier = asked.period, asked.period.before()
    now = units.counts(asked, period, whats)
    # Where nothing at all was counted in the period before, there is nothing to compare with.
    before = (earlier is not None and units.counts(asked, earlier, whats)) or None
    names = units.names(asked)
    there = dict.fromkeys([*names.listed(), *now, *(before or ())])
    rows = []
    for one in there:
        was = None if before is None else before.get(one, {})
        rows.append(_row(asked, measures, names, one, now.get(one, {}), was))
    whole_now = units.whole(asked, period, whats)
    whole_before = units.whole(asked, earlier, whats) if earlier and before else None
    where = (asked.place, None)
    cells = [one.cell(asked, where, whole_now, whole_before, True) for one in measures]
    whole = Row(*where, "", "", tuple(cells))
    return Table(tuple(one.column for one in measures), rows, whole, ranked_by)


def _row(
    asked: Asked,
    measures: list[_Measure],
    names: Names,
    where: Place,
    now: Counters,
    before: Counters | None,
) -> Row:
    cells = [one.cell(asked, where, now, before, False) for one in measures]
    told = (names.name(where), names.place(where))
    return Row(*where, *told, tuple(cells), page_of(where))


def _without(table: Table, columns: set[int]) -> Table:
    def kept(values: tuple) -> tuple:
        return tuple(one for index, one in enumerate(values) if index not in columns)

    rows = [row._replace(cells=kept(row.cells)) for row in table.rows]
    whole = table.whole and table.whole._replace(cells=kept(table.whole.cells))
    return table._replace(columns=kept(table.columns), rows=rows, whole=whole)
