"""What standings add up to, counted: written by the judge alone (central/ratings/judge.py)."""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from typing import Any

from sqlalchemy import Connection, case, func, literal, select

from central.store import sql
from central.store.judged.facts import VISIT
from central.store.tables import metadata
from central.store.tallies import ALL_DAYS

_figure = metadata.tables["figure"]

# profile, span, dim, hall, id, mode, what, policy_from
FigureKey = tuple[str, int, str, str, str, str, str, int]
Count = tuple[int, int]  # ratings, projects

_change = metadata.tables["span_change"]

_ADD_FIGURE = (
    "INSERT INTO figure"
    " (profile, span, dim, hall, id, mode, what, policy_from, ratings, projects)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (profile, span, dim, hall, id, mode, what, policy_from) DO UPDATE SET"
    " ratings = figure.ratings + excluded.ratings, projects = figure.projects + excluded.projects"
)


_NOTE_SPANS = (
    "INSERT INTO span_change (span, changes) VALUES (?, 1)"
    " ON CONFLICT (span) DO UPDATE SET changes = span_change.changes + 1"
)


def add_figures(connection: Connection, changes: Mapping[FigureKey, Sequence[int]]) -> None:
    """Add to counts, or take from them: (ratings, projects) of each; and note which days and
    months are others now. In one order, so that no two transactions wait for each other.
    """
    values = [(*key, *changes[key]) for key in sorted(changes) if any(changes[key])]
    if values:
        sql.run(connection, _ADD_FIGURE, values)
        spans = sorted({value[1] for value in values} - {ALL_DAYS})
        if spans:
            sql.run(connection, _NOTE_SPANS, [(span,) for span in spans])


def span_changes(connection: Connection, spans: Collection[int]) -> dict[int, int]:
    """How often counts under these days and months have changed; 0 for those left out."""
    query = select(_change.c.span, _change.c.changes).where(_change.c.span.in_([*spans]))
    return {row[0]: row[1] for row in connection.execute(query)}


def rows_of_span(connection: Connection, profile: str, span: int, dim: str) -> Iterator[Any]:
    """(hall, id, mode, what, policy_from, ratings, projects) of each count of a day or month."""
    query = (
        "SELECT hall, id, mode, what, policy_from, ratings, projects FROM figure"
        " WHERE profile = ? AND span = ? AND dim = ?"
    )
    return iter(sql.run(connection, query, (profile, span, dim)))


def figures_of_hall(connection: Connection, hall: str) -> Iterator[tuple[FigureKey, Count]]:
    """Every count of a hall that is not 0."""
    query = select(_figure).where(_figure.c.hall == hall)
    for row in connection.execution_options(yield_per=1000).execute(query):
        if row.ratings or row.projects:
            yield tuple(row)[:8], (row.ratings, row.projects)


def counts(
    connection: Connection,
    profile: str,
    spans: Collection[int],
    dim: str,
    hall: str | None = None,
    thing: str | None = None,
) -> list[Any]:
    """Rows (hall, id, mode, what, policy_from, ratings, projects) over these spans: of one part of
    halls, one hall or all, one thing or all.
    """
    columns = _figure.c
    place = (columns.hall, columns.id, columns.mode, columns.what, columns.policy_from)
    sums = (
        func.sum(columns.ratings).label("ratings"),
        func.sum(columns.projects).label("projects"),
    )
    query = (
        select(*place, *sums)
        .where(columns.profile == profile, columns.span.in_(spans), columns.dim == dim)
        .group_by(*place)
    )
    if hall is not None:
        query = query.where(columns.hall == hall)
    if thing is not None:
        query = query.where(columns.id == thing)
    return list(connection.execute(query))


def sums(
    connection: Connection,
    profile: str,
    spans: Collection[int],
    dim: str,
    halls: Collection[str] | None,
    by: Collection[str],
    whats: Collection[str] | None = None,
    things: Collection[str] | None = None,
) -> list[Any]:
    """Rows (span, hall, id, mode, what, policy_from, ratings, projects), added up: of a part of
    halls; halls, things and whats None for all.

    by: `span` and `hall` where each is wanted alone; else rows have 0 and an empty hall there.
    """
    columns = _figure.c
    span = columns.span if "span" in by else literal(0).label("span")
    hall = columns.hall if "hall" in by else literal("").label("hall")
    place = (columns.id, columns.mode, columns.what, columns.policy_from)
    ratings = func.sum(columns.ratings).label("ratings")
    projects = func.sum(columns.projects).label("projects")
    chosen = [columns.profile == profile, columns.span.in_(spans), columns.dim == dim]
    if halls is not None:
        chosen.append(sql.is_one(columns.hall, halls))
    if whats is not None:
        chosen.append(columns.what.in_(whats))
    if things is not None:
        chosen.append(columns.id.in_(things))
    grouped = (*place, *(columns[one] for one in sorted(by)))
    query = select(span, hall, *place, ratings, projects).where(*chosen).group_by(*grouped)
    return list(connection.execute(query))


