"""The session: when a press counts, and what follows. TKT-1 TKT-2"""

import unittest

from firmware.session import TABLE, Session
from protocol.message import FACES, Ticket

THANKS = 2000


def ticket(service, phase, ticket_no="A017"):
    return Ticket(service, "0" * 16, ticket_no, phase, None, None, 10000)


def session(rated=()):
    return Session(rated, THANKS)


def invited():
    it = session()
    it.take_ticket(ticket("s1", "inviting"), 1000)
    return it


class TestSession(unittest.TestCase):
    def test_the_table_names_only_faces_that_the_protocol_knows(self):
        for (face, _), next_face in TABLE.items():
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
        self.assertEqual(it.accept(10, 30), None)
        it.take_ticket(ticket("s1", "serving"), 50)
        self.assertEqual(it.accept(60, 80), None)
        it.take_ticket(ticket("s1", "inviting"), 100)
        self.assertEqual(it.accept(110, 130).service, "s1")
        self.assertEqual(it.took_ms(110), 10)
        it.take_ticket(ticket("s1", "closed"), 200)
        self.assertEqual(it.accept(210, 230), None)

    def test_a_key_that_was_down_before_the_invitation_is_no_press(self):
        self.assertEqual(invited().accept(999, 1010), None)
        self.assertEqual(invited().accept(1000, 1020).service, "s1")

    def test_the_first_press_wins_and_the_thanks_end_by_themselves(self):
        it = invited()
        it.accept(1100, 1120)
        it.rate(1125)
        self.assertEqual(it.face, "thanking")
        self.assertEqual(it.accept(1200, 1220), None)
        self.assertEqual(it.left_ms(1125), THANKS)
        it.tick(3124)
        self.assertEqual(it.face, "thanking")
        it.tick(3125)
        self.assertEqual(it.face, "standby")

    def test_an_invitation_ends_after_its_time_and_can_be_repeated(self):
        it = invited()
        self.assertEqual(it.accept(11001, 11021), None)
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
        for phase in ("serving", "inviting"):
            it.take_ticket(ticket("s1", phase), 6000)
            self.assertEqual(it.face, "standby")
        self.assertEqual(it.accept(6100, 6120), None)

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
        self.assertEqual(it.accept(2000, 3110), None)

    def test_the_newest_ticket_counts(self):
        it = invited()
        it.take_ticket(ticket("s2", "serving"), 1200)
        self.assertEqual(it.face, "serving")
        self.assertEqual(it.accept(1300, 1320), None)

    def test_out_of_service_takes_no_press_and_mends(self):
        it = invited()
        it.fail(1100)
        self.assertEqual(it.face, "out_of_service")
        self.assertEqual(it.accept(1200, 1220), None)
        it.take_ticket(ticket("s2", "inviting"), 1300)
        self.assertEqual(it.face, "out_of_service")
        it.mend(1400)
        self.assertEqual((it.face, it.ticket.service), ("inviting", "s2"))


if __name__ == "__main__":
    unittest.main()
