"""GET /v1/figures, /v1/marks and /v1/fleet: what pages show, for machines."""

from dataclasses import asdict
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, HTTPException, Query, Request, Response

from central.clockwork import Alarms
from central.custody.marks import mark_of
from central.directory.cells import day_number
from central.directory.sight import Sight, sight_of
from central.figures.closed import ClosedMonths, last_of
from central.figures.report import ENOUGH, Figures, FiguresReader
from central.figures.shown import Unit
from central.ratings.judge import Lag
from central.ratings.period import ALL, Period
from central.rules.policy import Policy
from central.store.database import Database
from central.web.api.bearer import Bearer, Scopes, require
from central.web.etag import UNCHANGED, Etags, unchanged
from central.web.views.figures import FiguresAnswer, Mark, Marks, PlaceFigures
from central.web.views.fleet import Fleet, fleet_of
from central.web.views.shown import view_of
from hosting.clock import day
from hosting.problem import FieldError
from hosting.toml import meant
from protocol.field import ProtocolError, place_id

_DAYS = 366  # asked for at once

Dim = Literal["staff", "institution", "line", "matter"]


def create_router(
    database: Database,
    reader: FiguresReader,
    closed: ClosedMonths,
    alarms: Alarms,
    bearer: Bearer,
) -> APIRouter:
    """The routes; they need a token with the scope figures:read, or that of a place."""
    router = APIRouter(prefix="/v1")
    etags = Etags(reader.judge)

    def reads(scopes: Annotated[Scopes, Depends(bearer)]) -> Sight:
        place = require(scopes, "read figures")
        with database.read() as connection:
            sight = sight_of(connection, place, day_number(day(reader.now_ms())))
        if sight is None:
            raise HTTPException(403, f"the directory has no {place.kind} {place.id} any more")
        return sight

    @router.get("/figures", response_model=FiguresAnswer, responses=UNCHANGED)
    def get_figures(
        request: Request,
        response: Response,
        sight: Annotated[Sight, Depends(reads)],
        hall: Annotated[str | None, Query(max_length=place_id.most)] = None,
        window: Annotated[str | None, Query(max_length=place_id.most)] = None,
        first: Annotated[date | None, Query(alias="from")] = None,
        last: Annotated[date | None, Query(alias="to")] = None,
        dim: Annotated[Dim | None, Query()] = None,
        thing: Annotated[str | None, Query(alias="id", max_length=80)] = None,
        if_none_match: Annotated[str, Header()] = "",
    ) -> FiguresAnswer | Response:
        """Counts per level, the good rate, and every figure that the place's policies show, of the
        place or of one `id` of a `dim` in it. Scope figures:read, or figures:read:<place>.

        Without hall, all that the token sees: the province, its region; with neither `from` nor
        `to`, all days; without `to`, up to today; at most 366 days. A hall's and an institution's
        token sees its own place, one calendar month that is closed at a time, `from` its first day
        `to` its last; without them the newest. 304 while nothing has changed since the answer
        whose ETag If-None-Match names; a hall's and an institution's answers have none.
        """
        _check_places(hall, window)
        unit = _unit(hall, window, dim, thing)
        if sight.is_coarse:
            if dim is not None:
                raise HTTPException(403, "parts are not for the token of a hall or an institution")
            return _closed(closed, sight, hall, window, first, last)
        _require_seen(sight, hall)
        if sight.halls is not None and hall is None and dim is not None:
            raise HTTPException(403, "parts of a region are asked for hall by hall")
        today = day(reader.now_ms())
        period = _period(first, last, today)
        with database.read() as connection:
            tag = etags.of(connection, request, sight.place, day_number(today))
            if (same := unchanged(tag, if_none_match)) is not None:
                return same
            response.headers["ETag"] = tag
            report = reader.report(connection, period, hall, window, sight.halls, sight.region)
            if report is None:
                known = reader.judge.hall_names(connection, day_number(day(reader.now_ms())))
                near = "" if hall in known else meant(hall or "", known)
                raise HTTPException(404, f"no such hall or window.{near}")
            sets = reader.sets(connection, period, unit) if dim is not None else report.sets
        name = report.window_name or report.hall_name or sight.name
        place = window or hall or sight.place.id
        return _answer(
            *(report.policy, report.lag),
            first=period.first,
            last=period.last,
            hall=hall,
            window=window,
            dim=unit.dim,
            id=unit.id,
            whole=_of(place, name, report.whole),
            parts=[_of(*part[:3]) for part in report.parts],
            sets=[view_of(one) for one in sets],
        )

    @router.get("/marks")
    def get_marks(
        sight: Annotated[Sight, Depends(reads)],
        hall: Annotated[str | None, Query(max_length=place_id.most)] = None,
        limit: Annotated[int, Query(ge=1, le=5000)] = 1000,
    ) -> Marks:
        """Alarms, marks of integrity and refusals, of a hall or of all. Scope figures:read, or
        that of a region.
        """
        _check_places(hall, None)
        if sight.is_coarse:
            raise HTTPException(403, "marks are not for the token of a hall or an institution")
        _require_seen(sight, hall)
        seldom_rated_at_ms = alarms.shares_at_ms
        with database.read() as connection:
            wanted = sight.halls if hall is None else hall
            found = alarms.findings(connection, wanted, limit)
        marks = [Mark(**asdict(one), **mark_of(one.mark)._asdict()) for one in found.newest]
        doubt = alarms.doubt()
        now_ms = reader.now_ms()
        return Marks(
            marks=marks,
            others=found.others,
            now_ms=now_ms,
            wall_ms=now_ms if doubt is None else doubt.wall_ms,
            seldom_rated_at_ms=seldom_rated_at_ms,
        )

    @router.get("/fleet")
    def get_fleet(
        sight: Annotated[Sight, Depends(reads)],
        firmware: Annotated[str | None, Query(max_length=32)] = None,
        after: Annotated[int, Query(ge=0)] = 0,
        limit: Annotated[int, Query(ge=1, le=5000)] = 500,
    ) -> Fleet:
        """The devices of each hall: online, silent, pending, their firmware, open epochs, windows
        without a device; of halls where one firmware runs, or of all. Scope figures:read, or that
        of a region.
        """
        if sight.is_coarse:
            raise HTTPException(403, "the fleet is not for the token of a hall or an institution")
        with database.read() as connection:
            told = (firmware, after, limit)
            return fleet_of(connection, alarms, sight, reader.now_ms(), *told)

    return router


