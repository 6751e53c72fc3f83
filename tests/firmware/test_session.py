"""The session: its table, row by row; when a press counts, and what follows."""

import unittest

from firmware.session import NOT_NOW, NOTED, ONE_KEY, TABLE, Session
from protocol.message import FACES, Ticket

THANKS, WHY, TEST, INVITE = 2000, 6000, 60000, 10000
HALL_MS = 1760000000000  # the hall's clock at the start
UNTIL = HALL_MS + 11000

# The whole table once more, so that no row goes or changes unseen: (face, event): (next, answer)
ROWS = {
    ("standby", "serve"): ("serving", None),
    ("standby", "invite"): ("inviting", None),
    ("standby", "press"): ("standby", "not_now"),
    ("standby", "chord"): ("standby", "not_now"),
    ("standby", "fail"): ("out_of_service", None),
    ("standby", "maintain"): ("technician", None),
    ("serving", "serve"): ("serving", None),
    ("serving", "invite"): ("inviting", None),
    ("serving", "close"): ("standby", None),
    ("serving", "press"): ("serving", "not_now"),
    ("serving", "chord"): ("serving", "not_now"),
    ("serving", "fail"): ("out_of_service", None),
    ("inviting", "serve"): ("serving", None),
    ("inviting", "invite"): ("inviting", None),
    ("inviting", "close"): ("standby", None),
    ("inviting", "expire"): ("serving", None),
    ("inviting", "rate"): ("thanking", None),
    ("inviting", "held"): ("inviting", "not_now"),
    ("inviting", "chord"): ("inviting", "one_key"),
    ("inviting", "fail"): ("out_of_service", None),
    ("thanking", "press"): ("thanking", None),
    ("thanking", "chord"): ("thanking", None),
    ("thanking", "ask"): ("asking", None),
    ("thanking", "end"): ("standby", None),
    ("asking", "serve"): ("serving", None),
    ("asking", "invite"): ("inviting", None),
    ("asking", "reason"): ("standby", "noted"),
    ("asking", "end"): ("standby", None),
    ("asking", "held"): ("asking", "not_now"),
    ("asking", "chord"): ("asking", "one_key"),
    ("asking", "fail"): ("out_of_service", None),
    ("out_of_service", "mend"): ("standby", None),
    ("out_of_service", "press"): ("out_of_service", "not_now"),
    ("out_of_service", "chord"): ("out_of_service", "not_now"),
    ("technician", "press"): ("technician", "tried"),
    ("technician", "chord"): ("technician", "one_key"),
    ("technician", "end"): ("standby", None),
}


def ticket(service, phase, until_ms=UNTIL):
    return Ticket(service, "0" * 64, "A017", phase, None, None, INVITE, until_ms)


def session(rated=()):
    return Session(rated, THANKS, WHY, TEST)


def invited():
    it = session()
    it.take_ticket(ticket("s1", "inviting"), 1000)
    return it


FACES_AT_MS = 5000  # when `showing` has entered its face

# How each event comes about: a function of the session and the time, which gives the answer.
EVENTS = {
    "serve": lambda it, now_ms: it.take_ticket(ticket("s2", "serving"), now_ms),
    "invite": lambda it, now_ms: it.take_ticket(ticket("s2", "inviting"), now_ms),
    "close": lambda it, now_ms: it.take_ticket(ticket("s1", "closed"), now_ms),
    "press": lambda it, now_ms: it.refuse(now_ms),
    "held": lambda it, now_ms: it.refuse(now_ms),
    "chord": lambda it, now_ms: it.refuse_chord(now_ms),
    "rate": lambda it, now_ms: it.rate(now_ms),
    "reason": lambda it, now_ms: it.reason(now_ms),
    "fail": lambda it, now_ms: it.fail(now_ms),
    "mend": lambda it, now_ms: it.mend(now_ms),
    "maintain": lambda it, now_ms: it.maintain(now_ms),
}
TIMED = ("expire", "ask", "end")  # these come when the face's time is over


def showing(face):
    """A session that has shown `face` since FACES_AT_MS, most of them about ticket s1."""
    it = session()
    if face in ("serving", "inviting"):
        it.take_ticket(ticket("s1", face), FACES_AT_MS)
    elif face in ("thanking", "asking"):
        since_ms = FACES_AT_MS - (THANKS if face == "asking" else 0)
        it.take_ticket(ticket("s1", "inviting"), since_ms - 100)
        it.rate(since_ms)
        it.tick(FACES_AT_MS)
    elif face == "out_of_service":
        it.fail(FACES_AT_MS)
    elif face == "technician":
        it.maintain(FACES_AT_MS)
    return it


def after(face, event):
    """(face, answer, milliseconds left) after `event` came to a session that showed `face`."""
    it = showing(face)
    if event not in TIMED:
        now_ms = FACES_AT_MS + 10
        answer = EVENTS[event](it, now_ms)
        return it.face, answer, it.left_ms(now_ms)
    if (face, event) == ("thanking", "end"):
        it.why_ms = 0
    over_ms = FACES_AT_MS + it.left_ms(FACES_AT_MS)
    it.tick(over_ms - 1)
    if it.face != face:
        return "too early", None, None
    it.tick(over_ms)
    return it.face, None, it.left_ms(over_ms)


