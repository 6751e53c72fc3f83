"""The link without a network: what it would send next, and what an answer changes."""

import json
import unittest

from fake_board import KEY, FakeBoard

from firmware.bundle import Broker, read_bundle
from firmware.clock import STALE_MS, Clock
from firmware.enrolment import create
from firmware.journal import Journal
from firmware.link import Link
from firmware.session import Session
from firmware.settings import built_in
from firmware.timing import Timing
from protocol.answer import of_level
from protocol.envelope import mac16, seal, split
from protocol.message import Ack as AckMessage
from protocol.message import Clock as ClockMessage
from protocol.message import Find as FindMessage
from protocol.message import encode_message
from protocol.record import Rating, Receipt, encode
from protocol.settings import Address, Settings

EPOCH = 29333341


class Device:
    """A link with its journal, connected as far as it can tell."""

    def __init__(self, ratings):
        self.board = FakeBoard(round_ms=10000, round_max_ms=40000, answer_ms=2000)
        bundle = read_bundle(self.board.read_bundle())
        create(self.board.files, bundle.identity.key)
        self.journal = Journal(self.board.files, bundle.identity, "0.1.0", "power", 4, 50)
        self.clock = Clock(self.board.ticks_ms, self.board.ticks_diff)
        self.tickets = []
        self.link = Link(
            self.board,
            bundle,
            self.journal,
            self.clock,
            self.board.timing,
            "0.1.0",
            lambda ticket, is_retained: self.tickets.append(ticket),
            lambda: None,
            lambda envelope: None,
            lambda: None,
        )
        for _ in range(ratings):
            self.rate()
        self.link.start_rounds()
        self.link.is_online = True

    def rate(self):
        envelope = self.journal.append(
            Rating,
            1,
            None,
            service="s",
            ticket_no="A1",
            staff_no=None,
            facts="0" * 64,
            answer=of_level(3),
            settings=0,
            took_ms=1,
            shown=1,
            input="key",
        )
        self.link.send(envelope)

    def sends(self):
        """The seqs that would leave now."""
        seqs = []
        while True:
            envelope = self.link.next_envelope()
            if envelope is None:
                return seqs
            seqs.append(json.loads(str(split(envelope)[0], "utf-8"))["seq"])

    def after(self, ms):
        self.board.now += ms
        return self.sends()

    def face(self, face):
        session = Session([], 1, 1, 1)
        session.face = face
        self.link.show(session)

    def told(self, name, payload):
        self.link.take(f"pj/1/demo/xj-0417/{name}", payload)

    def ack(self, hall, receipt=None, epoch=EPOCH):
        self.told("ack", encode_message(AckMessage(epoch, hall, receipt)))


class TestRounds(unittest.TestCase):
    def test_the_first_round_waits_for_the_first_ack_and_sends_only_what_is_above_it(self):
        device = Device(5)
        self.assertEqual(device.sends(), [])
        device.ack(4)
        self.assertEqual(device.sends(), [5, 6])

    def test_without_an_ack_everything_held_is_offered(self):
        """SND-1"""
        device = Device(3)
        self.assertEqual(device.after(1999), [])
        self.assertEqual(device.after(1), [1, 2, 3, 4])

    def test_what_is_not_acknowledged_is_offered_again_ever_less_often(self):
        """SND-1"""
        device = Device(2)
        device.ack(1)
        self.assertEqual(device.sends(), [2, 3])
        for wait_ms in (10000, 20000, 40000, 40000):
            self.assertEqual(device.after(wait_ms - 1), [])
            self.assertEqual(device.after(1), [2, 3])

    def test_a_new_record_leaves_at_once_and_again_with_the_next_round(self):
        """SND-1"""
        device = Device(0)
        device.rate()
        self.assertEqual(device.sends(), [2])
        device.ack(0)
        self.assertEqual(device.sends(), [1, 2])
        device.rate()
        self.assertEqual(device.sends(), [3])
        self.assertEqual(device.after(10000), [1, 2, 3])

    def test_a_quiet_time_does_not_make_the_next_round_late(self):
        device = Device(1)
        device.ack(2)
        for _ in range(20):
            self.assertEqual(device.after(10000), [])
        device.rate()
        self.assertEqual(device.sends(), [3])
        self.assertEqual(device.after(10000), [3])

    def test_rounds_start_ten_seconds_to_five_minutes_apart(self):
        """SND-1"""
        usual = Timing()
        self.assertEqual((usual.round_ms, usual.round_max_ms), (10000, 300000))


