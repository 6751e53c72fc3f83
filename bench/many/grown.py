"""A province's directory and a year of its counters, on either database: 3,000 halls, 40,000
windows with as many staff, 60 institutions, 10 lines, 1,500 matters of which a hall has 20.

Every working day of the year and every month of it has the counters of each hall and window; of
institutions, lines, matters and staff each month and the last eight days. A window has 60 services
a day. A month is the sum of its days, a hall of its windows. The rows come in the order of the
table's key. Nothing stands behind these counters: no service, no rating.
"""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection, create_engine, insert

from central.ratings.versions import key_of, load_rules
from central.store.database import open_database
from central.store.tables import metadata
from hosting.clock import day

HALLS, WINDOWS = 3000, 40_000
DAYS, NEAR_DAYS = 366, 8
REGIONS, INSTITUTIONS, LINES, MATTERS, OF_HALL = 30, 60, 10, 1500, 20
NOW_MS = 1_794_726_000_000  # 2026-11-15 15:00 in China
VERSION = 20000101  # that of central/rules/profiles/national
# what: (services of each window and day, and how many more at some)
WHATS = {
    "active-1": (0, 3),
    "active-3": (1, 3),
    "active-4": (2, 1),
    "active-5": (45, 9),
    "unrated": (4, 2),
}
_KEY = "profile, span, dim, hall, id, mode, what, policy_from, ratings, projects"
_OF_SPAN = {  # dim: hall, id, from where, grouped by
    "hall": ("unit.hall", "''", "unit", "unit.hall"),
    "institution": ("unit.hall", "unit.institution", "unit", "unit.hall, unit.institution"),
    "line": ("unit.hall", "unit.line", "unit", "unit.hall, unit.line"),
    "matter": ("unit.hall", "unit.matter", "matter_of AS unit", "unit.hall, unit.matter"),
    "staff": ("unit.hall", "unit.staff", "unit", None),
    "window": ("unit.hall", "unit.id", "unit", None),
}


def spans(today: date) -> Iterable[tuple[int, int, tuple[str, ...]]]:
    """(span, its working days, which dims have it) in order: all days, months, days."""
    days = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    working = [one for one in days if one.weekday() < 5]
    whole = tuple(_OF_SPAN)
    yield 0, len(working), whole
    for month, count in sorted(Counter(int(f"{one:%Y%m}") for one in working).items()):
        yield month, count, whole
    for one in working:
        is_near = (today - one).days < NEAR_DAYS
        yield int(f"{one:%Y%m%d}"), 1, whole if is_near else ("hall", "window")


