"""The demo: a whole hall on this machine, from nothing to the oracle's verdict."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.live import Live

from hosting.error import OperatorError
from simulator.check import days as check
from simulator.check.oracle import read_log, summary
from simulator.devices.fleet import Fleet
from simulator.devices.unix import UnixPort
from simulator.parts.hall import (
    FIGURES_TOKEN,
    HALL,
    KIOSK_WINDOW,
    QUEUE_TOKEN,
    REHEARSAL_TOKEN,
    Hall,
)
from simulator.parts.plugs import Plugs
from simulator.parts.run import TIMING, Run, start_devices
from simulator.parts.sabotage import sabotage
from simulator.people.crowd import Crowd, next_ticket
from simulator.people.guests import Guests
from simulator.terminal import KEYS, QUIT, Screen, keys
from simulator.web import Centre, QueueSystem

_SETTLE_S = 2
_DRAWN_PER_S = 4
_DAY_MS = 86_400_000
_CLOSED_S, _LOOK_S = 90, 0.5


class Show(NamedTuple):
    """What happens in a demo.

    seconds: from the moment all parts are up, None until Ctrl-C. pulls: (second, part) of
    simulator/parts/plugs.py. damage: a kind of sabotage or None. days: how many pass at the end,
    in a rehearsal. is_called_by_others: the windows are left to whoever calls the gateway's API.
    """

    seconds: float | None
    seed: int
    pulls: tuple[tuple[float, str], ...] = ()
    damage: str | None = None
    days: int = 0
    is_called_by_others: bool = False


async def run_hall(
    hall: Hall,
    show: Show,
    say: Callable[[str], None],
    console: Console | None,
    unix: UnixPort | None = None,
) -> dict:
    """Makes and runs `hall`; gives the result as `pingjia demo --json` prints it.

    say(text) is called with a line for the person who watches; with a console (a terminal) there
    is a table instead while people come. unix: all devices run on that interpreter.
    """
    began = time.monotonic()
    say(f"folder {hall.folder}")
    every = unix and (unix, len(hall.windows))
    called = show.is_called_by_others
    async with Run(hall, show.seed, say=say, unix=every, is_called_by_others=called) as run:
        await hall.open_console()
        for name, address in hall.pages():
            say(f"{name}  {address}")
        if called:
            say(f"接口 API  {hall.gateway.url}/api/v1  token {hall.folder / QUEUE_TOKEN}")
            say(f"窗口 windows  {' '.join(hall.windows)}; people rate whom you invite")
        say(f"{len(hall.windows)} devices are up after {time.monotonic() - began:.1f} s")
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, run.crowd.stop)
        if hall.has_kiosk:
            run.attend(KIOSK_WINDOW)
        up = time.monotonic()
        await (_in_lines(run, show, say) if console is None else _on_screen(run, show, console))
        lasted = time.monotonic() - up
        await run.until_all_arrived()
        in_hall = (await run.queue.status())["ratings"]
        await run.end_devices()
        if show.damage is not None:
            await hall.centre.stop()
            say(sabotage(show.damage, hall.folder / "central.db"))
            await hall.centre.start()
        result = summary(await run.verdict(), in_hall, lasted)
        if result["thanked"] == 0:
            result["explanations"].append(nobody_rated(run.crowd.counts))
        if show.days:
            told, wrong = await _let_days_pass(run, show.days, say)
            result["days"] = told
            result["wrong"] = len(wrong)
            result["explanations"] += wrong
        return result


async def _let_days_pass(run: Run, days: int, say) -> tuple[dict, list[str]]:
    """Sets the rehearsal's clock so far ahead; what its figures are then, and what the oracle, who
    worked them out by itself, finds wrong in them.
    """
    hall, visits = run.hall, run.crowd.visits.values()
    figures, trainer = hall.centre_with(FIGURES_TOKEN), hall.centre_with(REHEARSAL_TOKEN)
    try:
        await _until_closed(figures, sum(one.closed_ms is not None for one in visits))
        now_ms = (await trainer.clock())["now_ms"]
        moved = await trainer.set_clock(now_ms + days * _DAY_MS)
        found = check.seen(await figures.figures(HALL), await run.reader.feed())
    finally:
        await figures.aclose()
        await trainer.aclose()
    should = check.expected(visits, read_log(hall.oracle), moved["now_ms"])
    say(f"{days} days later, {moved['now']}: {moved['judged']} things changed by time alone")
    for profile, counts in found.items():
        say(f"  {profile}: " + ", ".join(f"{word} {count}" for word, count in counts.items()))
    return found, check.differences(should, found)


async def _until_closed(figures: Centre, count: int):
    """Waits until the centre knows the end of so many visits. Raises TimeoutError."""
    async with asyncio.timeout(_CLOSED_S):
        while True:
            sets = (await figures.figures(HALL))["sets"]
            closed = next(
                one["den"] for one in sets[0]["figures"] if one["figure"] == "uninvited_rate"
            )
            if closed >= count:
                return
            await asyncio.sleep(_LOOK_S)


async def run_devices(
    folders: dict[str, Path],
    oracle: Path,
    queue: QueueSystem,
    seconds,
    seed,
    say,
    unix: UnixPort | None = None,
    is_called_by_others: bool = False,
):
    """Runs devices and people against a gateway that already runs (`pingjia sim run`). Raises
    OperatorError if nobody was thanked.

    folders: {device id: its folder}, as `pingjia demo --keep` leaves them. Each device serves the
    window that the gateway names for it. Ticket numbers go on after the highest in the log. unix:
    all run on that interpreter.
    """
    before = read_log(oracle) if oracle.exists() else []
    async with Fleet(oracle, lambda event: _tell_of(event, say)) as fleet:
        views = await start_devices(
            fleet, folders, queue, TIMING, unix=unix and (unix, len(folders))
        )
        windows = {view["window"]: view["device"] for view in views if view["device"] in folders}
        crowd = (
            Guests(fleet, windows.values(), seed)
            if is_called_by_others
            else Crowd(queue, fleet, windows, seed, next_ticket(before))
        )
        say(f"windows {' '.join(sorted(windows))} are open")
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, crowd.stop)
        await crowd.run(seconds)
        await asyncio.sleep(_SETTLE_S)
    await queue.aclose()
    thanked = sum(one.thanked_at_ms is not None for one in read_log(oracle)[len(before) :])
    say(f"served {crowd.counts['served']}, thanked {thanked}: {oracle}")
    if thanked == 0:
        raise OperatorError(nobody_rated(crowd.counts))


def nobody_rated(counts: Counter[str]) -> str:
    """Why a hall stayed empty, as far as its people's counts tell."""
    if counts["served"] == 0:
        return (
            "nobody rated: no service was opened and invited. Does the queue system call this "
            "gateway, with a token of its own, and `invite` at the end?"
        )
    return (
        f"nobody rated: of {counts['served']} services {counts['refused']} calls were refused, "
        f"{counts['left']} people left without pressing, {counts['unanswered']} got no answer "
        "from the device."
    )


