"""What is known of services and their ratings, from all channels: what the judge reads, and what
it has still to look at.
"""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from central.store import sql
from central.store.ledger import Key, Row
from central.store.tables import metadata
from protocol.batch import PROGRESS

Service = tuple[str, str]  # hall, service: the identity of a service
VISIT, MATTER, SURVEY = "per_visit", "per_matter", "survey"
DEVICE = "device"  # where a rating comes from

_service = metadata.tables["service"]
_rating = metadata.tables["rating"]
_reasons = metadata.tables["reasons"]
_decision = metadata.tables["decision"]
_touched = metadata.tables["touched"]


class ServiceRow(NamedTuple):
    """A row of `service` (central/store/tables/services.py), its columns in their order."""

    hall: str
    service: str
    facts: str | None
    mode: str
    kind: str
    channel: str
    window: str | None
    staff_no: str | None
    project_no: str | None
    task_code: str | None
    part_of: str | None
    projects: int
    opened_at_ms: int | None
    accepted_at_ms: int | None
    invited_at_ms: int | None
    expired_at_ms: int | None
    closed_at_ms: int | None
    finished_at_ms: int | None
    transferred_at_ms: int | None
    no_show_at_ms: int | None
    finished_projects: str | None
    due_day: int | None
    participant: str | None
    stored_at_ms: int


class RatingRow(NamedTuple):
    """A row of `rating`, its columns in their order."""

    id: str
    hall: str
    service: str
    level: int
    rated_at_ms: int | None
    rated_error_ms: int
    received_at_ms: int
    origin: str
    rated_by: str
    named: bool
    reasons: str
    catalogue: int | None
    facts: str | None
    window: str | None
    void: str | None


# What a document says of its service, and then what completes one that was only spoken of.
_OF_DOCUMENT = ("facts", "kind", "window", "staff_no", "project_no", "task_code", "projects")
_OF_DOCUMENT += ("opened_at_ms",)
_PUT_DOCUMENT = (
    'INSERT INTO service (hall, service, facts, kind, "window", staff_no, project_no, task_code,'
    " projects, opened_at_ms, mode, channel, stored_at_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'per_visit', 'window', ?)"
    " ON CONFLICT (hall, service) DO UPDATE SET "
    + ", ".join([f"{sql.name(one)} = excluded.{sql.name(one)}" for one in _OF_DOCUMENT])
)
_IF_UNKNOWN = " WHERE service.facts IS NULL"
_ADD_STUB = (
    'INSERT INTO service (hall, service, "window", kind, projects, mode, channel, stored_at_ms)'
    " VALUES (?, ?, ?, 'single', 1, 'per_visit', 'window', ?)"
    " ON CONFLICT (hall, service) DO NOTHING"
)
_PUT_INSTANT = {
    what: "INSERT INTO service (hall, service, kind, projects, mode, channel, stored_at_ms,"
    f" {what}_at_ms) VALUES (?, ?, 'single', 1, 'per_visit', 'window', ?, ?)"
    f" ON CONFLICT (hall, service) DO UPDATE SET"
    f" {what}_at_ms = COALESCE(service.{what}_at_ms, excluded.{what}_at_ms)"
    for what in PROGRESS
}
_PUT_FINISHED_PROJECTS = (
    "UPDATE service SET finished_projects = ? WHERE hall = ? AND service = ?"
    " AND finished_projects IS NULL"
)
_ADD_PROJECT = (
    "INSERT INTO service_project (project_no, hall, service, reach) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (project_no, hall, service) DO UPDATE SET reach = excluded.reach"
    " WHERE service_project.reach = ''"
)
_COUNT_DOCUMENTS = 'UPDATE "window" SET services = services + ? WHERE hall = ? AND "window" = ?'
_ADD_RATING = (
    f"INSERT INTO rating ({', '.join([sql.name(one) for one in RatingRow._fields])})"
    f" VALUES ({', '.join('?' * len(RatingRow._fields))}) ON CONFLICT (id) DO NOTHING"
)
_ADD_REASONS = (
    "INSERT INTO reasons (rating, seq, codes, catalogue) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (rating, seq) DO NOTHING"
)
_SET_VOID = "UPDATE rating SET void = ? WHERE id = ?"
_SET_TIME = "UPDATE rating SET rated_at_ms = ?, rated_error_ms = ? WHERE id = ?"