def settings_with(broker, version=3):
    usual = built_in(2000, 6000)
    values = [getattr(usual, name) for name, _ in Settings.fields]
    values[0:3] = ["xj-0417", EPOCH, version]
    values[-1] = broker
    return Settings(*values)


class TestAddress(unittest.TestCase):
    def link(self, ca=None):
        """A link that nothing was told, and where it would connect to."""
        link = Device(0).link
        own = link._bundle.mqtt
        link._dialler._own = Broker(own.host, own.port, ca, own.username, own.password)
        return link, link._dialler.next_address

    def test_without_a_further_address_there_is_one(self):
        _, next_address = self.link()
        self.assertEqual([next_address()[1] for _ in range(3)], [1883] * 3)

    def test_the_bundles_address_and_the_further_one_are_tried_in_turn(self):
        """BRK-1: the bundle's first, after each start too."""
        link, next_address = self.link()
        link.use_settings(settings_with(Address("mqtt-2", 8883, "CA")))
        tried = [next_address() for _ in range(3)]
        own = ("127.0.0.1", 1883, None)
        self.assertEqual(tried, [own, ("mqtt-2", 8883, "CA"), own])

    def test_where_a_connection_stood_it_is_tried_again(self):
        """BRK-1"""
        link, next_address = self.link()
        link.use_settings(settings_with(Address("mqtt-2", 8883, None)))
        next_address()
        for _ in range(2):
            self.assertEqual(next_address()[0], "mqtt-2")
            link.take_grant(True)
        self.assertEqual([next_address()[0] for _ in range(2)], ["mqtt-2", "127.0.0.1"])

    def test_no_settings_take_tls_away(self):
        """BRK-1"""
        link, next_address = self.link("OWN CA")
        link.use_settings(settings_with(Address("mqtt-2", 8883, None)))
        self.assertEqual([next_address()[2] for _ in range(2)], ["OWN CA"] * 2)

    def test_other_settings_count_from_the_next_attempt_on(self):
        """BRK-1"""
        link, next_address = self.link()
        link.use_settings(settings_with(Address("mqtt-2", 8883, None)))
        next_address()
        link.use_settings(settings_with(Address("mqtt-3", 8883, None), 4))
        self.assertEqual(next_address()[0], "mqtt-3")
        link.use_settings(settings_with(None, 5))
        self.assertEqual([next_address()[0] for _ in range(2)], ["127.0.0.1"] * 2)


class TestAck(unittest.TestCase):
    def test_an_ack_that_goes_down_brings_the_records_again(self):
        """ACK-5"""
        device = Device(4)
        device.ack(5)
        self.assertEqual(device.after(10000), [])
        device.ack(2)
        self.assertEqual(device.after(10000), [3, 4, 5])

    def test_an_ack_for_another_epoch_changes_nothing(self):
        """ACK-5"""
        device = Device(2)
        device.ack(0)
        device.sends()
        device.ack(3, epoch=EPOCH + 1)
        self.assertEqual(device.after(10000), [1, 2, 3])

    def test_a_receipt_frees_and_a_wrong_one_is_reported(self):
        """RCT-2"""
        device = Device(9)
        good = self.receipt(device, 8, KEY)
        device.ack(10, self.receipt(device, 8, bytes(32)))
        self.assertEqual((device.journal.first(), device.link.problems), (1, ["bad_receipt"]))
        device.ack(10, good)
        self.assertEqual((device.journal.first(), device.link.problems), (9, []))

    def test_beside_a_wrong_receipt_hall_counts_only_up_to_the_devices_own(self):
        """RCT-2: what the hall holds above it may be another board's."""
        device = Device(9)
        device.ack(10, self.receipt(device, 4, KEY))
        self.assertEqual(device.after(10000), [])
        device.ack(10, self.receipt(device, 8, bytes(32)))
        self.assertEqual(device.after(10000), [5, 6, 7, 8, 9, 10])

    def test_a_new_connection_remembers_nothing_of_what_the_hall_held(self):
        """ACK-5"""
        device = Device(2)
        device.ack(3)
        self.assertEqual(device.after(10000), [])
        device.link.start_rounds()
        self.assertEqual(device.after(2000), [1, 2, 3])

    def receipt(self, device, seq, key):
        envelope = device.journal.after(seq - 1, 1)[0][1]
        record = Receipt("xj-0417", EPOCH, seq, mac16(envelope), 1)
        return seal(key, encode(record)).decode()


