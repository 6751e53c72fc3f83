"""Which closings of contacts are presses."""

import unittest

from firmware.keys import CHORD, Debouncer, Keys, Press

SETTLE, STUCK = 20, 15000


def presses(*moves):
    """The presses in a trace of (ms, closed contacts), sampled every 5 ms."""
    keys = Keys(SETTLE, STUCK)
    found = []
    moves = list(moves)
    closed = 0
    for now in range(0, moves[-1][0] + 100, 5):
        while moves and moves[0][0] <= now:
            closed = moves.pop(0)[1]
        press = keys.sample(closed, now)
        if press is not None:
            found.append(press)
    return found


class TestDebouncer(unittest.TestCase):
    def test_a_bouncing_contact_counts_once_it_has_been_still(self):
        key = Debouncer(20)
        trace = ((0, 0), (5, 1), (8, 0), (11, 1), (30, 1), (31, 1), (40, 0), (45, 1), (70, 1))
        states = [key.sample(bool(closed), now) for now, closed in trace]
        self.assertEqual(states, [False, False, False, False, False, True, True, True, True])


class TestKeys(unittest.TestCase):
    def test_each_key_is_its_level(self):
        for level in range(1, 6):
            found = presses((10, 1 << (level - 1)), (90, 0))
            self.assertEqual(found, [Press(level, 10)])

    def test_a_bounce_at_either_end_is_one_press(self):
        self.assertEqual(
            presses((10, 4), (15, 0), (20, 4), (80, 0), (85, 4), (90, 0)), [Press(3, 20)]
        )

    def test_a_touch_shorter_than_the_settling_time_is_none(self):
        self.assertEqual(presses((10, 1), (25, 0)), [])

    def test_two_keys_at_once_are_one_chord_until_all_are_open(self):
        """TKT-2"""
        self.assertEqual(presses((10, 3), (90, 0)), [Press(CHORD, 30)])
        self.assertEqual(presses((10, 1), (15, 3), (90, 0)), [Press(CHORD, 35)])
        self.assertEqual(presses((10, 3), (60, 1), (200, 0)), [Press(CHORD, 30)])
        self.assertEqual(
            presses((10, 3), (60, 0), (200, 2), (300, 0)), [Press(CHORD, 30), Press(2, 200)]
        )
        self.assertEqual(presses((10, 3), (15, 1), (60, 0)), [])

    def test_a_held_key_presses_once_when_it_went_down(self):
        """TKT-2"""
        self.assertEqual(presses((10, 1), (9000, 0)), [Press(1, 10)])

    def test_a_second_key_after_the_first_is_none(self):
        self.assertEqual(presses((10, 1), (50, 3), (200, 2), (300, 0)), [Press(1, 10)])

    def test_a_stuck_key_is_reported_and_the_others_go_on(self):
        keys = Keys(SETTLE, STUCK)
        for now in range(0, 16000, 5):
            keys.sample(1, now)
        self.assertEqual(keys.stuck, (1,))
        found = []
        for now in range(16000, 16100, 5):
            found.append(keys.sample(1 | 8, now))
        self.assertEqual([press for press in found if press], [Press(4, 16000)])
        for now in range(16100, 16200, 5):
            keys.sample(0, now)
        self.assertEqual(keys.stuck, ())

    def test_it_is_quiet_only_when_a_closing_is_all_that_can_matter(self):
        keys = Keys(SETTLE, STUCK)
        self.assertTrue(keys.is_quiet())
        keys.sample(1, 0)
        self.assertFalse(keys.is_quiet())
        keys.sample(1, 20)
        self.assertFalse(keys.is_quiet())
        keys.sample(0, 30)
        keys.sample(0, 50)
        self.assertTrue(keys.is_quiet())


if __name__ == "__main__":
    unittest.main()