class TestTable(unittest.TestCase):
    def test_the_table_has_these_rows_and_no_others(self):
        for pair, row in ROWS.items():
            with self.subTest(pair):
                self.assertEqual(TABLE.get(pair), row)
        self.assertEqual(set(TABLE) - set(ROWS), set())

    def test_every_row_does_what_it_says(self):
        lasts_ms = {"inviting": INVITE, "thanking": THANKS, "asking": WHY, "technician": TEST}
        for (face, event), (next_face, answer) in ROWS.items():
            with self.subTest((face, event)):
                left_ms = lasts_ms.get(next_face)
                if face == next_face and event != "invite" and left_ms is not None:
                    left_ms -= 10  # the face goes on, and an answer extends nothing
                self.assertEqual(after(face, event), (next_face, answer, left_ms))

    def test_what_is_not_in_the_table_changes_no_face_and_has_no_answer(self):
        for face in FACES:
            for event in EVENTS:
                if event == ("press" if face in ("inviting", "asking") else "held"):
                    continue  # a press is one or the other
                if (face, event) not in ROWS:
                    with self.subTest((face, event)):
                        self.assertEqual(after(face, event)[:2], (face, None))


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
        """TKT-2"""
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
        """TKT-2"""
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
        """TKT-2"""
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

    def test_an_invitation_ends_once_and_for_all_and_the_clerk_may_call_again(self):
        """TKT-5"""
        it = invited()
        self.assertFalse(it.accept(11001, 11021))
        self.assertEqual(it.face, "serving")
        for is_retained in (False, True):
            it.take_ticket(ticket("s1", "inviting"), 12000, is_retained)
            self.assertEqual(it.face, "serving")
        it.take_ticket(ticket("s1", "inviting", UNTIL + 12000), 13000)
        self.assertEqual((it.face, it.left_ms(13000)), ("inviting", INVITE))

    def test_a_repeated_ticket_does_not_extend_an_invitation(self):
        """TKT-5"""
        it = invited()
        for is_retained in (False, True):
            it.take_ticket(ticket("s1", "inviting"), 9000, is_retained)
            self.assertEqual(it.left_ms(9000), 2000)

    def test_one_that_the_broker_had_kept_stands_for_what_is_left_of_it(self):
        """TKT-5"""
        for told_at_ms, left_ms in ((1000, INVITE), (5000, 6000), (10999, 1)):
            for is_told_first in (True, False):
                it = session()
                if is_told_first:
                    it.take_time(HALL_MS, 0)
                it.take_ticket(ticket("s1", "inviting"), told_at_ms, is_retained=True)
                if not is_told_first:
                    self.assertEqual(it.face, "serving")
                    it.take_time(HALL_MS, told_at_ms)
                self.assertEqual((it.face, it.left_ms(told_at_ms)), ("inviting", left_ms))

    def test_one_that_is_over_or_lies_too_far_ahead_is_not_shown(self):
        """TKT-5"""
        for told_at_ms in (999, 11000, 99000):
            it = session()
            it.take_time(HALL_MS, 0)
            it.take_ticket(ticket("s1", "inviting"), told_at_ms, is_retained=True)
            self.assertEqual(it.face, "serving")

    def test_no_service_is_a_closed_one(self):
        it = invited()
        it.take_ticket(None, 1100)
        self.assertEqual(it.face, "standby")
        it = invited()
        it.rate(1100)
        it.tick(3100)
        it.take_ticket(None, 3200)
        self.assertEqual(it.face, "asking")

    def test_services_that_were_shown_and_invited_are_counted(self):
        """TKT-4"""
        it = session()
        it.take_ticket(ticket("s0", "inviting"), 0, is_retained=True)
        self.assertEqual((it.shown, it.invited), (0, 0))
        for service, phase, shown, invited in (
            ("s0", "serving", 0, 0),
            ("s1", "serving", 1, 0),
            ("s1", "inviting", 1, 1),
            ("s1", "closed", 1, 1),
            ("s2", "closed", 1, 1),
            ("s2", "inviting", 2, 2),
            ("s2", "serving", 2, 2),
            ("s2", "inviting", 2, 2),
            ("s1", "serving", 3, 2),
        ):
            it.take_ticket(ticket(service, phase), 10)
            self.assertEqual((it.shown, it.invited), (shown, invited))
        it.take_ticket(None, 20)
        it.take_ticket(ticket("s3", "serving"), 30, is_retained=True)
        self.assertEqual((it.shown, it.invited), (4, 2))

    def test_a_service_that_was_rated_is_refused(self):
        """TKT-1"""
        it = invited()
        it.rate(1100)
        it.tick(5000)
        it.tick(11000)
        for phase in ("serving", "inviting"):
            it.take_ticket(ticket("s1", phase), 6000)
            self.assertEqual(it.face, "standby")
        self.assertFalse(it.accept(6100, 6120))

    def test_services_read_back_from_the_journal_are_refused_the_last_sixteen(self):
        """TKT-1"""
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
        """TKT-1"""
        it = invited()
        it.take_ticket(ticket("s2", "serving"), 1200)
        self.assertEqual((it.face, it.ticket.service), ("serving", "s2"))
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
