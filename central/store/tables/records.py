"""Tables of what devices signed, and of what was made of it."""

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, Text
from sqlmodel import Field

from central.store.tables.table import Table


class Document(Table, table=True):
    """A service document: its exact bytes, and of its content what ratings are compared with.

    book, number: which document of which database of its hall's gateway it is. opened_at_ms: when
    the service was opened, on the centre's clock.
    """

    __table_args__ = (
        Index(None, "hall", "book", "number"),
        Index(None, "hall", "window", "opened_at_ms"),
    )

    facts: str = Field(primary_key=True, max_length=64)
    content: bytes = Field(sa_type=LargeBinary, sa_column_kwargs={"name": "bytes"})
    hall: str = Field(max_length=32)
    service: str = Field(max_length=64)
    window: str = Field(max_length=32)
    ticket_no: str = Field(max_length=16)
    staff_no: str | None = Field(max_length=16)
    book: str = Field(max_length=16)
    number: int
    opened_at_ms: int = Field(sa_type=BigInteger)
    stored_at_ms: int = Field(sa_type=BigInteger)


class Progress(Table, table=True):
    """The first word on what became of a service; at_ms: on the centre's clock. told_by: the id of
    the token by which a business system told it, null for the hall's gateway.
    """

    hall: str = Field(primary_key=True, max_length=32)
    service: str = Field(primary_key=True, max_length=64)
    what: str = Field(primary_key=True, max_length=16)
    at_ms: int = Field(sa_type=BigInteger)
    staff_no: str | None = Field(max_length=16)
    projects: str = Field(sa_type=Text)
    stored_at_ms: int = Field(sa_type=BigInteger)
    told_by: str | None = Field(default=None, max_length=32)


class Book(Table, table=True):
    """The service documents of one database of a hall's gateway: the highest number, and how many
    numbers are held. open_since_ms: since when some below the highest are missing; null while none
    is.
    """

    hall: str = Field(primary_key=True, max_length=32)
    book: str = Field(primary_key=True, max_length=16)
    highest: int
    held: int
    open_since_ms: int | None = Field(sa_type=BigInteger, index=True)


class _Verified(Table):
    """An envelope whose MAC was verified.

    kind: empty if the record has no readable one. prev: null if it has no readable one.
    hall, window: where the device was enrolled. service: the rating's own, else the hall's word.
    facts, level, rated_at_ms: of a well-formed rating only; rated_at_ms is when it was given, as
    central/custody/moment.py has it, null until that can be told, and then for good;
    rated_error_ms is how far it may be off, and until then by how much the centre's own clock was
    in doubt when it arrived. What the device said itself stands in the envelope.
    marks: the centre's. hall_marks: the hall's word, kept apart because a hall must not be able to
    discredit a rating.
    """

    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    mac16: str = Field(max_length=16)
    kind: str = Field(max_length=32)
    prev: str | None = Field(max_length=16)
    envelope: bytes = Field(sa_type=LargeBinary)
    received_at_ms: int = Field(sa_type=BigInteger)
    stored_at_ms: int = Field(sa_type=BigInteger)
    hall: str = Field(max_length=32)
    window: str | None = Field(max_length=32)
    service: str | None = Field(max_length=64)
    facts: str | None = Field(max_length=64)
    marks: str = Field(sa_type=Text)
    hall_marks: str = Field(sa_type=Text)
    level: int | None
    rated_at_ms: int | None = Field(sa_type=BigInteger)
    rated_error_ms: int | None = Field(default=None, sa_type=BigInteger)


class Record(_Verified, table=True):
    """The record that holds the key (device, epoch, seq), for ever.

    On PostgreSQL in 64 partitions, record_00 to record_63: who names the device reads one.
    """

    # The newest ratings of all halls, of a hall, of a window.
    __table_args__ = (
        Index(None, "rated_at_ms"),
        Index(None, "hall", "rated_at_ms"),
        Index(None, "hall", "window", "rated_at_ms"),
        {"postgresql_partition_by": "HASH (device)"},
    )


class Conflict(_Verified, table=True):
    """Another verified record of a key that is held: evidence."""

    mac16: str = Field(primary_key=True, max_length=16)


class MarkTally(Table, table=True):
    """How often a window's records got a mark, or were conflicts: when, and the newest."""

    __tablename__ = "mark_tally"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index(None, "mark", "last_at_ms"),)

    hall: str = Field(primary_key=True, max_length=32)
    window: str = Field(primary_key=True, max_length=32)
    mark: str = Field(primary_key=True, max_length=32)
    count: int = Field(sa_type=BigInteger)
    first_at_ms: int = Field(sa_type=BigInteger)
    last_at_ms: int = Field(sa_type=BigInteger)
    device: str = Field(max_length=32)
    epoch: int
    seq: int


class MarkAnswer(Table, table=True):
    """What somebody said to a finding of the marks' page, append-only: `seen`, or `closed` with a
    reason. It is about what had happened until until_ms; device: empty for a mark and a refusal.
    """

    __tablename__ = "mark_answer"  # pyright: ignore[reportAssignmentType]
    __table_args__ = (Index(None, "mark", "hall", "window", "device"),)

    n: int | None = Field(
        default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite")
    )
    mark: str = Field(max_length=32)
    hall: str = Field(max_length=32)
    window: str = Field(max_length=32)
    device: str = Field(max_length=32)
    what: str = Field(max_length=16)
    until_ms: int = Field(sa_type=BigInteger)
    at_ms: int = Field(sa_type=BigInteger)
    who: str = Field(max_length=64)
    reason: str = Field(max_length=200)


