"""Ratings get their times: at once, or when the time of their start becomes known, and for good.

central/custody/moment.py has the rules.
"""

from sqlalchemy import Connection

from central.custody import moment
from central.custody.marks import CLOCK_WRONG, TIME_UNPROVEN, UNDATED
from central.custody.moment import Moment
from central.custody.open import VerifiedHead
from central.steady import Instant
from central.store import clocks, ledger
from central.store.clocks import BootClock
from central.store.covers import ChainRow
from central.store.ledger import Epoch, Row


def date_rows(
    connection: Connection, rows: list[Row], heads: list[VerifiedHead], now: Instant
) -> dict[Epoch, int]:
    """Give each rating its time if it can be told; the lowest start of each epoch with others,
    which are marked `undated`. What is dated while the centre's own clock is in doubt is marked.

    What records and heads tell of their starts is noted. Rows that turn out as duplicates have
    been dated when they came first.
    """
    seen = [row for row in rows if row.is_readable]
    starts = {(row.device, row.epoch, row.record.boot) for row in seen}
    starts |= {(*item.epoch_key, item.head.boot) for item in heads}
    if not starts:
        return {}
    before = clocks.clocks(connection, starts)
    known = dict(before)
    for row in seen:
        start = (row.device, row.epoch, row.record.boot)
        known[start] = moment.see_record(known.get(start), row.record, now.proves_ms)
    for item in heads:
        start = (*item.epoch_key, item.head.boot)
        known[start] = moment.see_head(known.get(start), item.head, now.proves_ms)
    waiting: dict[Epoch, int] = {}
    for row in seen:
        if row.level is None:
            continue
        start = (row.device, row.epoch, row.record.boot)
        found = moment.moment_of(known[start], row.record, row.received_at_ms, *now)
        if now.doubt_ms:
            row.mark(TIME_UNPROVEN)
        if found is None:
            row.mark(UNDATED)
            row.rated_error_ms = now.doubt_ms or None
            known[start] = moment.wait_for_time(known[start], row.seq)
            lowest = waiting.get(start[:2], row.record.boot)
            waiting[start[:2]] = min(lowest, row.record.boot)
        else:
            _set(row, found)
    new = [clock for start, clock in known.items() if start not in before]
    changed = [clock for start, clock in known.items() if before.get(start, clock) != clock]
    clocks.save_clocks(connection, new, changed)
    return waiting


def date_later(connection: Connection, chain: ChainRow) -> tuple[ChainRow, list[Row]]:
    """Date what waited for the time of its start; the chain, and the ratings that were dated.

    A start that was never told the time is over for good when everything up to a later start is
    covered: its ratings were given before the hall received them, that is all.
    """
    if chain.undated_boot is None:
        return chain, []
    epoch = (chain.device, chain.epoch)
    found = clocks.clocks_from(connection, epoch, chain.undated_boot)
    dated: list[Row] = []
    changed: list[BootClock] = []
    still = None
    for number, clock in enumerate(found):
        if clock.undated_first is None or clock.undated_last is None:
            continue
        is_over = any(later.first_seq <= chain.covered_seq for later in found[number + 1 :])
        if clock.told_at_ms is None and not is_over:
            still = clock.boot if still is None else still
            continue
        rows = ledger.undated(connection, epoch, clock.undated_first, clock.undated_last)
        rows = [row for row in rows if row.record.boot == clock.boot]
        _date(connection, clock, rows)
        dated += rows
        changed.append(clock._replace(undated_first=None, undated_last=None))
    ledger.save_times(connection, dated)
    clocks.save_clocks(connection, [], changed)
    ledger.save_marks(connection, [row for row in dated if row.added_marks])
    return chain._replace(undated_boot=still), dated


def _date(connection: Connection, clock: BootClock, rows: list[Row]) -> None:
    before = None
    if clock.told_at_ms is None:
        before = clocks.clock_before(connection, (clock.device, clock.epoch), clock.boot)
    for row in rows:
        times = (row.received_at_ms, row.stored_at_ms, row.rated_error_ms or 0)
        found = moment.moment_of(clock, row.record, *times)
        _set(row, found or moment.moment_unknown(clock, before, row.record, *times))


def _set(row: Row, found: Moment) -> None:
    row.rated_at_ms, row.rated_error_ms = found.at_ms, found.error_ms
    if found.is_refuted:
        row.mark(CLOCK_WRONG)
