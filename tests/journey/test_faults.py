"""Kill anything, lose nothing: seeded faults under load, with the oracle as judge.

Every kill of these tests strikes while something is thanked and not yet acknowledged; `storm`
counts only those.
"""

import asyncio
import random

import pytest
from storms import SEED, holds, press_until, run_storm, run_with

from simulator.parts import bad_centre
from simulator.parts.faults import FAULTS

MOSQUITTO = pytest.mark.needs("mosquitto")
KILLS = [
    ("device-power-cut", "embedded"),
    # Which broker a device finds again says little of its flash.
    pytest.param("device-power-cut", "mosquitto", marks=[MOSQUITTO, pytest.mark.long]),
    pytest.param("device-alone-power-cut", "embedded", marks=pytest.mark.long),
    pytest.param("gateway-kill", "mosquitto", marks=MOSQUITTO),
    ("broker-kill", "embedded"),
    pytest.param("broker-kill", "mosquitto", marks=MOSQUITTO),
]


@pytest.mark.parametrize(("fault", "broker"), KILLS)
def test_kills_lose_nothing(tmp_path, firmware, fault, broker):
    """A gateway takes a second of processor to start; test_gateway_kills.py kills it at instants
    of its own.
    """
    times = 12 if fault.startswith("device") else 10
    holds(run_storm(tmp_path, firmware, fault, times, broker=broker, flash_ms=5))


@pytest.mark.long
@pytest.mark.parametrize(("fault", "broker"), [*KILLS, ("centre-kill", "embedded")])
def test_two_hundred_kills_lose_nothing(tmp_path, firmware, fault, broker):
    holds(run_storm(tmp_path, firmware, fault, 200, broker=broker))


def test_a_killed_centre_loses_nothing(tmp_path, firmware):
    holds(run_storm(tmp_path, firmware, "centre-kill", 3))


def test_a_centre_that_misbehaves_in_every_manner_loses_nothing(tmp_path, firmware):
    async def scenario(run):
        people = asyncio.create_task(run.crowd.run(None))
        for manner in bad_centre.MANNERS:
            treated, thanked = run.hall.bad_centre.treated, run.thanked()
            await FAULTS[f"centre-{manner}"](run, random.Random(SEED))
            assert run.hall.bad_centre.treated > treated, manner
            assert run.thanked() > thanked, f"nobody is thanked while the centre is {manner}"
        run.crowd.stop()
        await people

    holds(run_with(tmp_path, firmware, scenario))


@pytest.mark.parametrize("ratings", [120, pytest.param(500, marks=pytest.mark.long)])
def test_a_destroyed_hall_gets_everything_back_from_the_devices(tmp_path, firmware, ratings):
    """Ratings that the hall had acknowledged, none of which the centre had seen."""

    async def scenario(run):
        await run.hall.centre.kill()
        await press_until(run, ratings)
        await run.until_acknowledged()
        assert (await run.queue.status())["ratings"] == run.thanked() >= ratings
        await FAULTS["hall-destroyed"](run, random.Random(SEED))
        assert (await run.queue.status())["ratings"] < run.thanked()

    holds(run_with(tmp_path, firmware, scenario, windows=8))
