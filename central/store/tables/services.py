"""Tables of services, of what is known of them, and of what the rules make of it (RULES 4)."""

from sqlalchemy import BigInteger, Index, Integer, Text, text
from sqlmodel import Field

from central.store.tables.table import Table

# What counts up by itself; SQLite does so for its own integers only.
_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_IS_DUE = text("due_ms IS NOT NULL")
_IS_PART = text("part_of IS NOT NULL")
_REACHES = text("reach <> ''")
_IS_REMINDER = text("what = 'remind'")


class Service(Table, table=True):
    """What can be rated: a visit to a window (per_visit), a completed project (per_matter), a
    filled form about a unit or a person (survey).

    facts: the hash of its document; null while only a rating, or progress, speaks of it.
    project_no, task_code: of its first matter; all its projects stand in `service_project`. An
    instant for each kind of progress, the first word on it: null while there is none.
    finished_projects: what `finished` was about, JSON, null for all. due_day: of the matter, a
    number, 20260901. projects: how many. participant: HMAC of who was served, if a business system
    told it. stored_at_ms: when it was first heard of.
    """

    __table_args__ = (
        Index(None, "hall", "part_of", sqlite_where=_IS_PART, postgresql_where=_IS_PART),
    )

    hall: str = Field(primary_key=True, max_length=32)
    service: str = Field(primary_key=True, max_length=64)
    facts: str | None = Field(default=None, max_length=64)
    mode: str = Field(max_length=16)
    kind: str = Field(max_length=16)
    channel: str = Field(max_length=16)
    window: str | None = Field(default=None, max_length=32)
    staff_no: str | None = Field(default=None, max_length=16)
    project_no: str | None = Field(default=None, max_length=64)
    task_code: str | None = Field(default=None, max_length=64)
    part_of: str | None = Field(default=None, max_length=64)
    projects: int
    opened_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    accepted_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    invited_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    expired_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    closed_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    finished_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    transferred_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    no_show_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    finished_projects: str | None = Field(default=None, sa_type=Text)
    due_day: int | None = None
    participant: str | None = Field(default=None, max_length=32)
    stored_at_ms: int = Field(sa_type=BigInteger)


class ServiceProject(Table, table=True):
    """A project that a service was about; a batch has several.

    reach: of a completion, the places whose services it completes besides its own hall's, those of
    the token that told it; empty for what speaks of its own hall only.
    """

    __tablename__ = "service_project"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index(None, "hall", "service"),
        Index(None, "project_no", sqlite_where=_REACHES, postgresql_where=_REACHES),
    )

    project_no: str = Field(primary_key=True, max_length=64)
    hall: str = Field(primary_key=True, max_length=32)
    service: str = Field(primary_key=True, max_length=64)
    reach: str = Field(sa_type=Text)


class CommonProject(Table, table=True):
    """A number that a hall gives to so many services that it is no project's."""

    __tablename__ = "common_project"  # pyright: ignore[reportAssignmentType]

    project_no: str = Field(primary_key=True, max_length=64)
    hall: str = Field(primary_key=True, max_length=32)
    noted_ms: int = Field(sa_type=BigInteger)


class Rating(Table, table=True):
    """A rating of a service, from whichever channel.

    id: of a device's, device, epoch and seq with points between, the seq with ten digits. level:
    5 to 1, or 13, 12, 11 for 好, 一般, 差. rated_at_ms: null while nobody knows; received_at_ms:
    when it was stored here. facts: the document that its device signed. window: where that stood.
    reasons: JSON, of one that did not come from a device. void: the mark that says why it does not
    count; null if it does.
    """

    __table_args__ = (Index(None, "hall", "service"),)

    id: str = Field(primary_key=True, max_length=64)
    hall: str = Field(max_length=32)
    service: str = Field(max_length=64)
    level: int
    rated_at_ms: int | None = Field(sa_type=BigInteger)
    rated_error_ms: int = Field(sa_type=BigInteger)
    received_at_ms: int = Field(sa_type=BigInteger)
    origin: str = Field(max_length=16)
    rated_by: str = Field(max_length=16)
    named: bool
    reasons: str = Field(sa_type=Text)
    catalogue: int | None
    facts: str | None = Field(max_length=64)
    window: str | None = Field(max_length=32)
    void: str | None = Field(max_length=32)


