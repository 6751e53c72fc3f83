"""Tables of halls, windows, devices, what these say, and who may call."""

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, LargeBinary, Text, false
from sqlmodel import Field

from central.store.tables.table import Table


class Hall(Table, table=True):
    """A hall and its broker; `version` grows with every change of the hall's document.

    heard_at_ms: when something new that a device of it had signed arrived last. proven_at_ms: when
    a receipt was signed that one of its devices has heard since; proven_ms: for how long, all in
    all, one of them was proven to be fresh (central/custody/heads.py). carry_ms: how often its
    batches arrive as files, null for a hall that has a network. is_closed: it is no more by the
    directory; what it rated stays. roll: a digest of who may sign in and of the matters there, as
    its document has them. further_…: another address of its broker (BRK-1), and the version of the
    settings since which devices are told of it, or of none.
    """

    hall: str = Field(primary_key=True, max_length=32)
    name: str = Field(max_length=64)
    version: int
    mqtt_host: str = Field(max_length=253)
    mqtt_port: int
    mqtt_ca: str | None = Field(sa_type=Text)
    heard_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    proven_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    proven_ms: int = Field(default=0, sa_type=BigInteger)
    carry_ms: int | None = Field(default=None, sa_type=BigInteger)
    is_closed: bool = Field(default=False, sa_column_kwargs={"server_default": false()})
    roll: str | None = Field(default=None, max_length=16)
    further_host: str | None = Field(default=None, max_length=253)
    further_port: int | None = None
    further_ca: str | None = Field(default=None, sa_type=Text)
    further_version: int | None = None


class Window(Table, table=True):
    """A window of a hall, with the name that people read. It is closed when it is no more:
    devices stood there, so the row stays.

    rest_until_ms: until when an operator has put it to rest, because of rest_reason; null while it
    is in use. rested_at_ms: when its last rest ended.
    """

    hall: str = Field(primary_key=True, max_length=32, foreign_key="hall.hall")
    window: str = Field(primary_key=True, max_length=32)
    name: str = Field(max_length=64)
    is_closed: bool = False
    rest_until_ms: int | None = Field(default=None, sa_type=BigInteger)
    rest_reason: str | None = Field(default=None, max_length=200)
    rested_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    services: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})


class Directory(Table, table=True):
    """What holds of a region, institution, line, hall, window, platform, member of staff or matter
    from a day on (central/directory/kinds.py says what each column is). Days are numbers,
    20260901, 0 is ever. id: of a window and of staff with their hall before it, `xj-01/w01`. up:
    the region or hall it lies in.
    """

    __table_args__ = (Index(None, "kind", "up"),)

    kind: str = Field(primary_key=True, max_length=16)
    id: str = Field(primary_key=True, max_length=80)
    first_day: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    last_day: int | None
    name: str = Field(max_length=128)
    up: str | None = Field(max_length=32)
    institution: str | None = Field(max_length=32)
    line: str | None = Field(max_length=32)
    profiles: str | None = Field(max_length=200)
    tier: str | None = Field(max_length=16)
    hours: str | None = Field(max_length=64)
    sends: str | None = Field(max_length=100)
    rateable: bool | None
    needs_application: bool | None
    qualified: bool | None
    noted_ms: int = Field(sa_type=BigInteger)


class Running(Table, table=True):
    """A time in which the centre ran without a pause; between two of them it was down."""

    since_ms: int = Field(
        primary_key=True, sa_type=BigInteger, sa_column_kwargs={"autoincrement": False}
    )
    until_ms: int = Field(sa_type=BigInteger)


class Restoring(Table, table=True):
    """A device of which a centre that was restored at at_ms may lack records, until it has spoken
    and all that it told of is here. head_at_ms: when the head was kept that the copy had of it.
    """

    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    head_at_ms: int = Field(sa_type=BigInteger)
    at_ms: int = Field(sa_type=BigInteger)


