"""The demo: a whole hall on this machine, from nothing to the oracle's verdict."""

import asyncio
import signal
import time
from pathlib import Path

from simulator.crowd import Crowd, next_ticket
from simulator.fleet import Fleet
from simulator.hall import Hall
from simulator.oracle import read_log, summary
from simulator.run import TIMING, Run, start_devices
from simulator.sabotage import sabotage
from simulator.web import QueueSystem

_SETTLE_S = 2


async def run_hall(hall: Hall, seconds, seed, damage, say) -> dict:
    """Makes and runs `hall`; gives the result as `pingjia demo --json` prints it.

    seconds: from the moment all parts are up, None until Ctrl-C. damage: a kind of sabotage or
    None. say(text): called with a line for the person who watches.
    """
    began = time.monotonic()
    say(f"folder {hall.folder}")
    async with Run(hall, seed, say=say) as run:
        say(f"centre {hall.centre.url}, gateway {hall.gateway.url}")
        say(f"{len(hall.windows)} devices are up after {time.monotonic() - began:.1f} s")
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, run.crowd.stop)
        up = time.monotonic()
        await _watch(run, seconds, say)
        lasted = time.monotonic() - up
        await run.until_all_arrived()
        in_hall = (await run.queue.status())["ratings"]
        await run.end_devices()
        if damage is not None:
            await hall.centre.stop()
            say(sabotage(damage, hall.folder / "central.db"))
            await hall.centre.start()
        return summary(await run.verdict(), in_hall, lasted)


async def run_devices(
    folders: dict[str, Path], oracle: Path, queue: QueueSystem, seconds, seed, say
):
    """Runs devices and people against a gateway that already runs (`pingjia sim run`).

    folders: {device id: its folder}, as `pingjia demo --keep` leaves them. Each device serves the
    window that the gateway names for it. Ticket numbers go on after the highest in the log.
    """
    first_ticket = next_ticket(read_log(oracle)) if oracle.exists() else 1
    async with Fleet(oracle, lambda event: say(str(event)) if "text" in event else None) as fleet:
        views = await start_devices(fleet, folders, queue, TIMING)
        windows = {view["window"]: view["device"] for view in views if view["device"] in folders}
        crowd = Crowd(queue, fleet, windows, seed, first_ticket)
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, crowd.stop)
        await crowd.run(seconds)
        await asyncio.sleep(_SETTLE_S)
    await queue.aclose()
    say(f"served {crowd.counts['served']}, thanked {crowd.counts['thanked']}: {oracle}")


async def _watch(run: Run, seconds, say):
    """Lets the people come, and tells once a second how far things are."""
    people = asyncio.create_task(run.crowd.run(seconds))
    try:
        while not people.done():
            await asyncio.wait([people], timeout=1)
            counts = run.crowd.counts
            say(
                f"served {counts['served']}  pressed {counts['pressed']}"
                f"  thanked {counts['thanked']}  in the centre {len(await run.ratings())}"
            )
        await people
    finally:
        people.cancel()
