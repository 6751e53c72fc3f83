"""Cover: how far a device's chain is safe in the hall, the `hall` of an `ack` (ACK-3).

Remembers where it got to for each (device, epoch), so that an answer costs the new records only;
forgets it when the number may have to go down (ACK-4).
"""

from sqlalchemy import Connection

from gateway.store import envelopes, receipts, states
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.record import Boot, decode, parse


class Cover:
    """Used by one thread."""

    def __init__(self):
        self._known: dict[tuple[str, int], tuple[int, int]] = {}

    def of(self, connection: Connection, device: str, epoch: int) -> int:
        """The highest seq up to which nothing is missing: every seq is held and not rejected, or
        below the device's `first`, or covered by the newest receipt, or named in a held `boot`.
        """
        floor = _floor(connection, device, epoch)
        known_floor, known = self._known.get((device, epoch), (0, 0))
        start = max(floor, known) if floor >= known_floor else floor
        covered = _walk(connection, device, epoch, start)
        self._known[device, epoch] = (floor, covered)
        return covered

    def forget(self, device: str) -> None:
        """A record of the device no longer counts: count anew."""
        for key in [key for key in self._known if key[0] == device]:
            del self._known[key]


def _floor(connection: Connection, device: str, epoch: int) -> int:
    receipt = receipts.get(connection, device, epoch)
    state = states.get(connection, device)
    covered = receipt.seq if receipt else 0
    freed = state.first - 1 if state and state.epoch == epoch else 0
    return max(covered, freed)


def _walk(connection: Connection, device: str, epoch: int, start: int) -> int:
    covered, gaps = start, None
    for seq in envelopes.held_seqs(connection, device, epoch, start):
        if seq > covered + 1:
            if gaps is None:
                gaps = _gaps(connection, device, epoch, start)
            covered = _jump(gaps, covered)
        if seq > covered + 1:
            return covered
        covered = max(covered, seq)
    return covered


def _gaps(connection: Connection, device: str, epoch: int, above: int) -> list[tuple[int, int]]:
    """The runs named by boots above `above`; lower boots name nothing that is above it."""
    runs = []
    for envelope in envelopes.held_boots(connection, device, epoch, above):
        try:
            boot = decode(parse(split(envelope)[0]), (Boot,))
        except ProtocolError:
            continue  # a malformed boot names nothing
        runs.extend((first, last) for first, last, _ in boot.gaps)
    return sorted(runs)


def _jump(gaps: list[tuple[int, int]], covered: int) -> int:
    for first, last in gaps:
        if first <= covered + 1 <= last:
            covered = last
    return covered
