"""The demo: a whole hall on this machine, from nothing to the oracle's verdict."""

import asyncio
import signal
import time
from dataclasses import asdict
from pathlib import Path

from simulator.crowd import Crowd, next_ticket
from simulator.fleet import Fleet
from simulator.hall import Hall
from simulator.oracle import Verdict, judge, read_log, read_ratings
from simulator.sabotage import sabotage
from simulator.web import Centre, QueueSystem

_ON_ITS_WAY_S = 60  # how long ratings may still be on their way when the people have left
_LOOK_S = 0.25
_SETTLE_S = 2
# The demo's citizens come quickly one after the other; a real face thanks for longer.
_TIMING = {"thanks_ms": 1000}


async def run_hall(hall: Hall, seconds, seed, damage, say) -> dict:
    """Makes and runs `hall`; gives the result as `pingjia demo --json` prints it.

    seconds: from the moment all parts are up, None until Ctrl-C. damage: a kind of sabotage or
    None. say(text): called with a line for the person who watches.
    """
    began = time.monotonic()
    say(f"folder {hall.folder}")
    await hall.make()
    await hall.start()
    try:
        say(f"centre {hall.centre.url}, gateway {hall.gateway.url}")
        queue, reader = hall.queue_system(), hall.reader()
        async with Fleet(hall.oracle, lambda event: tell(event, say)) as fleet:
            await start_devices(fleet, hall.folders, queue, _TIMING)
            say(f"{len(hall.windows)} devices are up after {time.monotonic() - began:.1f} s")
            crowd = Crowd(queue, fleet, hall.windows, seed)
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, crowd.stop)
            up = time.monotonic()
            await _watch(crowd.run(seconds), crowd, reader, say)
            lasted = time.monotonic() - up
            await _wait_for_all(hall.oracle, reader)
        in_hall = (await queue.status())["ratings"]
        if damage is not None:
            await hall.centre.stop()
            say(sabotage(damage, hall.folder / "central.db"))
            await hall.centre.start()
        verdict = judge(read_log(hall.oracle), await _ratings(reader))
        await queue.aclose()
        await reader.aclose()
    finally:
        await hall.stop()
    return summary(verdict, in_hall, lasted)


def summary(verdict: Verdict, in_hall: int | None, seconds: float | None) -> dict:
    """The verdict as the object that `--json` prints, explanations beside it."""
    result = asdict(verdict)
    explanations = result.pop("explanations")
    extra = {"in_hall": in_hall, "seconds": None if seconds is None else round(seconds, 1)}
    return {**result, **extra, "explanations": explanations}


async def run_devices(folders: dict[str, Path], oracle: Path, queue, seconds, seed, say):
    """Runs devices and people against a gateway that already runs (`pingjia sim run`).

    folders: {device id: its folder}, as `pingjia demo --keep` leaves them. Each device serves the
    window that the gateway names for it. Ticket numbers go on after the highest in the log.
    """
    async with Fleet(oracle, lambda event: tell(event, say)) as fleet:
        views = await start_devices(fleet, folders, queue, _TIMING)
        windows = {view["window"]: view["device"] for view in views if view["device"] in folders}
        crowd = Crowd(queue, fleet, windows, seed, first_ticket=next_ticket(read_log(oracle)))
        await crowd.run(seconds)
        await asyncio.sleep(_SETTLE_S)
    await queue.aclose()
    say(f"served {crowd.counts['served']}, thanked {crowd.counts['thanked']}: {oracle}")


async def start_devices(fleet: Fleet, folders, queue: QueueSystem, timing) -> list[dict]:
    """Starts devices and waits until the gateway sees all of them; gives its view of them.

    A device that has no journal yet is enrolled first.
    """
    for device, folder in folders.items():
        is_new = not (folder / "flash" / "journal").exists()
        await fleet.start(device, folder, timing, enrol=is_new)
    while True:
        await asyncio.sleep(_LOOK_S)
        views = await queue.devices()
        if folders.keys() <= {view["device"] for view in views if view["online"]}:
            return views


async def _watch(people, crowd, reader: Centre, say):
    """Lets the people come, and tells once a second how far things are."""
    task = asyncio.create_task(people)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=1)
            in_centre = len(await _ratings(reader))
            counts = crowd.counts
            say(
                f"served {counts['served']}  pressed {counts['pressed']}"
                f"  thanked {counts['thanked']}  in the centre {in_centre}"
            )
        await task
    finally:
        task.cancel()


async def _wait_for_all(oracle: Path, reader: Centre):
    """Waits until the centre has every rating that was thanked, or for as long as is fair."""
    end = time.monotonic() + _ON_ITS_WAY_S
    while time.monotonic() < end:
        verdict = judge(read_log(oracle), await _ratings(reader))
        if verdict.lost == 0:
            return
        await asyncio.sleep(_LOOK_S)


async def _ratings(reader: Centre):
    return read_ratings(record["envelope"] for record in await reader.records())


def tell(event, say):
    """Passes on what a device has to say to a technician."""
    if event["event"] == "log":
        say(f"{event['device']}: {event['text']}")