def make(url: str, halls: int = HALLS) -> int:
    """Fill an empty database; how many counters it has then."""
    open_database(url).close()
    engine = create_engine(url)
    with engine.connect() as connection, connection.begin():
        is_postgresql = connection.dialect.name == "postgresql"
        _make_places(connection, halls)
        if is_postgresql:  # the index is made at the end, as a restore does it
            connection.exec_driver_sql("ALTER TABLE figure DROP CONSTRAINT pk_figure")
        count = 0
        for span, days, dims in spans(day(NOW_MS)):
            for dim in sorted(dims):
                count += _make_counts(connection, span, days, dim)
        if is_postgresql:
            connection.exec_driver_sql(
                "ALTER TABLE figure ADD CONSTRAINT pk_figure PRIMARY KEY"
                " (profile, span, dim, hall, id, mode, what, policy_from)"
            )
        for table in ("unit", "matter_of", "counted"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE figure" if is_postgresql else "ANALYZE")
    engine.dispose()
    return count


def _make_counts(connection: Connection, span: int, days: int, dim: str) -> int:
    hall, one, of, grouped = _OF_SPAN[dim]
    rest = "%%" if connection.dialect.name == "postgresql" else "%"  # its driver fills in values
    each = f"counted.base + unit.n {rest} counted.more"
    n = f"{days} * SUM({each})" if grouped else f"{days} * ({each})"
    by = f"GROUP BY {grouped}, counted.what" if grouped else ""
    return connection.exec_driver_sql(
        f"INSERT INTO figure ({_KEY}) SELECT 'national', {span}, '{dim}', {hall}, {one},"
        f" 'per_visit', counted.what, {VERSION}, {n}, {n} FROM {of}, counted {by}"
        f" ORDER BY 4, 5, 7"
    ).rowcount


def _make_places(connection: Connection, halls: int) -> None:
    names = [f"h{number:04d}" for number in range(1, halls + 1)]
    windows = WINDOWS * halls // HALLS
    units = []
    for n in range(windows):
        hall, at = names[n % halls], n // halls + 1
        institution = n % INSTITUTIONS
        unit = {"n": n, "hall": hall, "id": f"w{at}", "staff": f"{at:04d}"}
        unit |= {"institution": f"i{institution}", "line": f"l{institution % LINES}"}
        units.append(unit)
    matters = [
        {"n": n, "hall": hall, "matter": f"m{(at * OF_HALL + n) % MATTERS}"}
        for at, hall in enumerate(names)
        for n in range(OF_HALL)
    ]
    columns = "n INTEGER, hall VARCHAR, id VARCHAR, staff VARCHAR, institution VARCHAR"
    _table(connection, "unit", f"{columns}, line VARCHAR", units)
    _table(connection, "matter_of", "n INTEGER, hall VARCHAR, matter VARCHAR", matters)
    whats = [{"what": what, "base": base, "more": more} for what, (base, more) in WHATS.items()]
    _table(connection, "counted", "what VARCHAR, base INTEGER, more INTEGER", whats)
    broker = {"mqtt_host": "broker.example", "mqtt_port": 8883, "version": 1}
    _insert(connection, "hall", [{"hall": one, "name": f"{one}大厅", **broker} for one in names])
    _insert(
        connection,
        "window",
        [{"hall": one["hall"], "window": one["id"], "name": f"{one['id']}号"} for one in units],
    )
    rows = [_entry("region", f"r{n}", f"第{n}市") for n in range(REGIONS)]
    rows += [_entry("institution", f"i{n}", f"第{n}局") for n in range(INSTITUTIONS)]
    rows += [_entry("line", f"l{n}", f"第{n}条线") for n in range(LINES)]
    rows += [_entry("matter", f"m{n}", f"第{n}事项") for n in range(MATTERS)]
    rows += [
        _entry("hall", one, f"{one}政务大厅", f"r{at % REGIONS}") for at, one in enumerate(names)
    ]
    for one in units:
        hall = one["hall"]
        rows.append(_entry("window", f"{hall}/{one['id']}", f"{one['id']}号窗口", hall))
        rows.append(_entry("staff", f"{hall}/{one['staff']}", f"员工{one['n']}", hall))
    _insert(connection, "directory", rows)
    policy = load_rules("national").policies.versions("national")[0]
    profile, first_day, place = key_of(policy)
    use = {"profile": profile, "valid_from": first_day, "place": place, "sha256": policy.sha256}
    _insert(connection, "policy_use", [{**use, "noted_ms": 0}])
    connection.exec_driver_sql(f"UPDATE judge SET settled_ms = {NOW_MS}")


def _entry(kind: str, id: str, name: str, up: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "id": id, "first_day": 0, "name": name, "up": up, "noted_ms": 0}


def _insert(connection: Connection, table: str, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), 5000):
        connection.execute(insert(metadata.tables[table]), rows[start : start + 5000])


def _table(connection: Connection, name: str, columns: str, rows: list[dict[str, Any]]) -> None:
    """A table for the making only, filled from JSON in one statement."""
    connection.exec_driver_sql(f"CREATE TABLE {name} ({columns})")
    wanted = [column.split() for column in columns.split(", ")]
    if connection.dialect.name == "postgresql":
        told = f"SELECT * FROM json_to_recordset(%s::json) AS told ({columns})"
    else:
        picked = ", ".join(f"json_extract(value, '$.{one}')" for one, _ in wanted)
        told = f"SELECT {picked} FROM json_each(?)"
    connection.exec_driver_sql(f"INSERT INTO {name} {told}", (json.dumps(rows),))
