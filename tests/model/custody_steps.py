"""Every step from a state: (words, whether it is part of the fault-free world, the next state).

The fault-free world is what happens by itself once no more faults come and nobody presses: power
comes back, the device connects, tells its state and sends; messages arrive; the gateway commits,
acknowledges and offers; the centre commits and answers. Presses and faults are budgeted.
"""

from collections.abc import Iterator

import custody_device as journal
import custody_hall as hall
from custody_faults import flash_faults, hall_faults, lies
from custody_network import Step, arrivals, cut_within, publish_retained, send, spend, tell
from custody_rules import Rules, Scenario
from custody_values import (
    HELD,
    RATING,
    UNKNOWN,
    Ack,
    Ram,
    Record,
    State,
)

CLONE = Record(RATING, 2, "clone", "b1", (), 99, True)


def steps(rules: Rules, world: Scenario, state: State) -> Iterator[Step]:
    """Every step that is possible from `state`."""
    yield from _device_steps(rules, world, state)
    yield from arrivals(rules, world, state)
    yield from _hall_steps(rules, world, state)
    yield from flash_faults(world, state)
    yield from hall_faults(world, state)
    yield from lies(rules, world, state)


# The device


def _device_steps(rules, world, state: State) -> Iterator[Step]:
    device, ram = state.device, state.device.ram
    if ram is None:
        started = journal.start(rules, world, device)
        yield "the device starts", True, state._replace(device=started)
        return
    if ram.is_online:
        yield from _sends(rules, world, state, ram)
    else:
        yield from _connects(rules, world, state, ram)
    yield from _pressed(rules, world, state, ram)
    cut = spend(world, state, "cuts")
    if cut:
        yield "power cut", False, cut._replace(device=device._replace(ram=None), down=frozenset())


def _connects(rules, world, state: State, ram: Ram) -> Iterator[Step]:
    operations, ram = journal.begin(rules, world, state.device, ram)
    if not ram.is_begun and not rules.jrn_7_connects:
        return
    after = journal.perform(state.device, operations)
    words = "the device connects" + (f" and writes {ram.prev}" if operations else "")
    hall_seq = UNKNOWN
    if state.retained is not None:  # the broker hands it over with the subscription
        hall_seq = state.retained.hall
    ram = ram._replace(is_online=True, hall=hall_seq)
    yield words, True, state._replace(device=after._replace(ram=ram))
    yield from cut_within(world, state, operations, "while it connects")


def _pressed(rules, world, state: State, ram: Ram) -> Iterator[Step]:
    ghost = state.ghost
    if ghost.presses >= world.presses:
        return
    service = ghost.presses + 1
    if world.repeats_service:
        service = 1
        if 1 in ram.rated:
            return  # refused: it has been rated (TKT-1)
    label = f"r{ghost.presses + 1}"
    pressed = journal.press(rules, world, state.device, label, service)
    if pressed is None:
        return
    operations, after = pressed
    seq = after.next - 1
    ghost = ghost._replace(presses=ghost.presses + 1)
    thanked = ghost._replace(thanked=ghost.thanked | {(label, seq)})
    device = journal.perform(state.device, operations)._replace(ram=after)
    words = f"{label} is pressed, journalled as seq {seq} and thanked"
    yield words, False, state._replace(device=device, ghost=thanked)
    before = state._replace(ghost=ghost if rules.jrn_1 else thanked)
    yield from cut_within(world, before, operations, f"as {label} is pressed")


def _sends(rules, world, state: State, ram: Ram) -> Iterator[Step]:
    device, gateway = state.device, state.gateway
    first = journal.first(ram)
    if gateway.first != first:
        gateway = gateway._replace(first=first)
        yield f"the device tells its state, first {first}", True, state._replace(gateway=gateway)
    if world.in_flight and len(state.up) >= world.in_flight:
        return
    for seq in journal.to_send(rules, ram):
        line = journal.read(device, seq)
        if line is None or (not line.good and rules.jrn_3):
            words = f"the device cannot read seq {seq} and restarts"
            yield words, True, state._replace(device=device._replace(ram=None))
        elif line not in state.up:
            yield send(rules, world, state, line, f"the device sends {line.label} (seq {seq})")


# Gateway and centre


def _hall_steps(rules, world, state: State) -> Iterator[Step]:
    gateway, centre, ram = state.gateway, state.centre, state.device.ram
    if gateway.first and ram is not None and ram.is_online and rules.ack_2:
        ack = hall.acknowledgement(rules, gateway)
        if _is_news(ack, ram) and ack not in state.down:
            yield from tell(rules, world, state, ack)
    if gateway.first and gateway.receipt != centre.receipt:
        answered = hall.settle(rules, gateway, None, None, centre)
        if answered != gateway:
            yield (
                "the gateway shows the head and gets the receipt",
                True,
                state._replace(gateway=answered),
            )
    for record in hall.offered(rules, gateway):
        yield from _offers(rules, world, state, record)
    if world.has_clone and CLONE not in {record for record, _ in gateway.rows}:
        yield send(rules, world, state, CLONE, "the clone board sends its record")
    if world.takes_backups and state.backup != centre:
        yield "the centre is backed up", False, state._replace(backup=centre)


def _offers(rules, world, state: State, record: Record) -> Iterator[Step]:
    centre = state.centre
    is_known = (record, HELD) in state.gateway.rows and record in centre.records
    if is_known and state.gateway.receipt == centre.receipt and rules.bat_7:
        return  # nothing would change
    verdict, after = hall.file(rules, centre, record)
    gateway = hall.settle(rules, state.gateway, record, verdict, after)
    words = f"the centre takes {record.label} (seq {record.seq}): {verdict}"
    answered = state._replace(centre=after, gateway=gateway)
    if not rules.ack_2:
        answered = publish_retained(rules, answered)
    if answered != state:
        yield words, True, answered
    lost = spend(world, state, "answers")
    if lost and after != centre:
        yield words + ", the answer is lost", False, lost._replace(centre=after)
    crashed = spend(world, state, "crashes")
    if crashed:
        for how, left in hall.crash_between(rules, centre, record):
            gateway = state.gateway
            if left.receipt != centre.receipt:  # the answer had left
                gateway = hall.settle(rules, gateway, record, verdict, left)
            words = f"the centre dies while it takes {record.label}: {how}"
            yield words, False, crashed._replace(centre=left, gateway=gateway)


def _is_news(ack: Ack, ram: Ram) -> bool:
    """Whether the ack would change anything; one that does not is left out."""
    return ack.hall != ram.hall or (ack.receipt is not None and ack.receipt != ram.receipt)
