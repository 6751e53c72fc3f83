"""What a service counts as: `stand`, one pure function (RULES 3 and 6.1).

Values in, values out: it never sees the order in which things arrived. What it answers changes
only with its arguments, and with time alone only at the instants that it names (`due_ms`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from central.rules.calendar import Calendar, day_number
from central.rules.facts import (
    PENDING,
    Decision,
    Family,
    Project,
    Rating,
    Service,
    Side,
    Visit,
    is_completion,
)
from central.rules.policy import Policy
from central.rules.subject import (
    begin_of,
    is_rated_overdue,
    matter_out,
    overdue_from,
    theme_out,
    visit_out,
)
from central.rules.terms import Terms, terms_of

__all__ = [
    "Decision",
    "Family",
    "Project",
    "Rating",
    "Service",
    "Side",
    "Standing",
    "State",
    "Visit",
    "is_completion",
    "stand",
]

State = Literal["out", "excluded", "active", "waiting", "default", "unrated"]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a service counts as under one policy.

    level, rating, origin, named, reasons, reason_missing: of the rating that counts, or that is
    excluded; a default has a level and the origin `default`, and no rating.
    late, second: how many of its ratings came after the limit, or beside the one that counts.
    day: the day under which it is counted, 20260901; 0 if nothing about it has a time.
    begin_ms, end_ms: its limit, end_ms being the first instant too late; None where none runs.
    remind_ms: when the reminder falls due, None where none does, or it was rated before.
    due_ms: the next instant at which time alone changes something, None if none does.
    provisional: a day of its limit is in a year without a notice.
    out_because: not_rateable, no_application, counted_elsewhere, transferred, no_show, unfinished,
    part (the whole of its theme is rated), whole (its parts are).
    policy_from: the version of the policy, by its first day.
    invited: of a closed service whose hall sends invitations; None where it is not known.
    """

    state: State
    level: int | None
    rating: str | None
    origin: str | None
    late: int
    second: int
    day: int
    begin_ms: int | None
    end_ms: int | None
    remind_ms: int | None
    reminded: bool
    due_ms: int | None
    provisional: bool
    out_because: str | None
    named: bool
    reasons: tuple[int, ...]
    reason_missing: bool
    policy_from: int
    invited: bool | None
    expired: bool
    no_show: bool


def stand(
    policy: Policy,
    calendar: Calendar,
    service: Service,
    ratings: Iterable[Rating],
    decisions: Iterable[Decision],
    now_ms: int,
    project: Project | None = None,
    family: Family | None = None,
) -> Standing:
    """What `service` counts as under `policy` at `now_ms`.

    ratings, decisions: all of this service, in any order, doubled ones too. project: needed where
    the service has a project_no. family: needed of a theme, and of a part of one.
    """
    terms = terms_of(policy)
    is_survey = service.mode == "survey"  # a form has neither limit nor default
    begin_ms = begin_of(terms, service, project)
    end_ms, provisional = None, False
    if terms.limit is not None and begin_ms is not None and not is_survey:
        end_ms, provisional = calendar.end_ms(begin_ms, terms.limit)
    valid, pending = _in_order(ratings)
    counting = next((one for one in valid if end_ms is None or one.by_ms < end_ms), None)
    because, changes_ms = None, None
    if not service.rateable:
        because = "not_rateable"
    elif terms.needs_application and service.needs_application is False:
        because = "no_application"
    elif not is_survey:
        because, changes_ms, is_provisional = _out(
            terms, calendar, service, project, family, valid, counting, end_ms, now_ms
        )
        provisional = provisional or is_provisional
    due_ms = remind_ms = level = default = None
    reminded = False
    if terms.remind is not None and begin_ms is not None and because is None and not is_survey:
        remind_ms = calendar.end_ms(begin_ms, terms.remind).ms
        is_over = end_ms is not None and remind_ms >= end_ms  # holidays may put them so
        if is_over or any(one.by_ms < remind_ms for one in valid + pending):
            remind_ms = None
        elif remind_ms <= now_ms:
            reminded = True
        else:
            due_ms = remind_ms
    second = len(valid) - 1 if counting else 0
    late = 0 if counting else len(valid)
    if because is not None:
        state = "out"
        counting, due_ms, late = None, changes_ms, 0
        second = len(valid) if because in ("part", "whole") else 0
    elif counting is not None:
        state = "excluded" if _is_excluded(terms, counting, decisions) else "active"
    elif end_ms is None or any(one.by_ms < end_ms for one in pending):
        state = "waiting"
    elif now_ms < end_ms:
        state = "waiting"
        due_ms = due_ms or end_ms
    elif terms.default_level is not None:
        state, level, default = "default", terms.default_level, "default"
    else:
        state = "unrated"
    reason_missing = (
        counting is not None
        and counting.level in terms.reason_required
        and not (counting.reasons or counting.has_text or is_survey)
    )
    return Standing(
        state,
        counting.level if counting else level,
        counting.id if counting else None,
        counting.origin if counting else default,
        late,
        second,
        _day(service, begin_ms, valid or pending),
        begin_ms,
        end_ms,
        remind_ms,
        reminded,
        due_ms,
        provisional,
        because,
        counting is not None and counting.named,
        counting.reasons if counting else (),
        reason_missing,
        terms.policy_from,
        _invited(service),
        service.expired_ms is not None,
        service.no_show_ms is not None,
    )


