"""The page of a count: the services that it counts, and how they spread over institutions and
more. For supervisors and auditors, never for a hall or an institution; each opening is an act.
"""

from collections import Counter
from typing import Annotated, Any, NamedTuple

from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool

from central.figures.key import CountKey, read_key
from central.figures.opened import START, Counted, open_for
from central.figures.tables.reader import TablesReader, said
from central.figures.tables.units import DIMENSIONS, Names, Units
from central.people.callers import Holder
from central.people.deeds import Readings
from central.people.roles import PROVINCE, may
from central.people.tokens import ANYWHERE
from central.rules.calendar import day_of
from central.rules.reasons import THEMES, text_of
from central.store.database import Database
from central.store.judged.standings import StandingRow
from central.store.tallies import day_of as number_at
from central.web.pages.levels import LEVEL_NAMES
from central.web.pages.looker import place_of
from pages import PageError, Site, pages_of

_ROWS = 100  # on one page
_SAID = 200  # characters of a key that an act is about; all of it is in its detail
_MOST = 5000  # services that are read for one page; of more it is not said how they spread
_WORDS = {
    "unrated": "未评",
    "waiting": "等待评价",
    "late": "逾期评价",
    "second": "重复评价",
    "invited": "已提示",
    "uninvited": "未提示评价",
    "expired": "超时未按键",
    "no-show": "过号",
    "named": "实名",
    "reason-missing": "未填原因",
    "uninvited-unrated": "未提示·未评",
    "uninvited-waiting": "未提示·等待",
}
STATES = {
    "active": "主动评价",
    "default": "默认评价",
    "excluded": "不予采纳",
    "unrated": "未评",
    "waiting": "等待评价",
    "out": "不计入",
}
_BY = {
    "institution": lambda row: row.institution,
    "hall": lambda row: row.hall,
    "window": lambda row: row.window and f"{row.hall}/{row.window}",
    "staff": lambda row: row.staff and f"{row.hall}/{row.staff}",
    "matter": lambda row: row.task_code,
}


class Listed(NamedTuple):
    """A service in the list, in words. times: how often it counts here."""

    day: str
    hall: str
    window: str
    matter: str
    staff: str
    institution: str
    state: str
    level: int | None
    reasons: list[str]
    service: str
    times: int


class CountsView:
    """The values of count.html. Raises PageError for what is no key, or of a hall elsewhere."""

    def __init__(self, database: Database, reader: TablesReader) -> None:
        self._database = database
        self._reader = reader

    def show(self, text: str, divisions: tuple[str, ...], by: str, page: int) -> Any:
        """by: over what it is said to spread."""
        try:
            key = read_key(text)
        except ValueError:
            raise PageError(404, "没有这个页面。") from None
        if by not in _BY:
            raise PageError(404, "没有这个页面。")
        today = number_at(self._reader.now_ms())
        with self._database.read() as connection:
            units = self._reader.units(connection)
            where = (connection, units.places, today, key, divisions)
            found = open_for(*where, START, _MOST + 1)
            if found is None:
                raise PageError(403, "这个大厅不在此令牌的地区内。")
            names = {kind: Names(units, kind, today) for kind in ("hall", *_BY)}
            is_whole = len(found.services) <= _MOST
            start = (page - 1) * _ROWS
            listed = [_listed(one, names) for one in found.services[start : start + _ROWS]]
            about = _about(key, units, today)
            before, earlier = None, key.period.before()
            if earlier is not None:
                where = (connection, units.places, today, key._replace(period=earlier), divisions)
                before = open_for(*where, START, _MOST + 1)
            is_whole = is_whole and (before is None or len(before.services) <= _MOST)
            listed_before = [] if before is None else before.services
            spread = _spread(found.services, listed_before, by, names[by]) if is_whole else None
        count = sum(one[0] for one in found.counts.values())
        return {
            "key": text,
            "about": about,
            "what": _what(key),
            "days": said(key.period),
            "unit": _unit_of(key),
            "earlier": None if earlier is None else said(earlier),
            "key_before": None if earlier is None else str(key._replace(period=earlier)),
            "before": None if before is None else sum(one[0] for one in before.counts.values()),
            "count": count,
            "projects": sum(one[1] for one in found.counts.values()),
            "listed": listed,
            "services": len(found.services),
            "is_whole": is_whole,
            "most": _MOST,
            "spread": spread,
            "by": by,
            "all_by": [DIMENSIONS[one] for one in _BY],
            "levels": LEVEL_NAMES,
            "states": STATES,
            "page": page,
            "pages": pages_of(min(len(found.services), _MOST), _ROWS, page),
        }