def rating_id(key: Key) -> str:
    """The id of a device's rating: of two of one epoch the earlier is the lower one."""
    return f"{key[0]}.{key[1]}.{key[2]:010d}"


class DocumentFacts(NamedTuple):
    """What a service document says, of what the rules ask. projects: the numbers of its projects;
    matters: how many it has, at least 1.
    """

    hall: str
    service: str
    facts: str
    kind: str
    window: str
    staff_no: str | None
    task_code: str | None
    projects: tuple[str, ...]
    matters: int
    opened_at_ms: int


def put_documents(
    connection: Connection, told: list[DocumentFacts], now_ms: int, is_known: bool = False
) -> None:
    """Note what documents say of their services: the first one of a service, or, if `is_known`,
    these whatever was there.
    """
    if not told:
        return
    values = [
        (
            *(one.hall, one.service, one.facts, one.kind, one.window, one.staff_no),
            *(one.projects[0] if one.projects else None, one.task_code, one.matters),
            *(one.opened_at_ms, now_ms),
        )
        for one in told
    ]
    sql.run(connection, _PUT_DOCUMENT + ("" if is_known else _IF_UNKNOWN), values)
    add_projects(connection, [(no, one.hall, one.service) for one in told for no in one.projects])


def add_projects(connection: Connection, new: list[tuple[str, str, str]], reach: str = "") -> None:
    """Note the projects of services: (project_no, hall, service). reach: how far they speak."""
    if new:
        sql.run(connection, _ADD_PROJECT, [(*one, reach) for one in new])


def count_documents(connection: Connection, windows: Iterable[tuple[str, str]]) -> None:
    """Count new documents of these (hall, window)."""
    counts = sorted(Counter(windows).items())
    if counts:
        sql.run(connection, _COUNT_DOCUMENTS, [(count, *window) for window, count in counts])


def documents_of(
    connection: Connection, windows: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], int]:
    """How many documents of each of these (hall, window) are held."""
    names = ("hall", "window")
    table = metadata.tables["window"]
    found = sql.with_keys(connection, table, set(windows), names, (*names, "services"))
    return {(row[0], row[1]): row[2] for row in found}


def put_instants(
    connection: Connection, told: list[tuple[str, Service, int, list[str]]], now_ms: int
) -> None:
    """Note (what, service, at_ms, projects) that became of services, the first word on each.

    projects: those that `finished` is about; empty for all.
    """
    by_what: dict[str, list[tuple[Any, ...]]] = {}
    for what, service, at_ms, _ in told:
        by_what.setdefault(what, []).append((*service, now_ms, at_ms))
    for what, values in by_what.items():
        sql.run(connection, _PUT_INSTANT[what], values)
    some = [(json.dumps(projects), *service) for _, service, _, projects in told if projects]
    if some:
        sql.run(connection, _PUT_FINISHED_PROJECTS, some)


def add_ratings(connection: Connection, new: list[RatingRow], now_ms: int) -> None:
    """Insert ratings; a service that nobody has spoken of is one now, at the rating's window."""
    if new:
        stubs = {(one.hall, one.service): one.window for one in new}
        values = [(*service, window, now_ms) for service, window in sorted(stubs.items())]
        sql.run(connection, _ADD_STUB, values)
        sql.run(connection, _ADD_RATING, [tuple(one) for one in new])


def add_reasons(connection: Connection, new: list[tuple[str, int, str, int]]) -> None:
    """Insert answers to the question after a rating: (rating, seq, codes, catalogue)."""
    if new:
        sql.run(connection, _ADD_REASONS, new)


def services_of(connection: Connection, ids: Iterable[str]) -> set[Service]:
    """The services of those of these ratings that are known."""
    keys = {(one,) for one in ids}
    names = ("id", "hall", "service")
    return {(row[1], row[2]) for row in sql.with_keys(connection, _rating, keys, ("id",), names)}


def set_void(connection: Connection, rows: Iterable[Row], void: str | None, now_ms: int) -> None:
    """Say why these ratings of devices do not count, or that they do, and let it be judged."""
    rated = [row for row in rows if row.level is not None and row.service is not None]
    if rated:
        sql.run(connection, _SET_VOID, [(void, rating_id(row.key)) for row in rated])
        touch(connection, {(row.hall, row.service or "") for row in rated}, now_ms)


