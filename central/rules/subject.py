"""Which rows are subjects, and from when a limit runs: RULES 3, for `stand`."""

from collections.abc import Sequence

from central.rules.calendar import Calendar, End, end_of_day
from central.rules.facts import Family, Project, Rating, Service, Side, is_completion
from central.rules.sections import Limit
from central.rules.terms import Terms


def begin_of(terms: Terms, service: Service, project: Project | None) -> int | None:
    """When the limit of a service begins, None if none runs: not yet finished, or no rule."""
    if service.mode == "survey":
        return service.opened_ms if service.closed_ms is None else service.closed_ms
    finished_ms = finish_of(service)
    if service.mode == "per_matter" and service.part_of is None:
        return finished_ms
    if terms.starts is None:
        return None
    if terms.starts == "finished":
        if finished_ms is not None:
            return finished_ms
        if service.closed_ms is not None and service.sends and "finished" in service.sends:
            return None
        if project is not None and project.unfinished:
            return None
    return service.opened_ms if service.closed_ms is None else service.closed_ms


def finish_of(service: Service) -> int | None:
    """When it was finished: by the hall's own word, else by the completion of its project."""
    return service.completed_ms if service.finished_ms is None else service.finished_ms


def overdue_from(terms: Terms, calendar: Calendar, service: Service) -> End | None:
    """The first instant at which the matter is overdue, where that can be said.

    By the due day of the business system; without one, by the time promised, of which the day of
    acceptance is day `accepted_day` (钦南 制度2 第六条: day 1).
    """
    if service.due_day is not None:
        return End(end_of_day(service.due_day), False)
    if service.promised is None or service.accepted_ms is None:
        return None
    n, unit = service.promised.n, service.promised.unit
    if unit != "hours":
        n = max(n - terms.accepted_day, 0)
    return calendar.end_ms(service.accepted_ms, Limit(n=n, unit=unit))


def is_rated_overdue(
    service: Service, valid: Sequence[Rating], overdue: End | None, now_ms: int
) -> bool:
    """Was the matter overdue, and rated before it finished (钦南 第十七条第三款)?"""
    if overdue is None or not valid:
        return False
    finished_ms = finish_of(service)
    if finished_ms is None:
        return overdue.ms <= now_ms
    return overdue.ms <= finished_ms and any(one.by_ms < finished_ms for one in valid)


def matter_out(
    terms: Terms, service: Service, project: Project | None, is_overdue_rated: bool
) -> str | None:
    """Why a per_matter row is no subject, None if it is one.

    A project that was done online or at a terminal is rated there, once: its completion, whoever
    tells of it, finishes that row and is no other one (S3 第十四条 全程网上、自助服务终端, 1次).
    """
    if not terms.per_matter:
        return "counted_elsewhere"
    completion = is_completion(service)
    if completion and project is not None and project.has_online:
        return "counted_elsewhere"
    if is_overdue_rated:
        return None  # what is rated is the matter, whatever visits it had
    by_completion = completion or service.finished_ms is None
    if by_completion and project is not None and _is_counted_by_visits(terms, project):
        return "counted_elsewhere"
    return "unfinished" if finish_of(service) is None else None


def visit_out(
    terms: Terms, service: Service, project: Project | None, is_rated: bool
) -> str | None:
    """Why a visit is no subject, None if it is one. is_rated: by a rating in time."""
    if terms.per_visit and not (terms.agent_after and service.kind == "agent"):
        return None
    if service.project_no is None:  # its own matter
        is_over = service.closed_ms is not None or finish_of(service) is not None
        return None if is_over or is_rated else "unfinished"
    if service.finished_ms is None:
        return "counted_elsewhere"
    finished = [one for one in project.visits if one.finished_ms is not None] if project else []
    last = max(finished, key=lambda one: (one.opened_ms or 0, one.service), default=None)
    if last is not None and last.service != service.service:
        return "counted_elsewhere"
    return None


def theme_out(
    terms: Terms,
    calendar: Calendar,
    service: Service,
    family: Family | None,
    counting: Rating | None,
) -> str | None:
    """Why a theme or a part of one is no subject, None if it is: the rating made first decides
    whether the whole or the parts are rated (DOMAIN decision 13), each in time by its own limit.
    """
    ours = counting.place if counting else None
    part = family and _first_in_time(terms, calendar, family.parts)
    if service.part_of is not None:
        whole = family and _first_in_time(terms, calendar, family.whole)
        part = part or ours
        return "part" if ours is None or (whole and part and whole < part) else None
    return "whole" if part and (ours is None or part < ours) else None


def _first_in_time(
    terms: Terms, calendar: Calendar, sides: Sequence[Side]
) -> tuple[int, str] | None:
    """Where the first rating of these that counts stands in the one order of ratings."""
    found = []
    for side in sides:
        begin_ms = begin_of(terms, side.service, side.project)
        end_ms = None
        if terms.limit is not None and begin_ms is not None:
            end_ms = calendar.end_ms(begin_ms, terms.limit).ms
        valid = [one for one in side.ratings if one.void is None]
        found += [one.place for one in valid if end_ms is None or one.by_ms < end_ms]
    return min(found, default=None)


def _is_counted_by_visits(terms: Terms, project: Project) -> bool:
    """Do the visits of a project stand for its completion?"""
    if any(one.finished_ms is not None for one in project.visits):
        return True  # finished on the spot
    if terms.both or not terms.per_visit:
        return False
    if terms.agent_after and any(one.kind == "agent" for one in project.visits):
        return False
    return bool(project.visits)