class TestBeingTold(unittest.TestCase):
    def test_the_clock_is_set(self):
        device = Device(0)
        device.told("clock", encode_message(ClockMessage(1760000000000)))
        self.assertEqual(device.clock.at(), 1760000000000)

    def test_a_bad_ticket_is_not_shown_and_is_reported_until_a_good_one_comes(self):
        """TKT-3"""
        device = Device(0)
        bad = b'{"service":"../..","facts":"8bc100c14f4c1187","ticket_no":"A1"}'
        device.told("ticket", bad)
        self.assertEqual((device.tickets, device.link.problems), ([], ["bad_ticket"]))
        good = (
            b'{"service":"s1","facts":"' + b"8bc100c14f4c1187" * 4 + b'","ticket_no":"A1",'
            b'"phase":"serving",'
            b'"matter":null,"staff":null,"invite_ms":20000,"until_ms":null}'
        )
        device.told("ticket", good)
        self.assertEqual((len(device.tickets), device.link.problems), (1, []))

    def test_a_bad_clock_and_a_bad_ack_are_reported_until_good_ones_come(self):
        device = Device(0)
        device.told("clock", b"{}")
        device.told("ack", b"{}")
        self.assertEqual(device.link.problems, ["bad_clock", "bad_ack"])
        device.told("clock", encode_message(ClockMessage(1760000000000)))
        device.told("ack", encode_message(AckMessage(EPOCH, 0, None)))
        self.assertEqual(device.link.problems, [])

    def test_a_text_that_would_read_otherwise_than_it_stands_is_not_shown(self):
        """TXT-1"""
        device = Device(0)
        ticket = (
            b'{"service":"s1","facts":"' + b"8bc100c14f4c1187" * 4 + b'","ticket_no":"A1",'
            b'"phase":"serving","matter":%s,"staff":{"staff_no":"0231","name":%s},'
            b'"invite_ms":20000,"until_ms":null}'
        )
        device.told("ticket", ticket % (b'"a\xe2\x80\xaeb"', b'"n"'))
        device.told("ticket", ticket % (b"null", b'"n\\u000a"'))
        self.assertEqual((device.tickets, device.link.problems), ([], ["bad_ticket"]))
        device.told("ticket", ticket % (b'"ab"', b'"n"'))
        self.assertEqual((len(device.tickets), device.link.problems), (1, []))

    def test_it_blinks_when_it_is_looked_for_but_not_while_it_invites(self):
        """FND-1"""
        device = Device(0)
        device.told("find", encode_message(FindMessage(15)))
        device.told("find", b'{"seconds":61}')
        self.assertEqual(device.link.problems, ["bad_find"])
        device.face("inviting")
        device.told("find", encode_message(FindMessage(20)))
        device.face("serving")
        device.told("find", encode_message(FindMessage(30)))
        found = [step for step in device.board.done if step[0] == "find"]
        self.assertEqual((found, device.link.problems), ([("find", 15), ("find", 30)], []))

    def test_a_refused_subscription_is_told_and_tried_again_ever_later(self):
        """TOP-4"""
        device = Device(0)
        link = device.link
        with self.assertRaises(OSError):
            link.take_grant(False)
        self.assertEqual(link.problems, ["subscribe_refused"])
        link._dialler._pause_ms = 8000
        link.take_grant(True)
        self.assertEqual((link.problems, link._dialler._pause_ms), ([], 1000))

    def test_a_clock_that_is_set_is_told_at_once_and_one_that_is_repeated_is_not(self):
        """STA-1"""
        device = Device(0)
        for now_ms, is_told in ((1760000000000, True), (1760000600000, False)):
            device.link._change.clear()
            device.told("clock", encode_message(ClockMessage(now_ms)))
            self.assertEqual(device.link._change.is_set(), is_told)
        device.board.now += STALE_MS
        device.link._change.clear()
        device.told("clock", encode_message(ClockMessage(1760002400000)))
        self.assertTrue(device.link._change.is_set())

    def test_a_certificate_that_the_hall_s_time_shows_to_have_expired_is_a_problem(self):
        device = Device(0)
        device.board.expires_ms = 1760000000000
        for now_ms, problems in (
            (1759999999999, []),
            (1760000000001, ["tls_expired"]),
            (1759999999999, []),
        ):
            device.told("clock", encode_message(ClockMessage(now_ms)))
            self.assertEqual(device.link.problems, problems)

    def test_state_tells_how_much_memory_is_free(self):
        self.assertEqual(Device(0).link._state().memory, 65536)

    def test_what_is_no_message_is_survived(self):
        device = Device(0)
        for payload in (b"", b"\xff", b"[" * 2000, b"{}", b"null", b"x" * 5000):
            for name in ("ack", "clock", "ticket", "gossip"):
                device.told(name, payload)
        self.assertEqual(device.clock.at(), None)


if __name__ == "__main__":
    unittest.main()
