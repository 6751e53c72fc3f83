"""The centre's pages: the province, a hall, a window, and the marks. For the scope pages:read.

No page shows who rated or who served: neither names nor the ticket or staff number of a rating.
"""

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from fastapi import Query, Request, Response

from central import tokens
from central.alarms import Finding
from central.callers import Scopes, scopes_of
from central.english import ENGLISH
from central.figures import ENOUGH, LEVELS, FiguresReader
from central.marks import Words, words_of
from central.period import ALL, Period, last_days
from central.store.database import Database
from pages import PageError, Site

LEVEL_NAMES = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}
_KINDS = {"single": "单件业务", "batch": "批量业务", "theme": "主题业务", "agent": "代办业务"}
_PERIODS = {
    "today": ("今天", 1),
    "7d": ("近 7 天", 7),
    "30d": ("近 30 天", 30),
    "all": ("全部", 0),
}
_NEWEST = 8
_PARTS = 100  # halls or windows on one page
_PLACES = 20  # of one mark
_EVERY_S = 1.0

Which = Annotated[str, Query(alias="period")]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=1000)]
HallQuery = Annotated[str | None, Query(max_length=32)]


class Shown(NamedTuple):
    """A rating as the page shows it; matter: a message or a matter's name, may be empty."""

    hall_name: str
    window_name: str
    level: int
    rated_at_ms: int
    matter: str
    marks: list[str]


@dataclass(frozen=True)
class Found:
    """All findings of one mark: their sum, and the newest of them."""

    words: Words
    count: int
    first_at_ms: int | None
    newest: list[Finding]
    others: int


def create_site(database: Database, figures: FiguresReader) -> Site[Scopes]:
    """The pages over an open database; `figures` reads from the same one."""
    site: Site[Scopes] = Site(
        tier="centre",
        name="好差评归集系统",
        templates=Path(__file__).with_name("templates"),
        static=Path(__file__).with_name("static"),
        english=ENGLISH,
        holder_of=lambda token: scopes_of(database, token),
        home_of=lambda scopes: "/",
        every_s=_EVERY_S,
    )
    views = Views(figures)

    async def show(request: Request, name: str, view: Any) -> Response:
        """The page `name`, or its live part if that is what the path asks for."""
        await site.holder(request, lambda scopes: tokens.PAGES_READ in scopes)
        if request.url.path.endswith("/live"):
            return await site.live(request, f"{name}_live.html", view)
        return await site.page(request, f"{name}.html", view)

    @site.router.get("/")
    @site.router.get("/live")
    async def province(request: Request, which: Which = "today", page: PageNumber = 1) -> Response:
        return await show(request, "figures", lambda: views.figures(None, None, which, page))

    @site.router.get("/halls/{hall}")
    @site.router.get("/halls/{hall}/live")
    async def one_hall(
        request: Request, hall: str, which: Which = "today", page: PageNumber = 1
    ) -> Response:
        return await show(request, "figures", lambda: views.figures(hall, None, which, page))

    @site.router.get("/halls/{hall}/windows/{window}")
    @site.router.get("/halls/{hall}/windows/{window}/live")
    async def one_window(
        request: Request, hall: str, window: str, which: Which = "today"
    ) -> Response:
        return await show(request, "figures", lambda: views.figures(hall, window, which, 1))

    @site.router.get("/marks")
    @site.router.get("/marks/live")
    async def all_marks(request: Request, hall: HallQuery = None) -> Response:
        return await show(request, "marks", lambda: views.marks(hall))

    return site


class Views:
    """The values of the templates. Raises PageError for a place that is not there."""

    def __init__(self, figures: FiguresReader) -> None:
        self._figures = figures

    def figures(self, hall: str | None, window: str | None, which: str, page: int) -> Any:
        """Of figures.html and figures_live.html."""
        report = self._figures.report(self._period(which), hall, window)
        if report is None:
            raise PageError(404, "没有这个大厅或窗口。")
        counted = _marks_by_part(self._figures.marks(hall), hall, window)
        start = (page - 1) * _PARTS
        return {
            "report": report,
            "parts": report.parts[start : start + _PARTS],
            "page": page,
            "pages": max(1, -(-len(report.parts) // _PARTS)),
            "which": which,
            "periods": {name: title for name, (title, _) in _PERIODS.items()},
            "levels": {level: LEVEL_NAMES[level] for level in LEVELS},
            "good_levels": [one for one in LEVELS if one in self._profile.good_levels.value],
            "source": self._profile.source,
            "article": self._profile.good_levels.article,
            "enough": ENOUGH,
            "marks": counted,
            "newest": self._newest(hall, window),
            "at": _path(hall, window),
        }

    def marks(self, hall: str | None) -> Any:
        """Of marks.html and marks_live.html."""
        hall_name = "" if hall is None else self._figures.hall_name(hall)
        if hall_name is None:
            raise PageError(404, "没有这个大厅或窗口。")
        by_mark: dict[str, list[Finding]] = {}
        for finding in self._figures.marks(hall):
            by_mark.setdefault(finding.mark, []).append(finding)
        found = [_found(mark, findings) for mark, findings in by_mark.items()]
        return {"found": found, "hall": hall, "hall_name": hall_name}

    @property
    def _profile(self) -> Any:
        return self._figures.profile

    def _period(self, which: str) -> Period:
        if which not in _PERIODS:
            raise PageError(404, "没有这个页面。")
        days = _PERIODS[which][1]
        return last_days(days, self._figures.now_ms()) if days else ALL

    def _newest(self, hall: str | None, window: str | None) -> list[Shown]:
        return [
            Shown(
                row.hall_name,
                row.window_name,
                row.level,
                row.rated_at_ms,
                _matter(row.document),
                [words_of(mark).title for mark in json.loads(row.marks)],
            )
            for row in self._figures.newest(hall, window, _NEWEST)
        ]


def _path(hall: str | None, window: str | None) -> str:
    if hall is None:
        return ""
    return f"/halls/{hall}" if window is None else f"/halls/{hall}/windows/{window}"


def _marks_by_part(
    findings: list[Finding], hall: str | None, window: str | None
) -> dict[str, int]:
    """How many marks each hall or window has, and under "" how many all of them have."""
    counts = {"": 0}
    for finding in findings:
        if window is None or finding.window == window:
            part = finding.hall if hall is None else finding.window
            counts[""] += finding.count
            if part:
                counts[part] = counts.get(part, 0) + finding.count
    return counts


def _found(mark: str, findings: list[Finding]) -> Found:
    first = [one.first_at_ms for one in findings if one.first_at_ms is not None]
    return Found(
        words_of(mark),
        sum(one.count for one in findings),
        min(first) if first else None,
        list(islice(findings, _PLACES)),
        max(0, len(findings) - _PLACES),
    )


def _matter(document: bytes | None) -> str:
    """What a service was about: its matter's name, else its kind, else nothing is known."""
    if document is None:
        return "事项未知"
    members = json.loads(document)
    names = [matter["task_name"] for matter in members["matters"] if matter.get("task_name")]
    return "、".join(dict.fromkeys(names[:3])) or _KINDS[members["kind"]]
