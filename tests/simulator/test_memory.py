"""The device's heap, as the interpreter itself counts it: it does not grow with the ratings."""

import asyncio

import pytest
from lone_device import DEVICE, QUICK, LoneDevice

DATA_BYTES = 32 * 1024
NOISE_BYTES = 512  # an ack or a ticket that is just being read


async def grown(folder, first, last):
    """({code, data} after `first` ratings, the same after `last`)."""
    async with LoneDevice(folder) as lone:
        await lone.start(**QUICK)
        await lone.rate(first, hold_ms=12)
        before = await measured(lone)
        await lone.rate(last - first, hold_ms=12)
        return before, await measured(lone)


async def measured(lone):
    """The least of three: what is just being said is no growth."""
    found = []
    for _ in range(3):
        found.append(await lone.fleet.memory(DEVICE))
        await asyncio.sleep(0.1)
    return min(found, key=lambda one: one["data"])


def check(before, after):
    print(before, after)
    assert after["data"] <= DATA_BYTES
    assert after["data"] - before["data"] <= NOISE_BYTES


def test_the_heap_does_not_grow_with_a_few_ratings(tmp_path, firmware):
    check(*asyncio.run(grown(tmp_path, 100, 400)))


@pytest.mark.long
def test_the_heap_does_not_grow_from_1000_to_10000_ratings(tmp_path, firmware):
    check(*asyncio.run(grown(tmp_path, 1000, 10000)))
