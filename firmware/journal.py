"""The journal: a record is durable here before anyone is thanked (JRN-1 to JRN-7).

Which seqs are given out, what a start has to name, what a receipt frees, and how much room is
left; firmware/segments.py has the files. The file system is handed in (firmware/guard.py lists
what it does). Next on a rating's way: firmware/link.py sends what `append` gives.
"""

from firmware.guard import Guarded, JournalDamageError
from firmware.segments import Segments
from firmware.slots import Slots
from protocol.answer import NO_ANSWER, seal_answer
from protocol.envelope import NO_MAC16, is_signed, mac16, seal, split
from protocol.field import ProtocolError
from protocol.limits import GAPS
from protocol.record import DAMAGE, Boot, Head, Rating, Receipt, decode, encode, parse


class JournalFullError(Exception):
    """No segment is free: nothing was written, and nothing is overwritten (JRN-7)."""


class JournalLostError(Exception):
    """Neither slot nor segment can be read: the device must be enrolled again."""


class Journal:
    """One start of a device's journal.

    identity: (device, epoch, key). firmware, cause: for the `boot` record. segment_records (N) and
    segments: how much fits, at least four: the newest, the one with the newest rating, the spare
    one (JRN-7), and one to work with. refuses: the flash does, so nothing is written: what can be
    read is still there to be sent (JRN-8).
    Raises JournalLostError; every method that reads or writes raises JournalDamageError.
    """

    def __init__(self, files, identity, firmware, cause, segment_records, segments, refuses=False):
        if segments < 4:
            raise ValueError("a journal needs at least four segments")
        self._files = Guarded(files)
        self._identity = identity
        self._key = identity.key
        self._firmware = firmware
        self._cause = cause
        self.refuses = refuses
        self._size = segment_records
        self._most = segments
        try:
            self._slots = Slots(self._files, self._key)
            self._segments = Segments(self._files, identity, self._size, self._slots.emptied)
        except JournalDamageError as error:
            raise JournalLostError(str(error))
        if self._slots.segment is None and not len(self._segments):
            raise JournalLostError("neither slot nor segment can be read")
        self._receipt = None  # decoded
        self._receipt_text = None
        self.heard = None  # `at` of the receipt taken last
        if self._slots.receipt is not None:
            self._receipt = self._check_receipt(self._slots.receipt)
            self._receipt_text = self._slots.receipt
            self.heard = None if self._receipt is None else self._receipt.at
        noted = -1 if self._slots.segment is None else self._slots.segment
        self._newest = max(noted, self._segments.newest())
        self._next = (self._newest + 1) * self._size + 1
        self._begun = False
        self._has_spoken = False
        self.boot = max(self._slots.boot, self._segments.boot) + 1  # this start's number

    @property
    def seq(self) -> int:
        """The last seq given out that can be read, 0 for none."""
        return self._segments.seq

    @property
    def rated(self) -> list:
        """Ids of the services last rated before this start, oldest first."""
        return self._segments.rated

    def append(self, kind, up_ms, at, answer=None, **fields) -> bytes:
        """Makes a record of `kind`, and gives its envelope once it is durable.

        answer: the plain text of the answer to be sealed in it (protocol/answer.py).
        Raises JournalFullError with nothing written, JournalDamageError if the flash refuses.
        """
        self.begin(up_ms, at)
        if self.is_full() or not self._begun:
            raise JournalFullError("no free segment")
        return self._append(kind, up_ms, at, fields, answer)

    def begin(self, up_ms, at):
        """Writes this start's `boot`; called before the first record or on the first connection.

        In a full journal it is written only if there is damage to name (JRN-7).
        """
        if self._begun or self.refuses:
            return
        is_first, self._has_spoken = not self._has_spoken, True
        # Nothing that the last receipt covers is named, nor what the device still holds (JRN-4).
        gaps = self._segments.gaps(self.receipt_seq() + 1, self._next - 1)
        self._free()  # the last start may have been cut while it freed
        has_damage = [gap for gap in gaps if gap[2] == DAMAGE]
        most = self._most if has_damage else self._most - 1
        if self._used() >= most:
            if is_first:  # no two starts that speak share a number
                self._note(self._newest, self.boot)
            return
        if len(self._segments) >= most:
            self._remove_unreadable()
        self._open_segment()
        while True:
            boot = {"firmware": self._firmware, "cause": self._cause, "gaps": gaps[:GAPS]}
            self._append(Boot, up_ms, at, boot)
            gaps = gaps[GAPS:]
            if not gaps:
                break
        self._begun = True
        self._segments.forget_names()
        self._segments.remove(self._segments.unreadable(self._newest))  # they are named now

    def is_full(self) -> bool:
        """Whether `append` would refuse a rating now."""
        if self.refuses:
            return True
        if self._begun and self._next <= self._segment_end():
            return self._used() > self._most - 1  # the spare segment is for `boot` alone
        return self._used() >= self._most - 1

    def free(self) -> int:
        """How many ratings still fit."""
        if self.refuses:
            return 0
        whole = max(0, self._most - 1 - self._used()) * self._size
        if not self._begun or self.is_full():
            return whole
        return whole + self._segment_end() - self._next + 1

    def capacity(self) -> int:
        """How many ratings fit into an empty journal, beside the `boot` of one start."""
        return (self._most - 1) * self._size - 1

    def first(self) -> int:
        """The lowest seq held, seq + 1 for none."""
        first = self._segments.first()
        return self.seq + 1 if first is None else first

    def after(self, seq: int, most: int) -> list:
        """At most `most` envelopes above seq, as [(seq, envelope)], ascending, read from flash.

        Raises JournalDamageError if one that should be readable is not.
        """
        try:
            return self._segments.after(seq, most)
        except JournalDamageError:
            if not self.refuses:
                raise
            return []

    def head(self, up_ms, shown, invited):
        """The signed head, or None if no record was ever readable.

        shown, invited: services since the start that the ticket changed to, and invited for.
        """
        if self._segments.mac16 == NO_MAC16:
            return None
        device, epoch, _ = self._identity
        newest = self.seq, self._segments.mac16, self.boot
        head = Head(device, epoch, *newest, up_ms, self.heard, shown, invited)
        return seal(self._key, encode(head))

    def receipt(self):
        """The last receipt's envelope as a string, or None."""
        return self._receipt_text

    def receipt_seq(self) -> int:
        """How far the last receipt reaches, 0 for none."""
        return 0 if self._receipt is None else self._receipt.seq

    def take_receipt(self, text: str) -> bool:
        """Takes a receipt's envelope and frees what it covers; False if it is none (RCT-2).

        One that frees nothing was heard nevertheless, if it was signed for this enrolment.
        """
        if self._receipt is not None and text == self._receipt_text:
            self.heard = self._receipt.at
            self._free()
            return True
        receipt = self._check_receipt(text)
        if receipt is None:
            return False
        self.heard = receipt.at
        if self._receipt is not None and receipt.seq < self._receipt.seq:
            return True  # an older one, from a centre that was restored: it frees nothing more
        if receipt.seq >= self.first():
            held = self.after(receipt.seq - 1, 1)
            if not held or held[0][0] != receipt.seq or mac16(held[0][1]) != receipt.mac16:
                return False
        self._receipt, self._receipt_text = receipt, text
        self._free()
        return True

    def _append(self, kind, up_ms, at, fields, answer=None):
        if self._next > self._segment_end():
            self._open_segment()
        if answer is not None:
            fields["answer"] = NO_ANSWER
        device, epoch, _ = self._identity
        record = kind(
            device=device,
            epoch=epoch,
            seq=self._next,
            prev=self._segments.mac16,
            boot=self.boot,
            up_ms=up_ms,
            at=at,
            **fields,
        )
        data = encode(record)
        if answer is not None:
            data = seal_answer(self._key, data, answer)
        envelope = seal(self._key, data)
        self._segments.append(self._next, envelope, kind is Rating)
        self._next += 1
        return envelope

    def _open_segment(self):
        # There before it is noted: a segment that is noted and not there has been lost.
        self._segments.open(self._newest + 1)
        # Noted before the first append: no seq comes twice, whatever file vanishes (JRN-2).
        self._note(self._newest + 1, self.boot)
        self._newest += 1
        self._next = self._newest * self._size + 1

    def _note(self, segment, boot):
        self._slots.note(segment, boot, self.receipt(), self._segments.emptied)

    def _check_receipt(self, text):
        envelope = text.encode()
        if not is_signed(self._key, envelope):
            return None
        try:
            receipt = decode(parse(split(envelope)[0]), (Receipt,))
        except ProtocolError:
            return None
        device, epoch, _ = self._identity
        return receipt if (receipt.device, receipt.epoch) == (device, epoch) else None

    # Room

    def _used(self):
        """How many segments hold something that has to be kept."""
        return len(self._segments) - len(self._covered()) - len(self._unreadable())

    def _covered(self):
        return self._segments.covered(self.receipt_seq())

    def _unreadable(self):
        return self._segments.unreadable(self._newest if self._begun else None)

    def _free(self):
        if self.refuses:
            return
        covered = self._covered()
        if covered and self._slots.receipt != self._receipt_text:
            # The receipt is noted first: it is what says that these seqs are not damage.
            self._note(self._newest, self._noted_boot())
        self._segments.remove(covered)

    def _remove_unreadable(self):
        """Makes room for a `boot`. Starts that were cut leave such segments: they must not use the
        journal up (JRN-7), and what they never held must not be named as damage.
        """
        unreadable = self._unreadable()
        self._segments.note_emptied(unreadable)
        self._note(self._newest, self._noted_boot())
        self._segments.remove(unreadable)

    def _noted_boot(self):
        return self.boot if self._has_spoken else self.boot - 1

    def _segment_end(self):
        return (self._newest + 1) * self._size
