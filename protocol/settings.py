"""Settings: what the centre tells one device to say, ask and sound like, signed with its key.

The hall passes the envelope on and cannot change a word of it. A device takes a newer version as
soon as it comes, refuses anything else with a word (`SettingsError.problem`), and says in `state`
and in every rating which version it shows. Next: firmware/settings.py puts them to use.
"""

from collections import namedtuple

from protocol.envelope import is_signed, seal, split
from protocol.field import (
    Integer,
    Many,
    Maybe,
    Nested,
    OneOf,
    ProtocolError,
    Raw,
    Text,
    count,
    device_id,
    names,
    seq,
    wrong_field,
)
from protocol.limits import MESSAGE_BYTES
from protocol.record import decode, encode, parse_json

KEYS = 5
_LINE = Text(64)


class SettingsError(ProtocolError):
    """Settings that a device refuses; `problem` is the word for its `state`."""

    def __init__(self, problem, subject, field=None, rule=None, bounds=()):
        super().__init__(subject, field, rule, bounds)
        self.problem = problem


_WORDS = tuple(
    [
        (face, _LINE)
        for face in ("standby", "serving", "inviting", "thanking", "asking", "out_of_service")
    ]
)


class Words(namedtuple("Words", names(_WORDS))):
    """What a face says."""

    fields = _WORDS


class _Codes:
    """For each level from 1 to 5 a reason for each key: a code's first digit is its level."""

    def __call__(self, value, name):
        if type(value) not in (list, tuple) or len(value) != 5:
            raise wrong_field(name, "list", 5, 5)
        rows = [
            Many(Integer(100 * level, 100 * level + 99), KEYS, KEYS)(row, f"{name}.{level - 1}")
            for level, row in enumerate(value, 1)
        ]
        return tuple(rows)


ADDRESS = (
    ("host", Raw(255)),
    ("port", Integer(1, 65535)),
    ("ca", Maybe(Raw(8192))),
)


class Address(namedtuple("Address", names(ADDRESS))):
    """Where a broker listens; ca in PEM, null: that of the bundle."""

    fields = ADDRESS


_SETTINGS = (
    ("device", device_id),
    ("epoch", seq),
    ("version", seq),
    ("words", Nested(Words)),
    ("reasons", Many(Text(16), KEYS, KEYS)),
    ("codes", _Codes()),
    ("catalogue", count),
    ("staff", OneOf("none", "number", "name")),
    ("thanks_ms", Integer(500, 5000)),
    ("why_ms", Integer(0, 15000)),
    ("volume", Integer(0, 30)),
    ("broker", Maybe(Nested(Address))),
)


class Settings(namedtuple("Settings", names(_SETTINGS))):
    """One version of a device's settings.

    reasons: what is printed above keys 1 to 5, the same for every level. codes: what each of them
    means after each level, in `catalogue`. staff: what of the staff card is shown. why_ms 0: the
    question is not asked, of anybody. volume: of the voice, 0 is silent. broker: a further
    address of the hall's broker, tried in turn with the bundle's (BRK-1), or None.
    """

    kind = "settings"
    fields = _SETTINGS


def seal_settings(key: bytes, settings: Settings) -> bytes:
    """The centre's envelope: 4 KB hold the longest words. Raises ProtocolError for a value out of
    range.
    """
    return seal(key, encode(settings), MESSAGE_BYTES)


def open_settings(key: bytes, device: str, epoch: int, newest: int, data: bytes) -> Settings:
    """The settings in an envelope for this device, no older than version `newest`.

    Raises SettingsError (SET-2).
    """
    if not is_signed(key, data, MESSAGE_BYTES):
        raise SettingsError("settings_unsigned", "not signed with this device's key")
    try:
        members = parse_json(split(data, MESSAGE_BYTES)[0], "settings")
        settings = decode(members if type(members) is dict else {}, (Settings,))
    except ProtocolError as error:
        told = (error.subject, error.field, error.rule, error.bounds)
        raise SettingsError("settings_malformed", *told)
    if (settings.device, settings.epoch) != (device, epoch):
        raise SettingsError("settings_elsewhere", "they are for another device or enrolment")
    if settings.version < newest:
        raise SettingsError(
            "settings_older", f"version {settings.version} is older than {newest}, which is in use"
        )
    return settings
