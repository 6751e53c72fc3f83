"""Services and their progress as business systems tell them (RULES 3): online services, those of a
self-service terminal, the completion of a project, forms. Facts, as a hall's batch brings them.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.ratings.dossier import COMPLETION
from central.store import services
from central.store.database import Database
from central.store.judged import facts
from central.store.judged.facts import MATTER, Service, ServiceRow


class Told(NamedTuple):
    """A service as it is told. completes: the project whose completion it stands for. participant:
    an HMAC (central/keys.py). projects: how many matters it is about, at least 1.
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

    @property
    def name(self) -> Service:
        """Its identity."""
        return self.hall, self.service

    @property
    def sha256(self) -> str:
        """What the same service told again has, and another one has not."""
        return hashlib.sha256(json.dumps(self).encode()).hexdigest()


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

    def hall_of_project(self, project_no: str) -> str | None:
        """The hall that accepted a project: where its completion stands, else that of its first
        visit; None if nobody has told of the project.
        """
        with self._database.read() as connection:
            found = facts.of_projects(connection, [project_no]).get(project_no, [])
            rows = facts.services(connection, found).values()
        for row in rows:
            if row.service == completion_of(project_no):
                return row.hall
        first = min(rows, key=lambda row: row.opened_at_ms or row.stored_at_ms, default=None)
        return None if first is None else first.hall

    def put(self, told: Told, progress: list[Progress]) -> bool:
        """Take in a service and what became of it so far; whether it is new. Raises
        ContradictionError, and then nothing is kept.
        """
        now_ms = self._now_ms()
        with self._database.write() as connection:
            before = facts.services(connection, [told.name]).get(told.name)
            is_new = before is None or before.facts is None
            put_told(connection, [told], now_ms)
            put_progress(connection, [(told.name, one) for one in progress], now_ms)
            facts.touch(connection, {told.name}, now_ms)
        return is_new

    def note(self, service: Service, progress: list[Progress], due_day: int | None) -> None:
        """Take in what became of a service, and a new due day. Raises UnknownServiceError,
        ContradictionError.
        """
        now_ms = self._now_ms()
        with self._database.write() as connection:
            if service not in facts.services(connection, [service]):
                raise UnknownServiceError
            put_progress(connection, [(service, one) for one in progress], now_ms)
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


def _require_one_completion(connection: Connection, all_told: list[Told]) -> None:
    completing = {told.service: told for told in all_told if told.service.startswith(COMPLETION)}
    found = facts.of_projects(
        connection, {no for told in completing.values() for no in told.project_nos}
    )
    for hall, service in (one for ones in found.values() for one in ones):
        if service in completing and hall != completing[service].hall:
            raise ContradictionError(f"the project's completion stands in {hall} already")


def put_told(connection: Connection, all_told: list[Told], now_ms: int) -> None:
    """Note services. The same again is nothing new; raises ContradictionError for one that was
    told otherwise before.
    """
    _require_one_completion(connection, all_told)
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
    facts.add_projects(
        connection, [(no, told.hall, told.service) for told in all_told for no in told.project_nos]
    )


def put_progress(
    connection: Connection, told: list[tuple[Service, Progress]], now_ms: int
) -> None:
    """Note what became of services. The same word again is nothing new; raises
    ContradictionError for another one on the same.
    """
    keys = {(*service, one.what) for service, one in told}
    known = services.progress(connection, keys)
    new = {}
    for service, one in told:
        key = (*service, one.what)
        projects = json.dumps([*one.project_nos])
        before = known.get(key)
        if before is None:
            known[key] = new[key] = (one.at_ms, None, projects, now_ms)
        elif (before[0], before[2]) != (one.at_ms, projects):
            raise ContradictionError(
                f"{one.what} of the service {service[1]} of {service[0]} was told before, for "
                f"{before[0]}; what came first stays"
            )
    services.add_progress(connection, [(*key, *values) for key, values in new.items()])
    instants = [(key[2], key[:2], values[0], json.loads(values[2])) for key, values in new.items()]
    facts.put_instants(connection, instants, now_ms)
