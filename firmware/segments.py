"""The journal's segment files: which seqs can be read in them, and what their lines say.

Segment k is one file that holds seqs kN+1 to (k+1)N, each an envelope and a line feed (JRN-2). A
MAC is checked whenever a line is read (JRN-3). Runs of seqs are sorted lists of [first, last],
both included, that do not touch each other.
"""

from collections import namedtuple

from firmware.guard import JournalDamageError
from protocol.envelope import NO_MAC16, is_signed, mac16, split
from protocol.field import ProtocolError
from protocol.limits import ENVELOPE_BYTES
from protocol.record import DAMAGE, RESTART, parse

_RATED = 16  # services read back, so that a retained ticket does not invite twice (TKT-1)
_SUFFIX = ".seg"

_Line = namedtuple("_Line", "seq members envelope end")  # end: where the next one begins


class Segments:
    """What a start finds, and what is appended to it afterwards.

    files: Guarded. identity: (device, epoch, key). size: N. emptied: runs of segments that were
    removed unnamed and had held nothing (Slots). Raises JournalDamageError if the flash cannot be
    listed; so does every method that reads or writes.
    """

    def __init__(self, files, identity, size, emptied):
        self._files = files
        self._identity = identity
        self._size = size
        self.emptied = emptied
        self._runs = {}  # segment: runs of readable seqs
        self._ends = {}  # segment: first seq of its unused end; not there if that is unknown
        self._named = []  # runs named by readable `boot` records
        self._read_to = 0, 0, 0  # (segment, seq, end) of the record that `after` gave last
        self._with_rating = None  # the segment of the newest rating
        self.rated = []  # ids of the services last rated, oldest first
        self.boot = 0  # the newest readable start's number
        self.seq = 0  # the last readable one
        self.mac16 = NO_MAC16  # of that record
        for name in files.names():
            if name.endswith(_SUFFIX) and name[: -len(_SUFFIX)].isdigit():
                self._runs[int(name[: -len(_SUFFIX)])] = []
        for segment in sorted(self._runs):
            self._read(segment)

    def __len__(self):
        return len(self._runs)

    def newest(self) -> int:
        """The highest number there is, -1 for none."""
        return max(self._runs, default=-1)

    def first(self):
        """The lowest readable seq, None if there is none."""
        held = [runs[0][0] for runs in self._runs.values() if runs]
        return min(held, default=None)

    def after(self, seq: int, most: int) -> list:
        """At most `most` envelopes above seq, as [(seq, envelope)], ascending, read from flash.

        Raises JournalDamageError if one that should be readable is not.
        """
        found = []
        for segment in sorted(self._runs):
            if len(found) == most:
                break
            if self._runs[segment] and self._runs[segment][-1][1] > seq:
                found.extend(self._after(segment, seq, most - len(found)))
        return found

    def gaps(self, first: int, last: int) -> list:
        """What is neither readable nor named from first to last: [[first, last, cause], …]."""
        known = list(self._named)
        for runs in self._runs.values():
            known.extend(runs)
        gaps = []
        for start, stop in subtract(first, last, known):
            while start <= stop:
                unused = self._unused(self._segment(start))
                end = min(stop, (self._segment(start) + 1) * self._size)
                if start < unused:
                    end = min(end, unused - 1)
                cause = RESTART if start >= unused else DAMAGE
                if gaps and gaps[-1][1] == start - 1 and gaps[-1][2] == cause:
                    gaps[-1][1] = end
                else:
                    gaps.append([start, end, cause])
                start = end + 1
        return gaps

    def forget_names(self):
        """A `boot` of this start has named every gap: what older ones named is known no longer."""
        self._named = []
        self.emptied = []

    def open(self, segment: int):
        """Makes a segment that nothing has been appended to."""
        self._files.write(_name(segment), b"")
        self._runs[segment] = []

    def append(self, seq: int, envelope: bytes, is_rating: bool):
        """Makes a record durable."""
        segment = self._segment(seq)
        self._files.append(_name(segment), envelope + b"\n")
        add(self._runs[segment], seq)
        self.seq, self.mac16 = seq, mac16(envelope)
        if is_rating:
            self._with_rating = segment

    def covered(self, seq: int) -> list:
        """Segments that a receipt for seq frees, never the last or the newest rating's (JRN-6)."""
        kept = (max([k for k, runs in self._runs.items() if runs], default=-1), self._with_rating)
        return [
            segment
            for segment, runs in self._runs.items()
            if runs and (segment + 1) * self._size <= seq and segment not in kept
        ]

    def unreadable(self, current) -> list:
        """Segments but the current one in which nothing can be read (JRN-7)."""
        return [k for k, runs in self._runs.items() if not runs and k != current]

    def note_emptied(self, segments):
        """Remembers those that held nothing: once removed, they must not pass for damage."""
        for segment in sorted(segments):
            if self._unused(segment) == segment * self._size + 1:
                add(self.emptied, segment)

    def remove(self, segments):
        """Removes them; they may be gone already."""
        if not segments:
            return
        names = self._files.names()
        for segment in sorted(segments):
            if _name(segment) in names:
                self._files.remove(_name(segment))
            del self._runs[segment]

    def _segment(self, seq):
        return (seq - 1) // self._size

    def _unused(self, segment):
        """The first seq of a segment's unused end, the next segment's first if there is none."""
        if any(first <= segment <= last for first, last in self.emptied):
            return segment * self._size + 1
        return self._ends.get(segment, (segment + 1) * self._size + 1)

    def _after(self, segment, seq, most):
        wanted = [run for run in self._runs[segment] if run[1] > seq]
        found = []
        at, at_seq, end = self._read_to
        # What lies before need not be read again: a segment only ever grows.
        lines = self._lines(segment, end if at == segment and at_seq <= seq else 0)
        for line in lines:
            if line is None or line.seq <= seq:
                continue
            if line.seq != max(wanted[0][0], seq + 1):
                break
            seq = line.seq
            found.append((seq, line.envelope))
            self._read_to = segment, seq, line.end
            wanted = [run for run in wanted if run[1] > seq]
            if not wanted or len(found) == most:
                lines.close()
                return found
        lines.close()
        raise JournalDamageError(f"segment {segment}, after seq {seq}")

    def _read(self, segment):
        runs = self._runs[segment]
        is_clean = True
        try:
            for line in self._lines(segment):
                is_clean = line is not None and line.seq > (runs[-1][1] if runs else 0)
                if line is not None and is_clean:
                    add(runs, line.seq)
                    self._take(segment, line)
        except JournalDamageError:
            is_clean = False  # a block that cannot be read: what lies before it can
        # Whatever follows the last good line was written once: then no end counts as unused.
        if is_clean:
            self._ends[segment] = runs[-1][1] + 1 if runs else segment * self._size + 1

    def _take(self, segment, line):
        if line.members["prev"] != self.mac16:
            # Something before this record was written and is gone: no end there was unused.
            last = self._segment(self.seq)
            self._ends = {k: end for k, end in self._ends.items() if k < last}
        self.seq, self.mac16 = line.seq, mac16(line.envelope)
        self.boot = max(self.boot, line.members["boot"])
        if line.members["kind"] == "rating":
            self._with_rating = segment
            self.rated = (self.rated + [line.members["service"]])[-_RATED:]
        elif line.members["kind"] == "boot":
            self._named.extend(line.members["gaps"])

    def _lines(self, segment, end=0):
        """Every line of a segment from byte `end` on as a _Line, None for what is unreadable."""
        record = b""
        lines = self._files.lines(_name(segment), ENVELOPE_BYTES + 1, end)
        try:
            for line in lines:
                end += len(line)
                if len(line) == 65 and record:
                    yield self._check(segment, record + line[:64], end)
                    record = b""
                else:
                    if record:
                        yield None
                    record = line
            if record:
                yield None
        finally:
            lines.close()

    def _check(self, segment, envelope, end):
        device, epoch, key = self._identity
        if not is_signed(key, envelope):
            return None
        try:
            members = parse(split(envelope)[0])
        except ProtocolError:
            return None
        is_ours = members["device"] == device and members["epoch"] == epoch
        if not is_ours or self._segment(members["seq"]) != segment:
            return None
        return _Line(members["seq"], members, envelope, end)


def _name(segment):
    return f"{segment:08d}{_SUFFIX}"


def add(runs: list, seq: int):
    """Adds a seq that is higher than all before it."""
    if runs and runs[-1][1] == seq - 1:
        runs[-1][1] = seq
    else:
        runs.append([seq, seq])


def subtract(first: int, last: int, known: list) -> list:
    """The runs within first … last that no run of `known` (in any order) covers."""
    left = []
    for start, end in sorted([(run[0], run[1]) for run in known]):
        if start > first:
            left.append([first, min(start - 1, last)])
        first = max(first, end + 1)
        if first > last:
            break
    if first <= last:
        left.append([first, last])
    return [run for run in left if run[0] <= run[1]]
