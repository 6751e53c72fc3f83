"""The gateway (gateway/hall/custody.py, cover.py) and the centre (central/custody/filing.py)."""

from custody_rules import Rules
from custody_values import (
    BOOT,
    HELD,
    RATING,
    RECEIPT,
    REJECTED,
    Ack,
    Centre,
    Gateway,
    Receipt,
    Record,
    receipt_seq,
)


def keep(rules: Rules, gateway: Gateway, record: Record) -> Gateway:
    """A record is committed, once for its exact bytes (SND-2)."""
    for held, _ in gateway.rows:
        if held == record or (not rules.snd_2 and held.seq == record.seq):
            return gateway
    return gateway._replace(rows=gateway.rows | {(record, None)})


def acknowledgement(rules: Rules, gateway: Gateway) -> Ack:
    """The ack from what the database holds at this moment (Reach)."""
    counted = [
        record for record, verdict in gateway.rows if verdict != REJECTED or not rules.ack_4
    ]
    reach = max(receipt_seq(gateway.receipt), gateway.first - 1)
    known = {record.seq for record in counted if record.seq > reach}
    known.update(seq for record in counted if record.seq > reach for seq in record.gaps)
    while reach + 1 in known:
        reach += 1
    return Ack(reach, gateway.receipt)


def offered(rules: Rules, gateway: Gateway) -> list[Record]:
    """What the outbox offers: everything that the newest receipt does not cover (BAT-5)."""
    covered = receipt_seq(gateway.receipt)
    return sorted(
        record
        for record, verdict in gateway.rows
        if verdict is None
        or (record.seq > covered and (rules.bat_5_offers or verdict == REJECTED))
    )


def settle(
    rules: Rules, gateway: Gateway, record: Record | None, verdict: str | None, centre: Centre
) -> Gateway:
    """The centre's answer: verdict and receipt are written in one transaction (Outbox.settle)."""
    rows, receipt = gateway.rows, centre.receipt
    if record is not None:
        rows = frozenset(row for row in rows if row[0] != record) | {(record, verdict)}
    if receipt is None and not rules.bat_5_no_receipt:
        receipt = gateway.receipt
    if not rules.bat_5_keeps:
        covered = receipt_seq(receipt)
        rows = frozenset(row for row in rows if row[1] is None or row[0].seq > covered)
    return gateway._replace(rows=rows, receipt=receipt)


def file(rules: Rules, centre: Centre, record: Record) -> tuple[str, Centre]:
    """Verdict and the centre after one record, verified and filed in one transaction."""
    if _is_refused(rules, centre, record):
        return REJECTED, centre
    holder = next((held for held in centre.records if held.seq == record.seq), None)
    if holder is not None and (rules.bat_7 or holder != record):
        if holder == record:
            return HELD, centre
        centre = centre._replace(conflicts=centre.conflicts | {record})
        return HELD, centre._replace(receipt=sign(rules, centre))
    if holder is not None:
        return HELD, centre._replace(twice=centre.twice | {record.label})
    centre = centre._replace(records=centre.records | {record})
    return HELD, centre._replace(receipt=sign(rules, centre))


def sign(rules: Rules, centre: Centre) -> Receipt | None:
    """The receipt for what the centre holds: the contiguous part only (RCT-3)."""
    chained = {r.seq: r for r in centre.records if r.seq not in centre.unchained}
    known = set(chained)
    for record in centre.records:
        if record.seq in chained:
            known.update(seq for seq in record.gaps if seq < record.seq)
    covered = 0 if rules.rct_3 else max(known, default=0)
    while covered + 1 in known:
        record = chained.get(covered + 1)
        if rules.rct_3_links and record is not None and not _is_linked(centre, record):
            break
        covered += 1
    inside = max((seq for seq in chained if seq <= covered), default=0)
    if inside <= receipt_seq(centre.receipt):
        return centre.receipt
    return Receipt(RECEIPT, inside, chained[inside].label)


def crash_between(rules: Rules, centre: Centre, record: Record):
    """(words, verdict, centre) after a crash between two commits that BAT-3 makes one.

    An answer that was given before the second commit stands.
    """
    verdict, after = file(rules, centre, record)
    if rules.bat_3 or verdict == REJECTED or after == centre:
        return
    yield "the receipt is kept, the record is not", centre._replace(receipt=after.receipt)
    unchained = after._replace(receipt=centre.receipt, unchained=after.unchained | {record.seq})
    yield "the record is kept, the chain is not extended", unchained


def _is_linked(centre: Centre, record: Record) -> bool:
    """Whether `prev` is a record that is held, if that can be told (central/custody/links.py)."""
    seq = record.seq - 1
    while seq in record.gaps:
        seq -= 1
    held = centre.records | centre.conflicts
    before = {other.label for other in held if other.seq == seq}
    if not before or record.prev in before:
        return True
    older = {other.label for other in held if other.seq < seq} | {""}
    is_passed = seq <= receipt_seq(centre.receipt)
    return record.kind == BOOT and is_passed and record.prev in older


def _is_refused(rules: Rules, centre: Centre, record: Record) -> bool:
    if not record.good and rules.bat_4_verified:
        return True
    if record.kind not in (RATING, BOOT):
        return True
    others = [held for held in centre.records if held != record]
    if not rules.chn_2 and record.prev and record.prev not in {held.label for held in others}:
        return True
    below = max((held for held in others if held.seq < record.seq), default=None, key=_seq)
    if not rules.bat_4_prev and below is not None and below.label != record.prev:
        return True
    is_second = record.service and record.service in {held.service for held in others}
    return not rules.bat_4_service and bool(is_second)


def _seq(record: Record) -> int:
    return record.seq
