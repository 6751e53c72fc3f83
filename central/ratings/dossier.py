"""All that is known of a service, read for many at once: what the judge stands on."""

import json
from collections.abc import Iterable
from typing import NamedTuple, cast

from sqlalchemy import Connection

from central.custody.facts import facts_of
from central.rules.facts import Decision, Kind, Project, Rating, Visit
from central.store import services as documents
from central.store.judged import facts
from central.store.judged.facts import DEVICE, VISIT, DocumentFacts, RatingRow, Service, ServiceRow
from protocol.batch import decode_document

COMPLETION = "done-"  # what the service of a completed project begins with (RULES 3)


class Kin(NamedTuple):
    """A service of a theme, as `Dossier` has it."""

    row: ServiceRow
    ratings: tuple[Rating, ...]
    project: Project | None
    completed_ms: int | None


class Dossier(NamedTuple):
    """One service. row: as it is stored, or as `restated` says, the document that its counting
    rating signed: then it is to be stored so. project, completed_ms: of a service with a project
    number. family: of a theme and of its parts, all of them.
    """

    row: ServiceRow
    ratings: tuple[Rating, ...]
    decisions: tuple[Decision, ...]
    project: Project | None
    completed_ms: int | None
    family: tuple[Kin, ...]
    restated: DocumentFacts | None = None


def gather(connection: Connection, touched: Iterable[Service]) -> dict[Service, Dossier]:
    """The dossiers of these services, and of those whose standing depends on theirs: the other
    services of their projects, the whole and the parts of a theme.
    """
    rows = facts.services(connection, touched)
    relatives = _Relatives()
    relatives.find(connection, rows)
    rows |= facts.services(connection, relatives.services - set(rows))
    wanted = list(rows)
    relatives.find(connection, rows)  # of the relatives, too: a visit may have been for a theme
    rows |= facts.services(connection, relatives.services - set(rows))
    ratings = facts.ratings(connection, rows)
    ids = [one.id for ones in ratings.values() for one in ones if one.origin == DEVICE]
    reasons = facts.reasons(connection, ids)
    decisions = facts.decisions(connection, rows)
    restated = _restated(connection, rows, ratings)
    rows |= {key: _as_told(rows[key], told) for key, told in restated.items()}
    rows |= {key: _as_rated(row, ratings.get(key, [])) for key, row in rows.items()}
    rows |= _as_joined(rows, relatives.projects)
    rated = {
        service: tuple([_rating(one, reasons.get(one.id)) for one in ratings.get(service, ())])
        for service in rows
    }
    projects = {
        number: _project([rows[one] for one in ones if one in rows])
        for number, ones in relatives.projects.items()
    }
    families = {
        (hall, whole): tuple(
            [
                Kin(rows[one], rated[one], *projects.get(rows[one].project_no or "", (None, None)))
                for one in ((hall, whole), *((hall, part) for part in parts))
                if one in rows
            ]
        )
        for (hall, whole), parts in relatives.parts.items()
        if parts
    }
    found = {}
    for service in wanted:
        row = rows[service]
        project, completed_ms = projects.get(row.project_no or "", (None, None))
        found[service] = Dossier(
            row,
            rated[service],
            tuple([Decision(*one) for one in decisions.get(service, ())]),
            project,
            completed_ms,
            families.get((row.hall, row.part_of or row.service), ()),
            restated.get(service),
        )
    return found


class _Relatives:
    """Services that belong together. parts: of each theme; projects: their services."""

    def __init__(self) -> None:
        self.parts: dict[Service, list[str]] = {}
        self.projects: dict[str, list[Service]] = {}
        self._themes: set[Service] = set()

    def find(self, connection: Connection, rows: dict[Service, ServiceRow]) -> None:
        """Find those of these services that were not found yet."""
        self._themes |= {(row.hall, row.part_of) for row in rows.values() if row.part_of}
        themes = {key for key, row in rows.items() if row.kind == "theme"} | self._themes
        if new := themes - set(self.parts):
            found = facts.parts_of(connection, new)
            self.parts |= {key: found.get(key, []) for key in new}
        numbers = {row.project_no for row in rows.values() if row.project_no}
        if new := numbers - set(self.projects):
            self.projects |= facts.of_projects(connection, new)

    @property
    def services(self) -> set[Service]:
        """All of them."""
        found = {one for ones in self.projects.values() for one in ones}
        found |= {(hall, part) for (hall, _), ones in self.parts.items() for part in ones}
        return found | self._themes


