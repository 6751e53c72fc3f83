"""Records on CPython and on MicroPython: golden bytes both ways, and what is refused."""

import unittest

from protocol.field import ProtocolError
from protocol.record import (
    Boot,
    Head,
    Rating,
    Reasons,
    Receipt,
    SelfTest,
    UnknownKindError,
    decode,
    encode,
    parse,
)

RATING = Rating(
    device="xj-0417",
    epoch=29333341,
    seq=2,
    prev="857c0ecf85a15ebe",
    service="01JQ7V0M3T8K2N5W9X4Y6Z1B2C",
    ticket_no="A017",
    staff_no="0231",
    facts="8bc100c14f4c1187" * 4,
    answer="5c" * 16,
    settings=0,
    boot=1,
    up_ms=61250,
    at=1760000061040,
    took_ms=4200,
    shown=12,
    input="key",
)
GOLDEN = (
    (
        RATING,
        b'{"v":1,"kind":"rating","device":"xj-0417","epoch":29333341,"seq":2,'
        b'"prev":"857c0ecf85a15ebe","service":"01JQ7V0M3T8K2N5W9X4Y6Z1B2C","ticket_no":"A017",'
        b'"staff_no":"0231","facts":"' + b"8bc100c14f4c1187" * 4 + b'",'
        b'"answer":"5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c","settings":0,"boot":1,'
        b'"up_ms":61250,"at":1760000061040,"took_ms":4200,"shown":12,"input":"key"}',
    ),
    (
        Boot("xj-0417", 29333341, 1, "0000000000000000", "0.1.0", "power", (), 1, 210, None),
        b'{"v":1,"kind":"boot","device":"xj-0417","epoch":29333341,"seq":1,'
        b'"prev":"0000000000000000","firmware":"0.1.0","cause":"power","gaps":[],"boot":1,'
        b'"up_ms":210,"at":null}',
    ),
    (
        Boot(
            "xj-0417",
            29333341,
            65,
            "6a965be65b6f1195",
            "0.1.0",
            "watchdog",
            ((4, 64, "restart"),),
            2,
            198,
            None,
        ),
        b'{"v":1,"kind":"boot","device":"xj-0417","epoch":29333341,"seq":65,'
        b'"prev":"6a965be65b6f1195","firmware":"0.1.0","cause":"watchdog",'
        b'"gaps":[[4,64,"restart"]],"boot":2,"up_ms":198,"at":null}',
    ),
    (
        Reasons("xj-0417", 29333341, 3, "3b038c366510eeb6", 2, "5c" * 16, 1, 1, 64100, 5),
        b'{"v":1,"kind":"reasons","device":"xj-0417","epoch":29333341,"seq":3,'
        b'"prev":"3b038c366510eeb6","of":2,"answer":"5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c","catalogue":1,"boot":1,'
        b'"up_ms":64100,"at":5}',
    ),
    (
        SelfTest("xj-0417", 9, 66, "7f1c0eb612438a6a", ("keys",), ("sound",), 2, 30500, 7),
        b'{"v":1,"kind":"selftest","device":"xj-0417","epoch":9,"seq":66,'
        b'"prev":"7f1c0eb612438a6a","passed":["keys"],"failed":["sound"],"boot":2,'
        b'"up_ms":30500,"at":7}',
    ),
    (
        Head("xj-0417", 29333341, 66, "8e924a84a6861da2", 2, 31000, None, 12, 9),
        b'{"v":1,"kind":"head","device":"xj-0417","epoch":29333341,"seq":66,'
        b'"mac16":"8e924a84a6861da2","boot":2,"up_ms":31000,"heard":null,"shown":12,"invited":9}',
    ),
    (
        Receipt("xj-0417", 29333341, 65, "7f1c0eb612438a6a", 1760000900900),
        b'{"v":1,"kind":"receipt","device":"xj-0417","epoch":29333341,"seq":65,'
        b'"mac16":"7f1c0eb612438a6a","at":1760000900900}',
    ),
)
KINDS = (Rating, Boot, Reasons, SelfTest, Head, Receipt)

