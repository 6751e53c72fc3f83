"""Time on a device: none at first, jumps, wrapping ticks."""

import unittest

from firmware.clock import DRIFT_PPM, STALE_MS, Clock
from protocol.limits import MS_MAX

TURN = 1 << 30  # MicroPython's ticks wrap here on 32-bit ports


class Ticks:
    def __init__(self, now):
        self.now = now

    def ms(self):
        return self.now % TURN

    def diff(self, new, old):
        return (new - old + TURN // 2) % TURN - TURN // 2


def clock(now=0):
    ticks = Ticks(now)
    return Clock(ticks.ms, ticks.diff), ticks


class TestClock(unittest.TestCase):
    def test_without_the_halls_time_there_is_none(self):
        it, ticks = clock()
        ticks.now += 5000
        self.assertEqual((it.up_ms(), it.at(), it.quality()), (5000, None, "none"))

    def test_it_goes_on_from_the_halls_time(self):
        it, ticks = clock()
        it.set(1760000000000)
        ticks.now += 1500
        self.assertEqual((it.at(), it.quality()), (1760000001500, "good"))

    def test_a_later_message_corrects_forwards_and_backwards(self):
        it, _ = clock()
        ten_years_ms = 10 * 365 * 86400 * 1000
        hour_ms = 3600 * 1000
        for jump_ms in (0, hour_ms, -hour_ms, ten_years_ms, -ten_years_ms):
            it.set(1760000000000 + jump_ms)
            self.assertEqual(it.at(), 1760000000000 + jump_ms)

    def test_72_hours_without_the_hall_stay_within_the_stated_drift(self):
        for ppm in (-DRIFT_PPM, DRIFT_PPM):
            it, ticks = clock()
            it.set(1760000000000)
            true_ms = 0
            for _ in range(72 * 60):
                true_ms += 60000
                ticks.now += 60000 + 60000 * ppm // 1000000
                it.up_ms()
            error_ms = it.at() - 1760000000000 - true_ms
            self.assertTrue(abs(error_ms) <= 13000, error_ms)
            it.set(1760000000000 + true_ms)
            self.assertEqual(it.at(), 1760000000000 + true_ms)

    def test_an_absurd_time_stays_within_what_a_record_can_say(self):
        it, ticks = clock()
        for now_ms in (MS_MAX, 0):
            it.set(now_ms)
            ticks.now += 5000
            self.assertTrue(0 <= it.at() <= MS_MAX)

    def test_it_says_when_the_halls_time_is_old(self):
        it, ticks = clock()
        it.set(1760000000000)
        ticks.now += STALE_MS
        self.assertEqual(it.quality(), "stale")
        self.assertEqual(it.at(), 1760000000000 + STALE_MS)

    def test_wrapping_ticks_do_not_turn_it_back(self):
        it, ticks = clock(TURN - 100)
        up = []
        for _ in range(10):
            ticks.now += TURN // 4
            up.append(it.up_ms())
        self.assertEqual(up, [TURN // 4 * n for n in range(1, 11)])

    def test_ticks_that_jump_back_do_not_turn_it_back(self):
        it, ticks = clock(50000)
        ticks.now += 1000
        it.up_ms()
        ticks.now -= 30000
        self.assertEqual(it.up_ms(), 1000)
        ticks.now += 500
        self.assertEqual(it.up_ms(), 1500)


if __name__ == "__main__":
    unittest.main()
