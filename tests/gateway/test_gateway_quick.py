"""msgspec and protocol read a rating: one corpus, the same verdicts. REC-1 REC-4 REC-6"""

import json

import pytest
from gateway_hall import Pen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.quick import read_rating
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.record import Rating, UnknownKindError, decode, parse

GOOD = split(Pen("dev-1").rating(service="01JQ7V0M3T8K2N5W9X4Y6Z1B2C", at=1_760_000_061_040))[0]
MEMBERS = json.loads(GOOD)

VALUES = [
    *(None, True, False, -1, 0, 1, 5, 6, 17, 1.0, 1e300, 0.5, "", "a", "A", "1", "-", "x" * 16),
    *("x" * 17, "x" * 32, "x" * 33, "x" * 64, "x" * 65, "0" * 16, "F" * 16, "a\n", "\na", "é"),
    *("\ud800", "\x00", "a b", "key", "touch", "Key", "rating", [], [1], {}, {"a": 1}),
    *(2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, 10**30, -(2**63)),
]
# Texts rather than values: what JSON allows and a dumper would not write.
TEXTS = [
    *("5.0", "5e0", "05", "-0", "+5", "NaN", "Infinity", "0x5", "1_0", "5,", '"\\u0041001"'),
    *('"A\t1"', '"A\\t1"', '"\\ud800"', '"A001', "'A001'", "nul", "null null", "[", "1" * 4000),
]


def by_protocol(record: bytes) -> Rating | None:
    """The rating as protocol/ reads it, None for everything else."""
    try:
        found = decode(parse(record))
    except (ProtocolError, UnknownKindError):
        return None
    return found if type(found) is Rating else None


def compare(record: bytes) -> None:
    quick, whole = read_rating(record), by_protocol(record)
    if quick is not None:
        assert whole is not None, f"only msgspec accepts {record!r}"
        assert [getattr(quick, name) for name in Rating._fields] == list(whole), record


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_with_every_odd_value_has_one_verdict(name):
    """REC-4"""
    for value in VALUES:
        compare(json.dumps({**MEMBERS, name: value}, separators=(",", ":")).encode())
    good = json.dumps(MEMBERS[name]).encode()
    for text in TEXTS:
        compare(GOOD.replace(b'"%s":%s' % (name.encode(), good), f'"{name}":{text}'.encode()))
    without = {key: value for key, value in MEMBERS.items() if key != name}
    compare(json.dumps(without).encode())


@pytest.mark.parametrize(
    "record",
    [
        GOOD[:-1] + b',"more":1}',
        GOOD[:-1] + b',"more":"\xff"}',
        GOOD[:-1] + b',"more":NaN}',
        GOOD[:-1] + b',"level":1}',
        GOOD[:-1] + b',"v":2}',
        b" " + GOOD + b"\t",
        b"\xef\xbb\xbf" + GOOD,
        GOOD + b"{}",
        GOOD.replace(b'"dev-1"', b'"\xff\xfe-1"'),
        GOOD.decode().encode("utf-16"),
        b"",
        b"[" * 900,
    ],
)
def test_odd_records_have_one_verdict(record):
    """REC-6"""
    compare(record)


@given(st.binary(max_size=3), st.integers(0, len(GOOD)), st.integers(0, 3))
@example(b"", 0, 0)
@settings(max_examples=2000, deadline=None)
def test_a_rating_with_any_bytes_changed_has_one_verdict(new, at, dropped):
    compare(GOOD[:at] + new + GOOD[at + dropped :])


def test_the_rating_of_every_day_takes_the_short_way():
    """Without this the comparison above would hold for a reader that reads nothing."""
    assert read_rating(GOOD) is not None
    assert by_protocol(GOOD) is not None
