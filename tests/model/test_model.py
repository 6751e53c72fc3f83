"""The custody ladder, checked by looking at every state of small worlds (docs/model.md).

With all rules no property fails anywhere. With one rule off, the named property fails in the
named world, so each rule is there for a reason; `pytest -s` prints how.
REC-3 REC-5 JRN-1 JRN-2 JRN-3 JRN-4 JRN-6 JRN-7 ACK-2 ACK-4 ACK-5 SND-1 SND-2 BAT-3 BAT-4 BAT-5
BAT-7 CHN-2 RCT-2 RCT-3
"""

import custody_worlds as worlds
import pytest
from custody_rules import Rules, Scenario, without
from custody_search import ARRIVES, ONCE, SAFE, Found, TooLargeError, search

# MUST id, the switch, the world in which it matters, the property that fails without it.
CONTROLS = [
    ("REC-3", "rec_3", worlds.FLASH_LATER, ONCE),
    ("REC-5", "rec_5", worlds.REPLAYED, SAFE),
    ("JRN-1", "jrn_1", worlds.POWER_SMALL, SAFE),
    ("JRN-2", "jrn_2", worlds.VANISHED, ONCE),
    ("JRN-3", "jrn_3", worlds.FLASH, ARRIVES),
    ("JRN-4", "jrn_4_names", worlds.POWER, ARRIVES),
    ("JRN-4", "jrn_4_nothing_held", worlds.POWER, SAFE),
    ("JRN-6", "jrn_6_begins", worlds.POWER_SMALL, ARRIVES),
    ("JRN-7", "jrn_7_connects", worlds.FULL, ARRIVES),
    ("JRN-7", "jrn_7_spare", worlds.FULL, ARRIVES),
    ("JRN-7", "jrn_7_only_damage", worlds.FULL, ARRIVES),
    ("JRN-7", "jrn_7_unreadable", worlds.ALMOST_FULL, ARRIVES),
    ("ACK-2", "ack_2", worlds.DESTROYED_ONLY, ARRIVES),
    ("ACK-4", "ack_4", worlds.FORGED, ARRIVES),
    ("ACK-5", "ack_5", worlds.DESTROYED_ONLY, ARRIVES),
    ("SND-1", "snd_1", worlds.FLASH, ARRIVES),
    ("SND-2", "snd_2", worlds.FORGED, ARRIVES),
    ("SND-2", "snd_2", worlds.CLONED, ARRIVES),
    ("BAT-3", "bat_3", worlds.CENTRE, SAFE),
    ("BAT-3", "bat_3", worlds.CENTRE, ARRIVES),
    ("BAT-4", "bat_4_verified", worlds.FORGED, ONCE),
    ("BAT-4", "bat_4_prev", worlds.FLASH_LATER, ARRIVES),
    ("BAT-4", "bat_4_service", worlds.SAME_SERVICE, ARRIVES),
    ("BAT-5", "bat_5_offers", worlds.RESTORED, ARRIVES),
    ("BAT-5", "bat_5_keeps", worlds.RESTORED, SAFE),
    ("BAT-5", "bat_5_no_receipt", worlds.RESTORED, ARRIVES),
    ("BAT-7", "bat_7", worlds.CENTRE, ONCE),
    ("CHN-2", "chn_2", worlds.FLASH, ARRIVES),
    ("RCT-2", "rct_2", worlds.CLONED, SAFE),
    ("RCT-2", "rct_2_doubts", worlds.CLONED, ARRIVES),
    ("RCT-3", "rct_3", worlds.CENTRE, SAFE),
    ("RCT-3", "rct_3_links", worlds.CLONED, SAFE),
]  # fmt: skip

# Fewer states than this would mean that a world has lost its faults.
LEAST = {
    worlds.FLASH.name: 2_000,
    worlds.VANISHED.name: 1_000,
    worlds.CENTRE.name: 800,
    worlds.SAME_SERVICE.name: 2_000,
    worlds.FULL.name: 1_000,
}


@pytest.mark.parametrize("world", worlds.WORLDS, ids=lambda world: world.name)
def test_with_all_rules_every_state_is_safe_and_can_settle(world: Scenario):
    """SAFE, ONCE and ARRIVES hold in every reachable state."""
    _holds(world, LEAST.get(world.name, 3_000))


@pytest.mark.long
@pytest.mark.parametrize("world", worlds.LONG_WORLDS, ids=lambda world: world.name)
def test_with_all_rules_larger_worlds_hold(world: Scenario):
    """The same, with larger bounds."""
    _holds(world, 20_000)


@pytest.mark.parametrize(
    ("must", "switch", "world", "wanted"),
    CONTROLS,
    ids=[f"{must}-{switch}-{wanted}-in-{world.name}" for must, switch, world, wanted in CONTROLS],
)
def test_without_one_rule_its_property_fails(must, switch, world, wanted):
    """Each MUST of the table above is needed: without it a counterexample is found."""
    found = search(without(switch), world, wanted=(wanted,))
    print(f"\n{must} off ({switch}) in {world.name}: {wanted} fails\n{_story(world, found)}")
    assert found.broken == wanted, f"{wanted} holds without {must} ({switch}) in {world.name}"


def test_every_switch_has_a_control():
    """A rule that no control switches off would be a rule that nothing checks."""
    assert {switch for _, switch, _, _ in CONTROLS} == set(Rules.__dataclass_fields__)


def test_a_search_that_would_not_end_says_so():
    """A bound that is reached is an error, never a pass."""
    with pytest.raises(TooLargeError, match="more than 100 states"):
        search(Rules(), worlds.POWER, most=100)


def _holds(world: Scenario, least: int) -> None:
    found = search(Rules(), world, most=3_000_000)
    print(f"\n{world.name}: {found.states} states, {found.steps} steps")
    assert found.broken is None, f"{found.broken} fails in {world.name}\n{_story(world, found)}"
    assert found.states >= least


def _story(world: Scenario, found: Found) -> str:
    steps = [*world.story, *found.trace]
    return "\n".join(f"  {number}. {step}" for number, step in enumerate(steps, 1))
