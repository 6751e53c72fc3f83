"""Heads: a device's own word on how far its chain goes. The highest of each epoch is kept.

And what closes an epoch that has ended: one signed after the end, and all records up to it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.custody.cover import FRESH_MS
from central.custody.open import VerifiedHead
from central.store import covers, ledger, places
from central.store.covers import ChainRow
from central.store.judged import facts
from central.store.ledger import Epoch
from central.store.places import Enrolment
from protocol.batch import DUPLICATE, STORED
from protocol.envelope import split
from protocol.record import Head, decode, parse

_SAID = ("seq", "boot", "mac16", "shown", "surplus", "lacking", "settings")
_AGAIN_MS = 600_000  # so long a head that only its time tells from the one before it is not kept


class Heads(NamedTuple):
    """verdicts: one for each head. highest: of each epoch, as a row of `head`. newer: epochs with
    a head that says something new. older: heads lower than one that came before. claims: of every
    head, before or in this batch, which record its device said it had written last.
    """

    verdicts: list[str]
    highest: dict[Epoch, dict[str, Any]]
    newer: set[Epoch]
    older: list[VerifiedHead]
    claims: set[tuple[Epoch, int, str]]

    @property
    def seqs(self) -> dict[Epoch, int]:
        """How many records each device says it has written."""
        return {epoch: values["seq"] for epoch, values in self.highest.items()}

    @property
    def receipt_seqs(self) -> dict[Epoch, int]:
        """The highest receipt that each device has shown."""
        return {epoch: values["receipt_seq"] for epoch, values in self.highest.items()}


def file_heads(
    connection: Connection,
    epochs: Iterable[Epoch],
    sent: list[VerifiedHead],
    enrolments: Mapping[Epoch, Enrolment],
    now_ms: int,
) -> Heads:
    """Keep the highest head of each epoch, and note which devices are proven to be fresh.

    A head that is not higher than the one known says nothing new, and neither does one that
    differs in its time alone, but for one in ten minutes: `duplicate`. epochs: of all that came in
    this batch. enrolments: where their devices stand.
    """
    known = covers.heads(connection, epochs)
    highest = {epoch: dict(row._mapping) for epoch, row in known.items()}
    claims = {(epoch, row.seq, row.mac16) for epoch, row in known.items()}
    claims |= {(item.epoch_key, item.head.seq, item.head.mac16) for item in sent}
    verdicts, newer, older = [], set(), []
    places_of = {item.epoch_key: enrolments[item.epoch_key] for item in sent}
    windows = {epoch: (place.hall, place.window) for epoch, place in places_of.items()}
    services = facts.documents_of(connection, windows.values())
    for item in sent:
        values = _values(item, now_ms)
        before = highest.get(item.epoch_key)
        surplus = services.get(windows[item.epoch_key], 0) - values["shown"]
        values |= _lack(surplus, values["boot"], before, now_ms)
        if item.settings is None and before is not None:
            values["settings"] = before["settings"]
        if before is None or (_rank(values) > _rank(before) and _says_more(values, before)):
            highest[item.epoch_key] = values
            verdicts.append(STORED)
            newer.add(item.epoch_key)
        else:
            verdicts.append(DUPLICATE)
            # A start in a full journal has no `boot` of its own, so its up_ms may be lower.
            if _rank(values)[:2] < _rank(before)[:2]:
                older.append(item)
        if before is not None:
            shown = max(item.receipt_seq or 0, before["receipt_seq"])
            highest[item.epoch_key]["receipt_seq"] = shown
    changed = [
        values
        for epoch, values in sorted(highest.items())
        if epoch not in known or values != known[epoch]._mapping
    ]
    covers.save_heads(connection, changed)
    _note_proofs(connection, sent, enrolments, now_ms)
    return Heads(verdicts, highest, newer, older, claims)


def close_ended(
    connection: Connection,
    sent: list[VerifiedHead],
    enrolments: Mapping[Epoch, Enrolment],
    before: Mapping[Epoch, ChainRow],
    after: Mapping[Epoch, ChainRow],
    now_ms: int,
) -> None:
    """Close the epochs that have ended, and whose records are covered up to a head that was signed
    after the end (RCT-6): then it is proven that nothing of them was kept back.

    before: their chains before this batch, with the newest receipt that a head of it may have
    heard; a later value is nobody's. after: as they are now.
    """
    for epoch, place in enrolments.items():
        ended_ms = place.ended_at_ms
        if ended_ms is None or place.closed_at_ms is not None or place[:2] != epoch:
            continue
        known: bytes | None = covers.ending(connection, epoch).head
        newest_ms = before[epoch].receipt_at_ms or 0
        told = [
            (one.head.seq, one.head.boot, one.head.up_ms, one.envelope)
            for one in sent
            if one.epoch_key == epoch and ended_ms < (one.head.heard or 0) <= newest_ms
        ]
        if known is not None:
            head = end_head(known)
            told.append((head.seq, head.boot, head.up_ms, known))
        if not told:
            continue
        *_, envelope = max(told)
        values: dict[str, Any] = {"head": envelope}
        if _is_reached(connection, end_head(envelope), after[epoch]):
            values["closed_at_ms"] = now_ms
        covers.save_ending(connection, epoch, values)


def end_head(envelope: bytes) -> Any:
    """The head that was signed after an epoch's end, as it is kept."""
    return decode(parse(split(envelope)[0]), (Head,))


