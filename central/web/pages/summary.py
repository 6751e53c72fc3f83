"""The summary table of a region's evaluation, as it is printed and filed upward: exactly the
columns of the form (新疆消防 第十一条, 附件3), a row for each hall and one for all (R87).
"""

from datetime import date
from typing import Annotated, Any

from fastapi import Query, Request, Response

from central.directory.cells import day_number
from central.figures.quota import evaluated, halls_of
from central.people.callers import Holder
from central.people.roles import Place
from central.ratings.judge import Judge
from central.ratings.period import Period
from central.rules.quota import SummaryRow, assessed
from central.store.database import Database
from central.web.pages.looker import Looker, place_for
from pages import PageError, Site

_MOST = 100  # halls of one table
_NONE = "没有这个页面。"
WAYS = {
    "window": "窗口评价",
    "internet": "互联网评价",
    "mobile": "移动终端评价",
    "phone": "电话回访",
    "third_party": "第三方评价",
}


class SummaryView:
    """The values of summary.html. Raises PageError for a region that is not there or not the
    reader's, and for a profile that asks for no evaluation of its tier.
    """

    def __init__(self, database: Database, judge: Judge, looker: Looker) -> None:
        self._database = database
        self._judge = judge
        self._looker = looker

    def show(self, place: Place, profile: str, region: str, on: str, by: str) -> Any:
        """on: a day of the period, empty for today; by: who began the evaluation, as it is to be
        printed; empty for the region.
        """
        try:
            day = date.fromisoformat(on) if on else self._looker.today()
        except ValueError:
            raise PageError(422, "日期不对：请写 2026-09-30 这样的日期。") from None
        number = day_number(day)
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            places = self._judge.places_now(connection)
            found = places.region(region, number)
            if found is None or (sight.halls is not None and region not in sight.regions):
                raise PageError(404, _NONE)
            policy = places.policy_of_region(profile, region, number)
            span = None if policy is None else assessed(policy, found.tier, day)
            if policy is None or span is None:
                raise PageError(404, "此规则没有规定这一级多久评价一次，没有汇总表。")
            own, lower = halls_of(places, region, number)
            if len(own) + len(lower) > _MOST:
                raise PageError(422, "大厅太多，请按下级地区分别打印。")
            names, period = places.halls(number), Period(span.first, span.last)
            told = (connection, policy, period)
            rows = [evaluated(*told, [hall], names[hall]).row for hall in (*own, *lower)]
            whole = evaluated(*told, own + lower, found.name)
            matters = places.named("matter", number)
            lag = self._judge.lag(connection)
        return {
            "region": found,
            "by": by or found.name,
            "span": span,
            "on": on,
            "today": self._looker.today(),
            "path": f"/summary/{profile}/{region}",
            "rows": [self._told(one, matters) for one in rows],
            "whole": self._told(whole.row, matters),
            "unknown": whole.unknown,
            "policy": policy,
            "lag": lag,
        }

    def _told(self, row: SummaryRow, matters: dict[str, str]) -> dict[str, Any]:
        items = [(matters.get(task, task), n) for task, n in row.bad_items]
        return {**row._asdict(), "ways": [WAYS[one] for one in row.ways], "bad_items": items}


def add_to(site: Site[Holder], view: SummaryView) -> None:
    """Add the page."""

    @site.router.get("/summary/{profile}/{region}")
    async def show(
        request: Request,
        profile: str,
        region: str,
        on: Annotated[str, Query(max_length=10)] = "",
        by: Annotated[str, Query(max_length=64)] = "",
    ) -> Response:
        place = await place_for(site, request, "look at figures")
        return await site.page(
            request, "summary.html", lambda: view.show(place, profile, region, on, by.strip())
        )