def _tell_of(event: dict, say):
    if "text" in event:
        ticket = f" {event['ticket_no']}" if event.get("ticket_no") else ""
        say(f"{event['device']}{ticket}: {event['text']}")


async def _on_screen(run: Run, show: Show, console: Console):
    """Lets the people come, with a table that lives and keys that pull plugs."""
    plugs = Plugs(run, show.seed, lambda text: screen.say(text))
    screen = Screen(run, plugs, run.hall.pages(), show.seconds)
    run.say = screen.say

    def on_key(key):
        if key in KEYS:
            plugs.pull(KEYS[key])
        elif key == QUIT:
            run.crowd.stop()

    with ExitStack() as stack:
        stack.enter_context(keys(on_key))
        stack.enter_context(
            Live(screen, console=console, refresh_per_second=_DRAWN_PER_S, screen=True)
        )
        await _people(run, show, plugs)
    console.print(screen)


async def _in_lines(run: Run, show: Show, say):
    """Lets the people come, and tells once a second how far things are."""
    plugs = Plugs(run, show.seed, say)
    telling = asyncio.create_task(_tell(run, say))
    try:
        await _people(run, show, plugs)
    finally:
        telling.cancel()


async def _tell(run, say):
    while True:
        await asyncio.sleep(1)
        counts, climbed = run.crowd.counts, run.ladder.totals()
        took = [run.ladder.latency_ms(rung) for rung in climbed]
        reached = "  ".join(
            f"{rung} {count}" + (f" (p95 {ms[1]} ms)" if ms else "")
            for (rung, count), ms in zip(climbed.items(), took)
        )
        say(f"served {counts['served']}  pressed {counts['pressed']}  {reached}")


async def _people(run: Run, show: Show, plugs: Plugs):
    """The people's time, and the plugs that the script pulls in it."""
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(at_s, plugs.pull, part) for at_s, part in show.pulls]
    try:
        await run.crowd.run(show.seconds)
    finally:
        for timer in timers:
            timer.cancel()
    await plugs.until_all_in()
