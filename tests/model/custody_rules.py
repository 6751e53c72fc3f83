"""The rules that the model can switch off, and how much a run of the model may do."""

from dataclasses import dataclass, replace

from custody_values import START, Faults, State


@dataclass(frozen=True)
class Rules:
    """One switch for each rule, or half of a rule; named by its MUST id. True is the protocol.

    The comment says what is done instead when the switch is off.
    """

    rec_3: bool = True  # a start goes on behind the last record that it can read
    rec_5: bool = True  # the device takes any envelope signed with its key for a receipt
    jrn_1: bool = True  # thanks first, then the append
    jrn_2: bool = True  # a segment that is opened is not noted in the slots
    jrn_3: bool = True  # a line's MAC is never checked
    jrn_4_names: bool = True  # a boot names nothing
    jrn_4_nothing_held: bool = True  # a boot names everything below it that has no receipt
    jrn_7_connects: bool = True  # a device that cannot write its boot does not connect
    jrn_7_spare: bool = True  # ratings may fill the last segment
    jrn_7_only_damage: bool = True  # every start in a full journal writes its boot
    ack_2: bool = True  # the ack is retained instead of answering every state
    ack_4: bool = True  # a rejected record counts in `hall`
    ack_5: bool = True  # the device takes an ack upwards only
    snd_1: bool = True  # only the lowest record above `hall` is sent
    snd_2: bool = True  # the gateway tells records apart by their key
    bat_3: bool = True  # the records and the receipt are two commits, in either order
    bat_4_verified: bool = True  # the centre stores a record with a bad MAC
    bat_4_prev: bool = True  # the centre rejects a record that does not link to the one below
    bat_4_service: bool = True  # the centre rejects the second rating of a service
    bat_5_offers: bool = True  # what has a good verdict is never offered again
    bat_5_keeps: bool = True  # what a receipt covers is deleted at once
    bat_7: bool = True  # the centre counts what it is sent
    chn_2: bool = True  # the centre rejects a record whose predecessor is not there
    rct_2: bool = True  # the device does not compare its own record with the receipt's mac16
    rct_3: bool = True  # a receipt reaches up to the highest record held

    # Not in DESIGN: the model failed without them (docs/model.md).
    jrn_6_begins: bool = True  # a start leaves what a power cut kept from being freed
    jrn_7_unreadable: bool = True  # a segment in which nothing can be read takes room for ever
    bat_5_no_receipt: bool = True  # an answer without a receipt leaves the gateway's as it was
    rct_2_doubts: bool = True  # the device believes `hall` beside a bad receipt
    rct_3_links: bool = True  # a receipt passes a record whose `prev` is another one's MAC


def without(*names: str) -> Rules:
    """The rules with these switched off."""
    return replace(Rules(), **dict.fromkeys(names, False))


@dataclass(frozen=True)
class Scenario:
    """One bounded world.

    presses: ratings that citizens may give. size: records in a segment (N). segments: how many
    the flash has. faults: how often each may happen; together: all of them. in_flight: messages
    on their way in each direction; 0: they arrive when they are sent, or not at all. has_clone: a
    second board with the same bundle has thanked for one rating. repeats_service: a ticket stays
    at the window until its rating is remembered. takes_backups: the centre can be backed up;
    otherwise the backup is an empty one. start: where it begins, after the steps of `story`.
    """

    name: str
    presses: int
    size: int
    segments: int
    faults: Faults
    together: int
    in_flight: int = 0
    has_clone: bool = False
    repeats_service: bool = False
    takes_backups: bool = False
    story: tuple[str, ...] = ()
    start: State = START
