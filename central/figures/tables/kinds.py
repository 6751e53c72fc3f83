"""Tables of figures: each unit of a dimension a row, with N, article and the period before.

What a table shows is made here once; pages, GET /v1/tables and spreadsheets have it from here.
Where several versions of the rules judged a unit's services, each counts its own by its own levels
(central/rules/combined.py).
"""

from collections.abc import Callable, Iterable

from central.figures.shown import Words
from central.figures.tables.measures import Counted, Measure, Whole, in_use
from central.figures.tables.table import Column, Row, Table
from central.figures.tables.units import Asked, Units, page_of
from central.rules.combined import shown_by
from central.rules.definitions import FIGURES, Share, Shown, shown
from central.rules.policy import Policy
from central.rules.ranking import is_watched
from central.rules.reasons import TEXTS, THEMES, level_of
from central.rules.sections import LEVELS
from central.rules.sections import Value as Ruled

Maker = Callable[[Units, Asked], Table]
Whats = Callable[[Policy], tuple[str, ...]]  # the counters of a version that are added up


def rates(units: Units, asked: Asked) -> Table:
    """Every figure that the versions in use show of such units, the worst good rate first. A
    second one with the excluded ratings stands where any is excluded (decision 7).
    """

    def measures(policies: list[Policy], are_excluded: bool) -> list[Measure]:
        found = [
            _count("services", "应评服务", "Services", lambda _: _SUBJECTS),
            _count("ratings", "评价", "Ratings", _active),
            _count("bad", "差评", "Bad ratings", _bad, [one.levels.bad for one in policies], True),
        ]
        unit = asked.dimension.figured
        for one in shown_by(policies, unit):
            # A mean of means is that of a unit's own staff, which no counter of the unit knows.
            is_own = one.figure.key != "score" or asked.dimension.key == "staff"
            of_means = any(
                each.figures.mean and each.figures.mean.value == "of_means" for each in policies
            )
            if (is_own or not of_means) and (are_excluded or not one.with_excluded):
                found.append(_figure(one, policies, unit))
        return found

    return _made(units, asked, measures, "active_good_rate")


def reasons(units: Units, asked: Asked) -> Table:
    """What bad ratings say was wrong, by theme (R109: for the owners of guides), and how many
    said nothing where a reason is asked for. A rating with two reasons is in two counts.
    """

    def of_theme(codes: tuple[int, ...]) -> Whats:
        return lambda policy: tuple(
            f"reason-{one}" for one in codes if level_of(one) in policy.levels.bad.value
        )

    def measures(policies: list[Policy], _: bool) -> list[Measure]:
        found = [_count("bad", "差评", "Bad ratings", _bad, [one.levels.bad for one in policies])]
        for theme in THEMES:
            told = (theme.key, theme.zh, theme.en, of_theme(theme.codes), (None,), True)
            found.append(_count(*told))
        required = [one.reasons.required for one in policies if one.reasons.required]
        if required:
            told = (
                "missing",
                "未填原因",
                "No reason",
                lambda _: ("reason-missing",),
                required,
                True,
            )
            found.append(_count(*told))
        return found

    return _made(units, asked, measures, "documents")


def reason_levels(units: Units, asked: Asked) -> Table:
    """How many reasons were given with ratings of each level, of all levels: good ones, too, say
    what a guide's owner should keep (R109). A rating with two reasons is in two of them.
    """

    def measures(policies: list[Policy], _: bool) -> list[Measure]:
        found = [_count("ratings", "评价", "Ratings", _active)]
        for level, (zh, en) in _LEVELS.items():
            whats = tuple(f"reason-{code}" for code in TEXTS if level_of(code) == level)
            is_bad = any(level in one.levels.bad.value for one in policies)
            told = (f"level_{level}", f"{zh}·原因", f"Reasons, {en}")
            found.append(_count(*told, lambda _, whats=whats: whats, (None,), is_bad))
        return found

    return _made(units, asked, measures, "level_1")


def invitations(units: Units, asked: Asked) -> Table:
    """Who was invited to rate, and what became of those who never were (R4)."""
    groups = (
        ("good", "未提示·好评", "Uninvited, good"),
        ("middle", "未提示·中评", "Uninvited, middle"),
        ("bad", "未提示·差评", "Uninvited, bad"),
    )
    others = (
        ("unrated", "未提示·未评", "Uninvited, unrated", "uninvited-unrated"),
        ("waiting", "未提示·等待", "Uninvited, waiting", "uninvited-waiting"),
        ("expired", "超时未按键", "No key in time", "expired"),
        ("no_show", "过号", "No-show", "no-show"),
    )

    def in_group(key: str) -> Whats:
        return lambda policy: tuple(
            f"uninvited-active-{one}" for one in getattr(policy.levels, key).value
        )

    def word(what: str) -> Whats:
        return lambda _: (what,)

    def measures(policies: list[Policy], _: bool) -> list[Measure]:
        rate = Shown(FIGURES["uninvited_rate"], False)
        return [
            _count("invited", "已提示", "Invited", word("invited")),
            _figure(rate, policies, asked.dimension.figured),
            *(_count(key, zh, en, in_group(key)) for key, zh, en in groups),
            *(_count(key, zh, en, word(what)) for key, zh, en, what in others),
        ]

    return _made(units, asked, measures, "uninvited_rate")


