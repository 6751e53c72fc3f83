"""All that is known of a service, read for many at once: what the judge stands on."""

import json
from collections.abc import Iterable
from typing import NamedTuple, cast

from sqlalchemy import Connection

from central.custody.facts import facts_of
from central.custody.open import COMPLETION
from central.ratings.places import Places, policy_day
from central.rules.facts import Decision, Kind, Project, Rating, Visit
from central.store import services as documents
from central.store.judged import facts, projects
from central.store.judged.facts import (
    DEVICE,
    MATTER,
    VISIT,
    DocumentFacts,
    RatingRow,
    Service,
    ServiceRow,
)
from protocol.batch import decode_document


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


def gather(
    connection: Connection,
    touched: Iterable[Service],
    places: Places,
    common: set[projects.Project] | None = None,
) -> dict[Service, Dossier]:
    """The dossiers of these services, and of those whose standing depends on theirs: the other
    services of all their projects, the whole and the parts of a theme. common: gets the numbers
    that are no projects, since a hall gives them to more than projects.MOST services.
    """
    rows = facts.services(connection, touched)
    relatives = _Relatives(places)
    relatives.find(connection, rows, projects.numbers_of(connection, rows))
    rows |= facts.services(connection, relatives.services - set(rows))
    wanted = list(rows)
    # Of the relatives, too: a visit may have been for a theme, and by its first project alone.
    firsts = {key: [row.project_no] for key, row in rows.items() if row.project_no}
    relatives.find(connection, rows, firsts)
    rows |= facts.services(connection, relatives.services - set(rows))
    ratings = facts.ratings(connection, rows)
    ids = [one.id for ones in ratings.values() for one in ones if one.origin == DEVICE]
    reasons = facts.reasons(connection, ids)
    decisions = facts.decisions(connection, rows)
    restated = _restated(connection, rows, ratings)
    rows |= {key: _as_told(rows[key], told) for key, told in restated.items()}
    rows |= {key: _as_rated(row, ratings.get(key, [])) for key, row in rows.items()}
    rows |= {
        key: row._replace(project_no=None)
        for key, row in rows.items()
        if (row.project_no, row.hall) in relatives.common
    }
    if common is not None:
        common |= relatives.common
    rows |= _as_joined(rows, relatives)
    rated = {
        service: tuple([_rating(one, reasons.get(one.id)) for one in ratings.get(service, ())])
        for service in rows
    }
    families = {
        (hall, whole): tuple(
            [
                Kin(rows[one], rated[one], *relatives.project(rows, rows[one]))
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
        found[service] = Dossier(
            row,
            rated[service],
            tuple([Decision(*one) for one in decisions.get(service, ())]),
            *relatives.project(rows, row),
            families.get((row.hall, row.part_of or row.service), ()),
            restated.get(service),
        )
    return found


_Key = tuple[str, str, int, str]  # a project as it is seen from: number, hall, day, reach


class _Relatives:
    """Services that belong together. parts: of each theme; projects: the services of a hall that
    were about one.

    A hall speaks of its own services. Another hall's completion of the same project counts if
    who told it may speak of both (RULES 3).
    """

    def __init__(self, places: Places) -> None:
        self.parts: dict[Service, list[str]] = {}
        self._projects: dict[tuple[str, str], list[Service]] = {}
        self._reaching: dict[str, list[tuple[Service, str]]] = {}
        self.common: set[projects.Project] = set()
        self._themes: set[Service] = set()
        self._places = places
        self._members: dict[_Key, set[Service]] = {}
        self._made: dict[_Key, tuple[Project, int | None]] = {}

    def find(
        self,
        connection: Connection,
        rows: dict[Service, ServiceRow],
        numbers: dict[Service, list[str]],
    ) -> None:
        """Find those of these services that were not found yet. numbers: of projects of theirs."""
        self._themes |= {(row.hall, row.part_of) for row in rows.values() if row.part_of}
        themes = {key for key, row in rows.items() if row.kind == "theme"} | self._themes
        if new := themes - set(self.parts):
            found = facts.parts_of(connection, new)
            self.parts |= {key: found.get(key, []) for key in new}
        named = {no for nos in numbers.values() for no in nos}
        if new := named - set(self._reaching):
            found = projects.reaching(connection, new)
            self._reaching |= {no: found.get(no, []) for no in new}
        wanted = {(no, hall) for (hall, _), nos in numbers.items() for no in nos}
        far = {no for no, ones in self._reaching.items() if {one for one, _ in ones} & set(rows)}
        for no, halls in projects.halls_of(connection, far).items():
            wanted |= {(no, hall) for hall in halls}
        if new := wanted - set(self._projects) - self.common:
            self.common |= projects.common_of(connection, new)
            self._projects |= projects.services_of(connection, new - self.common)

    @property
    def services(self) -> set[Service]:
        """All of them."""
        found = {one for ones in self._projects.values() for one in ones}
        found |= {one for ones in self._reaching.values() for one, _ in ones}
        found |= {(hall, part) for (hall, _), ones in self.parts.items() for part in ones}
        return found | self._themes

    def members(self, rows: dict[Service, ServiceRow], row: ServiceRow) -> list[ServiceRow]:
        """The services of a service's project, by what its hall, or who may speak of it, says."""
        ones, _ = self._found(row)
        return [rows[one] for one in ones if one in rows]

    def project(
        self, rows: dict[Service, ServiceRow], row: ServiceRow
    ) -> tuple[Project | None, int | None]:
        """The project of a service, and when it was completed."""
        if row.project_no is None:
            return None, None
        ones, key = self._found(row)
        if key not in self._made:
            self._made[key] = _project(row.project_no, [rows[one] for one in ones if one in rows])
        return self._made[key]

    def _found(self, row: ServiceRow) -> tuple[set[Service], _Key]:
        number = row.project_no or ""
        reaching = dict(self._reaching.get(number, ()))
        reach = reaching.get((row.hall, row.service), "")
        day = policy_day(row, None)
        key = (number, row.hall, day, reach)
        if key not in self._members:
            ones = {*self._projects.get((number, row.hall), ())}
            ones |= {one for one, far in reaching.items() if self._covers(far, row.hall, day)}
            for (no, hall), theirs in self._projects.items() if reach else ():
                if no == number and self._covers(reach, hall, day):
                    ones.update(theirs)
            self._members[key] = ones
        return self._members[key], key

    def _covers(self, reach: str, hall: str, day: int) -> bool:
        return any(
            place == hall or self._places.is_within(hall, place, day) for place in reach.split()
        )


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
    rows: dict[Service, ServiceRow], relatives: _Relatives
) -> dict[Service, ServiceRow]:
    """Services of which only their project says who was served: its completion, else another of
    its services (RULES 5). A device knows nobody, whatever it signs.
    """
    found = {}
    for key, row in rows.items():
        if row.participant is None and row.project_no:
            others = relatives.members(rows, row)
            known = [one for one in others if one.participant is not None]
            first = min(known, key=_completion_first, default=None)
            if first is not None:
                found[key] = row._replace(participant=first.participant)
    return found


def _completion_first(row: ServiceRow) -> tuple[bool, str, str]:
    return not is_completion(row), row.hall, row.service


def is_completion(row: ServiceRow) -> bool:
    """Whether a service stands for the completion of a project: no hall's document makes one."""
    return row.mode == MATTER and row.service.startswith(COMPLETION)


def order(rating: RatingRow) -> tuple[int, str]:
    """The one order of ratings, whatever arrived first (RULES 6.1)."""
    at_ms = rating.received_at_ms if rating.rated_at_ms is None else rating.rated_at_ms
    return at_ms, rating.id


def finished_ms(row: ServiceRow, project_no: str | None = None) -> int | None:
    """When a service finished a project, its own first one unless said, as its hall says: it may
    have finished others of the same visit only (RULES 3).
    """
    project_no = project_no or row.project_no
    if row.finished_projects and project_no:
        return row.finished_at_ms if project_no in json.loads(row.finished_projects) else None
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


def _project(project_no: str, rows: list[ServiceRow]) -> tuple[Project, int | None]:
    """A project of which these are all services, and when it was completed, as its business
    system says: a completion that is there without an instant says that it is not.
    """
    took_place = [one for one in rows if one.no_show_at_ms is None and one.mode == VISIT]
    visits = [
        Visit(
            *(one.service, one.opened_at_ms, one.closed_at_ms),
            *(finished_ms(one, project_no), cast(Kind, one.kind)),
        )
        for one in took_place
        if one.transferred_at_ms is None
    ]
    completions = [one for one in rows if is_completion(one)]
    instants = [one.finished_at_ms for one in completions if one.finished_at_ms is not None]
    completed_ms = min(instants, default=None)
    is_open = bool(completions) and completed_ms is None
    has_online = any(
        one.mode == MATTER and one.part_of is None and one not in completions for one in rows
    )
    return Project(tuple(visits), is_open, has_online), completed_ms
