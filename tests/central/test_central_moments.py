"""When a rating was given: clocks that are missing, wrong, drift and wrap (FAULTS.md 12)."""

from types import SimpleNamespace

import pytest
from central_hall import SigningDevice

from central.audit.verify import audit
from central.custody import moment
from central.custody.moment import Moment
from central.store.clocks import BootClock
from central.store.judged import facts
from firmware.clock import Clock
from protocol.batch import EnvelopeItem, HeadItem
from protocol.record import parse

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000
YEARS_MS = 10 * 365 * DAY_MS
TURN = 1 << 30


class TickingDevice:
    """The firmware's clock on a quartz that is `ppm` off, on the port's wrapping ticks."""

    def __init__(self, pen: SigningDevice, time, ppm: int):
        self.pen, self._time, self._ppm = pen, time, ppm
        self.true_ms: dict[int, int] = {}
        self.boot = 0
        self.first = self.restart()

    def restart(self) -> str:
        self.boot += 1
        self._started_ms = self._time()
        self.clock = Clock(
            self._ticks, lambda new, old: (new - old + TURN // 2) % TURN - TURN // 2
        )
        return self.pen.boot(self.pen.seq + 1, boot=self.boot, up_ms=self.clock.up_ms())

    def rate(self) -> str:
        envelope = self.pen.rating(
            boot=self.boot, up_ms=self.clock.up_ms(), at=self.clock.at(), level=4
        )
        self.true_ms[self.pen.seq] = self._time()
        return envelope

    def head(self, receipt: str | None) -> HeadItem:
        pen = self.pen
        return HeadItem(pen.head(pen.seq, pen.prev, self.clock.up_ms(), self.boot), receipt, None)

    def _ticks(self) -> int:
        gone = self._time() - self._started_ms
        # Only a little before the ticks wrap for the first time.
        return (TURN - 5 * MINUTE_MS + gone + gone * self._ppm // 1_000_000) % TURN


class Story:
    """A device in a hall whose clock is `error_ms` wrong, and what the centre makes of it."""

    def __init__(self, hall, error_ms: int, ppm: int = 0):
        self.hall, self.time, self.error_ms = hall, hall.clock, error_ms
        pen = hall.enrol("xj-0417")
        self.time.ms += DAY_MS
        self.device = TickingDevice(pen, self.time, ppm)
        self.receipt = None
        hall.post(self.device.first)
        self.first_dates: dict[int, int] = {}

    def arrive(self, *envelopes: str) -> None:
        """The hall received them now, by its own clock, and they are stored at once."""
        received_at_ms = self.time() + self.error_ms
        items = [EnvelopeItem(one, received_at_ms, "w1", None, ()) for one in envelopes]
        answer = self.hall.post(*items, self.device.head(self.receipt))
        self.receipt = answer.receipts[0] if answer.receipts else None
        self.check_dates()

    def tell_time(self) -> None:
        self.device.clock.set(self.time() + self.error_ms)

    def rows(self) -> list[dict]:
        rows = self.hall.records(device="xj-0417")
        return [row for row in rows if '"rating"' in row["envelope"]]

    def check_dates(self) -> None:
        """A date, once given, never changes; every time is within its stated bound."""
        seqs = [parse(row["envelope"].encode()[:-65])["seq"] for row in self.rows()]
        assert seqs == sorted(seqs)
        for seq, row in zip(seqs, self.rows()):
            if row["rated_at_ms"] is not None:
                first = self.first_dates.setdefault(seq, row["rated_at_ms"])
                assert row["rated_at_ms"] == first
                off_ms = abs(first - self.device.true_ms[seq])
                assert off_ms <= row["rated_error_ms"], (seq, off_ms, row["rated_error_ms"])


@pytest.mark.parametrize("ppm", [0, 50, -50])
@pytest.mark.parametrize("error_ms", [0, HOUR_MS, -HOUR_MS, YEARS_MS, 3_000, -3_000])
def test_every_time_is_within_its_stated_bound(hall, error_ms, ppm):
    """None at boot, an hour ahead, an hour behind, ten years ahead; 72 hours; wrapping ticks."""
    story = Story(hall, error_ms, ppm)
    device = story.device
    waiting = [device.rate()]
    for _ in range(3):
        story.time.ms += 3 * MINUTE_MS
        waiting.append(device.rate())
    story.arrive(*waiting)
    assert {row["rated_at_ms"] for row in story.rows()} == {None}, "nobody knows yet"
    story.tell_time()
    for _ in range(18):
        story.time.ms += 4 * HOUR_MS
        device.clock.up_ms()
        story.arrive(device.rate())
    late = [device.rate()]
    story.time.ms += 20 * MINUTE_MS
    story.arrive(*late)
    rows = story.rows()
    assert all(row["rated_at_ms"] is not None for row in rows)
    assert len(story.first_dates) == 23
    is_wrong = {"clock_wrong" in row["marks"] for row in rows[1:]}
    assert is_wrong == ({True} if error_ms >= HOUR_MS else {False}) or error_ms == -HOUR_MS


def test_a_rating_before_the_first_clock_message_gets_its_time_from_boot_and_up_ms(hall):
    story = Story(hall, 0)
    early = story.device.rate()
    story.time.ms += 2 * HOUR_MS
    story.tell_time()
    story.arrive(early)
    (row,) = story.rows()
    assert row["rated_at_ms"] is None
    story.time.ms += MINUTE_MS
    story.arrive(story.device.rate())
    row = story.rows()[0]
    assert parse(row["envelope"].encode()[:-65])["at"] is None, "the device's own statement stays"
    assert row["rated_at_ms"] == story.device.true_ms[2]
    assert row["rated_error_ms"] < 1000


def test_a_start_that_is_never_told_the_time_dates_its_ratings_when_the_next_one_is_there(hall):
    story = Story(hall, 0)
    early = story.device.rate()
    story.time.ms += HOUR_MS
    story.arrive(early)
    assert story.rows()[0]["rated_at_ms"] is None
    received_at_ms = story.time()
    boot = story.device.restart()
    story.arrive(boot)
    (row,) = story.rows()
    assert story.device.true_ms[2] <= row["rated_at_ms"] <= received_at_ms
    assert row["rated_at_ms"] - row["rated_error_ms"] <= story.device.true_ms[2]


def test_a_rating_without_a_time_counts_where_it_arrives_and_gets_its_day_later(hall):
    """Given on the last day of a month, and there the next day; the time is told a day later."""
    story = Story(hall, 0)
    for _ in range(21):
        story.time.ms += DAY_MS
        story.device.clock.up_ms()  # before its ticks wrap twice
    early = [story.device.rate() for _ in range(2)]
    story.time.ms += DAY_MS
    story.arrive(*early)
    up_ms = story.device.clock.up_ms()
    second = story.device.pen.rating(boot=1, up_ms=up_ms, at=None, service="xj-0417-S2")
    story.device.true_ms[4] = story.time()
    story.arrive(second)

    def counts():
        hall.judge.settle_all()
        with hall.database.read() as connection:
            query = "select span, sum(ratings) from figure where dim = 'window' and id = 'w1'"
            query += " and substr(what, 1, 7) = 'active-' group by span"
            return {span: int(count) for span, count in connection.exec_driver_sql(query) if count}

    def faults():
        with hall.database.read() as connection:
            found = audit(connection, hall.keys.key, judge=hall.judge)
            return {fault.name for fault in found} - {"facts_missing"}

    assert [row["marks"] for row in story.rows()] == [
        ["undated"],
        ["undated"],
        ["undated"],
    ]
    assert counts() == {0: 2, 202511: 2, 20251101: 2}, "all days, the month, the day"
    assert faults() == set()
    story.time.ms += DAY_MS
    story.tell_time()
    story.arrive(story.device.rate())
    counted = {0: 3, 202510: 2, 20251031: 2, 202511: 1, 20251102: 1}
    assert counts() == counted
    assert faults() == set()
    story.arrive(*early)
    assert counts() == counted
    assert story.rows()[0]["marks"] == ["undated"], "it stays"


def test_a_centre_that_counts_the_arrival_for_good_is_found(hall, monkeypatch):
    """The control: what is judged does not go along with the date."""
    monkeypatch.setattr(facts, "set_times", lambda *_: None)
    with pytest.raises(AssertionError, match="202511: 3"):
        test_a_rating_without_a_time_counts_where_it_arrives_and_gets_its_day_later(hall)


def test_a_centre_that_believes_the_hall_s_clock_is_outside_of_its_bound(hall, monkeypatch):
    """The control: the same story, and no look at the centre's own clock."""

    def believe(clock, rating, received_at_ms, stored_at_ms, doubt_ms=0):
        return None if rating.at is None else Moment(rating.at, 1 + rating.up_ms // 20_000)

    monkeypatch.setattr(moment, "moment_of", believe)
    with pytest.raises(AssertionError, match=r"\(\d+, 3600000, "):
        test_every_time_is_within_its_stated_bound(hall, HOUR_MS, 0)


def test_a_hall_whose_clock_was_set_between_two_looks_at_it_is_within_its_bound():
    """FAULTS 20: the device was told the time three hours ahead, and its record was received six
    hours ahead: the two tell nothing of each other, and the bound is all that is possible.
    """
    true_ms, started_ms = 1_800_000_000_000, 1_800_000_000_000 - HOUR_MS
    clock = BootClock("xj-0417", 1, 1, 1, None, None, None, started_ms - MINUTE_MS, started_ms)
    told = SimpleNamespace(at=true_ms + 3 * HOUR_MS, up_ms=HOUR_MS, epoch=1)
    found = moment.moment_of(clock, told, true_ms + 6 * HOUR_MS, true_ms + 1000)
    assert found is not None
    assert found.is_refuted
    assert abs(found.at_ms - true_ms) <= found.error_ms <= 2 * MINUTE_MS
