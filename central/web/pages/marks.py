"""The page of marks: alarms of this moment, marks and refusals since the beginning, and what
somebody said to them. Who reads the page answers on it; the answers are kept, with who gave them.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse

from central.clockwork import Alarms, Finding
from central.custody.marks import ALARMS, SEVERITIES, mark_of
from central.directory.sight import Sight
from central.people.callers import Holder
from central.people.deeds import name_of, place_of_holder, who_of
from central.people.roles import Place, may
from central.store import places, tallies
from central.store.database import Database
from central.store.people import acts
from central.web.pages.looker import Looker, place_of
from hosting.clock import written
from pages import PageError, Site
from protocol.field import ProtocolError, Text, place_id

_PLACES = 20  # of one mark
_OF_HALL = 10_000
_AGAIN_MS = 30 * 86_400_000  # an alarm that tells no beginning is asked about anew
_REASON = Text(200)
HallQuery = Annotated[str | None, Query(max_length=place_id.most)]
Severity = Annotated[Literal["security", "fault", "notice"] | None, Query()]
State = Annotated[Literal["open", "closed"], Query()]


class MarksView:
    """The values of marks.html and marks_live.html, of one state of the database, and what its
    buttons do. Raises PageError for a hall that is not there.
    """

    def __init__(self, database: Database, alarms: Alarms, looker: Looker) -> None:
        self._database = database
        self._alarms = alarms
        self._looker = looker

    def show(self, place: Place, hall: str | None, severity: str | None, state: str) -> Any:
        """Of all halls of the reader's place without `hall`; severity: None for all; state: `open`
        or what is closed.
        """
        shares_at_ms = self._alarms.shares_at_ms
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            row = None if hall is None else places.hall(connection, hall)
            if hall is not None and (row is None or not sight.sees_hall(hall)):
                raise PageError(404, "没有这个大厅或窗口。")
            wanted = sight.halls if hall is None else hall
            is_closed = state == "closed"
            by_mark = self._alarms.by_mark(connection, wanted, _PLACES, is_closed)
            answers = tallies.answers(connection, wanted)
            is_heard = places.is_heard(connection, wanted)
        found = [(one, mark_of(one.mark)) for one in by_mark]
        found.sort(key=lambda one: SEVERITIES.index(one[1].severity))  # else the newest first
        doubt = self._alarms.doubt()
        both = None if doubt is None else (written(doubt.steady_ms), written(doubt.wall_ms))
        return {
            "found": [one for one in found if severity in (None, one[1].severity)],
            "others": sum(severity not in (None, one[1].severity) for one in found),
            "answer_of": lambda finding: _answer_of(answers, finding),
            "until_ms": until_ms,
            "alarms": ALARMS,
            "both_clocks": both,
            "store_trouble": self._alarms.trouble(),
            "shares_at_ms": shares_at_ms,
            "is_heard": is_heard,
            "now_ms": self._looker.now_ms(),
            "has_closed": any(one.what == "closed" for one in answers.values()),
            "severity": severity,
            "state": state,
            "hall": hall,
            "hall_name": row.name if row is not None else "",
            "own_name": sight.name,
            "is_coarse": False,
        }

    def answer(self, holder: Holder, fields: Mapping[str, str]) -> None:
        """Keep what somebody said to a finding, as it was when they saw it. Raises PageError."""
        mark, hall = fields.get("mark", ""), fields.get("hall", "")
        until, what = fields.get("until", ""), fields.get("what", "")
        is_closing = what == "closed"
        if what not in ("seen", "closed") or not until.isdecimal() or len(until) > 15:
            raise PageError(422, "请求未被接受。")
        if is_closing and mark in ALARMS:
            raise PageError(409, "告警在问题解决后自行消失，不能处置，只能注明已知悉。")
        try:
            reason = _REASON(fields.get("reason", "").strip(), "reason")
        except ProtocolError:
            raise PageError(422, "处置原因最多 200 个字，不能换行。") from None
        if is_closing and not reason:
            raise PageError(422, "请写明处置原因。")
        with self._database.write() as connection:
            sight = self._looker.sight(connection, place_of(holder, "answer marks"))
            one = self._found(connection, sight, mark, hall, fields)
            if one is None:
                raise PageError(404, "这一项已经不在，请刷新页面。")
            tallies.add_answer(
                connection,
                **dict(zip(("mark", "hall", "window", "device"), _key(one), strict=True)),
                what=what,
                until_ms=min(int(until), until_ms(one)),
                at_ms=self._looker.now_ms(),
                who=name_of(connection, holder),
                reason=reason,
            )
            about = "/".join((mark, *filter(None, _key(one)[1:])))
            told = (who_of(holder), "mark.answer", about, f"{what} {reason}".strip())
            acts.add(connection, self._looker.now_ms(), *told, place_of_holder(holder))

    def _found(
        self, connection: Connection, sight: Sight, mark: str, hall: str, fields: Mapping[str, str]
    ) -> Finding | None:
        if not sight.sees_hall(hall) if hall else sight.halls is not None:
            return None
        wanted = (mark, hall, fields.get("window", ""), fields.get("device", ""))
        if not hall:  # about the centre itself are alarms only
            found = self._alarms.find(connection, None)
        else:
            found = self._alarms.findings(connection, hall, _OF_HALL).newest
        return next((one for one in found if _key(one) == wanted), None)


def until_ms(finding: Finding) -> int:
    """Until when an answer to it must reach to be about it: an alarm is the same while it stands,
    a mark no more when it is set again.
    """
    if finding.mark not in ALARMS:
        return finding.last_at_ms
    return finding.last_at_ms if finding.first_at_ms is None else finding.first_at_ms


def _key(finding: Finding) -> tuple[str, str, str, str]:
    device = finding.device if finding.mark in ALARMS else None
    return finding.mark, finding.hall, finding.window, device or ""


def _answer_of(answers: Mapping[tuple[str, str, str, str], Any], finding: Finding) -> Any:
    """What was said to a finding as it is now; None if nothing was."""
    said = answers.get(_key(finding))
    if said is None:
        return None
    since_ms = until_ms(finding)
    if finding.mark in ALARMS and finding.first_at_ms is None:
        since_ms -= _AGAIN_MS
    return said if said.until_ms >= since_ms else None


def answers_to(site: Site[Holder], marks: MarksView) -> None:
    """Add what the page's buttons do."""

    @site.router.post("/marks")
    async def answer(request: Request) -> Response:
        holder = await site.holder(request, may("answer marks"))
        fields = await site.form(request)
        await run_in_threadpool(marks.answer, holder, fields)
        back = fields.get("back", "")
        return RedirectResponse(back if back.startswith("/marks") else "/marks", 303)
