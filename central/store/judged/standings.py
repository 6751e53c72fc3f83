"""What services count as, and what changed: written by the judge alone
(central/ratings/judge.py).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, func, insert, literal, or_, select, update

from central.store import sql
from central.store.judged import hours
from central.store.judged.facts import Service
from central.store.tables import metadata
from hosting.clock import start_of

_standing = metadata.tables["standing"]
_judged = metadata.tables["judged"]
_judge = metadata.tables["judge"]
_use = metadata.tables["policy_use"]

REMIND = "remind"  # what `judged` says of a service whose citizen is to be reminded
StandingKey = tuple[str, str, str]  # profile, hall, service


class StandingRow(NamedTuple):
    """A row of `standing` (central/store/tables/services.py), its columns in their order."""

    profile: str
    hall: str
    service: str
    state: str
    out_because: str | None
    level: int | None
    rating: str | None
    origin: str | None
    mode: str
    projects: int
    late: int
    second: int
    day: int
    window: str | None
    staff: str | None
    institution: str | None
    line: str | None
    task_code: str | None
    participant: str | None
    end_ms: int | None
    due_ms: int | None
    reminded: bool
    provisional: bool
    whats: str
    policy_from: int


_KEY = ("profile", "hall", "service")
_COLUMN_OF = {"matter": "task_code"}  # of `standing`, for a dim of `figure`
_SAVE = (
    f"INSERT INTO standing ({', '.join([sql.name(one) for one in StandingRow._fields])})"
    f" VALUES ({', '.join('?' * len(StandingRow._fields))})"
    " ON CONFLICT (profile, hall, service) DO UPDATE SET "
    + ", ".join([f"{sql.name(one)} = excluded.{sql.name(one)}" for one in StandingRow._fields[3:]])
)
_TURN = "UPDATE judge SET turn = turn + 1, settled_ms = ? WHERE id = 1 AND turn = ?"


class Judgement(NamedTuple):
    """A row of `judged`, without its number."""

    profile: str
    hall: str
    service: str
    at_ms: int
    noted_ms: int
    what: str
    level: int | None
    rating: str | None


def state(connection: Connection) -> Any:
    """The row of `judge`."""
    return connection.execute(select(_judge)).one()


def take_turn(connection: Connection, turn: int, settled_ms: int) -> bool:
    """Whether nobody has judged since `turn` was read; then nobody can until this transaction
    ends.
    """
    return sql.run(connection, _TURN, (settled_ms, turn)).rowcount == 1


def note(connection: Connection, **values: Any) -> None:
    """Change columns of `judge`."""
    connection.execute(update(_judge).values(**values))


def of(
    connection: Connection, profiles: Collection[str], services: Collection[Service]
) -> dict[StandingKey, StandingRow]:
    """What these services stand as under these profiles, so far."""
    keys = {(profile, *service) for profile in profiles for service in services}
    found = sql.with_keys(connection, _standing, keys, _KEY)
    return {row[:3]: row for row in map(StandingRow._make, found)}


def due(connection: Connection, now_ms: int, most: int) -> list[Service]:
    """Services that time alone changes by now, those first that it changed first."""
    query = "SELECT hall, service FROM standing WHERE due_ms <= ? ORDER BY due_ms LIMIT ?"
    return [(row[0], row[1]) for row in sql.run(connection, query, (now_ms, most))]


def behind_since_ms(connection: Connection, before_ms: int, is_due: bool) -> int | None:
    """Since when the judge owes something, if that was before `before_ms`; is_due: also what time
    alone changes. Found by an index, whatever waits.
    """
    touched = metadata.tables["touched"]
    oldest = select(touched.c.at_ms).order_by(touched.c.n).limit(1)
    since = [connection.execute(select(_judge.c.failed_ms)).scalar()]
    since.append(connection.execute(oldest).scalar())
    if is_due:
        due = select(_standing.c.due_ms).where(_standing.c.due_ms.is_not(None))
        since.append(connection.execute(due.order_by(_standing.c.due_ms).limit(1)).scalar())
    return min([one for one in since if one is not None and one < before_ms], default=None)


def next_due_ms(connection: Connection, after_ms: int) -> int | None:
    """The next instant behind one at which time alone changes something."""
    query = select(func.min(_standing.c.due_ms)).where(_standing.c.due_ms > after_ms)
    return connection.execute(query).scalar()


def save(connection: Connection, rows: Collection[StandingRow]) -> None:
    """Insert or replace rows."""
    if rows:
        sql.run(connection, _SAVE, [tuple(row) for row in sorted(rows)])


def remove(connection: Connection, keys: Collection[StandingKey]) -> None:
    """These services stand as nothing under these profiles any more."""
    if keys:
        query = "DELETE FROM standing WHERE profile = ? AND hall = ? AND service = ?"
        sql.run(connection, query, sorted(keys))


def add_judged(connection: Connection, new: list[Judgement]) -> None:
    """Append what changed."""
    if new:
        sql.insert_many(connection, _judged, Judgement._fields, [tuple(one) for one in new])


def reminded(connection: Connection, services: Collection[Service]) -> set[StandingKey]:
    """Of which of these services a reminder was noted, and under which profile."""
    asked = (services, ("hall", "service"), _KEY, f"what = '{REMIND}'")
    return {tuple(row) for row in sql.with_keys(connection, _judged, *asked)}


def last_judged(connection: Connection) -> int:
    """The highest number in `judged`, 0 in an empty one."""
    return connection.execute(select(func.max(_judged.c.n))).scalar() or 0


def judged(connection: Connection, after: int, limit: int) -> list[Any]:
    """Rows of `judged` behind a number. One judge writes at a time, so none comes in between
    later.
    """
    query = select(_judged).where(_judged.c.n > after).order_by(_judged.c.n).limit(limit)
    return list(connection.execute(query))


def of_hall(
    connection: Connection, hall: str, after: tuple[str, str], limit: int
) -> list[StandingRow]:
    """Standings of a hall behind (profile, service), in that order."""
    columns = (_standing.c.profile, _standing.c.service)
    query = select(_standing).where(_standing.c.hall == hall)
    found = query.where(
        (columns[0] > after[0]) | ((columns[0] == after[0]) & (columns[1] > after[1]))
    )
    rows = connection.execute(found.order_by(*columns).limit(limit))
    return [StandingRow._make(row) for row in rows]


def counting(
    connection: Connection,
    place: tuple[str, str, str, str | None],
    words: tuple[Collection[str], Collection[str]],
    days: tuple[int, int],
    after: tuple[int, str],
    limit: int,
    policy_from: int | None = None,
) -> list[StandingRow]:
    """The standings that add to counts, by day and service, behind one of them.

    place: profile, hall, dim, id, as in `figure`; words: modes and whats, `active-3@20220607` for
    one of what that version judged; days: from, to. policy_from: the version that judged them,
    None for any.
    """
    profile, hall, dim, thing = place
    columns = _standing.c
    adds = [_adds(one) for one in words[1]]
    chosen = [columns.profile == profile, columns.hall == hall, columns.mode.in_([*words[0]])]
    chosen += [columns.day.between(max(days[0], after[0]), days[1]), or_(*adds)]
    chosen.append((columns.day > after[0]) | (columns.service > after[1]))
    if policy_from is not None:
        chosen.append(columns.policy_from == policy_from)
    if dim == "hour":
        chosen.append(hours.is_in(*_hour_of(thing or "", days)))
    elif dim != "hall":
        chosen.append(columns[_COLUMN_OF.get(dim, dim)] == thing)
    order = (columns.day, columns.service)
    rows = connection.execute(select(_standing).where(*chosen).order_by(*order).limit(limit))
    return [StandingRow._make(row) for row in rows]


def _adds(word: str) -> Any:
    what, _, version = word.partition("@")
    column = _standing.c.whats
    found = column.like(f"% {what} %") | column.like(f"% {what}=%")
    return found & (_standing.c.policy_from == int(version)) if version else found


def _hour_of(thing: str, days: tuple[int, int]) -> tuple[int | None, list[int]]:
    """The hour of `1-09`, and which of these days are such weekdays; None for the unknown one."""
    if thing == hours.UNKNOWN:
        return None, []
    weekday, _, hour = thing.partition("-")
    first, last = (datetime.strptime(f"{one:08}", "%Y%m%d").toordinal() for one in days)
    at = [datetime.fromordinal(n) for n in range(first, last + 1)]
    return int(hour), [int(f"{one:%Y%m%d}") for one in at if one.isoweekday() == int(weekday)]


def services_of_days(
    connection: Connection, profile: str, hall: str, days: tuple[int, int], after: tuple[int, str]
) -> list[tuple[int, str]]:
    """(day, service) of what stands under a profile on these days, the next 500 behind one."""
    query = (
        "SELECT day, service FROM standing WHERE profile = ? AND hall = ? AND day BETWEEN ? AND ?"
        " AND (day > ? OR service > ?) ORDER BY day, service LIMIT 500"
    )
    values = (profile, hall, max(days[0], after[0]), days[1], *after)
    return [(row[0], row[1]) for row in sql.run(connection, query, values)]


def count_of_days(
    connection: Connection, profile: str, halls: Collection[str], days: tuple[int, int]
) -> int:
    """How many services of these halls stand under a profile on these days."""
    chosen = [_standing.c.profile == profile, _standing.c.day.between(*days)]
    chosen.append(_standing.c.hall.in_([*halls]))
    return connection.execute(select(func.count()).where(*chosen)).scalar_one()


def profiles(connection: Connection) -> list[str]:
    """The profiles that anything was judged by."""
    query = select(_use.c.profile).distinct().order_by(_use.c.profile)
    return list(connection.execute(query).scalars())


def uses(connection: Connection) -> dict[tuple[str, int, str], str]:
    """(profile, valid_from, place) -> the hash that the version had at its first use."""
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(select(_use))}


def add_uses(connection: Connection, new: Mapping[tuple[str, int, str], str], now_ms: int) -> None:
    """Pin versions; of two judges the first one does."""
    query = (
        "INSERT INTO policy_use (profile, valid_from, place, sha256, noted_ms)"
        " VALUES (?, ?, ?, ?, ?) ON CONFLICT (profile, valid_from, place) DO NOTHING"
    )
    if new:
        sql.run(connection, query, [(*key, sha256, now_ms) for key, sha256 in new.items()])


def accept_use(
    connection: Connection, key: tuple[str, int, str], sha256: str, now_ms: int
) -> None:
    """A version that was in use has another text now."""
    is_it = (_use.c.profile == key[0]) & (_use.c.valid_from == key[1]) & (_use.c.place == key[2])
    values = {"sha256": sha256, "noted_ms": now_ms}
    connection.execute(update(_use).where(is_it).values(**values))


def touch_standings(connection: Connection, condition: Any, now_ms: int) -> int:
    """Let the judge look again at the services whose standings are so; how many rows."""
    touched = metadata.tables["touched"]
    found = select(_standing.c.hall, _standing.c.service).distinct()
    found = found.where(condition).subquery()
    rows = select(found.c.hall, found.c.service, literal(now_ms, BigInteger))
    query = insert(touched).from_select(["hall", "service", "at_ms"], rows)
    return connection.execute(query).rowcount


def touch_limited(connection: Connection, now_ms: int) -> int:
    """Those whose limit may move with a new calendar, provisional or corrected."""
    return touch_standings(connection, _standing.c.end_ms.is_not(None), now_ms)


def touch_from(connection: Connection, day: int, now_ms: int) -> int:
    """Those of a day and later."""
    return touch_standings(connection, _since(day), now_ms)


def touch_places(
    connection: Connection, column: str, ids: Collection[str], day: int, now_ms: int
) -> None:
    """Let the judge look again at what stands at these places, of a day and later. column: of
    `standing`.
    """
    if ids:
        is_there = _standing.c[column].in_([*ids])
        touch_standings(connection, is_there & _since(day), now_ms)


def _since(day: int) -> Any:
    """Those of a day and later, and those of which no day is known; also what counts under a day
    before and was opened or accepted since, by which its version and its place are found.
    """
    service = metadata.tables["service"]
    at_ms = start_of(datetime.strptime(f"{day}", "%Y%m%d").date()) if day else 0
    opened = select(service.c.service).where(
        *(service.c.hall == _standing.c.hall, service.c.service == _standing.c.service),
        (service.c.opened_at_ms >= at_ms) | (service.c.accepted_at_ms >= at_ms),
    )
    return (_standing.c.day >= day) | (_standing.c.day == 0) | opened.exists()


def note_directory(connection: Connection) -> None:
    """The directory is another one now."""
    connection.execute(update(_judge).values(directory=_judge.c.directory + 1))
