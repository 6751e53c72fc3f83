"""What happens when a key is pressed, in order."""

import asyncio
import json
import unittest

from fake_board import KEY, TURN, FakeBoard

from firmware.app import App, serve
from firmware.enrolment import enrol
from firmware.journal import JournalDamageError
from firmware.keys import Press
from firmware.settings import built_in
from protocol.answer import of_codes, of_level
from protocol.envelope import is_signed, split
from protocol.limits import MS_MAX
from protocol.message import StaffCard, Ticket
from protocol.opened import open_answer
from protocol.settings import Settings, seal_settings

FACTS = "8bc100c14f4c1187" * 4
SETTINGS_TOPIC = "pj/1/demo/xj-0417/settings"


def ticket(service="s1", phase="inviting"):
    return Ticket(service, FACTS, "A017", phase, None, StaffCard("0231", "王"), 9000, 1)


def device(**changes):
    board = FakeBoard(**changes)
    enrol(board)
    app = App(board)
    del board.done[:]
    return board, app


def refuse(*_):
    raise OSError(28)


def failed_starts(board):
    """How many starts the flash ends, at most ten, and the one that it does not."""
    for count in range(10):
        app = App(board)
        try:
            app._journal.begin(1, None)
        except JournalDamageError as error:
            board.restart(app._note(error))
        else:
            return count, app
    return 10, None


def press(board, app, level=1, after_ms=500):
    board.now += after_ms
    app._take_press(Press(level, board.now - 20))


def settings(version, device="xj-0417"):
    first = built_in(700, 0)  # MicroPython's namedtuples have no _replace
    words = {name: getattr(first, name) for name, _ in Settings.fields}
    words.update({"device": device, "epoch": 29333341, "version": version, "volume": 3})
    return seal_settings(KEY, Settings(**words))


def ratings(board):
    return records(board, "rating")


def records(board, kind):
    found = []
    for name in sorted(board.files.names()):
        if name.endswith(".seg"):
            lines = board.files[name].split(b"\n")
            for record, mac in zip(lines[0::2], lines[1::2]):
                envelope = record + b"\n" + mac
                assert is_signed(KEY, envelope)
                members = json.loads(str(split(envelope)[0], "utf-8"))
                if members["kind"] == kind:
                    if "answer" in members:
                        members["answer"] = open_answer(KEY, record, members["answer"])
                    found.append(members)
    return found


