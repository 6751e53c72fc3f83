"""Faults of the flash, the gateway's and the centre's databases, and the lies of a hall."""

from collections.abc import Iterator

from custody_network import Step, spend, tell
from custody_values import EMPTY_GATEWAY, HEAD, RATING, Ack, Device, Receipt, Record, State


def flash_faults(world, state: State) -> Iterator[Step]:
    """A line goes bad at any time; a file is missing at the next start."""
    device = state.device
    hurt = spend(world, state, "damages")
    if hurt:
        for number, lines in device.segments:
            for place, line in enumerate(lines):
                if line.good:
                    bad = line._replace(label="damaged", prev="", gaps=(), good=False)
                    changed = lines[:place] + (bad,) + lines[place + 1 :]
                    segments = dict(device.segments) | {number: changed}
                    words = f"the flash damages {line.label} (seq {line.seq})"
                    yield words, False, _break(hurt, device, segments, (line,))
    gone = spend(world, state, "vanished")
    if gone and device.ram is None:
        for number, lines in device.segments:
            segments = {k: v for k, v in device.segments if k != number}
            yield (
                f"the file of segment {number} vanishes",
                False,
                _break(gone, device, segments, lines),
            )


def hall_faults(world, state: State) -> Iterator[Step]:
    """The gateway's database is destroyed; the centre is restored from its backup."""
    destroyed = spend(world, state, "destroyed")
    if destroyed and state.gateway != EMPTY_GATEWAY:
        burnt = state.ghost.burnt | {record.seq for record, _ in state.gateway.rows}
        yield (
            "the gateway's database is destroyed",
            False,
            destroyed._replace(gateway=EMPTY_GATEWAY, ghost=state.ghost._replace(burnt=burnt)),
        )
    restored = spend(world, state, "restores")
    if restored and state.centre != state.backup:
        left = {record.seq for record in state.backup.records}
        away = {record.seq for record in state.centre.records} - left
        ghost = state.ghost._replace(away=state.ghost.away | away)
        yield (
            "the centre is restored from its backup",
            False,
            restored._replace(centre=state.backup, ghost=ghost),
        )


def lies(rules, world, state: State) -> Iterator[Step]:
    """What somebody in the hall may say or write, who has no device's key."""
    ram = state.device.ram
    if ram is not None and ram.is_online:
        lied = spend(world, state, "false_acks")
        if lied:
            yield from _lie(rules, world, lied, Ack(ram.next - 1, state.gateway.receipt))
        lied = spend(world, state, "replays")
        if lied and ram.prev:
            head = Receipt(HEAD, ram.next - 1, ram.prev)
            yield from _lie(rules, world, lied, Ack(0, head))
    lied = spend(world, state, "forgeries")
    if lied:
        for seq in range(1, 2 * world.size + 2):
            forged = Record(RATING, seq, "forged", "", (), 98, False)
            gateway = state.gateway._replace(rows=state.gateway.rows | {(forged, None)})
            words = f"a liar puts a forged seq {seq} into the gateway"
            yield words, False, lied._replace(gateway=gateway)


def _lie(rules, world, state: State, ack: Ack) -> Iterator[Step]:
    for words, _, told in tell(rules, world, state, ack):
        yield f"a lie: {words}", False, told


def _break(state: State, device: Device, segments: dict, lines) -> State:
    broken = state.ghost.broken | {line.label for line in lines if line.good}
    return state._replace(
        device=device._replace(segments=tuple(sorted(segments.items()))),
        ghost=state.ghost._replace(broken=broken),
    )