def set_times(connection: Connection, dated: Iterable[Row], now_ms: int) -> None:
    """Give ratings of devices their times, and let it be judged."""
    rated = [row for row in dated if row.service is not None]
    if rated:
        values = [(row.rated_at_ms, row.rated_error_ms, rating_id(row.key)) for row in rated]
        sql.run(connection, _SET_TIME, values)
        touch(connection, {(row.hall, row.service or "") for row in rated}, now_ms)


def add_decision(
    connection: Connection, told: tuple[str, str, str, str, int, str], now_ms: int
) -> None:
    """Append a decision (hall, service, rating, what, at_ms, who), and let it be judged."""
    names = ("hall", "service", "rating", "what", "at_ms", "who", "noted_ms")
    sql.insert_many(connection, _decision, names, [(*told, now_ms)])
    touch(connection, {told[:2]}, now_ms)


def touch(connection: Connection, services: Iterable[Service], now_ms: int) -> None:
    """Let the judge look at these services."""
    values = [(*service, now_ms) for service in sorted(services)]
    if values:
        sql.insert_many(connection, _touched, ("hall", "service", "at_ms"), values)


def pending(connection: Connection) -> tuple[int, int | None]:
    """How many services the judge has still to look at, and since when the oldest waits."""
    query = select(func.count(), func.min(_touched.c.at_ms))
    count, since_ms = connection.execute(query).one()
    return int(count), since_ms


def forget_touched(connection: Connection, numbers: list[int]) -> None:
    """The judge has looked at these rows of `touched`."""
    if numbers:  # of what time alone changed there are none
        sql.run(connection, "DELETE FROM touched WHERE n = ?", [(number,) for number in numbers])


def services(connection: Connection, wanted: Iterable[Service]) -> dict[Service, ServiceRow]:
    """The services with these keys that are known."""
    found = sql.with_keys(connection, _service, set(wanted), ("hall", "service"))
    rows = map(ServiceRow._make, found)
    return {(row.hall, row.service): row for row in rows}


def ratings(connection: Connection, wanted: Iterable[Service]) -> dict[Service, list[RatingRow]]:
    """The ratings of these services, with what was answered to the question after them."""
    found: dict[Service, list[RatingRow]] = {}
    rows = sql.with_keys(connection, _rating, set(wanted), ("hall", "service"))
    for row in map(RatingRow._make, rows):
        found.setdefault((row.hall, row.service), []).append(row)
    return found


def reasons(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[list[int], int]]:
    """rating -> codes and their catalogue, of those that were answered; the first answer."""
    found: dict[str, tuple[int, list[int], int]] = {}
    keys = {(one,) for one in ids}
    for rating, seq, codes, catalogue in sql.with_keys(connection, _reasons, keys, ("rating",)):
        if rating not in found or seq < found[rating][0]:
            found[rating] = (seq, json.loads(codes), catalogue)
    return {rating: (codes, catalogue) for rating, (_, codes, catalogue) in found.items()}


def decisions(connection: Connection, wanted: Iterable[Service]) -> dict[Service, list[Any]]:
    """Rows (rating, what, at_ms, n, who) of these services."""
    found: dict[Service, list[Any]] = {}
    names = ("hall", "service", "rating", "what", "at_ms", "n", "who")
    for row in sql.with_keys(connection, _decision, set(wanted), names[:2], names):
        found.setdefault((row[0], row[1]), []).append(row[2:])
    return found


def halls(connection: Connection) -> list[str]:
    """The halls that have services."""
    query = select(_service.c.hall).distinct().order_by(_service.c.hall)
    return list(connection.execute(query).scalars())


def services_of_hall(connection: Connection, hall: str, after: str, limit: int) -> list[str]:
    """The services of a hall behind one of them, in order."""
    query = select(_service.c.service).where(_service.c.hall == hall, _service.c.service > after)
    return list(connection.execute(query.order_by(_service.c.service).limit(limit)).scalars())


def touched_of(connection: Connection, hall: str) -> set[str]:
    """The services of a hall that the judge has still to look at."""
    query = select(_touched.c.service).where(_touched.c.hall == hall)
    return set(connection.execute(query).scalars())


def parts_of(connection: Connection, wanted: Iterable[Service]) -> dict[Service, list[str]]:
    """(hall, service) -> the services that are parts of it (主题式, S2 第十三条)."""
    found: dict[Service, list[str]] = {}
    names = ("hall", "part_of", "service")
    for hall, whole, part in sql.with_keys(
        connection, _service, set(wanted), ("hall", "part_of"), names
    ):
        found.setdefault((hall, whole), []).append(part)
    return found