# A rating with one field changed, and the word that the error has to name.
REFUSED = (
    ("answer", "0" * 31),
    ("answer", "F" * 32),
    ("answer", 5),
    ("answer", None),
    ("shown", -1),
    ("shown", True),
    ("shown", "5"),
    ("shown", 5.0),
    ("shown", None),
    ("seq", 0),
    ("seq", 2**31),
    ("seq", -1),
    ("epoch", 0),
    ("device", "xj"),
    ("device", "XJ-0417"),
    ("device", "a" * 33),
    ("device", 417),
    ("prev", "857C0ECF85A15EBE"),
    ("prev", "857c"),
    ("service", ""),
    ("service", "a" * 65),
    ("service", "ab/cd"),
    ("service", "服务"),
    ("ticket_no", "A 17"),
    ("ticket_no", "A" * 17),
    ("staff_no", ""),
    ("facts", None),
    ("settings", -1),
    ("up_ms", 2**53),
    ("at", -1),
    ("at", "now"),
    ("took_ms", None),
    ("input", "touch"),
)


def changed(name, value):
    values = {field: member for (field, _), member in zip(Rating.fields, RATING)}
    values[name] = value
    return Rating(**values)


class TestRecord(unittest.TestCase):
    def test_every_kind_has_its_golden_bytes_in_both_directions(self):
        """REC-1"""
        for record, golden in GOLDEN:
            with self.subTest(record.kind):
                self.assertEqual(encode(record), golden)
                self.assertEqual(decode(parse(golden), KINDS), record)

    def test_a_value_out_of_type_or_range_is_refused_when_written(self):
        """REC-4"""
        for name, value in REFUSED:
            with self.subTest(name):
                self.assertIn(name, self.error(encode, changed(name, value)))

    def test_a_value_out_of_type_or_range_is_refused_when_read(self):
        """REC-4"""
        for name, value in REFUSED:
            members = parse(GOLDEN[0][1])
            members[name] = value
            with self.subTest(name):
                self.assertIn(name, self.error(decode, members))

    def test_gaps_must_be_runs_with_a_cause(self):
        """REC-4"""
        for gaps in (5, [[1, 2]], [[3, 2, "restart"]], [[1, 2, "theft"]], [[0, 1, "damage"]]):
            members = parse(GOLDEN[2][1])
            members["gaps"] = gaps
            self.assertIn("gaps", self.error(decode, members))

    def test_bytes_without_an_identity_belong_to_nobody(self):
        """REC-2"""
        for data in (
            b"",
            b"nothing",
            b"[]",
            b"5",
            b"\xff\xfe",
            b'{"device":"xj-0417","epoch":1}',
            b'{"device":"xj-0417","epoch":1,"seq":1.5}',
            b'{"device":"xj-0417","epoch":1,"seq":NaN}',
            b'{"device":"xj-0417","epoch":true,"seq":1}',
            b"[" * 500 + b"]" * 500,
        ):
            self.error(parse, data)

    def test_unknown_members_are_ignored(self):
        """REC-6"""
        golden = GOLDEN[0][1][:-1] + b',"weather":{"sunny":true}}'
        self.assertEqual(decode(parse(golden)), RATING)

    def test_an_unknown_version_or_kind_is_told_apart_from_a_malformed_record(self):
        """REC-7"""
        for name, value in (("v", 2), ("v", True), ("v", None), ("kind", "poem"), ("kind", None)):
            members = parse(GOLDEN[0][1])
            members[name] = value
            with self.assertRaises(UnknownKindError):
                decode(members)

    def test_what_was_signed_for_one_purpose_serves_no_other(self):
        """REC-5"""
        receipt = parse(GOLDEN[6][1])
        head = parse(GOLDEN[5][1])
        for members, kinds in ((receipt, (Head,)), (head, (Receipt,))):
            with self.assertRaises(UnknownKindError):
                decode(members, kinds)
        for members in (receipt, head):
            with self.assertRaises(UnknownKindError):
                decode(members)

    def error(self, function, *arguments):
        try:
            function(*arguments)
        except ProtocolError as error:
            return str(error)
        self.fail(f"{arguments} was taken")
        return ""


if __name__ == "__main__":
    unittest.main()