class Reasons(Table, table=True):
    """What a citizen answered to the question after a device's rating: of which rating, by which
    record, codes as JSON. The lowest seq counts.
    """

    rating: str = Field(primary_key=True, max_length=64)
    seq: int = Field(primary_key=True)
    codes: str = Field(sa_type=Text)
    catalogue: int


class Decision(Table, table=True):
    """What people decided about a rating, append-only: mistaken, malicious, appeal_upheld,
    fabricated, restored. The last one binds.
    """

    __table_args__ = (Index(None, "hall", "service"),)

    n: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    hall: str = Field(max_length=32)
    service: str = Field(max_length=64)
    rating: str = Field(max_length=64)
    what: str = Field(max_length=16)
    at_ms: int = Field(sa_type=BigInteger)
    noted_ms: int = Field(sa_type=BigInteger)
    who: str = Field(max_length=64)


class Touched(Table, table=True):
    """A service of which something new is known, and which the judge has not looked at since.

    Only ever appended to, so that whoever files waits for no judge; a service may stand here more
    than once. Looked at by halls in turn (central/store/judged/waiting.py).
    """

    __table_args__ = (Index(None, "hall", "n"),)

    n: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    hall: str = Field(max_length=32)
    service: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)


class Standing(Table, table=True):
    """What a service counts as under a profile (central/rules/standing.py). The judge
    (central/ratings/judge.py) is the only writer.

    day: under which all of it counts. rating: the one that counts. whats: what it adds to figures,
    words with a blank before and behind each. due_ms: the next instant at which time alone changes
    something. policy_from: the version, by its first day.
    """

    __table_args__ = (
        Index(None, "due_ms", sqlite_where=_IS_DUE, postgresql_where=_IS_DUE),
        Index(None, "profile", "hall", "day"),
        {"sqlite_with_rowid": False},
    )

    profile: str = Field(primary_key=True, max_length=32)
    hall: str = Field(primary_key=True, max_length=32)
    service: str = Field(primary_key=True, max_length=64)
    state: str = Field(max_length=16)
    out_because: str | None = Field(max_length=32)
    level: int | None
    rating: str | None = Field(max_length=64)
    origin: str | None = Field(max_length=16)
    mode: str = Field(max_length=16)
    projects: int
    late: int
    second: int
    day: int
    window: str | None = Field(max_length=32)
    staff: str | None = Field(max_length=80)
    institution: str | None = Field(max_length=32)
    line: str | None = Field(max_length=32)
    task_code: str | None = Field(max_length=64)
    participant: str | None = Field(max_length=32)
    end_ms: int | None = Field(sa_type=BigInteger)
    due_ms: int | None = Field(sa_type=BigInteger)
    reminded: bool
    provisional: bool
    whats: str = Field(sa_type=Text)
    policy_from: int


class MovedRating(Table, table=True):
    """A bad rating that a word of its hall took out of its place, told when it had been given
    (central/ratings/moved.py); the first time it did, under the first profile of which it did.

    window: of the service. became: late, second, out, or month: it counts under `day_now`, and did
    under `day_before`. of_service, what, at_ms: the word: of which service, finished or closed,
    and the instant that it named; told_ms: when it came here, told_by: by which token, null for
    the hall's gateway.
    """

    __tablename__ = "moved_rating"  # pyright: ignore[reportAssignmentType]

    hall: str = Field(primary_key=True, max_length=32)
    service: str = Field(primary_key=True, max_length=64)
    rating: str = Field(max_length=64)
    window: str | None = Field(max_length=32)
    became: str = Field(max_length=16)
    day_before: int
    day_now: int
    of_service: str = Field(max_length=64)
    what: str = Field(max_length=16)
    at_ms: int = Field(sa_type=BigInteger)
    told_ms: int = Field(sa_type=BigInteger)
    told_by: str | None = Field(max_length=32)
    noted_ms: int = Field(sa_type=BigInteger)


