"""The oracle of the journal's fault tests: what was thanked, held against what a start shows."""

from journal_parts import IDENTITY, KEY, members, rate

from firmware.journal import Journal, JournalFullError
from protocol.envelope import mac16, seal
from protocol.record import DAMAGE, RESTART, Receipt, encode

EVERYTHING = 1000000


def start(files):
    """A start of the journal that is tested: segments of eight, at most eight of them."""
    return Journal(files, IDENTITY, "0.1.0", "power", 8, 8)


def live(files, ratings, position, begin=start):
    """A device's life: `ratings` of them, a receipt after every tenth, a restart every 41.

    Gives what the world outside knows, [(position() then, seq, envelope or None)]: an envelope was
    thanked for; None: the centre has signed for everything up to seq.
    """
    known = []
    journal = begin(files)
    for number in range(ratings):
        if number % 41 == 40:
            journal = begin(files)
        envelope = rate(journal, f"s{number}")
        known.append((position(), members(envelope)["seq"], envelope))
        if number % 10 == 9:
            (seq, envelope), *_ = journal.after(members(envelope)["seq"] - 4, 1)
            known.append((position(), seq, None))
            receipt = Receipt(IDENTITY.device, IDENTITY.epoch, seq, mac16(envelope), 1)
            journal.take_receipt(seal(KEY, encode(receipt)).decode())
    return known


def thanked_by(known, position):
    """({seq: envelope} thanked, seq signed for) at a position."""
    thanked = {seq: envelope for at, seq, envelope in known if at <= position and envelope}
    covered = [seq for at, seq, envelope in known if at <= position and not envelope]
    return thanked, max(covered, default=0)


def judge(files, thanked, covered, begin=start):
    """Starts on what a fault left, rates once, and counts what became of the thanked ratings.

    lost: cannot be read, nor has the centre signed for it. unnamed: of those, no `boot` names it.
    unused: of those, a `boot` says that its seq was never used, and later ones show that it was (a
    journal that merely ends earlier cannot be told from one that was never filled). altered: other
    bytes under its seq. twice: its seq was given out again. alarms: gaps named as damage.
    """
    journal = begin(files)
    journal.begin(1, None)
    try:
        new = rate(journal, "new")
    except JournalFullError:
        new = None
    held = dict(journal.after(0, EVERYTHING))
    gaps = []
    for envelope in held.values():
        if b'"kind":"boot"' in envelope:
            gaps.extend(members(envelope)["gaps"])
    lost = [seq for seq in thanked if seq not in held and seq > covered]
    last = max([seq for seq in held if held[seq] == thanked.get(seq)], default=0)
    causes = [[gap[2] for gap in gaps if gap[0] <= seq <= gap[1]] for seq in lost]
    other = [seq for seq in thanked if seq in held and held[seq] not in (thanked[seq], new)]
    return {
        "lost": len(lost),
        "unnamed": causes.count([]),
        "unused": len([1 for found, seq in zip(causes, lost) if RESTART in found and seq < last]),
        "altered": len(other),
        "twice": int(new is not None and members(new)["seq"] in thanked),
        "alarms": len([gap for gap in gaps if gap[2] == DAMAGE]),
    }
