"""The tables. Rows are written by Core statements; the classes say shape and names.

Ids are AUTOINCREMENT: without it SQLite gives an id again once a table ran empty, and whoever
asks for "id > last" skips those rows for ever.
"""

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import Field, Index, LargeBinary, SQLModel, UniqueConstraint, text

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Table(SQLModel, registry=registry(metadata=MetaData(naming_convention=NAMES))):
    """The gateway's own metadata, so that no other tier's tables mix in."""


class Envelope(Table, table=True):
    """One envelope, exact bytes (ENV-1), told apart by them and not by its key (SND-2).

    verdict: null until the centre has spoken. covered_ran_ms: since when, in the gateway's running
    time (`Book`), the centre's newest receipt covers it. next_try_at_ms: when it is offered again,
    for rows with a verdict that no receipt covers (BAT-5). live: made shortly before it came, so
    it goes up before the backlog.
    """

    __table_args__ = (
        UniqueConstraint("device", "epoch", "seq", "sha256"),
        Index(
            "ix_envelope_waiting",
            "live",
            "received_at_ms",
            sqlite_where=text("verdict IS NULL"),
        ),
        Index("ix_envelope_unjudged", "id", sqlite_where=text("verdict IS NULL")),
        Index(
            "ix_envelope_uncovered",
            "device",
            "epoch",
            "seq",
            sqlite_where=text("covered_ran_ms IS NULL"),
        ),
        Index(
            "ix_envelope_again",
            "next_try_at_ms",
            sqlite_where=text("next_try_at_ms IS NOT NULL"),
        ),
        Index(
            "ix_envelope_kept", "covered_ran_ms", sqlite_where=text("covered_ran_ms IS NOT NULL")
        ),
        Index("ix_envelope_service", "service", sqlite_where=text("service IS NOT NULL")),
        Index("ix_envelope_marked", "marks", sqlite_where=text("marks <> '[]'")),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    envelope: bytes = Field(sa_type=LargeBinary)
    sha256: bytes = Field(sa_type=LargeBinary)
    device: str
    epoch: int
    seq: int
    kind: str
    mac16: str
    received_at_ms: int
    received_ran_ms: int | None
    window: str | None
    service: str | None
    marks: str
    live: bool
    verdict: str | None
    reason: str | None
    tries: int
    next_try_at_ms: int | None
    covered_ran_ms: int | None


class Service(Table, table=True):
    """A service: its document, written once (BAT-1), and its phase now.

    document_verdict: the centre's word on the document, null until it has it; judged_ran_ms: when
    that came, and opened_ran_ms, in the gateway's running time. ended: a word for how. until_ms:
    when the newest invitation ends or has ended; null if there was none.
    """

    __table_args__ = (
        UniqueConstraint("service"),
        UniqueConstraint("caller", "idempotency_key"),
        Index("ix_service_window", "window", "id"),
        Index("ix_service_inviting", "id", sqlite_where=text("phase = 'inviting'")),
        Index("ix_service_open", "id", sqlite_where=text("phase <> 'closed'")),
        Index(
            "ix_service_unsent",
            "next_try_at_ms",
            "id",
            sqlite_where=text("document_verdict IS NULL"),
        ),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    service: str
    window: str
    ticket_no: str
    staff_no: str | None
    staff_name: str | None
    matter: str | None
    document: bytes = Field(sa_type=LargeBinary)
    facts: str
    phase: str
    opened_at_ms: int
    opened_ran_ms: int
    closed_at_ms: int | None
    ended: str | None
    until_ms: int | None
    caller: str
    idempotency_key: str | None
    request_sha256: bytes = Field(sa_type=LargeBinary)
    document_verdict: str | None
    judged_ran_ms: int | None
    reason: str | None
    tries: int
    next_try_at_ms: int


class Book(Table, table=True):
    """The random name of this database, made with it, and the number of its newest document; one
    row. Another database is another book: so a document that is missing shows.

    ran_ms: how long gateways have run on it, as noted last (gateway/keep/hall_clock.py).
    restored_at_ms: when it was restored from a copy, null when all has come that the copy lacked.
    restored_ran_ms: the same in running time.
    """

    id: int = Field(primary_key=True)
    name: str
    number: int
    ran_ms: int
    restored_at_ms: int | None = None
    restored_ran_ms: int | None = None


class Progress(Table, table=True):
    """What became of a service, for the centre; verdict: null until it has spoken.

    ran_ms: when, in the gateway's running time. judged_ran_ms: when the verdict came.
    """

    __table_args__ = (
        UniqueConstraint("service", "what"),
        Index("ix_progress_unsent", "id", sqlite_where=text("verdict IS NULL")),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, primary_key=True)
    service: str
    what: str
    at_ms: int
    ran_ms: int
    staff_no: str | None
    projects: str
    verdict: str | None
    judged_ran_ms: int | None


class Staff(Table, table=True):
    """Who serves at a window: presence `in` or `pause`; no row when signed out."""

    window: str = Field(primary_key=True)
    staff_no: str
    name: str
    presence: str
    since_ms: int


class DeviceState(Table, table=True):
    """The last `state` of a device, and the head that the centre already has from us."""

    device: str = Field(primary_key=True)
    online: bool
    session: str
    firmware: str
    epoch: int
    seq: int
    first: int
    receipt: str | None
    head: str | None
    free: int
    clock: str
    face: str
    settings: int
    problems: str
    received_at_ms: int
    capacity: int | None
    capacity_days: int | None
    memory: int | None
    head_sent: str | None
    head_sent_ran_ms: int


class Receipt(Table, table=True):
    """The newest receipt of each (device, epoch), as the centre told it, also a lower one."""

    device: str = Field(primary_key=True)
    epoch: int = Field(primary_key=True)
    seq: int
    mac16: str
    at: int
    envelope: bytes = Field(sa_type=LargeBinary)


class Hall(Table, table=True):
    """The hall's document as the centre sent it; one row, so that we start without the centre."""

    id: int = Field(primary_key=True)
    version: int
    document: bytes = Field(sa_type=LargeBinary)
    received_at_ms: int


class Stood(Table, table=True):
    """Where a device stood until then, by the hall's document and the wall's clock; window null:
    nowhere.
    """

    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    device: str
    window: str | None
    until_ms: int


class Token(Table, table=True):
    """A caller, by the hash of its token. scope: gateway/desk/callers.py. window: a console's, or
    those of an API token, with blanks between them; null for all. ends_at_ms: its end, null for
    none. used_day: the last day on which it was used, 20260901.
    """

    name: str = Field(primary_key=True)
    sha256: bytes = Field(sa_type=LargeBinary)
    created_at_ms: int
    scope: str
    window: str | None
    ends_at_ms: int | None = None
    used_day: int | None = None


class Session(Table, table=True):
    """Who has logged in to the pages, by the hash of the secret in their cookie; it ends with the
    token of that hash. seen_ms: when it was used last, within hours.
    """

    sha256: bytes = Field(primary_key=True, sa_type=LargeBinary)
    token_sha256: bytes = Field(sa_type=LargeBinary)
    seen_ms: int


class LoginCode(Table, table=True):
    """A code that binds one PC to a window's console: once, until `ends_at_ms`."""

    __tablename__ = "login_code"  # pyright: ignore[reportAssignmentType]

    sha256: bytes = Field(primary_key=True, sa_type=LargeBinary)
    window: str
    ends_at_ms: int


class Quarantine(Table, table=True):
    """The beginning of a payload that was refused (TOP-2); the newest only."""

    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, primary_key=True)
    received_at_ms: int
    device: str
    topic: str
    reason: str
    detail: str
    size: int
    beginning: bytes = Field(sa_type=LargeBinary)


class Refusal(Table, table=True):
    """How many payloads were refused, by device and reason; never dropped."""

    device: str = Field(primary_key=True)
    reason: str = Field(primary_key=True)
    count: int
    newest_at_ms: int


class Happening(Table, table=True):
    """What was so for a while: a state of a device, a problem that it told, an alarm, or that the
    gateway ran. device: empty for the gateway's own. what: a word with its kind before it, such as
    `state:lost`, `problem:stuck_key`, `alarm:disk`, `run:0.2.0`. until_ms: null while it is so.
    seen_ms, seen_by: when somebody noted that they know, and whose token it was.
    """

    __table_args__ = (
        Index("ix_happening_device", "device", "id"),
        Index("ix_happening_open", "id", sqlite_where=text("until_ms IS NULL")),
        {"sqlite_autoincrement": True},
    )

    id: int = Field(primary_key=True)
    device: str
    what: str
    since_ms: int
    until_ms: int | None = None
    note: str = ""
    seen_ms: int | None = None
    seen_by: str = ""
