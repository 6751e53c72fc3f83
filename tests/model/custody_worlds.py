"""The bounded worlds that are searched, each small enough to be searched whole.

A world may begin in the middle: `_told` plays the steps that lead there, by their words.
"""

from dataclasses import replace

from custody_rules import Rules, Scenario
from custody_steps import steps
from custody_values import START, Faults, State


def _told(world: Scenario, *story: str) -> State:
    """The state after the steps whose words begin like these, one after another."""
    state, world = START, replace(world, faults=Faults(cuts=9), together=9)
    for words in story:
        state = next(s for told, _, s in steps(Rules(), world, state) if told.startswith(words))
    return state._replace(spent=Faults())


def _world(name: str, story: tuple[str, ...] = (), **values) -> Scenario:
    world = Scenario(name=name, **values)
    return replace(world, story=story, start=_told(world, *story))


_PRESSED_ONCE = ("the device starts", "r1 is pressed")
_PRESSED_TWICE = (*_PRESSED_ONCE, "r2 is pressed")
_IN_CENTRE = (
    *_PRESSED_ONCE, "the device connects", "the device tells", "the device sends b1",
    "the device sends r1", "the centre takes b1", "the centre takes r1",
)  # fmt: skip
_BOOT_IN_CENTRE = (
    "the device starts", "the device connects", "the device tells", "the device sends b1",
    "the centre takes b1",
)  # fmt: skip
_STARTED_AGAIN = ("power cut", "the device starts", "the device connects")
_ALMOST_FULL = (*_PRESSED_ONCE, *_STARTED_AGAIN)

POWER = _world("power cuts", presses=2, size=2, segments=4, faults=Faults(cuts=1), together=1)
POWER_SMALL = _world(
    "power cuts, one record a segment", presses=2, size=1, segments=4,
    faults=Faults(cuts=1), together=1,
)  # fmt: skip
FLASH = _world(
    "a flash fault", presses=2, size=2, segments=4, story=_PRESSED_TWICE,
    faults=Faults(damages=1), together=1,
)  # fmt: skip
FLASH_LATER = _world(
    "a flash fault after the first rating", presses=2, size=1, segments=5, story=_IN_CENTRE,
    faults=Faults(cuts=1, damages=1), together=2,
)  # fmt: skip
SAME_SERVICE = _world(
    "a service is rated twice", presses=2, size=1, segments=5, story=_IN_CENTRE,
    repeats_service=True, faults=Faults(cuts=1, damages=1), together=2,
)  # fmt: skip
VANISHED = _world(
    "a segment vanishes", presses=2, size=2, segments=5, story=_IN_CENTRE,
    faults=Faults(cuts=1, vanished=1), together=2,
)  # fmt: skip
FULL = _world(
    "a full journal", presses=1, size=2, segments=4,
    story=(*_ALMOST_FULL, *_STARTED_AGAIN, "power cut", "the device starts"),
    faults=Faults(damages=1), together=1,
)  # fmt: skip
ALMOST_FULL = _world(
    "an almost full journal", presses=1, size=2, segments=4, story=_ALMOST_FULL,
    faults=Faults(cuts=2), together=2,
)  # fmt: skip
DESTROYED = _world(
    "a destroyed hall", presses=1, size=2, segments=4,
    faults=Faults(cuts=1, destroyed=1, false_acks=1), together=2,
)  # fmt: skip
DESTROYED_ONLY = _world(
    "a destroyed hall and nothing else", presses=2, size=2, segments=4, story=_PRESSED_ONCE,
    faults=Faults(destroyed=1), together=1,
)  # fmt: skip
NETWORK = _world(
    "a bad network", presses=1, size=2, segments=4, in_flight=1,
    faults=Faults(losses=1, doubles=1, answers=1, destroyed=1), together=2,
)  # fmt: skip
FORGED = _world(
    "a forged record", presses=1, size=2, segments=4,
    faults=Faults(forgeries=1, false_acks=1, cuts=1), together=2,
)  # fmt: skip
REPLAYED = _world(
    "a head as a receipt", presses=2, size=1, segments=4,
    faults=Faults(replays=1, cuts=1), together=2,
)  # fmt: skip
CLONED = _world(
    "a clone board", presses=2, size=1, segments=5, has_clone=True, story=_BOOT_IN_CENTRE,
    faults=Faults(cuts=1), together=1,
)  # fmt: skip
CENTRE = _world(
    "a dying centre", presses=2, size=1, segments=5,
    faults=Faults(answers=1, crashes=1), together=2,
)  # fmt: skip
RESTORED = _world(
    "a restored centre", presses=2, size=1, segments=4, takes_backups=True,
    faults=Faults(restores=1, destroyed=1), together=1,
)  # fmt: skip

WORLDS = [
    POWER, POWER_SMALL, FLASH, FLASH_LATER, SAME_SERVICE, VANISHED, FULL, ALMOST_FULL,
    DESTROYED, DESTROYED_ONLY, NETWORK, FORGED, REPLAYED, CLONED, CENTRE, RESTORED,
]  # fmt: skip


# `make test-long`
POWER_THRICE = replace(
    POWER, name="three power cuts", presses=1, faults=Faults(cuts=3), together=3
)
FLASH_UNSENT = _world(
    "a flash fault at any time", presses=2, size=1, segments=5,
    faults=Faults(cuts=1, damages=1, vanished=1), together=2,
)  # fmt: skip
DESTROYED_LATER = replace(DESTROYED, name="a destroyed hall, two ratings", presses=2)
NETWORK_WIDE = replace(
    NETWORK, name="a bad network, two on their way", in_flight=2,
    faults=Faults(losses=1, doubles=1, answers=1, destroyed=1), together=1,
)  # fmt: skip
RESTORED_AND_DESTROYED = replace(
    RESTORED, name="a restored centre and a destroyed hall", together=2
)
CLONED_LONG = _world(
    "a clone board at any time", presses=2, size=1, segments=5, has_clone=True,
    faults=Faults(cuts=1, answers=1), together=2,
)  # fmt: skip

FLASH_LONG = replace(
    FLASH, name="a flash fault and a power cut", faults=Faults(cuts=1, damages=1), together=2
)
FULL_LONG = replace(
    FULL, name="a full journal, two faults", faults=Faults(cuts=1, damages=1), together=2
)

LONG_WORLDS = [
    POWER_THRICE, FLASH_LONG, FLASH_UNSENT, FULL_LONG, DESTROYED_LATER, NETWORK_WIDE,
    RESTORED_AND_DESTROYED, CLONED_LONG,
]  # fmt: skip