def _closed(
    closed: ClosedMonths,
    sight: Sight,
    hall: str | None,
    window: str | None,
    first: date | None,
    last: date | None,
) -> FiguresAnswer:
    if window is not None or (hall is not None and sight.place != ("hall", hall)):
        raise HTTPException(403, f"this token is for the {sight.place.kind} {sight.place.id}")
    months = closed.months(sight)
    month = months[0] if (first, last) == (None, None) else first
    is_whole = (first, last) == (None, None) or (first is not None and last == last_of(first))
    if month is None or month not in months or not is_whole:
        raise HTTPException(
            403,
            "this token sees one closed calendar month at a time: from its first day to its "
            f"last; the newest is {months[0]:%Y-%m}",
        )
    report = closed.report(sight, month)
    own = sight.place.id if sight.place.kind == "hall" else None
    return _answer(
        # How far the judge is would tell of days.
        *(report.policy, Lag(report.frozen_at_ms or 0, 0, None, None, None)),
        first=report.first,
        last=report.last,
        hall=own,
        window=None,
        dim="hall",
        id=None,
        whole=_of(sight.place.id, sight.name, report.whole, True),
        parts=[
            _of(one.window if own else f"{one.hall}/{one.window}", one.name, one.figures, True)
            for one in report.parts
        ],
        frozen_at_ms=report.frozen_at_ms,
    )


def _answer(policy: Policy, lag: Lag, **values: Any) -> FiguresAnswer:
    rule = policy.levels.good
    return FiguresAnswer(
        good_levels=sorted(rule.value, reverse=True),
        profile=policy.profile,
        source=policy.source,
        article=rule.article,
        settled_to_ms=lag.settled_ms,
        pending=lag.pending,
        enough=ENOUGH,
        **values,
    )


def _require_seen(sight: Sight, hall: str | None) -> None:
    if hall is not None and not sight.sees_hall(hall):
        raise HTTPException(403, f"the hall {hall} does not lie in the region of this token")


def _unit(hall: str | None, window: str | None, dim: str | None, thing: str | None) -> Unit:
    if (dim is None) != (thing is None):
        raise FieldError("dim" if dim is None else "id", "dim and id go together")
    if dim is None:
        return Unit(hall) if window is None else Unit(hall, "window", window)
    if window is not None:
        raise FieldError("window", "window and dim do not go together")
    if dim == "staff" and hall is None:
        raise FieldError("hall", "hall is needed with dim staff: numbers are a hall's own")
    return Unit(hall, dim, thing)


def _of(place: str, name: str, figures: Figures | None, is_coarse: bool = False) -> PlaceFigures:
    return PlaceFigures(
        id=place,
        name=name,
        levels=None if figures is None else figures.counts,
        good=None if figures is None else figures.good,
        total=None if figures is None else figures.total,
        good_rate_per_mille=None if figures is None else figures.good_rate_per_mille,
        defaults=None if figures is None or is_coarse else figures.defaults,
        unrated=None if figures is None or is_coarse else figures.unrated,
        waiting=None if figures is None or is_coarse else figures.waiting,
        excluded=None if figures is None or is_coarse else figures.excluded,
    )


def _check_places(hall: str | None, window: str | None) -> None:
    for field, value in (("hall", hall), ("window", window)):
        try:
            if value is not None:
                place_id(value, field)
        except ProtocolError as error:
            raise FieldError(field, str(error)) from None
    if window is not None and hall is None:
        raise FieldError("hall", "hall is needed with window")


def _period(first: date | None, last: date | None, now: date) -> Period:
    if first is None and last is None:
        return ALL
    if first is None:
        raise FieldError("from", "from is needed with to")
    last = now if last is None else last
    if last < first:
        raise FieldError("to", "to must not be before from")
    if last - first >= timedelta(days=_DAYS):
        raise FieldError("from", f"from and to may be {_DAYS} days apart")
    return Period(first, last)
