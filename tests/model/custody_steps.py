"""Every step from a state: (words, whether it is part of the fault-free world, the next state).

The fault-free world is what happens by itself once no more faults come and nobody presses: power
comes back, the device connects, tells its state and sends; messages arrive; the gateway commits,
acknowledges and offers; the centre commits and answers. Presses and faults are budgeted.
"""

from collections.abc import Iterator

import custody_device as journal
import custody_hall as hall
from custody_rules import Rules, Scenario
from custody_values import (
    EMPTY_GATEWAY,
    HEAD,
    HELD,
    RATING,
    UNKNOWN,
    Ack,
    Device,
    Ram,
    Receipt,
    Record,
    State,
)

Step = tuple[str, bool, State]

CLONE = Record(RATING, 2, "clone", "b1", (), 99, True)


def steps(rules: Rules, world: Scenario, state: State) -> Iterator[Step]:
    """Every step that is possible from `state`."""
    yield from _device_steps(rules, world, state)
    yield from _network_steps(rules, world, state)
    yield from _hall_steps(rules, world, state)
    yield from _flash_faults(world, state)
    yield from _hall_faults(rules, world, state)
    yield from _lies(rules, world, state)


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
    cut = _spend(world, state, "cuts")
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
    yield from _cut_within(world, state, operations, "while it connects")


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
    yield from _cut_within(world, before, operations, f"as {label} is pressed")


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
            yield _send(rules, world, state, line, f"the device sends {line.label} (seq {seq})")


# The network


def _network_steps(rules, world, state: State) -> Iterator[Step]:
    for record in sorted(state.up):
        kept = _keep(rules, state, record)
        words = f"the gateway commits {record.label} (seq {record.seq})"
        yield words, True, kept._replace(up=state.up - {record})
        again = _spend(world, kept, "doubles")
        if again and kept.gateway != state.gateway:
            yield words + "; it will be delivered again", False, again
        lost = _spend(world, state, "losses")
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
    yield from _cut_within(world, left, operations, "while it frees segments")
    if ack not in state.down:
        return
    lost = _spend(world, left, "losses")
    if lost:
        yield f"{_ack_words(ack)} is lost", False, lost
    again = _spend(world, state, "doubles")
    if again and changed != device:
        words += "; it will be delivered again"
        yield words, False, again._replace(device=changed)


# Gateway and centre


def _hall_steps(rules, world, state: State) -> Iterator[Step]:
    gateway, centre, ram = state.gateway, state.centre, state.device.ram
    if gateway.first and ram is not None and ram.is_online and rules.ack_2:
        ack = hall.acknowledgement(rules, gateway)
        if _is_news(ack, ram) and ack not in state.down:
            yield from _tell(rules, world, state, ack)
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
        yield _send(rules, world, state, CLONE, "the clone board sends its record")
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
        answered = _publish_retained(rules, answered)
    if answered != state:
        yield words, True, answered
    lost = _spend(world, state, "answers")
    if lost and after != centre:
        yield words + ", the answer is lost", False, lost._replace(centre=after)
    crashed = _spend(world, state, "crashes")
    if crashed:
        for how, left in hall.crash_between(rules, centre, record):
            gateway = state.gateway
            if left.receipt != centre.receipt:  # the answer had left
                gateway = hall.settle(rules, gateway, record, verdict, left)
            words = f"the centre dies while it takes {record.label}: {how}"
            yield words, False, crashed._replace(centre=left, gateway=gateway)


# Faults


def _flash_faults(world, state: State) -> Iterator[Step]:
    device = state.device
    hurt = _spend(world, state, "damages")
    if hurt:
        for number, lines in device.segments:
            for place, line in enumerate(lines):
                if line.good:
                    bad = line._replace(label="damaged", prev="", gaps=(), good=False)
                    changed = lines[:place] + (bad,) + lines[place + 1 :]
                    segments = dict(device.segments) | {number: changed}
                    words = f"the flash damages {line.label} (seq {line.seq})"
                    yield words, False, _break(hurt, device, segments, (line,))
    gone = _spend(world, state, "vanished")
    if gone and device.ram is None:
        for number, lines in device.segments:
            segments = {k: v for k, v in device.segments if k != number}
            yield (
                f"the file of segment {number} vanishes",
                False,
                _break(gone, device, segments, lines),
            )


