"""When a certificate is valid, and what a name server says."""

import binascii
import unittest

from firmware.boards.certificate import validity
from firmware.boards.names import answer, question

SOON = (
    "MIIBBTCBq6ADAgECAgEHMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWgwHhcNMjYwMjI4MjM1OTU4WhcNMjgwMjI5"
    "MDAwMDAxWjAMMQowCAYDVQQDDAFoMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE+Zqjhe6AWRsKvVutSGhTqII3"
    "SjQYqEPfGMGARdvKpxownTIwdqawa+s9c6GeK2sGNC4V5W2s6sxYBiX6z52J1jAKBggqhkjOPQQDAgNJADBGAiEA"
    "+xxuIQXa0gUV71Tg6qBQCv8vDxCbXF4cS5FG8nmG6JsCIQCNSVGYVKhpnFfcqbGx23PEaWeUwlEgxVFceegib+iW"
    "eg=="
)
LONG = (
    "MIIBBzCBraADAgECAgEHMAoGCCqGSM49BAMCMAwxCjAIBgNVBAMMAWgwIBcNOTkxMjMxMDAwMDAwWhgPMjA1MTAz"
    "MDExMjAwMDBaMAwxCjAIBgNVBAMMAWgwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAT5mqOF7oBZGwq9W61IaFOo"
    "gjdKNBioQ98YwYBF28qnGjCdMjB2prBr6z1zoZ4rawY0LhXlbazqzFgGJfrPnYnWMAoGCCqGSM49BAMCA0kAMEYC"
    "IQDFffdOBCYkFHVft6Calc4gYyomjno9awZVbzAm3qFP3QIhAOeBQpHdZ2pW6cvgSZtk2pep6JaLzEGmhri4t50B"
    "xFT8"
)


class TestValidity(unittest.TestCase):
    def test_the_dates_of_a_certificate_are_unix_seconds(self):
        soon = validity(memoryview(binascii.a2b_base64(SOON.encode())))
        self.assertEqual(soon, (1772323198, 1835395201))  # 28 February 2026 to 29 February 2028
        long = validity(binascii.a2b_base64(LONG.encode()))
        self.assertEqual(long, (946598400, 2561284800))  # 1999, in two digits, to 2051, in four

    def test_what_is_no_certificate_is_a_value_error_and_nothing_else(self):
        whole = binascii.a2b_base64(SOON.encode())
        for data in (b"", b"0", b"garbage", bytes(300), b"\x30\xff" * 9, whole[:40], whole[:60]):
            with self.assertRaises(ValueError):
                validity(data)


class TestNames(unittest.TestCase):
    def test_a_question_is_the_bytes_of_rfc_1035(self):
        asked = question("broker.hall", b"\x12\x34")
        self.assertEqual(
            asked,
            b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
            b"\x06broker\x04hall\x00\x00\x01\x00\x01",
        )

    def test_the_address_is_found_behind_an_alias(self):
        asked = question("b.h", b"\x12\x34")
        head = b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00"
        alias = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01x\xc0\x0e"
        found = b"\x01x\xc0\x0e\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x01\x02\x03"
        packet = head + asked[12:] + alias + found
        self.assertEqual(answer(packet, asked), "10.1.2.3")
        for bad in (
            b"\x12\x35" + packet[2:],  # another question's
            packet[:3] + b"\x83" + packet[4:],  # there is no such name
            asked,
            packet[:-1],
            packet[:20],
            head + question("b.i", b"xx")[12:] + alias + found,
        ):
            self.assertEqual(answer(bad, asked), None)


if __name__ == "__main__":
    unittest.main()