class Device(Table, table=True):
    """One enrolment of a device; the newest epoch is the device that stands at the window.

    revoked_seq: the lowest seq known to be signed after the revocation; all above it are, too.
    proven_at_ms: when the newest receipt was signed that the device has heard; proven_ms: its
    hall's proven_ms then, or at the enrolment. enrolled_by: the id of the technician's token; null
    if the province did it itself. approved_at_ms: since when its ratings count; null while it is
    pending, and for ever if it was refused, at refused_at_ms. stood_at: the windows of its hall
    where it stood before, the newest first, with blanks between. broker: a digest of the address
    in its bundle (central/directory/device_settings.py, `digest_of`). firmware: what its boot with
    firmware_seq said; null and 0 until one came.
    """

    __table_args__ = (ForeignKeyConstraint(["hall", "window"], ["window.hall", "window.window"]),)

    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    hall: str = Field(max_length=32, index=True)
    window: str = Field(max_length=32)
    password_hash: str = Field(max_length=256)
    enrolled_at_ms: int = Field(sa_type=BigInteger)
    revoked_at_ms: int | None = Field(sa_type=BigInteger)
    revoked_reason: str | None = Field(default=None, max_length=200)
    revoked_seq: int | None = None
    proven_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    proven_ms: int = Field(default=0, sa_type=BigInteger)
    enrolled_by: str | None = Field(default=None, max_length=16)
    approved_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    refused_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    stood_at: str | None = Field(default=None, sa_type=Text)
    broker: str | None = Field(default=None, max_length=16)
    firmware: str | None = Field(default=None, max_length=32)
    firmware_seq: int = Field(default=0, sa_column_kwargs={"server_default": "0"})


class Ending(Table, table=True):
    """An epoch that has ended: its device was enrolled anew, revoked or refused at ended_at_ms.

    head: the highest head that its device signed after that. closed_at_ms: since when all its
    records up to such a head are covered, or an operator closed it; then closed_by and
    closed_reason say who and why.
    """

    device: str = Field(primary_key=True, max_length=32)
    epoch: int = Field(primary_key=True)
    ended_at_ms: int = Field(sa_type=BigInteger)
    head: bytes | None = Field(default=None, sa_type=LargeBinary)
    closed_at_ms: int | None = Field(default=None, sa_type=BigInteger, index=True)
    closed_by: str | None = Field(default=None, max_length=64)
    closed_reason: str | None = Field(default=None, max_length=200)


class Token(Table, table=True):
    """A caller's token: the hash of its secret and its scopes, separated by spaces.

    name: who it is for. ends_at_ms: its end, null for none. devices_left: how many more devices a
    technician's enrols. used_day: the last day on which it was used.
    """

    id: str = Field(primary_key=True, max_length=16)
    secret_sha256: str = Field(max_length=64)
    scopes: str = Field(sa_type=Text)
    created_at_ms: int = Field(sa_type=BigInteger)
    revoked_at_ms: int | None = Field(sa_type=BigInteger)
    ends_at_ms: int | None = Field(default=None, sa_type=BigInteger)
    devices_left: int | None = None
    name: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    used_day: int | None = None


class Session(Table, table=True):
    """Who has logged in to the pages, by the hash of the secret in their cookie; it ends with its
    token, or its account.

    id: what it is called in lists. token, account: one of them. began_ms: when; seen_ms: when it
    was used last, within a minute of an account's, within hours of a token's. address: from where.
    """

    sha256: str = Field(primary_key=True, max_length=64)
    id: str = Field(max_length=8)
    token: str | None = Field(default=None, max_length=16)
    account: str | None = Field(default=None, max_length=16, index=True)
    began_ms: int = Field(sa_type=BigInteger)
    seen_ms: int = Field(sa_type=BigInteger)
    address: str = Field(default="", max_length=45)


class DeviceSettings(Table, table=True):
    """What devices say and ask, from `set_at_ms` on: all of a hall, of a window, or one.

    content: the settings as JSON, without device, epoch and version. version: newer is higher.
    """

    __tablename__ = "device_settings"  # pyright: ignore[reportAssignmentType]

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hall: str = Field(max_length=32, foreign_key="hall.hall", index=True)
    window: str | None = Field(max_length=32)
    device: str | None = Field(max_length=32)
    content: str = Field(sa_type=Text)
    set_at_ms: int = Field(sa_type=BigInteger)
