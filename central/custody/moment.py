"""When a rating was given, and how far that may be off. Values in, values out.

A device counts milliseconds from its start (`up_ms`) and adds what the hall told it. The centre
trusts neither clock: what a device signed cannot have arrived before it was made, and a receipt
cannot have been shown before it was signed. Between these two lies the start, on the centre's own
clock. While that one is in doubt (central/steady.py) nothing is concluded from it: the device's
word stands. The order of ratings is that of their seqs and never depends on any of this.
"""

from typing import Any, NamedTuple

from central.store.clocks import BootClock

DRIFT_PPM = 50  # of a device's quartz (firmware/clock.py)
SLACK_MS = 120_000  # a hall's clock may be so far off before it counts as wrong


class Moment(NamedTuple):
    """When a rating was given, epoch milliseconds, at most `error_ms` off.

    is_refuted: what the device was told cannot have been the time.
    """

    at_ms: int
    error_ms: int
    is_refuted: bool = False


def see_record(clock: BootClock | None, record: Any, stored_at_ms: int | None) -> BootClock:
    """The clock after a record of that start arrived; None: at a time that is in doubt."""
    high_ms = None if stored_at_ms is None else stored_at_ms - record.up_ms
    if clock is None:
        start = (record.device, record.epoch, record.boot)
        clock = BootClock(*start, record.seq, None, None, None, None, high_ms)
    if record.at is not None and (clock.told_seq is None or record.seq < clock.told_seq):
        told = {"told_seq": record.seq, "told_up_ms": record.up_ms, "told_at_ms": record.at}
        clock = clock._replace(**told)
    high_ms = _lower(clock.high_ms, high_ms)
    if record.seq < clock.first_seq or high_ms != clock.high_ms:
        first_seq = min(clock.first_seq, record.seq)
        clock = clock._replace(first_seq=first_seq, high_ms=high_ms)
    return clock


def see_head(clock: BootClock | None, head: Any, stored_at_ms: int | None) -> BootClock:
    """The clock after a head of that start arrived; None: at a time that is in doubt."""
    high_ms = None if stored_at_ms is None else stored_at_ms - head.up_ms
    if clock is None:  # its first record has the seq of the head, or a later one
        start = (head.device, head.epoch, head.boot)
        clock = BootClock(*start, head.seq, None, None, None, None, high_ms)
    clock = clock._replace(high_ms=_lower(clock.high_ms, high_ms))
    if head.heard is None or stored_at_ms is None or clock.high_ms is None:
        return clock
    low_ms = head.heard - head.up_ms  # it was signed after the centre had signed that receipt
    if low_ms <= clock.high_ms and (clock.low_ms is None or low_ms > clock.low_ms):
        clock = clock._replace(low_ms=low_ms)
    return clock


def wait_for_time(clock: BootClock, seq: int) -> BootClock:
    """The clock when a rating with this seq has no time yet."""
    first, last = clock.undated_first or seq, clock.undated_last or seq
    return clock._replace(undated_first=min(first, seq), undated_last=max(last, seq))


def moment_of(
    clock: BootClock, rating: Any, received_at_ms: int, stored_at_ms: int, doubt_ms: int = 0
) -> Moment | None:
    """When the rating was given; None while nobody has told the device's start the time.

    The device's own word, or that of the first record of the same start that has a time, moved by
    the difference of `up_ms`. If it lies outside of what the centre knows by itself, the nearest
    instant that is possible.

    The bound is the quartz's drift since the start, and how long after its receipt in the hall the
    rating was stored, by the two clocks: the hall's may have been slow by so much. For a time that
    is refuted it is all that is possible.

    doubt_ms: so far the centre's own clock was in doubt when the rating was stored, and with it
    all that it knows by itself; then no time is refuted.
    """
    told = rating.at
    if told is None:
        if clock.told_up_ms is None or clock.told_at_ms is None:
            return None
        told = clock.told_at_ms + rating.up_ms - clock.told_up_ms
    low_ms, high_ms, drift_ms = _bounds(clock, rating, stored_at_ms)
    lag_ms = stored_at_ms - received_at_ms
    likely_ms = max(low_ms, min(high_ms, told + lag_ms))
    at_ms = min(max(told, low_ms - doubt_ms), likely_ms + doubt_ms)
    if abs(at_ms - told) > SLACK_MS and not doubt_ms:
        # The hall's clock may have been set between the two that `told + lag_ms` compares.
        return Moment(at_ms, high_ms - low_ms + drift_ms, is_refuted=True)
    return Moment(at_ms, drift_ms + abs(at_ms - told) + max(0, lag_ms) + doubt_ms)


def moment_unknown(
    clock: BootClock,
    before: BootClock | None,
    rating: Any,
    received_at_ms: int,
    stored_at_ms: int,
    doubt_ms: int = 0,
) -> Moment:
    """When a rating was given whose start was never told the time: not after it was received.

    before: the clock of an earlier start that was told; the rating is not older than its start.
    """
    low_ms, high_ms, _ = _bounds(clock, rating, stored_at_ms)
    if before is not None and before.told_at_ms is not None:
        low_ms = max(low_ms, min(before.told_at_ms, high_ms))
    low_ms -= doubt_ms
    at_ms = min(max(received_at_ms, low_ms), high_ms + doubt_ms)
    return Moment(at_ms, at_ms - low_ms)


def _bounds(clock: BootClock, rating: Any, stored_at_ms: int) -> tuple[int, int, int]:
    """Between which instants the rating was given, for all the centre knows by itself, and how far
    the device's quartz may have gone wrong since its start, which is part of them.

    Not before its device was enrolled (`epoch` is a Unix minute), unless that was when the
    centre's clock was ahead.
    """
    started_ms = stored_at_ms - rating.up_ms if clock.high_ms is None else clock.high_ms
    drift_ms = 1 + max(0, stored_at_ms - started_ms) * DRIFT_PPM // 1_000_000
    high_ms = min(started_ms + rating.up_ms + drift_ms, stored_at_ms)
    low_ms = rating.epoch * 60_000 if rating.epoch * 60_000 <= stored_at_ms else 0
    if clock.low_ms is not None:
        low_ms = max(low_ms, clock.low_ms + rating.up_ms - drift_ms)
    return min(low_ms, high_ms), high_ms, drift_ms


def _lower(one: int | None, other: int | None) -> int | None:
    return min((ms for ms in (one, other) if ms is not None), default=None)
