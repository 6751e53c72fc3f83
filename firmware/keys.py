"""Five keys: which closings of contacts are presses.

A press is one key that closes while all others are open, and stays closed for the settling time.
Two keys together are a chord, told once and no press until all are open again; a key held down
presses once, when it went down, and never again; one that stays down for long is left out. Next on
a rating's way: firmware/session.py, where a press may count.
"""

from collections import namedtuple

Press = namedtuple("Press", "level closed_at_ms")
CHORD = 0  # in place of a press's level


class Debouncer:
    """One contact; reports a change once it has lasted for settle_ms without a break."""

    def __init__(self, settle_ms):
        self._settle_ms = settle_ms
        self._is_closed = False
        self._raw = False
        self.since_ms = 0  # when the contact last changed; a bounce is a change

    def sample(self, is_closed: bool, now_ms: int) -> bool:
        """Takes the contact's position at now_ms; tells whether the key counts as closed."""
        if is_closed != self._raw:
            self._raw = is_closed
            self.since_ms = now_ms
        if now_ms - self.since_ms >= self._settle_ms:
            self._is_closed = is_closed
        return self._is_closed

    def is_settled(self) -> bool:
        """Whether nothing is left to wait for."""
        return self._raw == self._is_closed


class Keys:
    """Five keys, levels 1 to 5. Sample them every few milliseconds until `is_quiet`."""

    def __init__(self, settle_ms, stuck_ms):
        self._stuck_ms = stuck_ms
        self._keys = [Debouncer(settle_ms) for _ in range(5)]
        self._wait_for_open = False
        self._is_told = False  # a press or a chord since all keys were open
        self.stuck = ()  # levels whose key has been down too long to be a finger

    def sample(self, closed: int, now_ms: int):
        """Takes the contacts (bit 0 is level 1); gives a Press (a chord: level CHORD) or None."""
        down = []
        touched = 0
        stuck = []
        for level in range(1, 6):
            key = self._keys[level - 1]
            is_closed = bool(closed >> (level - 1) & 1)
            is_down = key.sample(is_closed, now_ms)
            if is_down and is_closed and now_ms - key.since_ms >= self._stuck_ms:
                stuck.append(level)
                continue
            if is_down:
                down.append(level)
            if is_closed or is_down:
                touched += 1
        self.stuck = tuple(stuck)
        if touched == 0:
            self._wait_for_open = self._is_told = False
        elif touched > 1:
            self._wait_for_open = True
            if len(down) > 1 and not self._is_told:
                self._is_told = True
                return Press(CHORD, now_ms)
        elif down and not self._wait_for_open:
            self._wait_for_open = self._is_told = True
            return Press(down[0], self._keys[down[0] - 1].since_ms)
        return None

    def is_quiet(self) -> bool:
        """Whether all keys are open and settled, so that only a new closing can matter."""
        return not self._wait_for_open and all(key.is_settled() for key in self._keys)
