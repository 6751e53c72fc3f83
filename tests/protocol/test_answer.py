"""Sealed answers on CPython and on MicroPython: golden bytes, and what is none."""

import unittest
from binascii import unhexlify

from protocol.answer import (
    NO_ANSWER,
    of_codes,
    of_level,
    seal_answer,
)
from protocol.field import ProtocolError
from protocol.mac import hmac_sha256
from protocol.opened import codes_in, level_in, open_answer

KEY = bytes(range(32))
RECORD = b'{"v":1,"seq":2,"answer":"' + NO_ANSWER.encode() + b'","boot":1}'
CODES = (108, 115, 999, 100, 101, 102, 103, 104)


def answer_of(record):
    return str(record[25:57], "utf-8")


class TestAnswer(unittest.TestCase):
    def test_an_answer_is_masked_with_the_records_own_hmac(self):
        """SEA-1"""
        sealed = seal_answer(KEY, RECORD, of_level(3))
        mask = hmac_sha256(KEY, b"answer\n" + RECORD)
        plain = [one ^ other for one, other in zip(unhexlify(answer_of(sealed)), mask)]
        self.assertEqual(plain, [3] + [0] * 15)
        self.assertEqual(sealed[:25] + NO_ANSWER.encode() + sealed[57:], RECORD)

    def test_what_was_sealed_is_opened(self):
        """SEA-2"""
        for level in range(1, 6):
            sealed = seal_answer(KEY, RECORD, of_level(level))
            self.assertEqual(level_in(open_answer(KEY, sealed, answer_of(sealed))), level)
        for count in range(1, 9):
            sealed = seal_answer(KEY, RECORD, of_codes(CODES[:count]))
            plain = open_answer(KEY, sealed, answer_of(sealed))
            self.assertEqual((len(sealed), codes_in(plain)), (len(RECORD), CODES[:count]))

    def test_another_key_or_another_record_opens_nothing(self):
        """SEA-1"""
        sealed = seal_answer(KEY, RECORD, of_level(3))
        other = sealed.replace(b'"seq":2', b'"seq":3')
        for key, record in ((bytes(32), sealed), (KEY, other)):
            with self.assertRaises(ProtocolError):
                level_in(open_answer(key, record, answer_of(sealed)))

    def test_what_is_no_answer_is_refused(self):
        """SEA-3"""
        zeros = bytes(15)
        for plain in (b"\x00" + zeros, b"\x06" + zeros, b"\x03" + zeros[1:] + b"\x01"):
            with self.assertRaises(ProtocolError):
                level_in(plain)
        for codes in (b"\x00\x63", b"\x03\xe8", b"\x00\x00", b"\x00\x6c\x00\x00\x00\x6c"):
            with self.assertRaises(ProtocolError):
                codes_in(codes + bytes(16 - len(codes)))
        for values in ((), (99,), (1000,), CODES + (105,)):
            with self.assertRaises(ProtocolError):
                of_codes(values)
        for level in (0, 6, True, "5"):
            with self.assertRaises(ProtocolError):
                of_level(level)

    def test_an_answer_that_stands_elsewhere_is_refused(self):
        """SEA-3"""
        sealed = seal_answer(KEY, RECORD, of_level(3))
        answer = answer_of(sealed)
        spaced = sealed.replace(b'"answer":', b'"answer": ')
        twice = sealed.replace(b'"seq":2', b'"more":{"answer":"' + b"0" * 32 + b'"}')
        for record in (spaced, twice, RECORD, b"{}", b'{"answer":"'):
            with self.assertRaises(ProtocolError):
                open_answer(KEY, record, answer)


if __name__ == "__main__":
    unittest.main()