def two_sums(
    connection: Connection,
    profile: str,
    spans: Collection[int],
    dim: str,
    halls: Collection[str] | None,
    modes: Collection[str],
    whats: tuple[Collection[str], Collection[str]],
    listed: Collection[str],
    are_projects: bool,
    is_of_hall: bool,
) -> list[Any]:
    """Rows (hall, id, num, den): of each thing that has any of the counters `listed` the sums of
    two sets of them, which the database adds up: a province has 40,000 windows. halls: None for
    all. is_of_hall: whether each hall's are things of their own; else rows have an empty hall.
    """
    columns = _figure.c
    added = columns.projects if are_projects else columns.ratings
    num, den = (
        func.sum(case((columns.mode.in_(modes) & columns.what.in_(some), added), else_=0))
        for some in whats
    )
    chosen = [columns.profile == profile, columns.span.in_(spans), columns.dim == dim]
    chosen.append(columns.what.in_(listed))
    if halls is not None:
        chosen.append(sql.is_one(columns.hall, halls))
    hall = columns.hall if is_of_hall else literal("").label("hall")
    query = select(hall, columns.id, num.label("num"), den.label("den")).where(*chosen)
    return list(
        connection.execute(query.group_by(*([columns.hall] if is_of_hall else []), columns.id))
    )


def versions(
    connection: Connection, profiles: Collection[str], spans: Collection[int], halls: Set[str]
) -> list[Any]:
    """Rows (span, hall, profile, policy_from, waiting): by what the services of these halls and
    spans are judged, and how many of them wait.
    """
    columns = _figure.c
    which = (columns.span, columns.hall, columns.profile, columns.policy_from)
    waiting = func.sum(case((columns.what == "waiting", columns.ratings), else_=0))
    chosen = (columns.profile.in_(profiles), columns.span.in_(spans), columns.dim == "hall")
    query = select(*which, waiting.label("waiting")).where(*chosen, columns.hall.in_(halls))
    return list(connection.execute(query.group_by(*which)))


def seldom_rated(connection: Connection, spans: Collection[int], least: int) -> list[Any]:
    """Windows where a service was rated less than half as often as everywhere together, and where
    `least` services or more could have been, over these spans; the most unrated ones first.

    Rows (hall, window, services, ratings, hall_name, window_name). A service that two profiles
    judge counts in both of its place and of the whole alike.
    """
    hall, window = metadata.tables["hall"], metadata.tables["window"]
    is_rated = _figure.c.what.like("active-%") | _figure.c.what.like("excluded-%")
    is_service = is_rated | _figure.c.what.like("default-%")
    is_service |= _figure.c.what.in_(("unrated", "waiting"))
    services = func.sum(case((is_service, _figure.c.ratings), else_=0))
    ratings = func.sum(case((is_rated, _figure.c.ratings), else_=0))
    chosen = (_figure.c.span.in_(spans), _figure.c.mode == VISIT)
    query = select(services, ratings).where(*chosen, _figure.c.dim == "hall")
    whole = [int(one or 0) for one in connection.execute(query).one()]
    found = (
        select(
            *(_figure.c.hall, _figure.c.id.label("window")),
            *(services.label("services"), ratings.label("ratings")),
        )
        .where(*chosen, _figure.c.dim == "window")
        .group_by(_figure.c.hall, _figure.c.id)
        .having(services >= least, 2 * whole[0] * ratings < whole[1] * services)
        .subquery()
    )
    is_window = (window.c.hall == found.c.hall) & (window.c.window == found.c.window)
    named = (
        select(*found.c, hall.c.name.label("hall_name"), window.c.name.label("window_name"))
        .outerjoin(hall, hall.c.hall == found.c.hall)
        .outerjoin(window, is_window)
        .order_by((found.c.services - found.c.ratings).desc(), found.c.hall, found.c.window)
    )
    return list(connection.execute(named))


def participants(
    connection: Connection, profile: str, spans: Collection[int], halls: sql.Halls
) -> tuple[int, int]:
    """How many different participants gave ratings that count over these spans, and how many
    ratings, whatever the mode. halls: None for all.
    """
    chosen = [_figure.c.profile == profile, _figure.c.dim == "participant"]
    chosen += [_figure.c.span.in_(spans), _figure.c.what.like("active-%")]
    if halls is not None:
        chosen.append(sql.is_one(_figure.c.hall, halls))
    ratings = func.sum(_figure.c.ratings)
    query = select(ratings.label("ratings")).where(*chosen).group_by(_figure.c.id)
    heads = query.having(ratings > 0).subquery()
    found = connection.execute(select(func.count(), func.sum(heads.c.ratings))).one()
    return int(found[0]), int(found[1] or 0)
