"""Which services a project (办件) had. A hall's word on a project is about its own services: two
halls that name one number have a project each, unless a completion reaches further (RULES 3).
"""

import json
from collections.abc import Iterable

from sqlalchemy import Connection

from central.store import sql
from central.store.judged.facts import Service
from central.store.tables import metadata

_project = metadata.tables["service_project"]
_common = metadata.tables["common_project"]
MOST = 200  # services of one project in a hall; ours: no text has a number

Project = tuple[str, str]  # project_no, hall


def numbers_of(connection: Connection, services: Iterable[Service]) -> dict[Service, list[str]]:
    """(hall, service) -> the numbers of all its projects, of those that have any."""
    found: dict[Service, list[str]] = {}
    names = ("hall", "service")
    for hall, service, no in sql.with_keys(
        connection, _project, set(services), names, (*names, "project_no")
    ):
        found.setdefault((hall, service), []).append(no)
    return found


def common_of(connection: Connection, projects: Iterable[Project]) -> set[Project]:
    """Those of these (project_no, hall) with more than MOST services: a number that a system gives
    to everything, and so no project. No more rows of each are looked at.
    """
    if connection.dialect.name == "sqlite":
        wanted = "SELECT json_extract(value, '$[0]') no, json_extract(value, '$[1]') hall"
        wanted += " FROM json_each(?)"
    else:
        wanted = "SELECT * FROM unnest(CAST(? AS text[]), CAST(? AS text[])) them (no, hall)"
    query = (
        f"SELECT no, hall FROM ({wanted}) wanted WHERE (SELECT 1 FROM service_project it"
        " WHERE it.project_no = wanted.no AND it.hall = wanted.hall"
        f" LIMIT 1 OFFSET {MOST}) IS NOT NULL"
    )
    keys = sorted(projects)
    if not keys:
        return set()
    is_lite = connection.dialect.name == "sqlite"
    values = (json.dumps(keys),) if is_lite else tuple([*one] for one in zip(*keys, strict=True))
    return {(row[0], row[1]) for row in sql.run(connection, query, values)}


def note_common(connection: Connection, common: Iterable[Project], now_ms: int) -> None:
    """Let the judge look once at all services of numbers that are no projects since now."""
    wanted, names = set(common), ("project_no", "hall")
    known = {(row[0], row[1]) for row in sql.with_keys(connection, _common, wanted, names, names)}
    touch = (
        "INSERT INTO touched (hall, service, at_ms) SELECT hall, service, ? FROM service_project"
        " WHERE project_no = ? AND hall = ?"
    )
    for one in sorted(wanted - known):
        sql.insert_many(connection, _common, (*names, "noted_ms"), [(*one, now_ms)])
        sql.run(connection, touch, (now_ms, *one))


def services_of(
    connection: Connection, projects: Iterable[Project]
) -> dict[Project, list[Service]]:
    """(project_no, hall) -> the services of that hall that were about it."""
    wanted = set(projects)
    found: dict[Project, list[Service]] = {one: [] for one in wanted}
    names = ("project_no", "hall")
    for no, hall, service in sql.with_keys(
        connection, _project, wanted, names, (*names, "service")
    ):
        found[no, hall].append((hall, service))
    return found


def reaching(
    connection: Connection, project_nos: Iterable[str]
) -> dict[str, list[tuple[Service, str]]]:
    """project_no -> the completions of it that reach beyond their hall, with how far."""
    found: dict[str, list[tuple[Service, str]]] = {}
    keys = {(one,) for one in project_nos}
    names = ("project_no", "hall", "service", "reach")
    for no, hall, service, reach in sql.with_keys(
        connection, _project, keys, ("project_no",), names, "reach <> ''"
    ):
        found.setdefault(no, []).append(((hall, service), reach))
    return found


def halls_of(connection: Connection, project_nos: Iterable[str]) -> dict[str, set[str]]:
    """project_no -> the halls that had services about it."""
    found: dict[str, set[str]] = {}
    query = "SELECT DISTINCT hall FROM service_project WHERE project_no = ?"
    for no in project_nos:
        found[no] = {row[0] for row in sql.run(connection, query, (no,))}
    return found