def _restated(
    connection: Connection,
    rows: dict[Service, ServiceRow],
    ratings: dict[Service, list[RatingRow]],
) -> dict[Service, DocumentFacts]:
    """Services whose counting rating signed another document than the first that came: what that
    one says, if it is held (RULES 3).
    """
    signed = {}
    for service, row in rows.items():
        valid = [one for one in ratings.get(service, ()) if one.void is None and one.facts]
        first = min(valid, key=order, default=None)
        if first is not None and first.facts != row.facts and row.facts is not None:
            signed[service] = first.facts
    if not signed:
        return {}
    restated = {}
    held = documents.contents(connection, signed.values())
    for service, name in signed.items():
        if name in held:
            content, opened_at_ms = held[name]
            told = facts_of(decode_document(content), name, opened_at_ms)
            if (told.hall, told.service) == service:
                restated[service] = told
    return restated


def _as_told(row: ServiceRow, told: DocumentFacts) -> ServiceRow:
    return row._replace(
        facts=told.facts,
        kind=told.kind,
        window=told.window,
        staff_no=told.staff_no,
        task_code=told.task_code,
        project_no=told.projects[0] if told.projects else None,
        projects=told.matters,
        opened_at_ms=told.opened_at_ms,
    )


def _as_rated(row: ServiceRow, ratings: list[RatingRow]) -> ServiceRow:
    """A service that nobody has described is one of the window where it was rated first, whatever
    arrived first.
    """
    if row.mode != VISIT or row.facts is not None or row.opened_at_ms is not None:
        return row
    known = [one for one in ratings if one.void is None] or ratings
    first = min(known, key=order, default=None)
    return row if first is None else row._replace(window=first.window)


def _as_joined(
    rows: dict[Service, ServiceRow], projects: dict[str, list[Service]]
) -> dict[Service, ServiceRow]:
    """Services of which only their project says who was served: its completion, else another of
    its services (RULES 5). A device knows nobody, whatever it signs.
    """
    found = {}
    for key, row in rows.items():
        if row.participant is None and row.project_no:
            others = [rows[one] for one in projects.get(row.project_no, ()) if one in rows]
            known = [one for one in others if one.participant is not None]
            first = min(known, key=_completion_first, default=None)
            if first is not None:
                found[key] = row._replace(participant=first.participant)
    return found


def _completion_first(row: ServiceRow) -> tuple[bool, str, str]:
    return not row.service.startswith(COMPLETION), row.hall, row.service


def order(rating: RatingRow) -> tuple[int, str]:
    """The one order of ratings, whatever arrived first (RULES 6.1)."""
    at_ms = rating.received_at_ms if rating.rated_at_ms is None else rating.rated_at_ms
    return at_ms, rating.id


def finished_ms(row: ServiceRow) -> int | None:
    """When a service's own project was finished, as its hall says: it may have finished others of
    the same visit only (RULES 3).
    """
    if row.finished_projects and row.project_no:
        return row.finished_at_ms if row.project_no in json.loads(row.finished_projects) else None
    return row.finished_at_ms


def _rating(row: RatingRow, answered: tuple[list[int], int] | None) -> Rating:
    return Rating(
        id=row.id,
        level=row.level,
        rated_at_ms=row.rated_at_ms,
        received_at_ms=row.received_at_ms,
        rated_error_ms=row.rated_error_ms,
        origin=row.origin,
        rated_by=row.rated_by,
        named=row.named,
        reasons=tuple(json.loads(row.reasons) if answered is None else answered[0]),
        void=row.void,
    )


def _project(rows: list[ServiceRow]) -> tuple[Project, int | None]:
    """A project of which these are all services, and when it was completed, as its business
    system says: a completion that is there without an instant says that it is not.
    """
    took_place = [one for one in rows if one.no_show_at_ms is None and one.mode == VISIT]
    visits = [
        Visit(
            one.service, one.opened_at_ms, one.closed_at_ms, finished_ms(one), cast(Kind, one.kind)
        )
        for one in took_place
        if one.transferred_at_ms is None
    ]
    completions = [one for one in rows if one.service.startswith(COMPLETION)]
    instants = [one.finished_at_ms for one in completions if one.finished_at_ms is not None]
    completed_ms = min(instants, default=None)
    is_open = bool(completions) and completed_ms is None
    return Project(tuple(visits), bool(completions), is_open), completed_ms
