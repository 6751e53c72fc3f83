"""protocol/README.md holds: its examples are exact, and every MUST is named by a test."""

import ast
import base64
import hashlib
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from starlette.exceptions import HTTPException

from central.custody.marks import MARKS, mark_of
from central.people.callers import UnknownTokenError
from central.web.api.batches import _problem_of, _read
from central.web.api.bearer import refused, require
from central.web.api.cursor import read_cursor
from central.web.api.records import RecordPage, Rejections
from central.web.views.figures import Marks
from firmware.bundle import Broker, Bundle, Identity, read_bundle
from protocol.batch import (
    decode_answer,
    decode_batch,
    decode_document,
    decode_item,
    encode_answer,
    encode_batch,
    encode_document,
)
from protocol.envelope import is_signed, mac16, split
from protocol.field import ProtocolError
from protocol.hall import decode_hall, encode_hall
from protocol.limits import BATCH_ITEMS, DOCUMENT_BYTES, ENVELOPE_BYTES, GAPS, MESSAGE_BYTES
from protocol.mac import sha256_hex
from protocol.message import (
    Ack,
    Clock,
    Find,
    State,
    Ticket,
    Will,
    decode_message,
    encode_message,
)
from protocol.opened import codes_in, level_in, open_answer
from protocol.record import KINDS, decode, encode, parse
from protocol.settings import open_settings, seal_settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "protocol" / "README.md").read_text()
KEY = bytes(range(32))
EXAMPLES = re.findall(r"^```(\w+)\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
SIGNED = {"boot", "rating", "reasons", "selftest", "head", "receipt"}
READERS = {"records": RecordPage, "rejections": Rejections, "marks": Marks}
MESSAGES = {"state": State, "will": Will, "ticket": Ticket, "ack": Ack, "clock": Clock}
MESSAGES |= {"find": Find}


@pytest.mark.parametrize(("name", "text"), [e for e in EXAMPLES if e[0] in SIGNED])
def test_signed_examples_are_what_the_code_writes(name, text):
    envelope = text.encode()
    assert is_signed(KEY, envelope)
    record = decode(parse(split(envelope)[0]), KINDS)
    assert record.kind == name
    assert encode(record) == split(envelope)[0]


def test_the_settings_examples_are_what_the_code_writes():
    texts = [text.encode() for name, text in EXAMPLES if name == "settings"]
    examples = [open_settings(KEY, "xj-0417", 29333341, 0, text) for text in texts]
    assert [seal_settings(KEY, one) for one in examples] == texts
    assert [one.version for one in examples] == [17, 18]
    assert [one.broker for one in examples] == [None, ("mqtt-2.demo.example", 8883, None)]


def test_the_hall_example_has_its_key_of_links():
    """HAL-2"""
    hall = decode_hall(dict(EXAMPLES)["hall"].encode())
    info = b"pingjia/1/link/demo"
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(KEY)
    assert hall.link_key == made.hex()
    assert [(one.task_name, one.rateable) for one in hall.matters] == [
        ("Business licence", True),
        ("Advice", False),
    ]


def test_the_bundle_is_read_and_its_password_opens_what_the_hall_s_document_says():
    bundle = read_bundle(dict(EXAMPLES)["bundle"].encode())
    broker = Broker("192.0.2.10", 1883, None, "xj-0417", bundle.mqtt.password)
    assert bundle == Bundle(Identity("xj-0417", 29333341, KEY), "demo", broker, None)
    line = decode_hall(dict(EXAMPLES)["hall"].encode()).devices[0].password_hash
    salt, digest = (base64.b64decode(text) for text in (line[7:23], line[23:]))
    assert line.startswith("$7$101$")
    assert hashlib.pbkdf2_hmac("sha512", broker.password.encode(), salt, 101) == digest


def test_the_answers_are_what_the_page_says():
    """SEA-1 SEA-2"""
    plain = {
        name: open_answer(KEY, record, json.loads(record)["answer"])
        for name, text in EXAMPLES
        if name in {"rating", "reasons"}
        for record in [split(text.encode())[0]]
    }
    assert (level_in(plain["rating"]), codes_in(plain["reasons"])) == (1, (108, 115))
    assert "is level 1, and that of the reasons the codes 108 and 115" in PAGE


@pytest.mark.parametrize(("name", "text"), [e for e in EXAMPLES if e[0] in MESSAGES])
def test_message_examples_are_what_the_code_writes(name, text):
    assert encode_message(decode_message(MESSAGES[name], text.encode())) == text.encode()


def test_batch_examples_are_what_the_code_writes():
    text = dict(EXAMPLES)
    batch = text["batch"].encode()
    items, at_ms = decode_batch(batch)
    assert encode_batch([decode_item(item) for item in items], at_ms) == batch
    assert encode_answer(decode_answer(text["answer"].encode())) == text["answer"].encode()
    assert encode_document(decode_document(text["facts"].encode())) == text["facts"].encode()
    assert encode_hall(decode_hall(text["hall"].encode())) == text["hall"].encode()


def test_problem_examples_are_what_the_centre_answers():
    def lacks_the_scope():
        require(("figures:read",), "read records")

    errors = [refused(UnknownTokenError())]
    for fails in (lacks_the_scope, lambda: _read(b"[]", "")):
        with pytest.raises(HTTPException) as caught:
            fails()
        errors.append(caught.value)
    answers = [_problem_of(error) for error in errors]
    assert [answer.status_code for answer in answers] == [401, 403, 400]
    texts = [text.encode() for name, text in EXAMPLES if name == "problem"]
    assert [answer.body for answer in answers] == texts
    assert answers[0].headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("name", "kind"), READERS.items())