def _is_reached(connection: Connection, head: Any, chain: ChainRow) -> bool:
    """Whether all is covered up to the record that the head names, and it is that record."""
    if chain.covered_seq < head.seq:
        return False
    key = (head.device, head.epoch, head.seq)
    held = ledger.rows(connection, [key]).get(key)
    return held is not None and held.mac16 == head.mac16


def _note_proofs(
    connection: Connection,
    heads: list[VerifiedHead],
    enrolments: Mapping[Epoch, Enrolment],
    now_ms: int,
) -> None:
    """Note which devices the heads prove to be fresh: they have heard a receipt of the centre's.

    A device is silent when others of its hall were proven fresh for four hours, all in all, since
    its own last proof (central/clockwork.py): pauses stop the sum, and nothing resets it. No hall
    can make the time later that a device signed; one that is later than now proves nothing.
    The time between two proofs of a hall counts as fresh, up to the hour after which every device
    gets another receipt, or to its carry interval. A device that proves an earlier time than the
    hall's is taken to have been fresh then, not now: heads that were hoarded buy no time.
    """
    heard: dict[Epoch, int] = {}
    for one in heads:
        at_ms = one.head.heard
        before_ms = enrolments[one.epoch_key].proven_at_ms or 0
        if at_ms is not None and max(before_ms, heard.get(one.epoch_key, 0)) < at_ms <= now_ms:
            heard[one.epoch_key] = at_ms
    if not heard:
        return
    halls = places.proofs(connection, {enrolments[epoch].hall for epoch in heard})
    devices = {}
    for epoch, at_ms in sorted(heard.items(), key=lambda one: one[1]):
        hall = enrolments[epoch].hall
        proven_at_ms, proven_ms, carry_ms = halls[hall]
        if proven_at_ms is None or at_ms > proven_at_ms:
            passed_ms = 0 if proven_at_ms is None else at_ms - proven_at_ms
            proven_ms += min(passed_ms, max(FRESH_MS, carry_ms or 0))
            proven_at_ms = at_ms
            halls[hall] = proven_at_ms, proven_ms, carry_ms
        devices[epoch] = at_ms, proven_ms - (proven_at_ms - at_ms)
    places.save_proofs(connection, {hall: proof[:2] for hall, proof in halls.items()}, devices)


def _says_more(values: dict[str, Any], before: dict[str, Any]) -> bool:
    is_same = all(values[name] == before[name] for name in _SAID)
    return not is_same or values["stored_at_ms"] - before["stored_at_ms"] >= _AGAIN_MS


def _rank(values: dict[str, Any]) -> tuple[int, int, int]:
    return values["seq"], values["boot"], values["up_ms"]


def _values(item: VerifiedHead, now_ms: int) -> dict[str, Any]:
    return {
        "device": item.head.device,
        "epoch": item.head.epoch,
        "seq": item.head.seq,
        "mac16": item.head.mac16,
        "boot": item.head.boot,
        "up_ms": item.head.up_ms,
        "envelope": item.envelope,
        "receipt_seq": item.receipt_seq or 0,
        "stored_at_ms": now_ms,
        "shown": item.head.shown,
        "settings": item.settings,
    }


def _lack(surplus: int, boot: int, before: dict[str, Any] | None, now_ms: int) -> dict[str, Any]:
    """How many service documents are held fewer than the device was shown since it started.

    surplus: the documents of its window, less what it was shown. It rises with each service that
    is opened while the device is off, and may not fall: each service that is shown has a document.
    What is shown after a restart comes on top of what was shown before.
    """
    if before is None:
        return {"surplus": surplus, "lacking": 0, "lacking_since_ms": None}
    shown_before = before["shown"] if boot != before["boot"] else 0
    most = max(surplus, before["surplus"] + shown_before)
    since_ms = before["lacking_since_ms"] or now_ms
    return {
        "surplus": most,
        "lacking": most - surplus,
        "lacking_since_ms": since_ms if most > surplus else None,
    }