def _hall_faults(rules, world, state: State) -> Iterator[Step]:
    destroyed = _spend(world, state, "destroyed")
    if destroyed and state.gateway != EMPTY_GATEWAY:
        burnt = state.ghost.burnt | {record.seq for record, _ in state.gateway.rows}
        yield (
            "the gateway's database is destroyed",
            False,
            destroyed._replace(gateway=EMPTY_GATEWAY, ghost=state.ghost._replace(burnt=burnt)),
        )
    restored = _spend(world, state, "restores")
    if restored and state.centre != state.backup:
        left = {record.seq for record in state.backup.records}
        away = {record.seq for record in state.centre.records} - left
        ghost = state.ghost._replace(away=state.ghost.away | away)
        yield (
            "the centre is restored from its backup",
            False,
            restored._replace(centre=state.backup, ghost=ghost),
        )


def _lies(rules, world, state: State) -> Iterator[Step]:
    ram = state.device.ram
    if ram is not None and ram.is_online:
        lied = _spend(world, state, "false_acks")
        if lied:
            yield from _lie(rules, world, lied, Ack(ram.next - 1, state.gateway.receipt))
        lied = _spend(world, state, "replays")
        if lied and ram.prev:
            head = Receipt(HEAD, ram.next - 1, ram.prev)
            yield from _lie(rules, world, lied, Ack(0, head))
    lied = _spend(world, state, "forgeries")
    if lied:
        for seq in range(1, 2 * world.size + 2):
            forged = Record(RATING, seq, "forged", "", (), 98, False)
            gateway = state.gateway._replace(rows=state.gateway.rows | {(forged, None)})
            words = f"a liar puts a forged seq {seq} into the gateway"
            yield words, False, lied._replace(gateway=gateway)


# Parts of steps


def _send(rules, world, state: State, record: Record, words: str) -> Step:
    if world.in_flight:
        return words, True, state._replace(up=state.up | {record})
    return f"{words}, the gateway commits it", True, _keep(rules, state, record)


def _keep(rules, state: State, record: Record) -> State:
    kept = state._replace(gateway=hall.keep(rules, state.gateway, record))
    return kept if rules.ack_2 else _publish_retained(rules, kept)


def _tell(rules, world, state: State, ack: Ack) -> Iterator[Step]:
    if not world.in_flight:
        yield from _ack_arrives(rules, world, state, ack)
    elif len(state.down) < world.in_flight:
        words = f"the gateway sends {_ack_words(ack)}"
        yield words, True, state._replace(down=state.down | {ack})


def _lie(rules, world, state: State, ack: Ack) -> Iterator[Step]:
    for words, _, told in _tell(rules, world, state, ack):
        yield f"a lie: {words}", False, told


def _spend(world: Scenario, state: State, fault: str) -> State | None:
    """The state with this fault on its account, None if there is no budget for it."""
    count = getattr(state.spent, fault)
    if count >= getattr(world.faults, fault) or sum(state.spent) >= world.together:
        return None
    return state._replace(spent=state.spent._replace(**{fault: count + 1}))


def _cut_within(world, state: State, operations: list, when: str) -> Iterator[Step]:
    cut = _spend(world, state, "cuts")
    if cut:
        for where, device in journal.cut_short(state.device, operations):
            words = f"power cut {when}, {where}"
            yield words, False, cut._replace(device=device, down=frozenset())


def _break(state: State, device: Device, segments: dict, lines) -> State:
    broken = state.ghost.broken | {line.label for line in lines if line.good}
    return state._replace(
        device=device._replace(segments=tuple(sorted(segments.items()))),
        ghost=state.ghost._replace(broken=broken),
    )


def _publish_retained(rules: Rules, state: State) -> State:
    ack = hall.acknowledgement(rules, state.gateway)
    ram = state.device.ram
    is_listening = ram is not None and ram.is_online
    return state._replace(retained=ack, down=frozenset([ack] if is_listening else []))


def _is_news(ack: Ack, ram: Ram) -> bool:
    """Whether the ack would change anything; one that does not is left out."""
    return ack.hall != ram.hall or (ack.receipt is not None and ack.receipt != ram.receipt)


def _ack_words(ack: Ack) -> str:
    told = f" with a {ack.receipt.kind} for seq {ack.receipt.seq}" if ack.receipt else ""
    return f"the ack {ack.hall}{told}"