def _in_order(ratings: Iterable[Rating]) -> tuple[list[Rating], list[Rating]]:
    """The ratings that count or may, each once, in their one total order; and the pending ones."""
    valid, pending = [], []
    for one in ratings:
        if one.void is None:
            valid.append(one)
        elif one.void == PENDING:
            pending.append(one)
    if len(valid) > 1:
        valid = sorted({one.id: one for one in valid}.values(), key=_place)
    return valid, sorted(pending, key=_place)


def _place(rating: Rating) -> tuple[int, str]:
    return rating.place


def _out(
    terms: Terms,
    calendar: Calendar,
    service: Service,
    project: Project | None,
    family: Family | None,
    valid: list[Rating],
    counting: Rating | None,
    end_ms: int | None,
    now_ms: int,
) -> tuple[str | None, int | None, bool]:
    """(why it is no subject, when time alone makes it one, is that or the subject provisional)."""
    if service.part_of is not None:
        return theme_out(terms, calendar, service, family, counting), None, False
    if service.mode == "per_matter":
        overdue = overdue_from(terms, calendar, service) if terms.unfinished_overdue else None
        rated = is_rated_overdue(service, valid, overdue, now_ms)
        because = matter_out(terms, service, project, rated)
        waits = because is not None and overdue is not None and valid and overdue.ms > now_ms
        is_open = service.finished_ms is None and service.completed_ms is None
        if waits and is_open and overdue is not None:
            return because, overdue.ms, overdue.provisional
        if because is None and rated and overdue is not None and overdue.provisional:
            return None, None, True
    else:
        because = visit_out(terms, service, project, counting is not None)
    if because is None and service.kind == "theme":
        because = theme_out(terms, calendar, service, family, counting)
    if because is None and counting is None:
        if service.transferred_ms is not None:
            because = "transferred"
        elif service.no_show_ms is not None:
            because = "no_show"
    return because, None, False


def _is_excluded(terms: Terms, counting: Rating, decisions: Iterable[Decision]) -> bool:
    """The last decision on a rating binds, if the policy knows it and the way it came."""
    last = None
    for one in decisions:
        if one.rating != counting.id:
            continue
        is_known = one.what == "restored" or one.what in terms.excluding
        if is_known and (last is None or (one.at_ms, one.n) > (last.at_ms, last.n)):
            last = one
    return last is not None and last.what != "restored"


def _day(service: Service, begin_ms: int | None, ratings: list[Rating]) -> int:
    """Of the begin, else closed, else opened, else of the first rating."""
    for at_ms in (begin_ms, service.closed_ms, service.opened_ms):
        if at_ms is not None:
            return day_number(at_ms)
    if ratings:
        return day_number(ratings[0].place[0])
    if service.accepted_ms is not None:
        return day_number(service.accepted_ms)
    return service.due_day or 0


def _invited(service: Service) -> bool | None:
    """Was it invited to rate? None while it is open, and where its hall does not say."""
    if service.closed_ms is None or not service.sends or "invited" not in service.sends:
        return None
    return service.invited_ms is not None
