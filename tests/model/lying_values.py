"""What the lying hall's model is made of: the device at a window, what its hall has got hold of,
and what the centre knows.

Time is a number. Its unit is the hour after which a receipt is signed anew; the limits are a few
units, so that small worlds have all of them. A receipt is the time at which it was signed.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

NEVER = -1
LACK = 1  # how long something may be missing (an hour)
SUM = 2  # how long others may be proven fresh (four hours)
PENDING = 3  # how long an enrolment may wait for approval (three days)


class Head(NamedTuple):
    """What a device signs of itself. signed: when; nobody but a weakened centre goes by it."""

    epoch: int
    boot: int
    seq: int
    shown: int
    heard: int
    signed: int


class Rating(NamedTuple):
    """A rating that a citizen was thanked for, at `at`. service: NEVER for one without a document.

    others: how long the other device has been proven fresh since. ripe_at: when that was SUM.
    """

    epoch: int
    seq: int
    service: int
    at: int
    others: int = 0
    ripe_at: int = NEVER


class Shown(NamedTuple):
    """A service that the device was shown, at `at`; place: which one of its start."""

    service: int
    at: int
    epoch: int
    boot: int
    place: int


class Device(NamedTuple):
    """The board at the window. heard: the receipt that it took last. service: on its display."""

    epoch: int
    boot: int
    seq: int
    shown: int
    heard: int
    service: int


class Enrolment(NamedTuple):
    """What the centre knows of an epoch; its head is the highest that came.

    is_false: a board that the hall has made. is_closed: by an operator.
    end_seq: of a head of an epoch that has ended, after which it holds all there is. most,
    lacking_since: of the documents beyond what was shown (central/custody/heads.py). open_since:
    since when what is held does not reach what is claimed. sum: the hall's, as of the proof.
    """

    began: int
    is_approved: bool
    is_false: bool = False
    is_closed: bool = False
    ended: int = NEVER
    end_seq: int = NEVER
    records: frozenset[int] = frozenset()
    boot: int = 0
    seq: int = 0
    shown: int = 0
    signed: int = NEVER
    most: int = 0
    lacking_since: int = NEVER
    open_since: int = NEVER
    proof: int = NEVER
    sum: int = 0


class State(NamedTuple):
    """Everything. hoard: heads that the hall has and that would be news to the centre. ratings:
    all that were thanked; the hall has them all. documents: services whose document has come;
    awaited: (service, since when) of ratings without theirs; book_since: since when a number is
    missing.

    hall_proof, hall_sum: as the centre keeps them. others_at: when the other device was proven
    fresh. named_at: when the hall was named, if that is within LACK. stage: what a hall that lies
    does in an hour has an order. down: hours in which the centre was. is_open: whether an honest
    hall is.
    """

    now: int
    device: Device
    enrolments: tuple[Enrolment, ...]
    hoard: frozenset[Head] = frozenset()
    ratings: tuple[Rating, ...] = ()
    services: tuple[Shown, ...] = ()
    documents: frozenset[int] = frozenset()
    awaited: frozenset[tuple[int, int]] = frozenset()
    book_since: int = NEVER
    hall_proof: int = NEVER
    hall_sum: int = 0
    others_at: int = NEVER
    named_at: int = NEVER
    stage: int = 0
    cuts: int = 0
    falsely_counted: bool = False
    down: tuple[int, ...] = ()
    is_open: bool = True


@dataclass(frozen=True)
class LyingRules:
    """One switch for each rule of the centre. True is the design; the comment says what is done
    instead when it is off.
    """

    # Without one of these a hall can lie, and nobody is named.
    heads_heard: bool = True  # a head proves that its device is alive when it arrives
    heads_claim: bool = True  # what a head says that its device has written is not looked for
    proofs_by_time: bool = True  # a proof counts as of today for the sum, whenever it was made
    sum_goes_on: bool = True  # a pause of the hall begins the sum anew
    alone_is_missed: bool = True  # there is no limit but the four hours
    missed_from_start: bool = True  # a device is missed only once it has spoken
    epochs_stay_open: bool = True  # an epoch closes when its device is enrolled anew
    ends_after_the_end: bool = True  # ... when it is covered up to any head
    enrolments_approved: bool = True  # approval is of a device, for all its enrolments
    pending_is_told: bool = True  # an enrolment may wait for ever
    facts_awaited: bool = True  # a rating without its document is as good as one with it
    numbers_counted: bool = True  # documents have no numbers
    shown_counted: bool = True  # what devices were shown is not counted
    shown_over_starts: bool = True  # ... anew with each start
    # Without one of these an honest hall is named.
    sum_of_proofs: bool = True  # four hours of the clock, whatever the others do
    closes: bool = True  # an epoch that was left open stays so
    downtime_is_no_silence: bool = True  # ten days of the clock, whether the centre runs or not
    carries: bool = True  # a hall that carries files has the limits of all


def without(name: str) -> LyingRules:
    """The rules with one switched off."""
    return replace(LyingRules(), **{name: False})


@dataclass(frozen=True)
class World:
    """A bounded world: how often what may happen. It ends at `last`; ratings and services are
    there until `until`, so that what they are owed is over before it ends. alone: how long no
    proof is no alarm (ten days).

    has_other: another device of the hall is proven fresh when the hall likes. keeps_book:
    documents are numbered by an honest gateway, and the hall only chooses which arrive; then the
    power may be cut at any time, else only when the device's head has come. invents: the hall
    enrols boards of its own. has_operator: somebody closes epochs with a reason. carry: an honest
    hall's files come so often.
    """

    name: str
    last: int
    until: int = 1
    alone: int = 3
    presses: int = 0
    services: int = 0
    cuts: int = 0
    enrolments: int = 0
    has_other: bool = False
    keeps_book: bool = False
    invents: bool = False
    has_operator: bool = False
    is_honest: bool = False
    closures: bool = False
    outages: int = 0
    carry: int = 0