def watch(units: Units, asked: Asked) -> Table:
    """Where ratings of the levels that the policy names are concentrated (R88: S3 第二十九条
    “基本满意以下”), above its threshold, which no text gives and a lower level may set. Raises
    ValueError under a policy without such a list.
    """
    ruled = asked.policy.figures.watch
    if ruled is None:
        raise ValueError("此规则没有重点名单。")
    low = tuple(f"active-{one}" for one in ruled.value.levels)
    share = Column(
        *("low", "所列等级占比", "Share of these levels", "share"),
        *("所列等级的评价占全部计入评价的比例", "ratings of these levels among all that count"),
        *((ruled.article,), True),
    )

    def measures(*_: object) -> list[Measure]:
        return [
            _count("ratings", "评价", "Ratings", _active),
            _count("count", "所列等级", "Of these levels", lambda _: low, (ruled,), True),
            Measure(share, lambda policy: (low, _active(policy))),
        ]

    table = _made(units, asked, measures, "low")
    listed = []
    for row in table.rows:
        value = row.value(2)
        assert isinstance(value, Share)
        if value.num and is_watched(value, ruled.value):
            listed.append(row)
    return table._replace(rows=listed)


_EXCLUDED = "_with_excluded"
_LEVELS = {
    5: ("非常满意", "very satisfied"),
    4: ("满意", "satisfied"),
    3: ("基本满意", "fairly satisfied"),
    2: ("不满意", "dissatisfied"),
    1: ("非常不满意", "very dissatisfied"),
}
_SUBJECTS = (
    *(f"{state}-{level}" for state in ("active", "default", "excluded") for level in LEVELS),
    *("unrated", "waiting"),
)
_LEFT_OUT = tuple(
    f"{word}-{level}" for word in ("excluded", "direct-excluded") for level in LEVELS
)
_BAD_HIGH = ("middle_rate", "bad_rate", "unrated_rate", "uninvited_rate")


def _active(policy: Policy) -> tuple[str, ...]:
    levels = policy.levels
    grouped = levels.good.value + levels.middle.value + levels.bad.value
    return tuple(f"active-{level}" for level in grouped)


def _bad(policy: Policy) -> tuple[str, ...]:
    return tuple(f"active-{level}" for level in policy.levels.bad.value)


def _count(
    key: str,
    zh: str,
    en: str,
    whats: Whats,
    sources: Iterable[Ruled | None] = (),
    is_bad_high: bool | None = None,
) -> Measure:
    articles = tuple(dict.fromkeys(one and one.article for one in sources))
    column = Column(key, zh, en, "count", articles=articles, is_bad_high=is_bad_high)
    return Measure(column, lambda policy: (whats(policy), ()))


def _figure(one: Shown, policies: list[Policy], unit: str) -> Measure:
    figure = one.figure
    more = ("（含不予采纳）", " (with excluded)") if one.with_excluded else ("", "")
    sources = [value for policy in policies for _, value in figure.sources(policy)]
    is_score = figure.key == "score"
    column = Column(
        figure.key + (_EXCLUDED if one.with_excluded else ""),
        figure.zh + more[0],
        figure.en + more[1],
        "mean" if is_score else "share",
        figure.meaning_zh,
        figure.meaning_en,
        tuple(dict.fromkeys(value and value.article for value in sources)),
        figure.key in _BAD_HIGH,
    )

    def words(policy: Policy) -> Words | None:
        return figure.counters(policy, one.with_excluded) if one in shown(policy, unit) else None

    return Measure(column, words, figure.modes, one if is_score else None)


def _made(
    units: Units,
    asked: Asked,
    measures_of: Callable[[list[Policy], bool], list[Measure]],
    ranked_by: str,
) -> Table:
    """The rows of all units that have anything now or before, and of those that there are.
    measures_of: of the versions in use, the newest first, and whether any rating is excluded.
    """
    period, earlier = asked.period, asked.period.before()
    whole_now = units.whole(asked, period)
    whole_before = () if earlier is None else units.whole(asked, earlier)
    wholes = [*whole_now, *whole_before]
    policies = in_use(asked, wholes)
    are_excluded = any(what in _LEFT_OUT and n for _, of in wholes for (_, what), n in of.items())
    measures = measures_of(policies, are_excluded)
    columns = tuple(one.column for one in measures)
    names = [column.name for column in columns]
    ranked = names.index(ranked_by) if ranked_by in names else 0
    # Where nothing at all was counted in the period before, there is nothing to compare with.
    rows = Counted(units, asked, measures, policies, earlier if whole_before else None)
    told = units.names(asked)
    there = dict.fromkeys([*told.listed(), *rows.there(ranked)])
    whole = Whole(asked, measures, whole_now, whole_before or None)
    page = page_of(asked.dimension)
    return Table(
        columns,
        [Row(one, rows, told.told, page) for one in there],
        Row((asked.place, None), whole, lambda _: ("", "")),
        names[ranked],
    )
