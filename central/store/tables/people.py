"""Tables of people: accounts, what they and commands did, and what was left under seal."""

from sqlalchemy import BigInteger, LargeBinary, Text
from sqlmodel import Field

from central.store.tables.table import Table


class Account(Table, table=True):
    """Somebody who signs in. It is never deleted: acts name it.

    scope: `all`, or a place as `region:6501`. password_at_ms: when the password was set. is_first:
    somebody else set it, so that it opens nothing but the change of it. locked_at_ms: since when
    an administrator lets nobody in; removed_at_ms: the same for ever.
    """

    id: str = Field(primary_key=True, max_length=16)
    login: str = Field(max_length=32, unique=True)
    name: str = Field(max_length=64)
    password_hash: str = Field(max_length=160)
    role: str = Field(max_length=16)
    scope: str = Field(max_length=48)
    created_at_ms: int = Field(sa_type=BigInteger)
    password_at_ms: int = Field(sa_type=BigInteger)
    is_first: bool
    locked_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    removed_at_ms: int | None = Field(default=None, sa_type=BigInteger)


class SignInFailure(Table, table=True):
    """Wrong passwords for a login from an address, one after another; both only as a keyed hash.
    A login may be a password that was typed in the wrong place.
    """

    __tablename__ = "sign_in_failure"  # pyright: ignore[reportAssignmentType]

    key: str = Field(primary_key=True, max_length=64)
    failures: int
    last_ms: int = Field(sa_type=BigInteger, index=True)
    until_ms: int = Field(sa_type=BigInteger)


class Act(Table, table=True):
    """Who did what, in the order in which it was done; see central/store/people/acts.py.

    place: of which the one who acted is, empty for the whole. prev16, mac: the chain.
    """

    n: int = Field(primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False})
    at_ms: int = Field(sa_type=BigInteger)
    who: str = Field(max_length=32, index=True)
    place: str = Field(max_length=48)
    what: str = Field(max_length=32, index=True)
    about: str = Field(max_length=300, index=True)
    detail: str = Field(sa_type=Text)
    prev16: str = Field(max_length=16)
    mac: str = Field(max_length=64)


class ActHead(Table, table=True):
    """The newest act, signed, so that a tail that was cut off shows. One row, id 1."""

    __tablename__ = "act_head"  # pyright: ignore[reportAssignmentType]

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    n: int = Field(sa_type=BigInteger)
    mac: str = Field(max_length=64)
    seal: str = Field(max_length=64)


class Rater(Table, table=True):
    """What somebody told about themselves, sealed; see central/people/raters.py. wrapped_key: None
    once it was erased.
    """

    id: str = Field(primary_key=True, max_length=100)
    noted_ms: int = Field(sa_type=BigInteger)
    sealed: bytes = Field(sa_type=LargeBinary)
    wrapped_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    erased_ms: int | None = Field(default=None, sa_type=BigInteger)
