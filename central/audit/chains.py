"""The chain of an epoch, its gaps, its receipt and its head, held against the records."""

from collections.abc import Iterator

from sqlalchemy import Connection

from central.custody import chain
from central.custody.open import KeyOf
from central.store import covers
from central.store.ledger import Epoch, Row
from protocol.batch import BROKEN_CHAIN
from protocol.envelope import NO_MAC16, is_signed, mac16, split
from protocol.field import ProtocolError
from protocol.record import Boot, Head, Receipt, decode, parse

Found = Iterator[tuple[str, str, str]]  # name, where, sentence


class EpochAudit:
    """Sees the records of one epoch in the order of their seqs."""

    def __init__(self, key: Epoch) -> None:
        self.key = key
        self._where = f"{key[0]}, epoch {key[1]}"
        self._mac16s: dict[int, str] = {}
        self._others: set[tuple[int, str]] = set()
        self._known = {NO_MAC16}
        self._holes: list[chain.Run] = []
        self._named: dict[int, dict[int, tuple[int, str]]] = {}
        self._last = 0
        self._is_out_of_place = False

    def see(self, row: Row, is_conflict: bool) -> Found:
        """The next record: does its link hold?"""
        mac = mac16(row.envelope) if len(row.envelope) > 65 else ""
        if is_conflict:
            self._others.add((row.seq, mac))
            self._known.add(mac)
            return
        if row.seq > self._last + 1:
            self._holes.append((self._last + 1, row.seq - 1))
        self._last = row.seq
        yield from self._link(row)
        self._mac16s[row.seq] = mac
        self._known.add(mac)

    def _link(self, row: Row) -> Found:
        try:
            members = parse(split(row.envelope)[0])
            record = decode(members) if members.get("kind") == Boot.kind else None
        except ProtocolError:
            return  # told with the record itself
        if isinstance(record, Boot):
            self._named[row.seq] = chain.gaps_below(row.seq, record.gaps)
            runs = [(first, last) for first, last, _ in record.gaps]
            seq = chain.predecessor(row.seq, runs)
        else:
            seq = row.seq - 1
        prev = members.get("prev")
        if row.key != (members["device"], members["epoch"], members["seq"]) or prev is None:
            return
        before = self._mac16s.get(seq, NO_MAC16 if seq == 0 else None)
        if before is None or before == prev:
            return
        # A boot may pass over what its device has a receipt for (CHN-1).
        if record is not None and prev in self._known and BROKEN_CHAIN not in row.marks:
            return
        where = f"{self._where}, seq {row.seq}"
        yield BROKEN_CHAIN, where, f"prev is {prev}, the record before it has {before}"

    def end(self, connection: Connection, key_of: KeyOf) -> Found:
        """All records of the epoch are seen: what is missing, and does the receipt hold?"""
        row = covers.chain(connection, self.key)
        head = covers.heads(connection, [self.key]).get(self.key)
        runs = [
            (first, last) for named in self._named.values() for first, (last, _) in named.items()
        ]
        if row is not None and row.highest_seq > self._last:
            self._holes.append((self._last + 1, row.highest_seq))
        for first, last in chain.without(self._holes, runs):
            yield "missing", self._where, f"the records {first} to {last} are gone or never came"
        yield from self._gaps(connection)
        if row is None:
            yield "chain_removed", self._where, "the row that tells how far it is covered is gone"
        else:
            yield from self._chain(row, key_of)
        if head is not None:
            yield from self._head(head, key_of)

    def _gaps(self, connection: Connection) -> Found:
        kept = {
            (gap.boot_seq, gap.first_seq, gap.last_seq, gap.cause)
            for gap in covers.gaps(connection, self.key)
        }
        told = {
            (boot, first, *rest)
            for boot, named in self._named.items()
            for first, rest in named.items()
        }
        for boot, first, last, _ in sorted(kept - told):
            sentence = f"no boot {boot} names the records {first} to {last}"
            yield "gap_invented", self._where, sentence
        for boot, first, last, _ in sorted(told - kept):
            sentence = f"the boot {boot} names the records {first} to {last}, its row is gone"
            yield "gap_removed", self._where, sentence

    def _chain(self, row: covers.ChainRow, key_of: KeyOf) -> Found:
        if row.highest_seq < self._last:
            sentence = f"the highest is {self._last}, the row says {row.highest_seq}"
            yield "chain_differs", self._where, sentence
        if row.receipt is None:
            if row.receipt_seq:
                yield "receipt_removed", self._where, f"there was one for {row.receipt_seq}"
            return
        receipt = _signed(key_of(*self.key), row.receipt, Receipt)
        if receipt is None or (receipt.device, receipt.epoch) != self.key:
            yield "bad_receipt", self._where, "it is not signed with the device's key"
        elif receipt.seq != row.receipt_seq or row.covered_seq < row.receipt_seq:
            yield "receipt_differs", self._where, f"it says {receipt.seq}, the row {row[2:5]}"
        elif self._mac16s.get(receipt.seq) != receipt.mac16:
            sentence = f"it names {receipt.mac16} as record {receipt.seq}, which is not held"
            yield "receipt_without_record", self._where, sentence

    def _head(self, head, key_of: KeyOf) -> Found:
        signed = _signed(key_of(*self.key), head.envelope, Head)
        names = ("device", "epoch", "seq", "mac16", "boot", "up_ms", "shown")
        told, kept = ([getattr(one, name, None) for name in names] for one in (signed, head))
        if signed is None:
            yield "bad_head", self._where, "it is not signed with the device's key"
        elif told != kept:
            yield "head_differs", self._where, f"signed was {told}, kept is {kept}"
        elif head.seq > self._last:
            sentence = f"the device wrote {head.seq} records, held are those up to {self._last}"
            yield "not_arrived", self._where, sentence
        elif self._mac16s.get(head.seq, head.mac16) != head.mac16:
            sentence = f"the device says that record {head.seq} is {head.mac16}"
            yield "head_without_record", self._where, sentence


def unseen(connection: Connection, seen: set[Epoch], key_of: KeyOf) -> Found:
    """Epochs of which no record is held, though there should be some."""
    for row in covers.all_chains(connection):
        epoch = (row.device, row.epoch)
        if epoch not in seen:
            yield from EpochAudit(epoch).end(connection, key_of)


def _signed(key: bytes, envelope: bytes, kind):
    if not is_signed(key, envelope):
        return None
    try:
        return decode(parse(split(envelope)[0]), (kind,))
    except ProtocolError:
        return None
