"""The faults a hall has to survive, one name each, for the tests and for `pingjia sim storm`.

A fault is done to a Run and leaves it able to go on: what was killed is started again. After it,
only the oracle decides. docs/custody.md says in words what happens in each.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable

from simulator import bad_centre
from simulator.run import Run

_GATEWAY_DATA = "gateway-data"
_LASTING_S = 3  # how long a bad manner of the centre lasts

Fault = Callable[[Run, random.Random], Awaitable[None]]


class FaultError(Exception):
    """A fault could not be done as it was meant."""


async def device_power_cut(run: Run, chance: random.Random):
    """The power of a device that has something unacknowledged goes, and comes back."""
    pending = sorted({device for device, _ in run.pending()})
    if not pending:
        raise FaultError("no device has anything unacknowledged")
    device = chance.choice(pending)
    await run.fleet.kill(device)
    await run.fleet.start(device, run.hall.folders[device], run.timing)


async def gateway_kill(run: Run, chance: random.Random):
    """`kill -9` of the gateway, which is started again. The embedded broker goes with it."""
    await run.hall.gateway.kill()
    await run.hall.gateway.start()


async def broker_kill(run: Run, chance: random.Random):
    """`kill -9` of the broker, which keeps nothing on disk, and is started again."""
    await run.hall.kill_broker()
    await run.hall.start_broker()


async def centre_kill(run: Run, chance: random.Random):
    """`kill -9` of the centre, which is started again."""
    await run.hall.centre.kill()
    await run.hall.centre.start()


async def hall_destroyed(run: Run, chance: random.Random):
    """With the centre down, the gateway's database and the broker's data are destroyed.

    Whatever the hall had acknowledged is now only on the devices (and must come again).
    """
    await run.hall.centre.kill()
    await run.hall.kill_broker()
    await run.hall.gateway.kill()
    for path in (run.hall.folder / _GATEWAY_DATA).glob("gateway.sqlite*"):
        path.unlink()
    await run.hall.make_queue_token()  # it stood in the database
    run.queue.use_token(run.hall.queue_token())
    await run.hall.start_broker()
    await run.hall.centre.start()
    await run.hall.gateway.start()


def centre_is(manner: str) -> Fault:
    """The centre misbehaves for a while: `manner` is one of simulator/bad_centre.py."""

    async def fault(run: Run, chance: random.Random):
        proxy = run.hall.bad_centre
        if proxy is None:
            raise FaultError("this hall has no proxy before its centre")
        proxy.manner = manner
        await asyncio.sleep(_LASTING_S)
        proxy.manner = bad_centre.GOOD

    fault.__doc__ = f"The centre is {manner} for {_LASTING_S} s."
    return fault


FAULTS: dict[str, Fault] = {
    "device-power-cut": device_power_cut,
    "gateway-kill": gateway_kill,
    "broker-kill": broker_kill,
    "centre-kill": centre_kill,
    "hall-destroyed": hall_destroyed,
    **{f"centre-{m}": centre_is(m) for m in bad_centre.MANNERS if m != bad_centre.GOOD},
}


async def storm(run: Run, name: str, times: int, seed: int, say=lambda text: None) -> int:
    """Does a fault `times` times while people rate; gives how many of them struck in time.

    Each waits until something was thanked and is not yet acknowledged, then for a random part of
    a rating's way, and strikes if that is still so; so every one of them hits a record in flight.
    """
    chance = random.Random(seed)
    struck = 0
    people = asyncio.create_task(run.crowd.run(None))
    try:
        while struck < times and not people.done():
            await run.until(lambda: bool(run.pending()))
            await asyncio.sleep(chance.uniform(0, 0.008))
            if not run.pending():
                continue
            struck += 1
            before = run.thanked()
            say(f"{name} {struck} of {times}: {len(run.pending())} thanked and unacknowledged")
            await FAULTS[name](run, chance)
            await run.until(lambda before=before: run.thanked() > before + 1)
    finally:
        run.crowd.stop()
        await people
    return struck
