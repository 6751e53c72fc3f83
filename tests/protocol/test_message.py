"""Messages and topics on CPython and on MicroPython."""

import unittest

from protocol.access import parse_topic
from protocol.field import ProtocolError
from protocol.message import (
    Ack,
    Clock,
    Find,
    StaffCard,
    State,
    Ticket,
    Will,
    decode_message,
    encode_message,
)
from protocol.topic import topic

FACTS = "8bc100c14f4c1187" * 4
TICKET = Ticket(
    "01JQ7V0M3T8K2N5W9X4Y6Z1B2C",
    FACTS,
    "A017",
    "inviting",
    "营业执照",
    StaffCard("0231", "王芳"),
    20000,
    1760000020000,
)
STATE = State(
    True,
    "9f86d081884c7d65",
    "0.1.0",
    9,
    66,
    1,
    None,
    "x",
    18,
    20,
    0,
    "good",
    "standby",
    0,
    ("a_b",),
    61440,
)
MESSAGES = (
    TICKET,
    Ticket("s", FACTS, "A017", "closed", None, None, 1000, None),
    STATE,
    Will(False, "9f86d081884c7d65"),
    Ack(29333341, 66, None),
    Clock(1760000900500),
    Find(60),
)
REFUSED = (
    (Ack, b'{"epoch":1,"hall":-1,"receipt":null}', "hall"),
    (Ack, b'{"epoch":0,"hall":1,"receipt":null}', "epoch"),
    (Ack, b'{"epoch":1,"hall":1,"receipt":5}', "receipt"),
    (Ack, b"null", "object"),
    (Ack, b"\xc3\x28", "UTF-8"),
    (Clock, b'{"now_ms":1.5}', "now_ms"),
    (Clock, b'{"now_ms":1}' + b" " * 4096, "4096"),
    (Find, b'{"seconds":0}', "seconds"),
    (Find, b'{"seconds":61}', "seconds"),
    (Will, b'{"online":0,"session":"9f86d081884c7d65"}', "online"),
    (
        Ticket,
        b'{"service":"a b","facts":"' + FACTS.encode() + b'",'
        b'"ticket_no":"A017","phase":"serving",'
        b'"matter":null,"staff":null,"invite_ms":20000}',
        "service",
    ),
    (
        Ticket,
        b'{"service":"a","facts":"' + FACTS.encode() + b'",'
        b'"ticket_no":"A\\u0000","phase":"serving",'
        b'"matter":null,"staff":null,"invite_ms":20000}',
        "ticket_no",
    ),
    (
        Ticket,
        b'{"service":"a","facts":"' + FACTS.encode() + b'",'
        b'"ticket_no":"A1","phase":"serving",'
        b'"matter":null,"staff":{"staff_no":"x\\ny","name":"n"},"invite_ms":20000}',
        "staff_no",
    ),
    (
        Ticket,
        b'{"service":"a","facts":"' + FACTS.encode() + b'",'
        b'"ticket_no":"A1","phase":"asleep",'
        b'"matter":null,"staff":null,"invite_ms":20000}',
        "phase",
    ),
    (
        Ticket,
        b'{"service":"a","facts":"' + FACTS.encode() + b'",'
        b'"ticket_no":"A1","phase":"serving",'
        b'"matter":"\xe2\x80\xae1","staff":null,"invite_ms":20000}',
        "matter",
    ),
    (
        Ticket,
        b'{"service":"a","facts":"' + FACTS.encode() + b'",'
        b'"ticket_no":"A1","phase":"serving",'
        b'"matter":null,"staff":{"staff_no":"x","name":"n\\u0007"},"invite_ms":20000}',
        "name",
    ),
)


class TestMessage(unittest.TestCase):
    def test_every_message_comes_back_as_it_went(self):
        for message in MESSAGES:
            self.assertEqual(decode_message(type(message), encode_message(message)), message)

    def test_a_bad_message_is_refused_with_the_name_of_its_field(self):
        """TOP-2 TKT-3 TXT-1 FND-1"""
        for kind, data, name in REFUSED:
            with self.subTest(name):
                try:
                    decode_message(kind, data)
                except ProtocolError as error:
                    self.assertIn(name, str(error))
                else:
                    self.fail(f"{data} was taken")


class TestTopic(unittest.TestCase):
    def test_a_topic_comes_back_as_it_went(self):
        self.assertEqual(topic("demo", "xj-0417", "record"), "pj/1/demo/xj-0417/record")
        self.assertEqual(parse_topic("pj/1/demo/xj-0417/ack"), ("demo", "xj-0417", "ack"))

    def test_other_topics_are_refused(self):
        for other in (
            "",
            "pj/1/demo/xj-0417",
            "pj/2/demo/xj-0417/record",
            "pj/1/demo/xj-0417/record/x",
            "pj/1/demo/xj-0417/gossip",
            "pj/1/Demo/xj-0417/record",
            "pj/1/demo/+/record",
            "pj/1//xj-0417/record",
        ):
            with self.assertRaises(ProtocolError):
                parse_topic(other)


if __name__ == "__main__":
    unittest.main()
