"""What the model's parts hold: small immutable values, so that a state can be remembered.

A MAC is a label: two records with one label are the same signed bytes. `good` says whether the
MAC verifies; only devices with the key and the centre can make a good one.
"""

from typing import NamedTuple

RATING, BOOT, RECEIPT, HEAD = "rating", "boot", "receipt", "head"
REJECTED, HELD = "rejected", "held"  # HELD: the centre said stored, duplicate or conflict
UNKNOWN = -1  # `hall` before the first ack of a connection


class Record(NamedTuple):
    """A journalled record. gaps: the seqs that a boot names. service: of a rating, 0 for none."""

    kind: str
    seq: int
    label: str
    prev: str
    gaps: tuple[int, ...]
    service: int
    good: bool


class Receipt(NamedTuple):
    """What a receipt says. kind is HEAD when a liar shows the device its own head instead."""

    kind: str
    seq: int
    label: str


class Ack(NamedTuple):
    """A gateway's acknowledgement."""

    hall: int
    receipt: Receipt | None


class Slot(NamedTuple):
    """The newer of the two slots: newest segment (-1: none), newest start, last receipt."""

    segment: int
    boot: int
    receipt: Receipt | None


class Ram(NamedTuple):
    """What a running device knows and a power cut takes.

    readable: the seqs it can read. lacking: (seq, is_damage) of those that are neither readable
    nor named. rated: services read back.
    """

    is_online: bool
    is_begun: bool
    segment: int
    next: int
    prev: str
    boot: int
    readable: frozenset[int]
    lacking: tuple[tuple[int, bool], ...]
    receipt: Receipt | None
    hall: int
    rating_segment: int
    rated: frozenset[int]


Segments = tuple[tuple[int, tuple[Record, ...]], ...]  # (number, lines), ascending


class Device(NamedTuple):
    """Flash, and RAM while it runs."""

    segments: Segments
    slot: Slot
    ram: Ram | None


class Gateway(NamedTuple):
    """A gateway's database. rows: (record, verdict or None). first: of the device's last state,
    0 while none is known.
    """

    rows: frozenset[tuple[Record, str | None]]
    receipt: Receipt | None
    first: int


class Centre(NamedTuple):
    """The centre's database.

    unchained: seqs that a crash kept out of the chain; twice: labels that were counted twice
    (neither ever happens under the rules).
    """

    records: frozenset[Record]
    conflicts: frozenset[Record]
    receipt: Receipt | None
    unchained: frozenset[int]
    twice: frozenset[str]


class Ghost(NamedTuple):
    """What only the observer knows.

    thanked: the ratings (label, seq) a citizen was thanked for. broken: labels that a flash fault
    hit. away: seqs that the centre held and a restore took. burnt: seqs that the gateway held
    when its database was destroyed.
    """

    presses: int
    thanked: frozenset[tuple[str, int]]
    broken: frozenset[str]
    away: frozenset[int]
    burnt: frozenset[int]


class Faults(NamedTuple):
    """How often each fault has happened, or may happen."""

    cuts: int = 0  # power cuts of the device, between any two steps and within an append
    damages: int = 0  # a line of the flash becomes unreadable
    vanished: int = 0  # a segment's file is gone at the next start
    losses: int = 0  # a message between device and gateway is lost
    doubles: int = 0  # a message is delivered and delivered again later
    destroyed: int = 0  # the gateway's database is gone
    answers: int = 0  # the centre commits and its answer is lost
    crashes: int = 0  # the centre dies within its commit: nothing happens if it is one commit
    restores: int = 0  # the centre goes back to its backup
    false_acks: int = 0  # lies: the gateway says that it holds everything
    forgeries: int = 0  # lies: a record without the key's MAC lies in the gateway's database
    replays: int = 0  # lies: the device's own head, sent to it as a receipt


class State(NamedTuple):
    """Everything. up, down: messages on their way. retained: an ack that the broker keeps."""

    device: Device
    up: frozenset[Record]
    down: frozenset[Ack]
    retained: Ack | None
    gateway: Gateway
    centre: Centre
    backup: Centre
    ghost: Ghost
    spent: Faults


EMPTY_GATEWAY = Gateway(frozenset(), None, 0)
EMPTY_CENTRE = Centre(frozenset(), frozenset(), None, frozenset(), frozenset())
NEW_DEVICE = Device((), Slot(-1, 0, None), None)
START = State(
    NEW_DEVICE,
    frozenset(),
    frozenset(),
    None,
    EMPTY_GATEWAY,
    EMPTY_CENTRE,
    EMPTY_CENTRE,
    Ghost(0, frozenset(), frozenset(), frozenset(), frozenset()),
    Faults(),
)


def receipt_seq(receipt: Receipt | None) -> int:
    """How far a receipt reaches, 0 for none."""
    return receipt.seq if receipt else 0