class Figure(Table, table=True):
    """How many services, and how many projects in them, stand at a place as something: the sum of
    what standings add.

    span: a day, a month or all days (central/store/tallies.py). dim, id: which part of the hall,
    hall window staff institution line matter origin. what: active-5, default-3, waiting … as
    central/rules/figure.py has them. policy_from: the version by which they were judged, by its
    first day. The rows stand in the key's order (SQLite).
    """

    __table_args__ = {"sqlite_with_rowid": False}

    profile: str = Field(primary_key=True, max_length=32)
    span: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    dim: str = Field(primary_key=True, max_length=16)
    hall: str = Field(primary_key=True, max_length=32)
    id: str = Field(primary_key=True, max_length=80)
    mode: str = Field(primary_key=True, max_length=16)
    what: str = Field(primary_key=True, max_length=32)
    policy_from: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    ratings: int = Field(sa_type=BigInteger)
    projects: int = Field(sa_type=BigInteger)


class Judged(Table, table=True):
    """What changed by judging, in order: for the feed, reminders, live pages.

    at_ms: since when it is so by the rules; noted_ms: when the judge saw it. what: the new state,
    `remind`, or `rated`, `late`, `second` for a rating that came.
    """

    __table_args__ = (
        Index(
            *("ix_judged_reminder", "hall", "service"),
            sqlite_where=_IS_REMINDER,
            postgresql_where=_IS_REMINDER,
        ),
    )

    n: int | None = Field(default=None, primary_key=True, sa_type=_NUMBER)
    profile: str = Field(max_length=32)
    hall: str = Field(max_length=32)
    service: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
    noted_ms: int = Field(sa_type=BigInteger)
    what: str = Field(max_length=16)
    level: int | None
    rating: str | None = Field(max_length=64)


class PolicyUse(Table, table=True):
    """A version of a profile that services were judged by, pinned by the hash of its text."""

    __tablename__ = "policy_use"  # pyright: ignore[reportAssignmentType]

    profile: str = Field(primary_key=True, max_length=32)
    valid_from: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    place: str = Field(primary_key=True, max_length=32)
    sha256: str = Field(max_length=64)
    noted_ms: int = Field(sa_type=BigInteger)


class JudgeState(Table, table=True):
    """One row, id 1: what the judge knows beside the services.

    turn: counts what judges wrote, so that no two of them write from one state. settled_ms: the
    latest instant settled; time never goes back for the judge. directory: counts changes of the
    directory. calendar, versions: the calendar and the versions of policies that were there at the
    last start. backfill: up to where documents, progress and records of the time before these
    tables are taken in, JSON; null when all are. is_rehearsal: for ever. failure, failed_ms: what
    the judge cannot settle, and since when. paused_until_ms: by the system's clock, until when a
    recount wants no turn taken. cases_since_ms: ratings that came before have no case: they were
    dealt with before there were any. cases_by: the rules by which cases were folded last.
    """

    __tablename__ = "judge"  # pyright: ignore[reportAssignmentType]

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    turn: int = Field(sa_type=BigInteger)
    settled_ms: int = Field(sa_type=BigInteger)
    directory: int
    calendar: str | None = Field(default=None, max_length=64)
    versions: str | None = Field(default=None, sa_type=Text)
    backfill: str | None = Field(default=None, sa_type=Text)
    is_rehearsal: bool
    failure: str | None = Field(default=None, sa_type=Text)
    failed_ms: int | None = Field(default=None, sa_type=BigInteger)
    paused_until_ms: int | None = Field(default=None, sa_type=BigInteger)
    cases_since_ms: int = Field(sa_type=BigInteger)
    cases_by: str | None = Field(default=None, max_length=64)
