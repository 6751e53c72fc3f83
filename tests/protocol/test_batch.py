"""Batches, service documents and the hall's document."""

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
from protocol.hall import Device, Hall, Window, decode_hall, encode_hall

DOCUMENT = ServiceDocument(
    *("01J", "0" * 16, 1, "demo", "w1", "single", "A017", None),
    *((Matter("p", 1, None, "医保参保"),), 5),
)
ITEMS = (
    FactsItem(encode_document(DOCUMENT).decode()),
    EnvelopeItem('{"v":1}\nabc', 5, "w1", None, ("malformed",)),
    HeadItem("head", None),
)
ANSWER = Answer(
    (Verdict("stored", None, ("broken_chain",)), Verdict("rejected", "bad_mac", ())), ("r",), 12
)
HALL = Hall(
    12,
    "demo",
    (Window("w1", "1号窗口"),),
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