def test_readers_examples_are_what_the_centre_answers(name, kind):
    text = dict(EXAMPLES)[name]
    assert kind.model_validate_json(text).model_dump_json() == text


def test_readers_examples_belong_to_the_others():
    text = dict(EXAMPLES)
    page = json.loads(text["records"])
    record = page["records"][0]
    assert record["envelope"] == text["rating"]
    assert read_cursor(page["next"]) == ("xj-0417", 29333341, 2, "")
    assert json.loads(text["rejections"])["newest"][0]["reason"] in MARKS
    mark = json.loads(text["marks"])["marks"][0]
    assert mark | mark_of(mark["mark"])._asdict() == mark


def test_every_mark_and_reason_of_the_centre_is_on_the_page():
    assert {code for code in MARKS if f"`{code}`" not in PAGE} == set()


def test_the_examples_are_one_story():
    """CHN-1: each record names the one before it, and the rating names its document."""
    chain = [text for name, text in EXAMPLES if name in SIGNED - {"head", "receipt"}]
    for before, after in pairwise(chain):
        assert json.loads(after.split("\n")[0])["prev"] == mac16(before.encode())
    text = dict(EXAMPLES)
    assert json.loads(text["rating"].split("\n")[0])["facts"] == sha256_hex(text["facts"].encode())


def test_text_that_utf_8_cannot_carry_is_refused():
    """On CPython only: MicroPython's strings are UTF-8 to begin with."""
    with pytest.raises(ProtocolError, match="facts must be text that UTF-8 can carry") as caught:
        decode_item({"facts": "half a surrogate pair \ud800"})
    assert (caught.value.field, caught.value.rule) == ("facts", "utf8")


def test_no_example_goes_untested():
    known = SIGNED | MESSAGES.keys() | READERS.keys()
    known |= {"bundle", "batch", "answer", "facts", "hall", "settings", "problem"}
    assert {name for name, _ in EXAMPLES} == known


def test_the_limits_on_the_page_are_those_of_the_code():
    for number in (ENVELOPE_BYTES, MESSAGE_BYTES, DOCUMENT_BYTES, BATCH_ITEMS):
        assert f"{number:,}" in PAGE
    assert f"up to {GAPS} ×" in PAGE


def test_every_must_stands_in_a_test():
    """In the test itself, which fails without it: a file's docstring promises nothing."""
    musts = set(re.findall(r"^\* \*\*([A-Z]{3}-\d+)\*\*", PAGE, re.MULTILINE))
    assert len(musts) > 40
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        source = path.read_text()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found |= set(re.findall(r"[A-Z]{3}-\d+", ast.get_docstring(node) or ""))
    assert musts - found == set()
