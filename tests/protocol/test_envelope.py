"""Envelopes on CPython and on MicroPython: HMAC vectors, exact bytes, what is refused."""

import unittest

from protocol import mac
from protocol.envelope import is_signed, mac16, seal, split
from protocol.field import ProtocolError
from protocol.mac import hmac_sha256, is_same, sha256_hex, to_hex
from protocol.record import Boot, Head, Rating, Reasons, SelfTest, encode

KEY = bytes(range(32))
RECORD = b'{"v":1,"kind":"head"}'
S, N, M = 2**31 - 1, 2**53 - 1, "f" * 16

# RFC 4231, test cases 1, 2, 3, 6 and 7: key, data, HMAC-SHA-256
VECTORS = (
    (
        b"\x0b" * 20,
        b"Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        b"Jefe",
        b"what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    (
        b"\xaa" * 20,
        b"\xdd" * 50,
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
    ),
    (
        b"\xaa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        b"\xaa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data."
        b" The key needs to be hashed before being used by the HMAC algorithm.",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
)


class Counted:
    """Bytes that count how many of them were looked at."""

    def __init__(self, data):
        self._data = data
        self.read = 0

    def __len__(self):
        return len(self._data)

    def __iter__(self):
        for byte in self._data:
            self.read += 1
            yield byte


class TestMac(unittest.TestCase):
    def test_hmac_gives_the_vectors_of_rfc_4231(self):
        for key, data, expected in VECTORS:
            self.assertEqual(to_hex(hmac_sha256(key, data)), expected)

    def test_equal_means_every_byte(self):
        self.assertTrue(is_same(b"", b""))
        self.assertTrue(is_same(b"abc", b"abc"))
        for other in (b"abd", b"Abc", b"ab", b"abcd", b""):
            self.assertFalse(is_same(b"abc", other))

    def test_boards_compare_every_byte_wherever_the_first_difference_is(self):
        """ENV-4: the same work for every wrong MAC, so that time tells nothing."""
        if mac.compare_digest:
            return  # then it is that one: tests/protocol/test_constant_time.py
        for position in range(32):
            counted = Counted(bytes(position) + b"x" + bytes(31 - position))
            self.assertFalse(is_same(counted, bytes(32)))
            self.assertEqual(counted.read, 32)

    def test_a_document_is_named_by_its_hash(self):
        """FIPS 180-4's example."""
        digits = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        self.assertEqual(sha256_hex(b"abc"), digits)


class TestEnvelope(unittest.TestCase):
    def test_an_envelope_is_the_record_a_line_feed_and_the_mac(self):
        """ENV-1"""
        envelope = seal(KEY, RECORD)
        digits = to_hex(hmac_sha256(KEY, RECORD))
        self.assertEqual(envelope, RECORD + b"\n" + digits.encode())
        self.assertEqual(split(envelope), (RECORD, digits))
        self.assertEqual(mac16(envelope), digits[:16])
        self.assertTrue(is_signed(KEY, envelope))

    def test_any_changed_byte_breaks_the_mac(self):
        envelope = seal(KEY, RECORD)
        for position in range(len(envelope)):
            other = bytearray(envelope)
            other[position] ^= 1
            self.assertFalse(is_signed(KEY, bytes(other)))
        self.assertFalse(is_signed(bytes(32), envelope))

    def test_what_has_not_the_shape_of_an_envelope_is_refused(self):
        good = seal(KEY, RECORD)
        upper = good[:-64] + b"A" * 64
        for data in (b"", b"x", good[:-1], good + b"\n", good + b"0", upper, b"\n" + good):
            with self.assertRaises(ProtocolError):
                split(data)
        with self.assertRaises(ProtocolError):
            split(b"\n" + b"0" * 64)

    def test_more_than_1024_bytes_are_refused_in_both_directions(self):
        """ENV-2"""
        self.assertEqual(len(seal(KEY, b"x" * 959)), 1024)
        with self.assertRaises(ProtocolError):
            seal(KEY, b"x" * 960)
        with self.assertRaises(ProtocolError):
            split(b"x" * 960 + b"\n" + b"0" * 64)

    def test_the_longest_records_fit(self):
        longest = (
            Rating(
                *("x" * 32, S, S, M, "S" * 64, "A" * 16, "B" * 16, "f" * 64, "f" * 32, S, S, N),
                *(N, N, S, "kiosk"),
            ),
            Reasons("x" * 32, S, S, M, S, "f" * 32, S, S, N, N),
            SelfTest("x" * 32, S, S, M, ("p" * 32,) * 10, ("f" * 32,) * 10, S, N, N),
            Head("x" * 32, S, S, M, S, N, N, S, S),
            Boot("x" * 32, S, S, M, "v" * 32, "c" * 32, ((S, S, "restart"),) * 16, S, N, N),
        )
        for record in longest:
            self.assertTrue(len(seal(KEY, encode(record))) <= 1024)


if __name__ == "__main__":
    unittest.main()
