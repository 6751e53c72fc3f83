"""The way between device and gateway, and what every step needs: a fault's account, a cut.

With `in_flight` 0 a message arrives when it is sent, or not at all.
"""

from collections.abc import Iterator

import custody_device as journal
import custody_hall as hall
from custody_rules import Rules, Scenario
from custody_values import Ack, Record, State

Step = tuple[str, bool, State]  # words, whether the fault-free world does it, the next state


def spend(world: Scenario, state: State, fault: str) -> State | None:
    """The state with this fault on its account, None if there is no budget for it."""
    count = getattr(state.spent, fault)
    if count >= getattr(world.faults, fault) or sum(state.spent) >= world.together:
        return None
    return state._replace(spent=state.spent._replace(**{fault: count + 1}))


def cut_within(world, state: State, operations: list, when: str) -> Iterator[Step]:
    """The device loses power before, within or after one of these writes."""
    cut = spend(world, state, "cuts")
    if cut:
        for where, device in journal.cut_short(state.device, operations):
            words = f"power cut {when}, {where}"
            yield words, False, cut._replace(device=device, down=frozenset())


def arrivals(rules, world, state: State) -> Iterator[Step]:
    """What is on its way arrives, twice if it must, or is lost."""
    for record in sorted(state.up):
        kept = _keep(rules, state, record)
        words = f"the gateway commits {record.label} (seq {record.seq})"
        yield words, True, kept._replace(up=state.up - {record})
        again = spend(world, kept, "doubles")
        if again and kept.gateway != state.gateway:
            yield words + "; it will be delivered again", False, again
        lost = spend(world, state, "losses")
        if lost:
            words = f"{record.label} is lost on its way to the gateway"
            yield words, False, lost._replace(up=state.up - {record})
    for ack in sorted(state.down, key=repr):
        yield from _ack_arrives(rules, world, state, ack)


def _ack_arrives(rules, world, state: State, ack: Ack) -> Iterator[Step]:
    device, ram = state.device, state.device.ram
    left = state._replace(down=state.down - {ack})  # it may not have been there: in_flight 0
    if ram is None or not ram.is_online:
        yield "an ack finds no device", True, left
        return
    operations, after = journal.take_ack(rules, world, device, ack)
    words = f"the device takes {_ack_words(ack)}"
    changed = journal.perform(device, operations)._replace(ram=after)
    freed = [number for operation, number, _ in operations if operation == journal.REMOVE]
    if freed:
        words += f" and frees segment {', '.join(map(str, freed))}"
    yield words, True, left._replace(device=changed)
    yield from cut_within(world, left, operations, "while it frees segments")
    if ack not in state.down:
        return
    lost = spend(world, left, "losses")
    if lost:
        yield f"{_ack_words(ack)} is lost", False, lost
    again = spend(world, state, "doubles")
    if again and changed != device:
        words += "; it will be delivered again"
        yield words, False, again._replace(device=changed)


def send(rules, world, state: State, record: Record, words: str) -> Step:
    """A record leaves for the gateway."""
    if world.in_flight:
        return words, True, state._replace(up=state.up | {record})
    return f"{words}, the gateway commits it", True, _keep(rules, state, record)


def tell(rules, world, state: State, ack: Ack) -> Iterator[Step]:
    """An ack leaves for the device."""
    if not world.in_flight:
        yield from _ack_arrives(rules, world, state, ack)
    elif len(state.down) < world.in_flight:
        words = f"the gateway sends {_ack_words(ack)}"
        yield words, True, state._replace(down=state.down | {ack})


def publish_retained(rules: Rules, state: State) -> State:
    """The ack after a commit, kept by the broker (without ACK-2)."""
    ack = hall.acknowledgement(rules, state.gateway)
    ram = state.device.ram
    is_listening = ram is not None and ram.is_online
    return state._replace(retained=ack, down=frozenset([ack] if is_listening else []))


def _keep(rules, state: State, record: Record) -> State:
    kept = state._replace(gateway=hall.keep(rules, state.gateway, record))
    return kept if rules.ack_2 else publish_retained(rules, kept)


def _ack_words(ack: Ack) -> str:
    told = f" with a {ack.receipt.kind} for seq {ack.receipt.seq}" if ack.receipt else ""
    return f"the ack {ack.hall}{told}"
