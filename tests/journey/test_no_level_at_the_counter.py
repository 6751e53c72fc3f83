"""Nobody at the counter can see, fetch or infer which level a citizen pressed."""

import asyncio
import json
import random
import re
import statistics
from collections import defaultdict

import httpx2
from storms import DEVICE, SEED, flash_all, made_hall, weaken
from tap import Tap

from simulator.part import pingjia
from simulator.run import Run
from simulator.web import read_token

LEVELS = (1, 2, 3, 4, 5)
APART_MS = 5  # how far the medians of two levels may lie apart
TICKET = "A017"  # the same for everybody: what is left to differ is the level
# What differs from one service to the next, whatever was pressed: times, seq, MACs, facts, and
# how much of the journal is free, which follows from seq.
VARYING = {"service", "facts", "seq", "first", "head", "receipt", "free", "session"}
ULID_OR_TIME = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}|\d{1,2}:\d\d(:\d\d)?|\d+ (秒|s)\b")


class Counter:
    """Everything that can be noticed at the counter, by level."""

    def __init__(self):
        self.seen = defaultdict(set)  # {level: what was seen, where}
        self.thanks_ms = defaultdict(list)
        self.state_ms = defaultdict(list)

    def look(self, level, where, text):
        """Notes what stands there, without what varies anyway."""
        try:
            text = json.dumps(_constant(json.loads(text)), sort_keys=True)
        except ValueError:
            text = ULID_OR_TIME.sub("_", text)
        self.seen[level].add((where, text))

    def apart_ms(self, delays):
        """How far the levels' medians lie apart."""
        medians = [statistics.median(delays[level]) for level in LEVELS]
        return max(medians) - min(medians)

    def chance_ms(self, delays):
        """How far they would lie apart by chance: the most among 1,000 random relabellings.

        On a quiet machine 2 or 3 ms; where everything waits for the processor, more.
        """
        chance, pool = random.Random(SEED), [delay for level in LEVELS for delay in delays[level]]
        found, size = 0, len(pool) // len(LEVELS)
        for _ in range(1000):
            chance.shuffle(pool)
            relabelled = {level: pool[n * size : (n + 1) * size] for n, level in enumerate(LEVELS)}
            found = max(found, self.apart_ms(relabelled))
        return found


def test_the_five_levels_look_the_same_and_take_the_same_time(tmp_path, firmware):
    counter = watch_the_counter(tmp_path, firmware, presses=100)
    assert {len(counter.thanks_ms[level]) for level in LEVELS} == {100}
    wheres = {where for where, _ in counter.seen[1]}
    assert wheres == {"state", "ticket", "api", "console"}
    for level in LEVELS:
        assert counter.seen[level] == counter.seen[1], f"seed {SEED}"
    for delays in (counter.thanks_ms, counter.state_ms):
        assert counter.apart_ms(delays) < max(APART_MS, counter.chance_ms(delays))


def test_a_device_that_hesitates_after_a_bad_level_and_reports_it_is_noticed(tmp_path, firmware):
    append = "        try:\n            envelope = self._append(\n                Rating,"
    tells = (
        "        if press.level <= 2:\n"
        "            import time\n"
        "            time.sleep_ms(15)\n"
        "        self._link.report('stuck_key', press.level <= 2)\n"
    )
    weak = weaken(firmware, tmp_path / "firmware", append, tells + append)
    counter = watch_the_counter(tmp_path, firmware, presses=8, flashed=weak)
    assert counter.seen[1] != counter.seen[5]
    for delays in (counter.thanks_ms, counter.state_ms):
        assert counter.apart_ms(delays) >= APART_MS


def watch_the_counter(tmp_path, firmware, presses, flashed=None) -> Counter:
    """Each level is pressed `presses` times, in random order, at eight windows."""
    hall = made_hall(firmware, "embedded").copy(tmp_path / "hall", 8)
    if flashed is not None:
        flash_all(hall, flashed)
    levels = [level for level in LEVELS for _ in range(presses)]
    random.Random(SEED).shuffle(levels)

    async def all_of_it():
        token = ("gateway", "token", "add", "counter", "--scope", "console", "--window", "w1")
        await pingjia(
            *token, "--out", "console.token", "--config", "gateway.toml", folder=hall.folder
        )
        counter = Counter()
        async with Tap(hall.folders) as tap, Run(hall, SEED, timing=DEVICE) as run:
            cookie = f"pingjia_gateway={read_token(hall.folder / 'console.token')}"
            async with httpx2.AsyncClient(
                base_url=hall.gateway.url, headers={"Cookie": cookie}, trust_env=False
            ) as console:
                await asyncio.gather(
                    *(
                        rate(run, tap, console, window, levels[number::8], counter)
                        for number, window in enumerate(hall.windows)
                    )
                )
        return counter

    return asyncio.run(asyncio.wait_for(all_of_it(), 150))


async def rate(run, tap, console, window, levels, counter):
    """One service after the other at a window; what can be seen of each goes to the counter."""
    device = run.hall.windows[window]
    for number, level in enumerate(levels):
        begun = len(tap.seen)
        opened = await run.queue.open(window, {"ticket_no": TICKET})
        invited = face(run, device, "inviting")
        await run.queue.invite(opened["service"])
        await invited
        thanked = run.fleet.event(lambda e: e["device"] == device and e["event"] == "thanked")
        at_rest = face(run, device, "standby")
        run.fleet.press(device, level, f"{device}-{number}", hold_ms=50)
        thanks = await thanked
        while not (service := await run.queue.get(opened["service"]))["rated"]:
            await asyncio.sleep(0.005)
        await at_rest
        if window == "w1":
            counter.look(level, "console", (await console.get("/windows/w1")).text)
        closed = await run.queue.close(opened["service"])
        if window == "w1":
            counter.look(level, "console", (await console.get("/windows/w1")).text)
        await asyncio.sleep(0.05)  # the ticket and the states that follow are on their way
        for answer in (opened, service, closed):
            counter.look(level, "api", json.dumps(answer))
        mine = [seen for seen in tap.seen[begun:] if seen.device == device]
        for seen in mine:
            if seen.kind in ("state", "ticket"):
                counter.look(level, seen.kind, seen.payload)
        counter.thanks_ms[level].append(thanks["at_ms"] - thanks["pressed_at_ms"])
        told = [seen.at_ms for seen in mine if is_thanking(seen)]
        counter.state_ms[level].append(told[0] - thanks["pressed_at_ms"])


def face(run, device, name):
    return run.fleet.event(lambda e: e["device"] == device and e.get("face") == name)


def is_thanking(seen):
    return seen.kind == "state" and json.loads(seen.payload).get("face") == "thanking"


def _constant(value):
    if isinstance(value, dict):
        return {
            name: _constant(member)
            for name, member in value.items()
            if name not in VARYING and not name.endswith("_ms")
        }
    return [_constant(member) for member in value] if isinstance(value, list) else value
