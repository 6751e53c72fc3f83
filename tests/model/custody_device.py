"""The device: firmware/journal.py and what firmware/link.py does with it.

What is written is a list of operations on the flash. Nobody else sees the flash between two of
them, so an operation list is one step of the model, and a power cut within it another.
"""

from custody_rules import Rules, Scenario
from custody_values import (
    BOOT,
    RATING,
    RECEIPT,
    UNKNOWN,
    Ack,
    Device,
    Ram,
    Receipt,
    Record,
    Segments,
    Slot,
    receipt_seq,
)

CREATE, NOTE, APPEND, REMOVE = "create", "note", "append", "remove"


def start(rules: Rules, world: Scenario, device: Device) -> Device:
    """Power on: read everything back (Journal._read_back)."""
    slot, segments = device.slot, device.segments
    readable, named, rated, unused = set(), set(), set(), set()
    prev, boot, last, rating_segment = "", slot.boot, 0, -1
    for number, lines in segments:
        end = number * world.size
        for line in lines:
            if line.good or not rules.jrn_3:
                readable.add(line.seq)
                prev, last, end = line.label, line.seq, line.seq
                named.update(line.gaps)
                if line.kind == BOOT and line.good:
                    boot = max(boot, int(line.label[1:]))
                if line.kind == RATING:
                    rating_segment = number
                    rated.add(line.service)
        if not lines or lines[-1].good:
            unused.update(range(end + 1, (number + 1) * world.size + 1))
    newest = max([slot.segment] + [number for number, _ in segments])
    next_seq = (newest + 1) * world.size + 1
    if not rules.rec_3 and last:
        newest, next_seq = (last - 1) // world.size, last + 1
    lacking = tuple(
        (seq, seq not in unused)
        for seq in range(receipt_seq(slot.receipt) + 1, next_seq)
        if seq not in readable and seq not in named
    )
    ram = Ram(
        is_online=False,
        is_begun=False,
        segment=newest,
        next=next_seq,
        prev=prev,
        boot=boot + 1,
        readable=frozenset(readable),
        lacking=lacking,
        receipt=slot.receipt,
        hall=UNKNOWN,
        rating_segment=rating_segment,
        rated=frozenset(rated),
    )
    return device._replace(ram=ram)


def is_full(rules: Rules, world: Scenario, device: Device, ram: Ram) -> bool:
    """Whether a rating would be refused (Journal.is_full)."""
    used = _used(rules, world, device, ram)
    if ram.is_begun and ram.next <= (ram.segment + 1) * world.size:
        return used > _usable(rules, world)
    return not used < _usable(rules, world)


def first(ram: Ram) -> int:
    """The lowest seq held (Journal.first)."""
    return min(ram.readable, default=ram.next)


def begin(rules: Rules, world: Scenario, device: Device, ram: Ram) -> tuple[list, Ram]:
    """The operations that write this start's boot, none if there are none (Journal.begin)."""
    if ram.is_begun:
        return [], ram
    freeing: list = []
    if rules.jrn_6_begins:
        freeing, ram = _free(world, device, ram)
        device = perform(device, freeing)
    if rules.jrn_7_unreadable:
        empty = [number for number, _ in device.segments if not _is_readable(world, ram, number)]
        freeing += [(REMOVE, number, None) for number in empty]
        device = perform(device, freeing)
    covered = receipt_seq(ram.receipt)
    lacking = [(seq, is_damage) for seq, is_damage in ram.lacking if seq > covered]
    has_room = _used(rules, world, device, ram) < _usable(rules, world)
    may_use_spare = any(is_damage for _, is_damage in lacking) or not rules.jrn_7_only_damage
    if not has_room and not (may_use_spare and len(device.segments) < world.segments):
        return freeing, ram
    gaps = tuple(seq for seq, _ in lacking)
    if not rules.jrn_4_names:
        gaps = ()
    if not rules.jrn_4_nothing_held:
        gaps = tuple(range(covered + 1, ram.next))
    ram = ram._replace(is_begun=True, lacking=())
    must_open = rules.rec_3 or ram.next > (ram.segment + 1) * world.size
    opening, ram = _open(rules, world, ram) if must_open or ram.segment < 0 else ([], ram)
    writing, ram = _append(rules, world, ram, BOOT, f"b{ram.boot}", gaps, 0)
    return freeing + opening + writing, ram


def press(
    rules: Rules, world: Scenario, device: Device, label: str, service: int
) -> tuple[list, Ram] | None:
    """The operations of a press that counts, None if the journal is full (Journal.append)."""
    assert device.ram is not None
    operations, ram = begin(rules, world, device, device.ram)
    after = perform(device, operations)
    if is_full(rules, world, after, ram):
        return None  # what `begin` has to do is done by the next connection
    writing, ram = _append(rules, world, ram, RATING, label, (), service)
    return operations + writing, ram


