"""The pages of halls and of a hall's windows: what commands set, as it is now. They change
nothing; each says with which command it is changed.
"""

import json
from typing import Annotated, Any, NamedTuple

from fastapi import Query, Request, Response

from central.directory.cells import day_number
from central.directory.device_settings import BUILT_IN, is_for
from central.people.callers import Holder
from central.people.roles import Place
from central.ratings.judge import Judge
from central.rules.policy import Policy
from central.store import device_settings, directory, fleet, places
from central.store.database import Database
from central.web.pages.looker import Looker, place_for
from hosting.listener import address
from pages import PageError, Site, pages_of

_ROWS = 100  # on one page
_FACES = {
    "standby": "待机",
    "serving": "办理中",
    "inviting": "邀请评价",
    "thanking": "致谢",
    "asking": "询问原因",
    "out_of_service": "暂停评价",
}
_STAFF = {"none": "不显示", "number": "工号", "name": "姓名"}
_DAY_MS = 86_400_000


class Hall(NamedTuple):
    """A hall with a gateway. further: where its broker is to be found besides; carry_days: how
    often its files are carried, None where it has a network. settings: how many there are;
    policies: by which it is judged today.
    """

    id: str
    name: str
    broker: str
    further: str | None
    carry_days: int | None
    windows: int
    devices: int
    settings: int
    policies: tuple[Policy, ...]
    heard_at_ms: int | None


class Standing(NamedTuple):
    """A device at a window. settings: the version that it is to use, 0 for what is built in."""

    device: str
    firmware: str | None
    is_pending: bool
    settings: int


class Window(NamedTuple):
    """A window that there is. policies: its own, where they are others than the hall's."""

    id: str
    name: str
    rest_until_ms: int | None
    rest_reason: str | None
    devices: list[Standing]
    policies: tuple[Policy, ...]


class Settings(NamedTuple):
    """What devices say and ask, of a version; 0 is built in. window, device: None for all."""

    version: int
    window: str | None
    device: str | None
    set_at_ms: int | None
    words: dict[str, str]
    reasons: list[str]
    staff: str
    thanks_s: float
    why_s: float
    volume: int


class HallsView:
    """The values of halls.html and windows.html. Raises PageError for a hall not to be seen."""

    def __init__(self, database: Database, judge: Judge, looker: Looker) -> None:
        self._database = database
        self._judge = judge
        self._looker = looker

    def show(self, place: Place, wanted: str, page: int) -> Any:
        """The halls with `wanted` in their name or id; page: from 1."""
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            at, today = self._judge.places_now(connection), day_number(self._looker.today())
            found = directory.counted_halls(connection, {})
            set_of = device_settings.counted(connection)
        rows = [
            one
            for one in found
            if sight.sees_hall(one[0].hall)
            and not one[0].is_closed
            and wanted.lower() in f"{one[0].hall} {one[0].name}".lower()
        ]
        start = (page - 1) * _ROWS
        halls = [
            _hall(row, windows, devices, set_of.get(row.hall, 0), policies)
            for row, _, windows, devices in rows[start : start + _ROWS]
            if (policies := at.policies_at(row.hall, None, today))
        ]
        return {
            "halls": halls,
            "found": len(rows),
            "wanted": wanted,
            "page": page,
            "pages": pages_of(len(rows), _ROWS, page),
            "own_name": sight.name,
        }

    def show_windows(self, place: Place, hall: str) -> Any:
        """A hall, its windows and settings."""
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            found = directory.counted_halls(connection, {})
            rows = [one for one in found if one[0].hall == hall and sight.sees_hall(hall)]
            if not rows:
                raise PageError(404, "没有这个大厅或窗口。")
            at, today = self._judge.places_now(connection), day_number(self._looker.today())
            windows = places.windows(connection, hall)
            standing = fleet.standing(connection, hall)
            versions = device_settings.of_hall(connection, hall)
        policies = at.policies_at(hall, None, today)
        row, _, count, devices = rows[0]
        return {
            "hall": _hall(row, count, devices, len(versions), policies),
            "windows": [
                Window(
                    *(one.window, one.name, one.rest_until_ms, one.rest_reason),
                    [_standing(each, versions) for each in standing if each.window == one.window],
                    own if (own := at.policies_at(hall, one.window, today)) != policies else (),
                )
                for one in windows
            ],
            "settings": [*map(_settings, versions), _built_in()],
            "faces": _FACES,
            "staff": _STAFF,
        }


def add_to(site: Site[Holder], view: HallsView) -> None:
    """Add the pages."""

    @site.router.get("/halls")
    async def show(
        request: Request,
        wanted: Annotated[str, Query(alias="q", max_length=64)] = "",
        page: Annotated[int, Query(ge=1, le=1000)] = 1,
    ) -> Response:
        place = await place_for(site, request, "look at devices")
        return await site.page(request, "halls.html", lambda: view.show(place, wanted, page))

    @site.router.get("/halls/{hall}/windows")
    async def show_windows(request: Request, hall: str) -> Response:
        place = await place_for(site, request, "look at devices")
        return await site.page(request, "windows.html", lambda: view.show_windows(place, hall))


def _hall(
    row: Any, windows: int, devices: int, settings: int, policies: tuple[Policy, ...]
) -> Hall:
    further = row.further_host and address(row.further_host, row.further_port)
    carry_days = None if row.carry_ms is None else row.carry_ms // _DAY_MS
    told = (row.hall, row.name, address(row.mqtt_host, row.mqtt_port), further, carry_days)
    return Hall(*told, windows, devices, settings, policies, row.heard_at_ms)


def _standing(row: Any, versions: list[Any]) -> Standing:
    used = next((one.version for one in versions if is_for(one.window, one.device, row)), 0)
    is_pending = row.approved_at_ms is None and row.refused_at_ms is None
    return Standing(row.device, row.firmware, is_pending, used)


def _settings(row: Any) -> Settings:
    return _said(row.version, row.window, row.device, row.set_at_ms, json.loads(row.content))


def _built_in() -> Settings:
    return _said(0, None, None, None, BUILT_IN)


def _said(
    version: int,
    window: str | None,
    device: str | None,
    set_at_ms: int | None,
    members: dict[str, Any],
) -> Settings:
    times = members["thanks_ms"] / 1000, members["why_ms"] / 1000
    told = (members["words"], members["reasons"], members["staff"], *times, members["volume"])
    return Settings(version, window, device, set_at_ms, *told)