class TestApp(unittest.TestCase):
    def test_the_record_is_closed_before_anybody_is_thanked(self):
        """JRN-1"""
        board, app = device()
        app._take_ticket(ticket())
        press(board, app)
        steps = [step for step in board.done if step[0] in ("append", "show")]
        self.assertEqual(
            steps,
            [
                ("show", "inviting"),
                ("append", "00000000.seg"),  # boot
                ("append", "00000000.seg"),  # rating
                ("show", "thanking"),
            ],
        )

    def test_the_rating_says_what_was_pressed_for_whom_and_when(self):
        board, app = device()
        app._take_ticket(ticket())
        press(board, app, level=2)
        (rating,) = ratings(board)
        expected = {
            "answer": of_level(2),
            "service": "s1",
            "ticket_no": "A017",
            "staff_no": "0231",
            "facts": FACTS,
            "took_ms": 480,
            "up_ms": 500,
            "at": None,
            "shown": 1,
            "input": "key",
        }
        self.assertEqual({name: rating[name] for name in expected}, expected)

    def test_a_hall_whose_time_jumps_changes_no_invitation_and_no_order(self):
        board, app = device()
        for _ in range(4):  # up to 12 s before the ticks wrap
            board.now += (TURN - 12000) // 4
            app._clock.up_ms()
        for number, now_ms in enumerate((None, 1760000000000, 1759996400000, MS_MAX, 0)):
            if now_ms is not None:
                app._clock.set(now_ms)
            app._take_ticket(ticket(f"s{number}"))
            press(board, app, after_ms=8000)
            board.now += 3000
            app._session.tick(board.now)
        found = ratings(board)
        self.assertEqual([rating["service"] for rating in found], [f"s{n}" for n in range(5)])
        self.assertEqual(sorted(rating["seq"] for rating in found), [2, 3, 4, 5, 6])
        self.assertEqual([rating["took_ms"] for rating in found], [7980] * 5)

    def test_one_service_one_rating_also_after_a_power_cut(self):
        """TKT-1"""
        board, app = device()
        app._take_ticket(ticket())
        press(board, app)
        press(board, app, level=5)
        again = App(board)
        again._take_ticket(ticket())
        press(board, again, level=5)
        self.assertEqual([rating["answer"] for rating in ratings(board)], [of_level(1)])

    def test_a_flash_that_refuses_thanks_nobody(self):
        """JRN-1"""
        board, app = device()
        app._take_ticket(ticket())

        board.files.append = refuse
        with self.assertRaises(JournalDamageError):
            press(board, app)
        self.assertFalse(("show", "thanking") in board.done)

    def test_damage_restarts_the_device(self):
        """JRN-3"""
        if not hasattr(asyncio, "run"):  # the WebAssembly build's loop is JavaScript's
            return
        board, app = device()

        async def idle():
            pass

        async def find_damage():
            raise JournalDamageError("a bad line")

        app._watch_keys = app._pass_time = idle
        app._link.run = find_damage
        asyncio.run(app.run())
        self.assertEqual(board.restarts, 1)
        self.assertTrue("restart: JournalDamageError: a bad line" in str(board.done))

    def test_the_reason_of_a_restart_stands_in_the_next_boot_and_not_in_the_one_after(self):
        """REC-8"""
        for error, cause in (
            (JournalDamageError("x"), "flash"),
            (MemoryError(), "memory"),
            (ValueError("secret"), "failure"),
        ):
            board, app = device()
            board.restart(app._note(error))
            for _ in range(2):
                App(board)._journal.begin(1, None)
            self.assertEqual([boot["cause"] for boot in records(board, "boot")], [cause, "power"])

    def test_a_flash_that_keeps_refusing_is_out_of_service_and_no_endless_restart(self):
        """JRN-8"""
        board, app = device()
        app._take_ticket(ticket())
        press(board, app)
        write, board.files.write = board.files.write, refuse
        starts, app = failed_starts(board)
        self.assertEqual(starts, 3)
        app._show()
        state = app._link._state()
        self.assertEqual((state.face, state.problems), ("out_of_service", ("flash_refuses",)))
        self.assertEqual((state.free, len(app._journal.after(0, 9))), (0, 2))
        self.assertTrue(("show", "out_of_service") in board.done)
        board.files.write = write
        board.kept = 0  # a power cut
        self.assertEqual(failed_starts(board)[0], 0)

    def test_a_record_between_failed_starts_begins_their_count_anew(self):
        """JRN-8"""
        board, app = device()
        for _ in range(5):
            app._take_ticket(ticket(f"s{board.restarts}"))
            press(board, app)
            board.restart(app._note(JournalDamageError("x")))
            app = App(board)
        app._show()
        self.assertEqual((len(ratings(board)), app._link.problems), (5, []))

    def test_torn_network_settings_are_said_by_a_program_that_stays_alive(self):
        if not hasattr(asyncio, "run") or not hasattr(asyncio, "sleep_ms"):
            return  # the unix port runs it
        board, _ = device()
        board.torn_network = True
        with self.assertRaises(asyncio.TimeoutError):
            asyncio.run(asyncio.wait_for_ms(serve(board), 10))
        self.assertTrue(("show", "out_of_service") in board.done)
        self.assertTrue(("volume", 0) in board.done)
        self.assertEqual(board.done[:2], [("watch", None), ("show", "starting")])
        said = [step[1] for step in board.done if step[0] == "log"]
        self.assertTrue(said[0].startswith("network_torn: firmware"), said)

    def test_a_full_journal_is_out_of_service_after_the_last_thanks(self):
        """JRN-7"""
        board, app = device(segment_records=2, segments=4)
        for number in range(7):
            app._take_ticket(ticket(f"s{number}"))
            press(board, app)
            board.now += 5000
            app._session.tick(board.now)
            app._show()
        self.assertEqual(len(ratings(board)), 5)
        shown = [step for step in board.done if step[0] == "show"]
        self.assertEqual(shown[-1], ("show", "out_of_service"))

    def test_the_reason_is_a_record_of_its_own_with_the_code_of_its_level(self):
        for level, code in ((5, 512), (1, 109)):
            board, app = device()
            app._take_ticket(ticket())
            press(board, app, level)
            seq = ratings(board)[0]["seq"]
            board.now += 2000
            app._session.tick(board.now)
            press(board, app, level=3)  # the third reason
            (reasons,) = records(board, "reasons")
            self.assertEqual((reasons["of"], reasons["answer"]), (seq, of_codes((code,))))
            self.assertEqual(board.done[-2:], [("answer", "noted", None), ("show", "standby")])
            self.assertEqual(len(ratings(board)), 1)

    def test_a_touchscreen_gives_several_reasons_of_the_level_in_one_record(self):
        for level, codes in ((5, (510, 517)), (1, (108, 109, 110, 111, 112, 113, 114, 115))):
            board, app = device()
            board.input = "kiosk"
            app._take_ticket(ticket())
            press(board, app, level)
            app._take_choice(list(codes), True)  # while it thanks: too early
            board.now += 2500
            app._session.tick(board.now)
            app._show()
            self.assertEqual(board.done[-2:], [("ask", level), ("show", "asking")])
            app._take_choice([213] + list(codes), True)  # no reason of another level's
            app._take_choice(list(codes), True)  # and none twice
            (reasons,) = records(board, "reasons")
            self.assertEqual(reasons["answer"], of_codes(codes))
            self.assertEqual(ratings(board)[0]["input"], "kiosk")
            self.assertEqual(board.done[-2:], [("answer", "noted", None), ("show", "standby")])

    def test_who_chooses_has_time_but_no_more_than_a_minute(self):
        board, app = device(why_ms=6000)
        board.input = "kiosk"
        app._take_ticket(ticket())
        press(board, app)
        board.now += 2000
        app._session.tick(board.now)
        for _ in range(11):
            board.now += 5000
            app._take_choice([510], False)
            self.assertEqual(app._session.face, "asking")
        board.now += 5000  # the minute is over: the last time was 5 s before
        app._take_choice([510], False)
        self.assertEqual(app._session.face, "asking")
        board.now += 1000
        app._session.tick(board.now)
        self.assertEqual(app._session.face, "standby")
        self.assertEqual(records(board, "reasons"), [])

    def test_a_citizen_at_a_touchscreen_may_leave_without_a_reason(self):
        board, app = device()
        board.input = "kiosk"
        app._take_ticket(ticket())
        press(board, app)
        board.now += 2500
        app._session.tick(board.now)
        app._take_choice([], True)
        self.assertEqual(records(board, "reasons"), [])
        self.assertEqual(board.done[-1], ("show", "standby"))

    def test_silence_writes_nothing(self):
        board, app = device()
        app._take_ticket(ticket())
        press(board, app)
        board.now += 8000
        press(board, app, level=3)
        self.assertEqual(records(board, "reasons"), [])

    def test_a_journal_that_has_just_filled_up_asks_nobody(self):
        board, app = device(segment_records=2, segments=4)
        for number in range(5):
            app._take_ticket(ticket(f"s{number}"))
            press(board, app)
            board.now += 2000
            app._session.tick(board.now)
            app._show()
        self.assertEqual(app._session.face, "out_of_service")
        press(board, app, level=3)
        self.assertEqual(records(board, "reasons"), [])

    def test_settings_are_put_to_use_at_once_and_stand_in_the_rating(self):
        """SET-1"""
        board, app = device()
        app._link.take(SETTINGS_TOPIC, settings(17))
        self.assertTrue(("volume", 3) in board.done)
        app._take_ticket(ticket())
        press(board, app)
        self.assertEqual(ratings(board)[0]["settings"], 17)
        self.assertEqual(app._link._state().settings, 17)
        self.assertEqual(app._session.left_ms(board.now), 700)

    def test_bad_settings_are_refused_with_a_reason_and_the_old_ones_stay(self):
        """SET-2"""
        _, app = device()
        app._link.take(SETTINGS_TOPIC, settings(17))
        for bad, reason in (
            (settings(18)[:-1] + b"0", "settings_unsigned"),
            (settings(18, device="xj-0418"), "settings_elsewhere"),
            (settings(16), "settings_older"),
        ):
            app._link.take(SETTINGS_TOPIC, bad)
            self.assertEqual(set(app._link.problems), {reason, "bad_settings"})
            self.assertEqual(app._link._state().settings, 17)
        app._link.take(SETTINGS_TOPIC, b"")
        self.assertEqual(app._link._state().settings, 17)
        app._link.take(SETTINGS_TOPIC, settings(18))
        self.assertEqual((app._link.problems, app._link._state().settings), ([], 18))

    def test_a_start_begins_with_the_settings_that_were_kept(self):
        """SET-3"""
        board, app = device()
        app._link.take(SETTINGS_TOPIC, settings(17))
        app._link.take(SETTINGS_TOPIC, settings(17))
        self.assertEqual(board.done.count(("keep", "settings")), 1)
        again = App(board)
        self.assertEqual((again._link._state().settings, again._session.thanks_ms), (17, 700))
        again._link.take(SETTINGS_TOPIC, settings(16))
        self.assertEqual(again._link.problems, ["settings_older", "bad_settings"])

    def test_kept_settings_that_were_torn_or_are_not_the_devices_are_as_none(self):
        """SET-3"""
        for kept in (b"", settings(17)[:200], settings(17, device="xj-0418"), None):
            board, _ = device()
            board.settings = kept
            app = App(board)
            self.assertEqual((app._link._state().settings, app._session.thanks_ms), (0, 2000))

    def test_settings_that_cannot_be_kept_are_in_use_all_the_same(self):
        board, app = device()
        board.keep_settings = refuse
        app._link.take(SETTINGS_TOPIC, settings(17))
        self.assertEqual((app._link.problems, app._link._state().settings), ([], 17))
        self.assertTrue("not kept" in str(board.done))

    def test_a_technician_presses_five_keys_and_the_result_is_signed(self):
        board, app = device()
        app._session.maintain(board.now)
        for level in range(1, 6):
            press(board, app, level)
            self.assertTrue(("answer", "tried", level) in board.done)
        (test,) = records(board, "selftest")
        self.assertEqual((len(test["passed"]), test["failed"]), (6, []))
        self.assertEqual(app._session.face, "standby")


if __name__ == "__main__":
    unittest.main()