class Gap(Table, table=True):
    """A run of seqs that the `boot` record boot_seq names: never readable again on the device."""

    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    boot_seq: int = Field(primary_key=True)
    first_seq: int = Field(primary_key=True)
    last_seq: int
    cause: str = Field(max_length=16)


class Chain(Table, table=True):
    """How far an epoch is covered, and the receipt that says so.

    covered_seq: every seq from 1 to it is held or named, and no link there names a record that is
    not held while another has its place. highest_seq: the highest held. receipt_seq: the highest
    held one within the covered part; receipt: the envelope for it. open_since_ms: since when
    covered_seq has stood still below what is held or what the device's head speaks of; null while
    nothing is missing. receipt_at_ms: when the receipt was signed. undated_boot: the lowest boot
    with ratings that have no time yet.
    """

    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    covered_seq: int
    highest_seq: int
    receipt_seq: int
    receipt: bytes | None = Field(sa_type=LargeBinary)
    open_since_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    receipt_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    undated_boot: int | None = None


class BootClock(Table, table=True):
    """What is known of the time of one start of a device (central/custody/moment.py).

    first_seq: the lowest seq seen of it. told_seq, told_up_ms, told_at_ms: of its first record
    that has a time. low_ms, high_ms: between them it started, on the centre's clock; null where
    nothing has come that could tell.
    undated_first, undated_last: seqs between which its ratings without a time lie.
    """

    __tablename__ = "boot_clock"  # pyright: ignore[reportAssignmentType]

    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    boot: int = Field(primary_key=True)
    first_seq: int
    told_seq: int | None
    told_up_ms: int | None = Field(sa_type=BigInteger)
    told_at_ms: int | None = Field(sa_type=BigInteger)
    low_ms: int | None = Field(sa_type=BigInteger)
    high_ms: int | None = Field(sa_type=BigInteger)
    undated_first: int | None
    undated_last: int | None


class CentreClock(Table, table=True):
    """One row, id 1: the centre's time, kept by central/timekeeper.py.

    newest_ms: the newest instant that is stored, at most half a minute behind the centre's time.
    sure_ms: the newest one at which both clocks of a process agreed. withdrawn_ms: the highest one
    that was the centre's time once, and was taken back.
    words: how often it was said that the wall clock is to be followed, by whom ever; moves: how
    often what is known of starts was moved with it. halls, near_steady, near_wall: of how many
    halls the time was heard since the start, and how many agree with either clock.
    """

    __tablename__ = "centre_clock"  # pyright: ignore[reportAssignmentType]

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    newest_ms: int = Field(sa_type=BigInteger)
    sure_ms: int = Field(sa_type=BigInteger)
    withdrawn_ms: int | None = Field(default=None, sa_type=BigInteger)
    words: int
    moves: int
    halls: int
    near_steady: int
    near_wall: int


class Awaited(Table, table=True):
    """A rating that names a service document which no hall has sent."""

    __table_args__ = (Index(None, "hall", "window", "since_ms", "device"),)

    facts: str = Field(primary_key=True, max_length=64)
    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    hall: str = Field(max_length=32)
    window: str = Field(max_length=32)
    since_ms: int = Field(sa_type=BigInteger)


class Head(Table, table=True):
    """The highest head that a device signed, and the highest receipt that it showed with one.

    shown: services since the start `boot`, as the head says. surplus: how many service documents
    of its window were held beyond what it had been shown since that start, at most; lacking: how
    many fewer it is now, lacking_since_ms: since when it is any. settings: the version that its
    hall said last it uses; null while it has said nothing.
    """

    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    seq: int
    mac16: str = Field(max_length=16)
    boot: int
    up_ms: int = Field(sa_type=BigInteger)
    envelope: bytes = Field(sa_type=LargeBinary)
    receipt_seq: int
    stored_at_ms: int = Field(sa_type=BigInteger)
    shown: int
    surplus: int
    lacking: int
    lacking_since_ms: int | None = Field(sa_type=BigInteger, index=True)
    settings: int | None = None


class Rejection(Table, table=True):
    """What was turned away lately: the newest 10,000, the first 256 bytes of each."""

    # AUTOINCREMENT, so that a number is never given out twice when old rows are dropped.
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    hall: str = Field(max_length=32)
    reason: str = Field(max_length=32)
    sentence: str = Field(max_length=200)
    first_bytes: bytes = Field(sa_type=LargeBinary)
    rejected_at_ms: int = Field(sa_type=BigInteger)


class RejectionCount(Table, table=True):
    """How often a hall was told this reason; never dropped."""

    __tablename__ = "rejection_count"  # pyright: ignore[reportAssignmentType]

    hall: str = Field(primary_key=True, max_length=32)
    reason: str = Field(primary_key=True, max_length=32)
    count: int = Field(sa_type=BigInteger)
    last_at_ms: int = Field(sa_type=BigInteger)