def add_to(site: Site[Holder], view: CountsView, readings: Readings) -> None:
    """Add the page."""

    @site.router.get("/counts/{key}")
    async def show(
        request: Request,
        key: str,
        by: Annotated[str, Query(max_length=16)] = "institution",
        page: Annotated[int, Query(ge=1, le=1000)] = 1,
    ) -> Response:
        holder = await site.holder(request, may("open services"))
        place = place_of(holder, "open services")
        divisions = (ANYWHERE if place == PROVINCE else place.id,)
        await run_in_threadpool(readings.note, holder, "services.open", key[:_SAID], key)
        return await site.page(request, "count.html", lambda: view.show(key, divisions, by, page))


def _spread(
    services: list[Counted], before: list[Counted], by: str, names: Names
) -> list[tuple[str, int, int]]:
    """(name, how many, how many in the period before) of each, the most first; they add up to the
    count.
    """
    counts, earlier = Counter[str](), Counter[str]()
    for total, some in ((counts, services), (earlier, before)):
        for one in some:
            total[_BY[by](one.row) or ""] += one.times
    order = sorted({*counts, *earlier}, key=lambda one: (-counts[one], -earlier[one], one))
    return [(_called(by, one, names), counts[one], earlier[one]) for one in order]


def _what(key: CountKey) -> list[str | tuple[str, str]]:
    """What is counted, as messages: a reason by its text, or what reasons are about, in Chinese
    and English.
    """
    found: list[str] = []
    codes = set[int]()
    for word in dict.fromkeys(one.partition("@")[0] for one in key.whats):
        state, _, number = word.rpartition("-")
        if state == "reason" and number.isdecimal():
            codes.add(int(number))
        elif number.isdecimal():
            found += [STATES[state]] if state in STATES and state != "active" else []
            found.append(LEVEL_NAMES[int(number)])
        else:
            found.append(_WORDS.get(word, word))
    of_theme = [(one.zh, one.en) for one in THEMES if codes and codes <= {*one.codes}]
    told = of_theme if len(codes) > 1 else []
    return [*dict.fromkeys(found), *(told or [text_of(one) for one in sorted(codes)])]


def _unit_of(key: CountKey) -> str | None:
    """The path of the page of whose services are counted; None where there is none."""
    if key.region is not None and key.dim == "hall":
        return f"/units/region/{key.region}"
    if key.dim not in DIMENSIONS or key.dim == "hour" or (key.dim == "hall" and key.hall is None):
        return None
    parts = [key.hall, key.id] if DIMENSIONS[key.dim].is_of_hall else [key.id]
    return f"/units/{key.dim}/{'/'.join(one for one in parts if one)}"


def _called(by: str, one: str, names: Names) -> str:
    if not one:
        return ""
    if by == "hall":
        return names.name((one, None))
    if by in ("window", "staff"):
        hall, _, thing = one.partition("/")
        return f"{names.place((hall, thing))} · {names.name((hall, thing))}"
    return names.name((None, one))


def _listed(one: Counted, names: dict[str, Names]) -> Listed:
    row: StandingRow = one.row
    codes = [
        int(word.removeprefix("reason-"))
        for word in row.whats.split()
        if word.removeprefix("reason-").isdecimal()
    ]
    return Listed(
        day=str(day_of(row.day)) if row.day else "",
        hall=names["hall"].name((row.hall, None)),
        window=names["window"].name((row.hall, row.window)) if row.window else "",
        matter=names["matter"].name((None, row.task_code)) if row.task_code else "",
        staff=names["staff"].name((row.hall, row.staff)) if row.staff else "",
        institution=names["institution"].name((None, row.institution)) if row.institution else "",
        state=row.state,
        level=row.level,
        reasons=[text_of(code) for code in codes],
        service=row.service,
        times=one.times,
    )


def _about(key: CountKey, units: Units, today: int) -> list[str]:
    """Of whom and when the count is."""
    found = []
    if key.region is not None:
        found.append(Names(units, "region", today).name((key.hall, None)))
    elif key.hall is not None:
        found.append(Names(units, "hall", today).name((key.hall, None)))
    if key.id is not None and key.dim in DIMENSIONS:
        found.append(Names(units, key.dim, today).name((key.hall, key.id)))
    elif key.id is not None:
        found.append(key.id)
    return found
