"""Whatever is sent, in whatever order and however often: the judge's figures are those of a slow
separate computation from the raw envelopes (slow_figures.py).
"""

import random

import pytest
from empty_file import central_in
from sent_world import HOUR, LAST, Plan, World
from slow_figures import PROFILES, count

from central.ratings.recount import differences

TOLD = ("state", "level", "rating", "late", "second", "day", "end", "reminded")


def slow(world: World, profiles=None):
    """What the other computation says, as `World.counted` has it."""
    stands, figures = count(world.gathered(), world.clock(), profiles)
    told = {place: tuple(one[name] for name in TOLD) for place, one in stands.items()}
    return told, {key: both for key, both in figures.items() if any(both)}


def check(world: World) -> None:
    world.judge.settle_all()
    stands, figures = world.counted()
    slow_stands, slow_figures = slow(world)
    wrong = {
        place: (stands.get(place), slow_stands.get(place))
        for place in {*stands, *slow_stands}
        if stands.get(place) != slow_stands.get(place)
    }
    assert wrong == {}
    wrong = {
        key: (figures.get(key), slow_figures.get(key))
        for key in {*figures, *slow_figures}
        if figures.get(key) != slow_figures.get(key)
    }
    assert wrong == {}
    with world.database.read() as connection:
        assert list(differences(connection, world.judge)) == []


def play(folder, plan: Plan, order: int) -> World:
    """All that happens comes to a centre: soon or weeks later, some of it twice, in an order of
    its own; the clock ticks and the judge settles in between, a little or all.
    """
    rng = random.Random(f"order {order}")
    folder.mkdir()
    world = World(folder, central_in(folder))
    happenings = plan.happenings + world.signed(plan.writes)
    comes = []
    for one in happenings:
        for _ in range(1 + (rng.random() < 0.15)):
            delay = rng.choice([0, HOUR, HOUR, 26 * HOUR, rng.randrange(30 * 24) * HOUR])
            comes.append((min(one.at_ms + delay, LAST), rng.random(), one))
    checks = {rng.randrange(len(comes)) for _ in range(2)}
    for n, (at_ms, _, one) in enumerate(sorted(comes, key=lambda each: each[:2])):
        while world.clock.ms < at_ms and rng.random() < 0.5:
            world.clock.ms = rng.randrange(world.clock.ms, at_ms + 1)
            world.judge.settle()
        world.clock.ms = max(at_ms, one.at_ms, world.clock.ms)
        world.take(one)
        if n in checks:
            check(world)
    world.clock.ms = LAST
    check(world)
    return world


def compare(folder, seed: int, services: int = 24) -> None:
    """Two orders of coming: each gives the figures of the slow computation, and so the same."""
    plan = Plan(seed, services)
    counted = []
    for order in range(2):
        world = play(folder / f"{seed}-{order}", plan, 10 * seed + order)
        counted.append(world.counted())
        world.database.close()
    assert counted[0] == counted[1]


@pytest.mark.rule("R20")
@pytest.mark.rule("R46")
@pytest.mark.rule("R93")
def test_figures_are_those_of_a_slow_separate_computation_in_any_order(tmp_path):
    """All rules of counting at once, two policies at a window among them."""
    compare(tmp_path, 0)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1, 61))
def test_long_rules_figures_are_those_of_a_slow_separate_computation(tmp_path, seed):
    compare(tmp_path, seed, 24 if seed % 10 else 120)


# One rule of each kind, changed: the slow computation must then disagree.
CHANGED = [
    ("qinnan", {"days": 4}),
    ("qinnan", {"days": 6}),
    ("qinnan", {"working": False}),
    ("qinnan", {"from": "closed"}),
    ("qinnan", {"default": 3}),
    ("qinnan", {"remind": 48}),
    ("qinnan", {"overdue": False}),
    ("qinnan", {"on_application": False}),
    ("qinnan", {"excluding": {"fabricated"}}),
    ("qinnan", {"reason": set()}),
    ("fujian", {"days": 6}),
    ("fujian", {"default": 3}),
    ("fujian", {"excluding": {"fabricated"}}),
    ("ezhou-norm", {"days": 8}),
    ("ezhou-norm", {"default": None}),
    ("ezhou-norm", {"both": False}),
    ("ezhou-norm", {"agent_after": False}),
    ("ezhou-norm", {"remind": None}),
    ("national", {"days": 7, "from": "closed"}),
    ("guangdong", {"days": 6}),
    ("guangdong", {"default": 4}),
    ("guangdong", {"on_application": True}),
    ("guangdong", {"excluding": {"appeal_upheld", "fabricated"}}),
    ("xinjiang-fire", {"visits": True}),
    ("xinjiang-fire", {"days": 7, "from": "closed"}),
    ("xinjiang-fire", {"excluding": {"mistaken", "malicious", "fabricated"}}),
    ("xinjiang-fire", {"on_application": True}),
    ("xinjiang-fire", {"participants": False}),
    ("ezhou-plan", {"until": 20261231}),
]


def test_the_control_with_one_rule_changed_the_slow_computation_disagrees(tmp_path):
    world = play(tmp_path / "one", Plan(8, 110), 3)
    stands, figures = world.counted()
    assert slow(world) == (stands, figures)
    agree = []
    for profile, change in CHANGED:
        other = slow(world, {**PROFILES, profile: {**PROFILES[profile], **change}})
        if other[1] == figures and other[0] == stands:
            agree.append((profile, change))
    assert agree == []
    evidence = world.evidence
    for name in ("decisions", "directory", "versions", "progress", "matters", "documents"):
        kept = getattr(evidence, name)
        setattr(evidence, name, kept[: len(kept) // 2])
        assert slow(world)[1] != figures, f"half of the {name} are not missed"
        setattr(evidence, name, kept)
    world.database.close()
