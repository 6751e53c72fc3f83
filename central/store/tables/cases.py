"""Tables of cases (差评整改, RULES 8): what each is about, and its steps."""

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from central.store.tables.table import Table

_IS_OPEN = text("is_open")
_WAITS = text("next_ms IS NOT NULL")
_IS_JOINED = text("joined IS NOT NULL")


def _open(name: str, *first: str) -> Index:
    """An index of the open cases, by the limit that ends first."""
    columns = (*first, "shown_ms", "no")
    return Index(name, *columns, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)


class RatingCase(Table, table=True):
    """A case, and how it stood when it was folded last (central/rules/cases/state.py): what is
    folded decides nothing, it is for finding cases.

    no: random, since a number that counts up would tell the minute. kind: rating, complaint or
    object. rating: whose case it is, at most one each. about: of an object, its dim and id,
    `staff demo/0231`. region: the nearest of its hall's; institution: the rated one. day: by which
    day's rules it is handled; policies: their versions, JSON [profile, valid_from, place, is_bad].
    due_day: of an object.

    Folded: steps, how many people took; is_open; state; institution_now, who handles it; next_step
    and shown_ms, the limit that ends first, by noon or midnight where it is one in hours; next_ms,
    when time alone makes something of it; is_over: was a limit missed?; tier: how far it went up;
    joined: the case whose reply serves it.
    """

    __tablename__ = "rating_case"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (
        Index("uq_rating_case_rating", "rating", unique=True),
        Index(None, "hall", "service"),
        _open("ix_rating_case_board"),
        _open("ix_rating_case_of_institution", "institution_now"),
        _open("ix_rating_case_of_region", "region"),
        Index(None, "received_ms", "no"),
        Index("ix_rating_case_next_ms", "next_ms", sqlite_where=_WAITS, postgresql_where=_WAITS),
        Index(
            "ix_rating_case_joined", "joined", sqlite_where=_IS_JOINED, postgresql_where=_IS_JOINED
        ),
    )

    no: str = Field(primary_key=True, max_length=16)
    kind: str = Field(max_length=16)
    hall: str | None = Field(max_length=32)
    service: str | None = Field(max_length=64)
    rating: str | None = Field(max_length=64)
    window: str | None = Field(max_length=32)
    staff: str | None = Field(max_length=80)
    task_code: str | None = Field(max_length=64)
    about: str | None = Field(max_length=160)
    region: str | None = Field(max_length=32)
    institution: str | None = Field(max_length=32)
    received_ms: int = Field(sa_type=BigInteger)
    day: int
    policies: str = Field(sa_type=Text)
    due_day: int | None
    has_contact: bool
    opened_ms: int = Field(sa_type=BigInteger)
    steps: int
    is_open: bool
    state: str = Field(max_length=16)
    institution_now: str | None = Field(max_length=32)
    complexity: str | None = Field(max_length=16)
    next_step: str | None = Field(max_length=16)
    shown_ms: int = Field(sa_type=BigInteger)
    next_ms: int | None = Field(sa_type=BigInteger)
    is_over: bool
    tier: int
    joined: str | None = Field(max_length=16)


class CaseStep(Table, table=True):
    """A step of a case (central/rules/cases/steps.py), append-only.

    actor: an account or token by its id, or `centre`; role, institution: what it was then. word:
    `of` of a step, told: `to`. at_ms: when it was taken, noted_ms: when it was noted here. n: how
    many of the case were noted before it.
    """

    __tablename__ = "case_step"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index(None, "no"),)

    id: str = Field(primary_key=True, max_length=32)
    no: str = Field(max_length=16)
    what: str = Field(max_length=16)
    at_ms: int = Field(sa_type=BigInteger)
    noted_ms: int = Field(sa_type=BigInteger)
    actor: str = Field(max_length=64)
    role: str = Field(max_length=16)
    institution: str | None = Field(max_length=32)
    word: str | None = Field(max_length=16)
    told: str | None = Field(max_length=64)
    about: str | None = Field(max_length=32)
    day: int | None
    text: str = Field(sa_type=Text)
    n: int


class SpotCheck(Table, table=True):
    """A spot check (抽查) of cases: which were drawn, of how many that came from a day to another,
    by which seed. place: whose, as the scope of who drew it; sha256: of all their numbers.
    """

    __tablename__ = "spot_check"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index(None, "place", "at_ms"),)

    id: str = Field(primary_key=True, max_length=16)
    place: str = Field(max_length=64)
    first_day: int
    last_day: int
    percent: int
    seed: str = Field(max_length=64)
    of_cases: int
    sha256: str = Field(max_length=64)
    drawn: str = Field(sa_type=Text)
    actor: str = Field(max_length=64)
    at_ms: int = Field(sa_type=BigInteger)
