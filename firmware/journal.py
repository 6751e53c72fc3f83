"""The journal: a record is durable here before anyone is thanked (JRN-1 to JRN-7).

Segment k is one file that holds seqs kN+1 to (k+1)N, each an envelope and a line feed. The file
system is handed in: `names()`, `open(name)` for reading, `append(name, data)`, `write(name, data)`
and `remove(name)`, the last three complete and closed when they return, OSError when they fail.
Next on a rating's way: firmware/link.py sends what `append` gives.
"""

from collections import namedtuple

from firmware.runs import add, subtract
from firmware.slots import Slots
from protocol.envelope import NO_MAC16, is_signed, mac16, seal, split
from protocol.field import ProtocolError
from protocol.limits import ENVELOPE_BYTES, GAPS
from protocol.record import DAMAGE, RESTART, Boot, Head, Rating, Receipt, decode, encode, parse

_RATED = 16  # services read back, so that a retained ticket does not invite twice


_Line = namedtuple("_Line", "seq members envelope")


class JournalFullError(Exception):
    """No segment is free: nothing was written, and nothing is overwritten (JRN-7)."""


class JournalLostError(Exception):
    """Neither slot nor segment can be read: the device must be enrolled again."""


class JournalDamageError(Exception):
    """The flash refuses, or what could be read at the start cannot be read now.

    Only a restart is safe: it opens a later segment, so no seq comes twice whatever was written
    (JRN-3, REC-3).
    """


def create(files, key):
    """Makes the empty journal of a newly enrolled device. Whatever was there goes."""
    for name in files.names():
        files.remove(name)
    Slots(files, key).note(-1, 0, None)


