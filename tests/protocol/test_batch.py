"""Batches, service documents and the hall's document."""

import json
import unittest

from protocol.batch import (
    Answer,
    EnvelopeItem,
    FactsItem,
    HeadItem,
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
from protocol.hall import (
    MATTERS,
    STAFF,
    Device,
    Hall,
    HallMatter,
    Invites,
    Window,
    decode_hall,
    encode_hall,
)
from protocol.message import StaffCard

DOCUMENT = ServiceDocument(
    *("01J", "0" * 16, 1, "demo", "w1", "single", "A017", None),
    *((Matter("p", 1, None, "医保参保"),), 5),
)
ITEMS = (
    FactsItem(encode_document(DOCUMENT).decode()),
    EnvelopeItem('{"v":1}\nabc', 5, "w1", None, ("malformed",)),
    HeadItem("head", None, 17),
)
ANSWER = Answer(
    (Verdict("stored", None, ("broken_chain",)), Verdict("rejected", "bad_mac", ())), ("r",), 12
)
HALL = Hall(
    12,
    "demo",
    (Window("w1", "1号窗口"),),
    (StaffCard("0231", "王芳"),),
    (HallMatter("11370000004505432200011", "医保参保", True),),
    Invites(True, True, True, False),
    "0" * 64,
    (Device("xj-0417", None, 9, "$7$101$a$b", False, None, None, ("r",)),),
)


class TestBatch(unittest.TestCase):
    def test_a_batch_comes_back_as_it_went_with_envelopes_as_one_string(self):
        """ENV-3"""
        items = tuple([decode_item(item) for item in decode_batch(encode_batch(ITEMS)).items])
        self.assertEqual(items, ITEMS)

    def test_an_answer_a_document_and_a_hall_come_back_as_they_went(self):
        self.assertEqual(decode_answer(encode_answer(ANSWER)), ANSWER)
        self.assertEqual(decode_document(encode_document(DOCUMENT)), DOCUMENT)
        self.assertEqual(decode_hall(encode_hall(HALL)), HALL)

    def test_a_hall_of_an_older_centre_names_nobody(self):
        """HAL-1"""
        members = json.loads(encode_hall(HALL))
        for name in ("staff", "matters", "invites", "link_key"):
            del members[name]
        hall = decode_hall(json.dumps(members).encode())
        self.assertEqual((hall.staff, hall.matters), (None, None))
        self.assertEqual((hall.invites, hall.link_key), (None, None))
        members["invites"] = {"agent": False}
        invites = decode_hall(json.dumps(members).encode()).invites
        self.assertEqual(tuple(invites), (None, None, None, False))

    def test_a_hall_has_so_many_clerks_and_matters_and_no_more(self):
        """HAL-1"""
        members = json.loads(encode_hall(HALL))
        for name, most in (("staff", STAFF), ("matters", MATTERS)):
            crowd = dict(members)
            crowd[name] = members[name] * most
            decode_hall(json.dumps(crowd).encode())
            crowd[name] = members[name] * (most + 1)
            with self.assertRaises(ProtocolError) as raised:
                decode_hall(json.dumps(crowd).encode())
            self.assertEqual(raised.exception.field, name)

    def test_only_an_unreadable_body_is_refused_as_a_whole(self):
        """BAT-2"""
        for body in (b"", b"{", b"[]", b'{"items":5}', b'{"items":[' + b"1," * 500 + b"1]}"):
            with self.assertRaises(ProtocolError):
                decode_batch(body)
        for item in (
            5,
            None,
            {},
            {"envelope": 5},
            {"head": "h", "receipt": 1},
        ):
            with self.assertRaises(ProtocolError):
                decode_item(item)

    def test_half_an_answer_is_refused(self):
        body = encode_answer(ANSWER)
        for end in range(len(body)):
            with self.assertRaises(ProtocolError):
                decode_answer(body[:end])

    def test_a_document_over_64_kilobytes_is_refused(self):
        """BAT-1"""
        matters = (Matter("p" * 64, 1, "t" * 64, "n" * 128),) * 300
        large = ServiceDocument("s", "0" * 16, 1, "h", "w", "batch", "A1", None, matters, 5)
        with self.assertRaises(ProtocolError):
            encode_document(large)
        data = encode_document(DOCUMENT)
        longest = data + b" " * (65536 - len(data))
        self.assertEqual(decode_document(longest), DOCUMENT)
        with self.assertRaises(ProtocolError):
            decode_document(longest + b" ")


if __name__ == "__main__":
    unittest.main()
