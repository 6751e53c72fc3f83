"""Settings: what a device refuses, and with which word."""

import unittest

from protocol.envelope import seal
from protocol.settings import (
    Settings,
    SettingsError,
    Words,
    open_settings,
    seal_settings,
)

KEY = bytes(range(32))
DEVICE, EPOCH = "xj-0417", 29333341
CODES = tuple([tuple([level * 100 + 10 + key for key in range(5)]) for level in range(1, 6)])
GOOD = Settings(
    DEVICE,
    EPOCH,
    3,
    Words("ready", "in service", "rate", "thanks", "why", "out"),
    ("attitude", "time", "documents", "formalities", "online"),
    CODES,
    1,
    "name",
    2000,
    6000,
    20,
    None,
)
# A field and a value that it must not have.
OUT_OF_RANGE = (
    ("version", b'"version":3', b'"version":0'),
    ("thanks_ms", b'"thanks_ms":2000', b'"thanks_ms":499'),
    ("why_ms", b'"why_ms":6000', b'"why_ms":15001'),
    ("volume", b'"volume":20', b'"volume":31'),
    ("staff", b'"staff":"name"', b'"staff":"photo"'),
    ("codes", b"[[110,", b"[[510,"),
    ("reasons", b'"attitude",', b""),
    ("asking", b'"asking":"why"', b'"asking":7'),
    ("kind", b'"kind":"settings"', b'"kind":"receipt"'),
    ("words", b'"ready"', b'"re\xe2\x80\xaeady"'),
)


class TestSettings(unittest.TestCase):
    def opened(self, envelope, newest=0, device=DEVICE, epoch=EPOCH, key=KEY):
        return open_settings(key, device, epoch, newest, envelope)

    def refused(self, *given, **named):
        with self.assertRaises(SettingsError) as caught:
            self.opened(*given, **named)
        return caught.exception.problem

    def test_what_the_centre_signs_the_device_opens(self):
        self.assertEqual(self.opened(seal_settings(KEY, GOOD)), GOOD)
        self.assertEqual(self.opened(seal_settings(KEY, GOOD), newest=3), GOOD)

    def test_what_is_not_signed_with_its_key_is_refused(self):
        """SET-2"""
        envelope = seal_settings(KEY, GOOD)
        self.assertEqual(self.refused(envelope, key=bytes(32)), "settings_unsigned")
        self.assertEqual(self.refused(envelope.replace(b"ready", b"rEady")), "settings_unsigned")
        self.assertEqual(self.refused(b"nonsense"), "settings_unsigned")
        record = envelope[:-65]
        largest = record + b" " * (4096 - 65 - len(record))
        self.assertEqual(self.opened(seal(KEY, largest, 4096)), GOOD)
        self.assertEqual(self.refused(seal(KEY, largest + b" ", 4097)), "settings_unsigned")

    def test_the_longest_words_in_any_language_fit(self):
        """SET-4"""
        for letter in ("\U0001f600", '"', "\\"):  # four bytes in UTF-8, and what JSON escapes
            words = Words(*[letter * 64 for _ in Words.fields])
            settings = Settings(
                "d" * 32,
                2**31 - 1,
                2**31 - 1,
                words,
                (letter * 16,) * 5,
                CODES,
                2**31 - 1,
                "number",
                5000,
                15000,
                30,
                None,
            )
            self.assertEqual(
                self.opened(seal_settings(KEY, settings), device="d" * 32, epoch=2**31 - 1),
                settings,
            )

    def test_what_is_another_devices_or_enrolments_is_refused(self):
        """SET-2"""
        envelope = seal_settings(KEY, GOOD)
        self.assertEqual(self.refused(envelope, device="xj-0418"), "settings_elsewhere")
        self.assertEqual(self.refused(envelope, epoch=EPOCH + 1), "settings_elsewhere")

    def test_what_is_older_than_what_is_shown_is_refused(self):
        """SET-2"""
        self.assertEqual(self.refused(seal_settings(KEY, GOOD), newest=4), "settings_older")

    def test_a_value_out_of_range_is_refused(self):
        """SET-2"""
        record = seal_settings(KEY, GOOD)[:-65]
        for name, was, now in OUT_OF_RANGE:
            self.assertIn(was, record)
            envelope = seal(KEY, record.replace(was, now), 16384)
            self.assertEqual((name, self.refused(envelope)), (name, "settings_malformed"))
        self.assertEqual(self.refused(seal(KEY, b"[]")), "settings_malformed")


if __name__ == "__main__":
    unittest.main()
