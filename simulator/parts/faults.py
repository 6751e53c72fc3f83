"""The faults a hall has to survive, one name each, for the tests and for `pingjia sim storm`.

A fault is done to a Run and leaves it able to go on: what was killed is started again. After it,
only the oracle decides. docs/custody.md says in words what happens in each.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

from hosting.error import OperatorError
from simulator.check.oracle import summary
from simulator.devices.fleet import FleetError
from simulator.parts import bad_centre
from simulator.parts.hall import Hall
from simulator.parts.run import Run

_GATEWAY_DATA = "gateway-data"
_NOBODY_S = 3  # nobody is going to rate there
_LASTING_S = 3  # how long a bad manner of the centre lasts

Fault = Callable[[Run, random.Random], Awaitable[None]]


class FaultError(OperatorError):
    """A fault could not be done as it was meant."""


async def device_power_cut(run: Run, chance: random.Random):
    """The power of a device that has something unacknowledged goes, and comes back."""
    pending = sorted({device for device, _ in run.pending()})
    if not pending:
        raise FaultError("no device has anything unacknowledged")
    await run.restart(chance.choice(pending))


async def device_alone_power_cut(run: Run, chance: random.Random):
    """A device's network cable is pulled, a citizen rates and is thanked, the power goes.

    The record was nowhere but on the device's flash.
    """
    while True:
        device = chance.choice(sorted(run.hall.folders))
        try:
            await run.fleet.event(
                lambda e, device=device: e["device"] == device and e.get("face") == "inviting",
                _NOBODY_S,
            )
            run.fleet.unplug(device)
            await run.fleet.event(
                lambda e, device=device: e["device"] == device and e["event"] == "thanked",
                _NOBODY_S,
            )
        except FleetError:
            await run.restart(device)  # nobody rates there: plugged in again, another one
            continue
        await asyncio.sleep(chance.uniform(0, 0.01))
        await run.restart(device)
        return


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
    await run.hall.centre.start()
    await asyncio.gather(run.hall.gateway.start(), run.hall.start_broker())


def centre_is(manner: str) -> Fault:
    """The centre misbehaves for a while: `manner` is one of simulator/parts/bad_centre.py."""

    async def fault(run: Run, chance: random.Random):
        proxy = run.hall.bad_centre
        if proxy is None:
            raise FaultError("this hall has no proxy before its centre")
        proxy.manner = manner
        await asyncio.sleep(_LASTING_S)
        proxy.manner = bad_centre.GOOD

    fault.__doc__ = f"The centre {bad_centre.MANNERS[manner]}, for {_LASTING_S} s."
    return fault


FAULTS: dict[str, Fault] = {
    "device-power-cut": device_power_cut,
    "device-alone-power-cut": device_alone_power_cut,
    "gateway-kill": gateway_kill,
    "broker-kill": broker_kill,
    "centre-kill": centre_kill,
    "hall-destroyed": hall_destroyed,
    **{f"centre-{m}": centre_is(m) for m in bad_centre.MANNERS},
}


async def storm_hall(hall: Hall, name: str, times: int, seed: int, say) -> dict:
    """A storm over a fresh hall, and the oracle's verdict (`pingjia sim storm`)."""
    async with Run(hall, seed, say=say) as run:
        began = time.monotonic()
        await storm(run, name, times, seed, say)
        await run.until_all_arrived()
        lasted = time.monotonic() - began
        in_hall = (await run.queue.status())["ratings"]
        await run.end_devices()
        return summary(await run.verdict(), in_hall, lasted)


async def storm(run: Run, name: str, times: int, seed: int, say=lambda text: None) -> int:
    """Does a fault `times` times while people rate; gives how many of them struck in time.

    Each waits until something was thanked and is not yet acknowledged, then for a random part of
    a rating's way, and strikes if that is still so; so every one of them hits a record in flight.
    (`device-alone-power-cut` sees to that by itself.)
    """
    chance, fault = random.Random(seed), FAULTS[name]
    struck = 0
    people = asyncio.create_task(run.crowd.run(None))
    try:
        while struck < times and not people.done():
            if fault is not device_alone_power_cut:
                await run.until(lambda: bool(run.pending()))
                await asyncio.sleep(chance.uniform(0, 0.008))
                if not run.pending():
                    continue
            struck += 1
            before = run.thanked()
            say(f"{name} {struck} of {times}: {len(run.pending())} thanked and unacknowledged")
            await fault(run, chance)
            await run.until(lambda before=before: run.thanked() > before + 3)
    finally:
        run.crowd.stop()
        await people
    return struck
