"""Services and their progress as business systems tell them (RULES 3): online services, those of a
self-service terminal, the completion of a project, forms. Facts, as a hall's batch brings them.
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.custody.open import COMPLETION
from central.ratings.dossier import is_completion
from central.store import services
from central.store.database import Database
from central.store.judged import facts, projects
from central.store.judged.facts import MATTER, Service, ServiceRow


class Told(NamedTuple):
    """A service as it is told. completes: the project whose completion it stands for. participant:
    an HMAC (central/keys.py). projects: how many matters it is about, at least 1. reach: of a
    completion, the places besides its own hall that who tells it may speak of, with blanks.
    """

    hall: str
    service: str
    mode: str
    kind: str
    channel: str
    window: str | None = None
    staff_no: str | None = None
    task_code: str | None = None
    project_nos: tuple[str, ...] = ()
    projects: int = 1
    part_of: str | None = None
    opened_at_ms: int | None = None
    due_day: int | None = None
    participant: str | None = None
    reach: str = ""

    @property
    def name(self) -> Service:
        """Its identity."""
        return self.hall, self.service

    @property
    def sha256(self) -> str:
        """What the same service told again has, and another one has not."""
        return hashlib.sha256(json.dumps(self[:-1]).encode()).hexdigest()


class Progress(NamedTuple):
    """What became of a service. project_nos: those that `finished` is about; empty for all."""

    what: str
    at_ms: int
    project_nos: tuple[str, ...] = ()


class ContradictionError(Exception):
    """What is told is not what was told before; the text says what stands."""


class UnknownServiceError(Exception):
    """Nobody has told of this service."""


class Entry:
    """Takes in what is told; the judge looks at it after that."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def halls_of_project(self, project_no: str) -> list[str]:
        """The halls that know a project: where its completion stands, then by their first visits.
        More than one, if halls name the same number: each has accepted a project of its own.
        """
        with self._database.read() as connection:
            rows = list(_rows_of(connection, project_no))
        rows.sort(key=lambda row: (not is_completion(row), row.opened_at_ms or row.stored_at_ms))
        return list(dict.fromkeys([row.hall for row in rows]))

    def put(self, told: Told, progress: list[Progress], token: str) -> bool:
        """Take in a service and what became of it so far; whether it is new. token: the id of that
        by which it is told. Raises ContradictionError, and then nothing is kept.
        """
        now_ms = self._now_ms()
        with self._database.write() as connection:
            before = facts.services(connection, [told.name]).get(told.name)
            is_new = before is None or before.facts is None
            put_told(connection, [told], now_ms)
            put_progress(connection, [(told.name, one) for one in progress], now_ms, token)
            facts.touch(connection, {told.name}, now_ms)
        return is_new

    def note(
        self, service: Service, progress: list[Progress], due_day: int | None, token: str
    ) -> None:
        """Take in what became of a service, and a new due day; token: as above. Raises
        UnknownServiceError, ContradictionError.
        """
        now_ms = self._now_ms()
        with self._database.write() as connection:
            if service not in facts.services(connection, [service]):
                raise UnknownServiceError
            put_progress(connection, [(service, one) for one in progress], now_ms, token)
            if due_day is not None:
                services.put_due_day(connection, service, due_day)
            facts.touch(connection, {service}, now_ms)


def completion_of(project_no: str) -> str:
    """The service that stands for the completion of a project."""
    return COMPLETION + hashlib.sha256(project_no.encode()).hexdigest()[:32]


def completing(hall: str, project_no: str, **more: Any) -> Told:
    """The completion of a project."""
    service = completion_of(project_no)
    return Told(hall, service, MATTER, **{"project_nos": (project_no,), **more})


def _rows_of(connection: Connection, project_no: str) -> Iterable[ServiceRow]:
    halls = projects.halls_of(connection, [project_no])[project_no]
    found = projects.services_of(connection, {(project_no, hall) for hall in halls})
    return facts.services(connection, [one for ones in found.values() for one in ones]).values()


def _require_accepted(connection: Connection, all_told: list[Told]) -> None:
    """A project is completed where it was accepted, once, or by who may speak of more halls. A
    hall that names a number first takes nothing from the one that accepts it (RULES 3).
    """
    for told in all_told:
        if not told.service.startswith(COMPLETION):
            continue
        rows = [row for no in told.project_nos for row in _rows_of(connection, no)]
        halls = {row.hall for row in rows if not is_completion(row)}
        if told.hall in halls:
            continue
        far = projects.reaching(connection, told.project_nos)
        for (hall, _), _ in (one for ones in far.values() for one in ones):
            if hall != told.hall:
                raise ContradictionError(f"the project's completion stands in {hall} already")
        if halls and not told.reach:
            raise ContradictionError(
                f"{told.hall} has not accepted this project: {' and '.join(sorted(halls))} has, "
                "and its own business system, or one whose token covers both, completes it"
            )


def put_told(connection: Connection, all_told: list[Told], now_ms: int) -> None:
    """Note services. The same again is nothing new; raises ContradictionError for one that was
    told otherwise before.
    """
    _require_accepted(connection, all_told)
    nothing: dict[str, Any] = dict.fromkeys(ServiceRow._fields)
    rows = [
        ServiceRow(
            **{
                **nothing,
                **{name: value for name, value in told._asdict().items() if name in nothing},
                "facts": told.sha256,
                "project_no": told.project_nos[0] if told.project_nos else None,
                "stored_at_ms": now_ms,
            }
        )
        for told in all_told
    ]
    services.put_told(connection, rows)
    stored = facts.services(connection, {told.name for told in all_told})
    for told in all_told:
        if stored[told.name].facts != told.sha256:
            raise ContradictionError(
                f"the service {told.service} of {told.hall} was told otherwise before; what came "
                "first stays"
            )
    for told in all_told:
        numbers = [(no, told.hall, told.service) for no in told.project_nos]
        facts.add_projects(connection, numbers, told.reach)


def put_progress(
    connection: Connection,
    told: list[tuple[Service, Progress]],
    now_ms: int,
    token: str | None = None,
) -> None:
    """Note what became of services, told by a token of this id. The same word again is nothing
    new; raises ContradictionError for another one on the same.
    """
    keys = {(*service, one.what) for service, one in told}
    known = services.progress(connection, keys)
    new = {}
    for service, one in told:
        key = (*service, one.what)
        projects = json.dumps([*one.project_nos])
        before = known.get(key)
        if before is None:
            known[key] = new[key] = (one.at_ms, None, projects, now_ms, token)
        elif (before[0], before[2]) != (one.at_ms, projects):
            raise ContradictionError(
                f"{one.what} of the service {service[1]} of {service[0]} was told before, for "
                f"{before[0]}; what came first stays"
            )
    services.add_progress(connection, [(*key, *values) for key, values in new.items()])
    instants = [(key[2], key[:2], values[0], json.loads(values[2])) for key, values in new.items()]
    facts.put_instants(connection, instants, now_ms)