def take_ack(rules: Rules, world: Scenario, device: Device, ack: Ack) -> tuple[list, Ram | None]:
    """What an ack does: operations that free segments, and the RAM after them.

    None: a line that should be readable is not, so the device restarts (JRN-3).
    """
    ram = device.ram
    assert ram is not None
    is_upward = ack.hall > ram.hall
    hall = ack.hall if rules.ack_5 or is_upward else ram.hall
    ram = ram._replace(hall=hall)
    receipt = ack.receipt
    if receipt is None:
        return [], ram
    # The hall's numbers are not about this board's records: they count for nothing.
    doubtful = ram._replace(hall=receipt_seq(ram.receipt)) if rules.rct_2_doubts else ram
    if receipt.kind != RECEIPT and rules.rec_5:
        return [], doubtful
    if receipt.seq <= receipt_seq(ram.receipt):
        return [], ram
    if receipt.seq >= first(ram):
        line = read(device, receipt.seq) if receipt.seq in ram.readable else None
        if line is not None and not line.good and rules.jrn_3:
            return [], None
        if rules.rct_2 and (line is None or line.label != receipt.label):
            return [], doubtful  # bad_receipt
    ram = ram._replace(receipt=Receipt(RECEIPT, receipt.seq, receipt.label))
    return _free(world, device, ram)


def read(device: Device, seq: int) -> Record | None:
    """The line of a seq as it is on the flash."""
    for _, lines in device.segments:
        for line in lines:
            if line.seq == seq:
                return line
    return None


def to_send(rules: Rules, ram: Ram) -> list[int]:
    """The seqs that may leave now: the whole backlog (SND-1)."""
    above = sorted(seq for seq in ram.readable if seq > ram.hall)
    return above if rules.snd_1 else above[:1]


def perform(device: Device, operations: list) -> Device:
    """The flash after these operations; the RAM is left as it is."""
    segments, slot = dict(device.segments), device.slot
    for operation, number, value in operations:
        if operation == CREATE:
            segments[number] = ()
        elif operation == NOTE:
            slot = value
        elif operation == APPEND:
            segments[number] = segments.get(number, ()) + (value,)
        else:
            segments.pop(number, None)
    return Device(_sorted(segments), slot, device.ram)


def cut_short(device: Device, operations: list):
    """(what was interrupted, the device without power) for a cut before and within each one."""
    device = device._replace(ram=None)
    for done, (operation, number, value) in enumerate(operations):
        yield f"before {_words(operation, number, value)}", perform(device, operations[:done])
        if operation == APPEND:
            torn = value._replace(label="torn", prev="", gaps=(), good=False)
            words = f"within {_words(operation, number, value)}"
            yield words, perform(device, operations[:done] + [(APPEND, number, torn)])
    if operations:
        yield "after the last write", perform(device, operations)


def _append(rules, world, ram: Ram, kind, label, gaps, service) -> tuple[list, Ram]:
    opening = []
    if ram.next > (ram.segment + 1) * world.size:
        opening, ram = _open(rules, world, ram)
    record = Record(kind, ram.next, label, ram.prev, gaps, service, True)
    ram = ram._replace(
        next=ram.next + 1,
        prev=label,
        readable=ram.readable | {record.seq},
        rating_segment=ram.segment if kind == RATING else ram.rating_segment,
        rated=ram.rated | {service} if kind == RATING else ram.rated,
    )
    return opening + [(APPEND, ram.segment, record)], ram


def _open(rules: Rules, world: Scenario, ram: Ram) -> tuple[list, Ram]:
    number = ram.segment + 1
    operations: list = [(CREATE, number, None)]
    if rules.jrn_2:
        operations.append((NOTE, number, Slot(number, ram.boot, ram.receipt)))
    return operations, ram._replace(segment=number, next=number * world.size + 1)


def _free(world: Scenario, device: Device, ram: Ram) -> tuple[list, Ram]:
    covered = receipt_seq(ram.receipt)
    numbers = [number for number, _ in device.segments]
    kept = (max(numbers, default=-1), ram.segment, ram.rating_segment)
    free = [k for k in numbers if (k + 1) * world.size <= covered and k not in kept]
    if not free:
        return [], ram
    boot = ram.boot if ram.is_begun else ram.boot - 1
    operations: list = [(NOTE, ram.segment, Slot(ram.segment, boot, ram.receipt))]
    operations += [(REMOVE, number, None) for number in free]
    left = {seq for seq in ram.readable if (seq - 1) // world.size not in free}
    return operations, ram._replace(readable=frozenset(left))


def _used(rules: Rules, world: Scenario, device: Device, ram: Ram) -> int:
    if ram.is_begun or not rules.jrn_7_unreadable:
        return len(device.segments)
    return len(
        [1 for _, lines in device.segments if any(line.seq in ram.readable for line in lines)]
    )


def _is_readable(world: Scenario, ram: Ram, number: int) -> bool:
    return any((seq - 1) // world.size == number for seq in ram.readable)


def _usable(rules: Rules, world: Scenario) -> int:
    return world.segments - 1 if rules.jrn_7_spare else world.segments


def _sorted(segments: dict) -> Segments:
    return tuple(sorted(segments.items()))


def _words(operation: str, number: int, value) -> str:
    if operation == APPEND:
        return f"appending {value.kind} {value.label} (seq {value.seq})"
    return f"{operation} of segment {number}"
