"""msgspec and protocol read the same: one corpus, the same verdicts."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import quick
from protocol.batch import (
    Answer,
    EnvelopeItem,
    Matter,
    ServiceDocument,
    Verdict,
    decode_answer,
    decode_batch,
    decode_document,
    decode_item,
    encode_answer,
    encode_batch,
    encode_document,
)
from protocol.field import ProtocolError
from protocol.record import Head, Rating, Receipt, decode, encode, parse

RATING = encode(
    Rating(
        *("dev-1", 29333341, 7, "0" * 16, "01JQ7V0M3T8K2N5W9X4Y6Z1B2C", "A001", "0231", "a" * 64),
        *("b" * 32, 0, 1, 7000, 1_760_000_061_040, 900, 3, "key"),
    )
)
HEAD = encode(Head("dev-1", 29333341, 7, "0" * 16, 3, 61_000, 1_760_000_000_000, 12, 9))
RECEIPT = encode(Receipt("dev-1", 29333341, 7, "0" * 16, 1_760_000_000_000))
MATTERS = (Matter("p", 1, "t", "营业执照"), Matter(None, None, None, None))
DOCUMENT = encode_document(
    ServiceDocument(
        *("S-1", "0" * 16, 1, "demo", "w1", "single", "A1", "0231", MATTERS, 1_760_000_000_000)
    )
)
ITEM = {"envelope": "x", "received_at_ms": 5, "window": "w1", "service": "S-1", "marks": ["a_1"]}
BATCH = encode_batch([EnvelopeItem("x", 5, "w1", "S-1", ())], 1_760_000_000_000)
VERDICTS = (Verdict("stored", None, ("a_1",)), Verdict("rejected", "bad_mac: 不符", ()))
ANSWER = encode_answer(Answer(VERDICTS, ("receipt",), 3))

VALUES = [
    *(None, True, False, -1, 0, 1, 5, 6, 17, 1.0, 1e300, 0.5, "", "a", "A", "1", "-", "x" * 16),
    *("x" * 17, "x" * 32, "x" * 33, "x" * 64, "x" * 65, "x" * 128, "x" * 129, "x" * 1025),
    *(
        "0" * 16,
        "F" * 16,
        "a\n",
        "\na",
        "é",
        "\ud800",
        "\x00",
        "a\u202eb",
        "a b",
        "Key",
        "key",
        "kiosk",
    ),
    *("rating", "single", "stored", [], [1], ["a"], ["a b"], [None], ["a"] * 17, [[]], [{}]),
    *({}, {"a": 1}, [{"project_no": "x" * 65}], [{"verdict": "x"}], [{"service_number": -1}]),
    *(2**31 - 1, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, 10**30, -(2**63)),
]
# Texts rather than values: what JSON allows and a dumper would not write.
TEXTS = [
    *("5.0", "5e0", "05", "-0", "+5", "NaN", "Infinity", "0x5", "1_0", "5,", '"\\u0041001"'),
    *('"A\t1"', '"A\\t1"', '"\\ud800"', '"A001', "'A001'", "nul", "null null", "[", "1" * 4000),
    *("1e400", "[" * 900, '{"a":NaN}'),
]
ENDS = [
    *(b',"more":1}', b',"more":"\xff"}', b',"more":NaN}', b',"level":1}', b',"v":2}'),
    *(b',"items":[]}', b',"opened_at_ms":1}'),
]


def rating_of(record: bytes) -> Rating | None:
    found = decode(parse(record))
    return found if type(found) is Rating else None


READERS = {
    "rating": (quick.read_rating, rating_of, RATING),
    "head": (quick.read_head, lambda data: decode(parse(data), (Head,)), HEAD),
    "receipt": (quick.read_receipt, lambda data: decode(parse(data), (Receipt,)), RECEIPT),
    "document": (quick.read_document, decode_document, DOCUMENT),
    "batch": (quick.read_batch, decode_batch, BATCH),
    "answer": (quick.read_answer, decode_answer, ANSWER),
}


def compare(kind: str, data: bytes) -> bool:
    """What msgspec reads, protocol reads as the same; whether msgspec reads it."""
    short, whole, _ = READERS[kind]
    found = short(data)
    if found is not None:
        # As text, because true equals 1.
        assert repr(found) == repr(whole(data)), data
    return found is not None


@pytest.mark.parametrize("kind", READERS)
def test_every_member_with_every_odd_value_has_one_verdict(kind):
    """REC-1 REC-4"""
    good = READERS[kind][2]
    members = json.loads(good)
    for name, value in members.items():
        for odd in VALUES:
            compare(kind, json.dumps({**members, name: odd}, separators=(",", ":")).encode())
        plain = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        assert plain in good
        for text in TEXTS:
            compare(kind, good.replace(plain, text.encode()))
        compare(kind, json.dumps({key: members[key] for key in members if key != name}).encode())


@pytest.mark.parametrize(
    ("kind", "outer"), [("document", "matters"), ("answer", "verdicts"), ("batch", "items")]
)
def test_every_member_of_what_is_inside_has_one_verdict(kind, outer):
    members = json.loads(READERS[kind][2])
    for name in members[outer][0]:
        for odd in VALUES:
            inner = [{**members[outer][0], name: odd}, *members[outer][1:]]
            compare(kind, json.dumps({**members, outer: inner}).encode())


@pytest.mark.parametrize("kind", READERS)
def test_odd_bytes_have_one_verdict(kind):
    """REC-6"""
    good = READERS[kind][2]
    odd = [good[:-1] + end for end in ENDS]
    odd += [b" " + good + b"\t", b"\xef\xbb\xbf" + good, good + b"{}", b"", b"[" * 900, b"[]"]
    odd += [good.replace(b'"A', b'"\xff\xfe'), good.decode().encode("utf-16")]
    for data in odd:
        compare(kind, data)


@given(st.binary(max_size=3), st.integers(0, len(RATING)), st.integers(0, 3))
@settings(max_examples=1000, deadline=None)
def test_any_bytes_changed_have_one_verdict(new, at, dropped):
    for kind, (_, _, good) in READERS.items():
        compare(kind, good[:at] + new + good[at + dropped :])


@pytest.mark.parametrize("name", ITEM)
def test_an_item_s_members_have_one_verdict(name):
    without = {key: value for key, value in ITEM.items() if key != name}
    for raw in (without, *({**ITEM, name: value} for value in VALUES)):
        found = quick.read_item(raw)
        if found is not None:
            assert repr(found) == repr(decode_item(raw))


@pytest.mark.parametrize("raw", [None, [], "x", 5, {**ITEM, "facts": "x"}, {"head": "x"}])
def test_what_is_no_record_s_item_is_left_to_protocol(raw):
    assert quick.read_item(raw) is None


def test_what_comes_every_day_takes_the_short_way():
    """Without this the comparisons above would hold for readers that read nothing."""
    for kind, (_, _, good) in READERS.items():
        assert compare(kind, good)
    assert quick.read_item(ITEM) == decode_item(ITEM)


def test_a_batch_of_more_items_than_allowed_is_left_to_protocol():
    body = encode_batch([EnvelopeItem("x", 5, None, None, ())] * 501)
    assert quick.read_batch(body) is None
    with pytest.raises(ProtocolError):
        decode_batch(body)