class Journal:
    """One start of a device's journal.

    identity: (device, epoch, key). firmware, cause: for the `boot` record. segment_records (N) and
    segments: how much fits, at least four: the newest, the one with the newest rating, the spare
    one (JRN-7), and one to work with.
    Raises JournalLostError, JournalDamageError; so does every method that reads or writes.
    """

    def __init__(self, files, identity, firmware, cause, segment_records, segments):
        if segments < 4:
            raise ValueError("a journal needs at least four segments")
        self._files = Guarded(files)
        self._identity = identity
        self._key = identity.key
        self._firmware = firmware
        self._cause = cause
        self._size = segment_records
        self._most = segments
        self._slots = Slots(self._files, self._key)
        self._receipt = None  # decoded
        self._receipt_text = None
        self._runs = {}  # segment: runs of readable seqs
        self._ends = {}  # segment: first seq of its unused end; not there if that is unknown
        self._named = []  # runs named by readable `boot` records
        self._rating_segment = None
        self._begun = False
        self.rated = []  # ids of the services last rated, oldest first
        self.boot = 0  # this start's number
        self.seq = 0  # the last one given out
        self.mac16 = NO_MAC16  # of the last readable record
        self._read_back()

    def append(self, kind, up_ms, at, **fields) -> bytes:
        """Makes a record of `kind`, and gives its envelope once it is durable.

        Raises JournalFullError with nothing written, JournalDamageError if the flash refuses.
        """
        self.begin(up_ms, at)
        if self.is_full() or not self._begun:
            raise JournalFullError("no free segment")
        return self._append(kind, up_ms, at, fields)

    def begin(self, up_ms, at):
        """Writes this start's `boot`; called before the first record or on the first connection.

        In a full journal it is written only if there is damage to name (JRN-7).
        """
        if self._begun:
            return
        gaps = self._gaps()
        self._remove(self._covered())  # the last start may have been cut while it freed
        has_damage = [gap for gap in gaps if gap[2] == DAMAGE]
        most = self._most if has_damage else self._most - 1
        if self._used() >= most:
            return
        if len(self._runs) >= most:
            self._remove(self._unreadable())
        self._open_segment()
        while True:
            boot = {"firmware": self._firmware, "cause": self._cause, "gaps": gaps[:GAPS]}
            self._append(Boot, up_ms, at, boot)
            gaps = gaps[GAPS:]
            if not gaps:
                break
        self._named = []
        self._begun = True
        self._remove(self._unreadable())  # they are named now

    def is_full(self) -> bool:
        """Whether `append` would refuse a rating now."""
        if self._begun and self._next <= self._segment_end():
            return self._used() > self._most - 1  # the spare segment is for `boot` alone
        return self._used() >= self._most - 1

    def free(self) -> int:
        """How many ratings still fit."""
        whole = max(0, self._most - 1 - self._used()) * self._size
        return whole if not self._begun or self.is_full() else whole + self._left()

    def first(self) -> int:
        """The lowest seq held, seq + 1 for none."""
        held = [runs[0][0] for runs in self._runs.values() if runs]
        return min(held) if held else self.seq + 1

    def after(self, seq: int, most: int) -> list:
        """At most `most` envelopes above seq, as [(seq, envelope)], ascending, read from flash.

        Raises JournalDamageError if one that should be readable is not.
        """
        found = []
        for segment in sorted(self._runs):
            if len(found) == most:
                break
            if self._runs[segment] and self._runs[segment][-1][1] > seq:
                found.extend(self._segment_after(segment, seq, most - len(found)))
        return found

    def head(self, up_ms):
        """The signed head, or None if no record was ever readable."""
        if self.mac16 == NO_MAC16:
            return None
        device, epoch, _ = self._identity
        head = Head(device, epoch, self.seq, self.mac16, self.boot, up_ms)
        return seal(self._key, encode(head))

    def receipt(self):
        """The last receipt's envelope as a string, or None."""
        return self._receipt_text

    def receipt_seq(self) -> int:
        """How far the last receipt reaches, 0 for none."""
        return 0 if self._receipt is None else self._receipt.seq

    def take_receipt(self, text: str) -> bool:
        """Takes a receipt's envelope and frees what it covers; False if it is none (RCT-2)."""
        if self._receipt is not None and text == self._receipt_text:
            self._remove(self._covered())
            return True
        receipt = self._check_receipt(text)
        if receipt is None:
            return False
        if self._receipt is not None and receipt.seq <= self._receipt.seq:
            return True  # an older one, from a centre that was restored: it frees nothing more
        if receipt.seq >= self.first():
            held = self.after(receipt.seq - 1, 1)
            if not held or held[0][0] != receipt.seq or mac16(held[0][1]) != receipt.mac16:
                return False
        self._receipt, self._receipt_text = receipt, text
        self._remove(self._covered())
        return True

    # Reading back

    def _segment_after(self, segment, seq, most):
        wanted = [run for run in self._runs[segment] if run[1] > seq]
        found = []
        lines = self._lines(segment)
        for line in lines:
            if line is None or line.seq <= seq:
                continue
            if line.seq != max(wanted[0][0], seq + 1):
                break
            seq = line.seq
            found.append((seq, line.envelope))
            wanted = [run for run in wanted if run[1] > seq]
            if not wanted or len(found) == most:
                lines.close()
                return found
        lines.close()
        raise JournalDamageError(f"segment {segment}, after seq {seq}")

    def _read_back(self):
        for name in self._files.names():
            if len(name) == 12 and name.endswith(".seg"):
                self._runs[int(name[:8])] = []
        if self._slots.segment is None and not self._runs:
            raise JournalLostError("neither slot nor segment can be read")
        if self._slots.receipt is not None:
            self._receipt = self._check_receipt(self._slots.receipt)
            self._receipt_text = self._slots.receipt
        self.boot = self._slots.boot
        for segment in sorted(self._runs):
            self._read_segment(segment)
        self.boot += 1
        noted = -1 if self._slots.segment is None else self._slots.segment
        self._segment = max([noted] + list(self._runs))  # the newest
        self._next = (self._segment + 1) * self._size + 1

    def _read_segment(self, segment):
        runs = self._runs[segment]
        is_clean = True
        for line in self._lines(segment):
            is_clean = line is not None and line.seq > (runs[-1][1] if runs else 0)
            if line is None or not is_clean:
                continue
            add(runs, line.seq)
            self.seq, self.mac16 = line.seq, mac16(line.envelope)
            self.boot = max(self.boot, line.members["boot"])
            if line.members["kind"] == "rating":
                self._rating_segment = segment
                self.rated = (self.rated + [line.members["service"]])[-_RATED:]
            elif line.members["kind"] == "boot":
                self._named.extend(line.members["gaps"])
        # Whatever follows the last good line was written once: then no end counts as unused.
        if is_clean:
            self._ends[segment] = runs[-1][1] + 1 if runs else segment * self._size + 1

    def _lines(self, segment):
        """Every line of a segment as a _Line, None for what is unreadable."""
        file = self._files.open(_name(segment))
        try:
            record = b""
            while True:
                line = file.readline(ENVELOPE_BYTES + 1)
                if not line:
                    break
                if len(line) == 65 and record:
                    yield self._check_line(segment, record + line[:64])
                    record = b""
                else:
                    if record:
                        yield None
                    record = line
            if record:
                yield None
        finally:
            file.close()

    def _check_line(self, segment, envelope):
        if not is_signed(self._key, envelope):
            return None
        try:
            members = parse(split(envelope)[0])
        except ProtocolError:
            return None
        device, epoch, _ = self._identity
        is_ours = members["device"] == device and members["epoch"] == epoch
        if not is_ours or (members["seq"] - 1) // self._size != segment:
            return None
        return _Line(members["seq"], members, envelope)

    def _gaps(self):
        """What the `boot` of this start has to name: [[first, last, cause], …] (JRN-4)."""
        covered = self.receipt_seq()
        known = list(self._named)
        for runs in self._runs.values():
            known.extend(runs)
        gaps = []
        for first, last in subtract(covered + 1, self._next - 1, known):
            while first <= last:
                segment = (first - 1) // self._size
                end = min(last, (segment + 1) * self._size)
                unused = self._ends.get(segment, (segment + 1) * self._size + 1)
                if first < unused:
                    end = min(end, unused - 1)
                cause = RESTART if first >= unused else DAMAGE
                if gaps and gaps[-1][1] == first - 1 and gaps[-1][2] == cause:
                    gaps[-1][1] = end
                else:
                    gaps.append([first, end, cause])
                first = end + 1
        return gaps

    # Writing

    def _append(self, kind, up_ms, at, fields):
        if self._next > self._segment_end():
            self._open_segment()
        device, epoch, _ = self._identity
        record = kind(
            device=device,
            epoch=epoch,
            seq=self._next,
            prev=self.mac16,
            boot=self.boot,
            up_ms=up_ms,
            at=at,
            **fields,
        )
        envelope = seal(self._key, encode(record))
        self._files.append(_name(self._segment), envelope + b"\n")
        add(self._runs[self._segment], self._next)
        self.seq, self.mac16 = self._next, mac16(envelope)
        self._next += 1
        if kind is Rating:
            self._rating_segment = self._segment
        return envelope

    def _open_segment(self):
        segment = self._segment + 1
        # There before it is noted: a segment that is noted and not there has been lost.
        self._files.write(_name(segment), b"")
        # Noted before the first append: no seq comes twice, whatever file vanishes (JRN-2).
        self._slots.note(segment, self.boot, self.receipt())
        self._segment = segment
        self._next = segment * self._size + 1
        self._runs[segment] = []

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
        return len(self._runs) - len(self._covered()) - len(self._unreadable())

    def _covered(self):
        """Segments that the receipt frees: not the newest, nor the one with the newest rating."""
        covered = self.receipt_seq()
        kept = (self._newest_readable(), self._rating_segment)
        return [
            segment
            for segment, runs in self._runs.items()
            if runs and (segment + 1) * self._size <= covered and segment not in kept
        ]

    def _unreadable(self):
        """Segments in which nothing can be read. Starts that were cut leave them: they must not
        use the journal up (JRN-7).
        """
        current = self._segment if self._begun else None
        return [k for k, runs in self._runs.items() if not runs and k != current]

    def _newest_readable(self):
        return max([segment for segment, runs in self._runs.items() if runs], default=None)

    def _remove(self, segments):
        if segments and self._slots.receipt != self._receipt_text:
            # The receipt is noted first: it is what says that these seqs are not damage.
            boot = self.boot if self._begun else self.boot - 1
            self._slots.note(self._segment, boot, self.receipt())
        names = self._files.names()
        for segment in sorted(segments):
            if _name(segment) in names:
                self._files.remove(_name(segment))
            del self._runs[segment]

    def _segment_end(self):
        return (self._segment + 1) * self._size

    def _left(self):
        return self._segment_end() - self._next + 1


class Guarded:
    """Files whose failures are the journal's own: an OSError elsewhere is the network's."""

    def __init__(self, files):
        self._files = files

    def names(self):
        return self._try(self._files.names)

    def open(self, name):
        return self._try(self._files.open, name)

    def append(self, name, data):
        self._try(self._files.append, name, data)

    def write(self, name, data):
        self._try(self._files.write, name, data)

    def remove(self, name):
        self._try(self._files.remove, name)

    def _try(self, operation, *arguments):
        try:
            return operation(*arguments)
        except OSError as error:
            raise JournalDamageError(f"the flash refuses: {error}")


def _name(segment):
    return f"{segment:08d}.seg"
