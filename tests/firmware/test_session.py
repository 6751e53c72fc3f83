"""The session: when a press counts, and what follows. TKT-1 TKT-2"""

import unittest

from firmware.session import NOT_NOW, NOTED, ONE_KEY, TABLE, Session
from protocol.message import FACES, Ticket

THANKS, WHY, TEST = 2000, 6000, 60000


def ticket(service, phase, ticket_no="A017"):
    return Ticket(service, "0" * 16, ticket_no, phase, None, None, 10000)


def session(rated=()):
    return Session(rated, THANKS, WHY, TEST)


def invited():
    it = session()
    it.take_ticket(ticket("s1", "inviting"), 1000)
    return it


class TestSession(unittest.TestCase):
    def test_the_table_names_only_faces_that_the_protocol_knows(self):
        for (face, _), (next_face, _) in TABLE.items():
            self.assertIn(face, FACES)
            self.assertIn(next_face, FACES)

    def test_a_ticket_leads_through_its_phases(self):
        it = session()
        self.assertEqual(it.face, "standby")
        faces = (("serving", "serving"), ("inviting", "inviting"), ("closed", "standby"))
        for phase, face in faces:
            it.take_ticket(ticket("s1", phase), 0)
            self.assertEqual(it.face, face)

    def test_a_press_counts_only_while_the_ticket_invites(self):
        it = session()
        self.assertFalse(it.accept(10, 30))
        it.take_ticket(ticket("s1", "serving"), 50)
        self.assertFalse(it.accept(60, 80))
        it.take_ticket(ticket("s1", "inviting"), 100)
        self.assertTrue(it.accept(110, 130))
        self.assertEqual(it.took_ms(110), 10)
        it.take_ticket(ticket("s1", "closed"), 200)
        self.assertFalse(it.accept(210, 230))

    def test_a_key_that_was_down_before_the_invitation_is_no_press(self):
        self.assertFalse(invited().accept(999, 1010))
        self.assertTrue(invited().accept(1000, 1020))

    def test_every_press_that_does_not_count_is_answered_alike_for_every_key(self):
        it = session()
        self.assertEqual(it.refuse(0), NOT_NOW)
        it.take_ticket(ticket("s1", "serving"), 50)
        self.assertEqual((it.refuse(60), it.refuse_chord(70)), (NOT_NOW, NOT_NOW))
        it.take_ticket(ticket("s1", "inviting"), 100)
        self.assertEqual((it.refuse(110), it.refuse_chord(120)), (NOT_NOW, ONE_KEY))
        self.assertEqual(it.left_ms(120), 9980)  # an answer extends nothing
        it.rate(200)
        self.assertEqual((it.refuse(210), it.refuse_chord(220)), (None, None))
        self.assertEqual(it.face, "thanking")

    def test_why_is_asked_after_the_thanks_and_silence_is_an_answer(self):
        it = invited()
        it.rate(1100)
        it.tick(3100)
        self.assertEqual((it.face, it.left_ms(3100)), ("asking", WHY))
        self.assertFalse(it.accept(3000, 3110))  # down since the thanks
        it.take_ticket(ticket("s1", "closed"), 4000)
        self.assertEqual(it.face, "asking")  # the clerk's closing takes no question away
        it.tick(9100)
        self.assertEqual(it.face, "standby")

    def test_a_reason_ends_the_question_and_so_does_the_next_ticket(self):
        it = invited()
        it.rate(1100)
        it.tick(3100)
        self.assertTrue(it.accept(3200, 3220))
        self.assertEqual((it.reason(3225), it.face), (NOTED, "standby"))
        it = invited()
        it.rate(1100)
        it.tick(3100)
        it.take_ticket(ticket("s2", "serving"), 3500)
        self.assertEqual((it.face, it.ticket.service), ("serving", "s2"))
        self.assertFalse(it.accept(3600, 3620))

    def test_settings_without_a_question_ask_nobody(self):
        it = invited()
        it.why_ms = 0
        it.rate(1100)
        it.tick(3100)
        self.assertEqual(it.face, "standby")

    def test_a_technician_tries_keys_and_leaves_by_himself(self):
        it = session()
        it.maintain(0)
        it.take_ticket(ticket("s1", "inviting"), 10)
        self.assertEqual((it.face, it.refuse(20)), ("technician", "tried"))
        it.tick(TEST)
        self.assertEqual((it.face, it.ticket.service), ("inviting", "s1"))

    def test_the_first_press_wins_and_the_thanks_end_by_themselves(self):
        it = invited()
        it.accept(1100, 1120)
        it.rate(1125)
        self.assertEqual(it.face, "thanking")
        self.assertFalse(it.accept(1200, 1220))
        self.assertEqual(it.left_ms(1125), THANKS)
        it.tick(3124)
        self.assertEqual(it.face, "thanking")
        it.tick(3125)
        self.assertEqual(it.face, "asking")

    def test_an_invitation_ends_after_its_time_and_can_be_repeated(self):
        it = invited()
        self.assertFalse(it.accept(11001, 11021))
        self.assertEqual(it.face, "serving")
        it.take_ticket(ticket("s1", "inviting"), 12000)
        self.assertEqual(it.face, "inviting")

    def test_a_repeated_ticket_does_not_extend_an_invitation(self):
        it = invited()
        it.take_ticket(ticket("s1", "inviting"), 9000)
        self.assertEqual(it.left_ms(9000), 2000)

    def test_a_service_that_was_rated_is_refused(self):
        it = invited()
        it.rate(1100)
        it.tick(5000)
        it.tick(11000)
        for phase in ("serving", "inviting"):
            it.take_ticket(ticket("s1", phase), 6000)
            self.assertEqual(it.face, "standby")
        self.assertFalse(it.accept(6100, 6120))

    def test_services_read_back_from_the_journal_are_refused_the_last_sixteen(self):
        it = session([f"s{n}" for n in range(20)])
        it.take_ticket(ticket("s19", "inviting"), 0)
        self.assertEqual(it.face, "standby")
        it.take_ticket(ticket("s4", "inviting"), 0)
        self.assertEqual(it.face, "standby")
        it.take_ticket(ticket("s3", "inviting"), 0)
        self.assertEqual(it.face, "inviting")

    def test_a_ticket_that_comes_during_the_thanks_is_taken_up_after_them(self):
        it = invited()
        it.rate(1100)
        it.take_ticket(ticket("s2", "inviting"), 1200)
        self.assertEqual((it.face, it.ticket.service), ("thanking", "s1"))
        it.tick(3100)
        self.assertEqual((it.face, it.ticket.service), ("inviting", "s2"))
        self.assertFalse(it.accept(2000, 3110))

    def test_the_newest_ticket_counts(self):
        it = invited()
        it.take_ticket(ticket("s2", "serving"), 1200)
        self.assertEqual(it.face, "serving")
        self.assertFalse(it.accept(1300, 1320))

    def test_out_of_service_takes_no_press_and_mends(self):
        it = invited()
        it.fail(1100)
        self.assertEqual(it.face, "out_of_service")
        self.assertFalse(it.accept(1200, 1220))
        it.take_ticket(ticket("s2", "inviting"), 1300)
        self.assertEqual(it.face, "out_of_service")
        it.mend(1400)
        self.assertEqual((it.face, it.ticket.service), ("inviting", "s2"))


if __name__ == "__main__":
    unittest.main()
