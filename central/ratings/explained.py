"""One service explained: what it counts as under each policy, which rating decides it, and why."""

from typing import NamedTuple

from sqlalchemy import Connection

from central.ratings.dossier import Dossier, gather
from central.ratings.judge import Judge
from central.ratings.settling import settled
from central.rules.calendar import Day
from central.rules.facts import Rating
from central.rules.policy import Limit, Policy
from central.rules.standing import Standing
from central.store.judged import facts, moved, standings
from central.store.judged.facts import Service
from central.store.judged.moved import MovedRating

_DAYS = 400  # of a limit that are shown one by one

OUT_BECAUSE = {
    "not_rateable": ("名录中该事项不作评价", "its matter is not rated, by the directory"),
    "no_application": ("非依申请事项，不在评价范围", "no application is needed for its matter"),
    "counted_elsewhere": (
        "按该规则，同一办件由另一条服务记录计评",
        "another service of its project is the one that is rated",
    ),
    "transferred": ("已转至其他窗口办理", "it went on at another window"),
    "no_show": ("叫号后未到", "nobody came when it was called"),
    "unfinished": ("尚未办结，且未逾期", "it is not finished, nor overdue"),
    "part": ("主题式服务已整体评价", "the theme that it is a part of was rated as a whole"),
    "whole": ("主题式服务已按部分评价", "parts of this theme were rated"),
}
# The keys of a policy that say why a service stands so.
_ALWAYS = ("levels.good", "levels.middle", "levels.bad", "time.limit", "time.starts", "time.then")
_OF_STATE = {
    "default": ("time.default_level",),
    "excluded": ("case.exclude", "case.exclude_only_by"),
    "out": (
        *("scope.needs_application", "counting.per_visit", "counting.per_matter"),
        *("counting.both", "counting.theme", "counting.agent", "counting.unfinished_overdue"),
    ),
}


class RunningLimit(NamedTuple):
    """A limit of a service. what: `rate` or `remind`. key: of the policy, whose value it is.
    end_ms: the first instant too late. days: one by one, those skipped too; at most 400.
    """

    what: str
    key: str
    limit: Limit
    begin_ms: int
    end_ms: int
    provisional: bool
    days: list[Day]


class Explained(NamedTuple):
    """A service under one policy. roles: of each rating: counts, excluded, second, late, out, or
    void. keys: what of the policy says why.
    """

    policy: Policy
    standing: Standing
    roles: dict[str, str]
    limits: list[RunningLimit]
    keys: list[str]


class Known(NamedTuple):
    """All that is known of a service. is_pending: something came that is not judged yet. moved:
    what took a bad rating of it out of its place.
    """

    dossier: Dossier
    under: list[Explained]
    settled_ms: int
    is_pending: bool
    moved: MovedRating | None


def explain(connection: Connection, judge: Judge, service: Service) -> Known | None:
    """A service as it stands by what is known and judged; None if there is none."""
    places = judge.places_now(connection)
    dossier = gather(connection, {service}, places).get(service)
    if dossier is None:
        return None
    settled_ms = standings.state(connection).settled_ms
    under = []
    for _, standing, policy in settled(dossier, places, judge.rules.calendar, settled_ms):
        roles = {one.id: _role(one, standing) for one in dossier.ratings}
        limits = _limits(judge, policy, standing)
        under.append(Explained(policy, standing, roles, limits, _keys(policy, standing)))
    is_pending = service[1] in facts.touched_of(connection, service[0])
    return Known(
        dossier, under, settled_ms, is_pending, moved.of(connection, [service]).get(service)
    )


def _role(rating: Rating, standing: Standing) -> str:
    if rating.void is not None:
        return "void"
    if rating.id == standing.rating:
        return "excluded" if standing.state == "excluded" else "counts"
    if standing.state == "out":
        return "out"
    return "late" if standing.rating is None else "second"


def _limits(judge: Judge, policy: Policy, standing: Standing) -> list[RunningLimit]:
    calendar, begin_ms = judge.rules.calendar, standing.begin_ms
    found = []
    for what, key, value in (
        ("rate", "time.limit", policy.time.limit),
        ("remind", "time.remind", policy.time.remind),
    ):
        is_there = standing.end_ms is not None or what == "remind"
        if value is None or begin_ms is None or standing.state == "out" or not is_there:
            continue
        limit = value.value
        end = calendar.end_ms(begin_ms, limit)
        days = calendar.days_of(begin_ms, limit)[:_DAYS]
        found.append(RunningLimit(what, key, limit, begin_ms, *end, days))
    return found


def _keys(policy: Policy, standing: Standing) -> list[str]:
    wanted = [*_ALWAYS, *_OF_STATE.get(standing.state, ())]
    if standing.late:
        wanted.append("time.late")
    if standing.second:
        wanted += ["counting.per_visit", "counting.per_matter"]
    if standing.remind_ms is not None or standing.reminded:
        wanted.append("time.remind")
    if standing.reason_missing:
        wanted += ["reasons.required", "reasons.missing"]
    there = {key for key, _ in policy.values()}
    return [key for key in dict.fromkeys(wanted) if key in there]
