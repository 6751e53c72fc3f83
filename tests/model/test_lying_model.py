"""A hall that lies, checked by looking at every state of small worlds (docs/model.md).

With all rules, whatever the hall does: a rating that a citizen was thanked for is counted, or the
hall is named within the stated delay; so is a service's document; and an honest hall is never
named. With one rule off a hall can lie unnamed, or an honest one is named; `pytest -s` prints how.
"""

import lying_worlds as worlds
import pytest
from lying_search import FALSE, HONEST, NAMED, Seen, look
from lying_values import LyingRules, World, without

# The switch, the world in which it matters, the property that fails without it.
CONTROLS = [
    ("heads_heard", worlds.ALONE, NAMED),
    ("heads_claim", worlds.ALONE, NAMED),
    ("proofs_by_time", worlds.HOARDS, NAMED),
    ("sum_goes_on", worlds.PAUSES, NAMED),
    ("alone_is_missed", worlds.ALONE, NAMED),
    ("missed_from_start", worlds.ANEW, NAMED),
    ("epochs_stay_open", worlds.ANEW, NAMED),
    ("ends_after_the_end", worlds.ANEW, NAMED),
    ("enrolments_approved", worlds.INVENTED, FALSE),
    ("pending_is_told", worlds.ANEW, NAMED),
    ("facts_awaited", worlds.RATED, NAMED),
    ("numbers_counted", worlds.BOOK, NAMED),
    ("shown_counted", worlds.SHOWN, NAMED),
    ("shown_over_starts", worlds.SHOWN, NAMED),
    ("sum_of_proofs", worlds.DAYS, HONEST),
    ("closes", worlds.BENCH, HONEST),
    ("downtime_is_no_silence", worlds.DOWN, HONEST),
    ("carries", worlds.FILES, HONEST),
]

# By what a hall that lies must be found out somewhere in its world, or the world has lost its lie.
FOUND_OUT = {
    worlds.ALONE.name: {"gap", "silent_device"},
    worlds.PAUSES.name: {"silent_device"},
    worlds.HOARDS.name: {"gap", "silent_device"},
    worlds.ANEW.name: {"open_epoch", "pending_enrolment"},
    worlds.INVENTED.name: {"open_epoch", "pending_enrolment"},
    worlds.SHOWN.name: {"documents_missing (shown)"},
    worlds.SHOWN_TWICE.name: {"documents_missing (shown)"},
    worlds.RATED.name: {"facts_missing"},
    worlds.BOOK.name: {"documents_missing (number)"},
}


@pytest.mark.parametrize("world", worlds.WORLDS, ids=lambda world: world.name)
def test_a_hall_that_lies_is_named_and_an_honest_one_is_not(world: World):
    """In every state that can be reached."""
    seen = _holds(world)
    assert seen.states >= 2_000, "a world that has lost its faults"
    assert seen.names >= FOUND_OUT.get(world.name, set())


@pytest.mark.long
@pytest.mark.parametrize("world", worlds.LONG_WORLDS, ids=lambda world: world.name)
def test_the_same_in_larger_worlds(world: World):
    assert _holds(world).states >= 20_000


@pytest.mark.parametrize(("switch", "world", "wanted"), CONTROLS, ids=[c[0] for c in CONTROLS])
def test_without_one_rule_of_the_centre_a_hall_gets_away(switch, world, wanted):
    """The controls: without the rule the search finds a way, or names who has done nothing."""
    seen = look(without(switch), world)
    print(f"\n{switch} off in {world.name}: {wanted} fails\n{_story(seen)}")
    assert seen.broken == wanted


def test_every_rule_of_the_centre_has_a_control():
    assert {switch for switch, _, _ in CONTROLS} == set(LyingRules.__dataclass_fields__)


def test_a_search_that_does_not_end_says_so():
    with pytest.raises(OverflowError, match="more than 100 states"):
        look(LyingRules(), worlds.ALONE, most=100)


def _holds(world: World) -> Seen:
    seen = look(LyingRules(), world, most=3_000_000)
    print(f"\n{world.name}: {seen.states} states; named by {', '.join(sorted(seen.names))}")
    assert not seen.broken, f"{seen.broken} fails in {world.name}\n{_story(seen)}"
    return seen


def _story(seen: Seen) -> str:
    return "\n".join(f"  {number}. {step}" for number, step in enumerate(seen.story, 1))
