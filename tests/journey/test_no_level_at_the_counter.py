"""Nobody at the counter can see, hear, fetch or infer which level a citizen pressed."""

import asyncio
import collections
import contextlib
import json
import random
import re
import statistics
import time
from collections import defaultdict

import httpx2
import pytest
from storms import DEVICE, SEED, flash_all, made_hall, weaken
from tap import Tap

from simulator.devices.fleet import FleetError
from simulator.parts.part import pingjia
from simulator.parts.run import Run
from simulator.web import read_token

LEVELS = (1, 2, 3, 4, 5)
APART_MS = 5  # how far the medians of two levels may lie apart
BY_CHANCE = 1.25  # or, if that is more, so many times what chance alone brings about
BOARD = "esp32_five_key"  # its lamps and its voice are pins and a serial line
SAY = 0x12  # the voice's command to play a prompt
HOLD_MS = 90  # a quick press; a shorter one may be over before a busy machine looks twice
# The finger has left before the question; the question is long enough that a person who says why
# is never late, and over before the lamps blink twice.
TIMES = DEVICE | {"thanks_ms": 130, "why_ms": 375}
TRIES = 5
TICKET = "A017"  # the same for everybody: what is left to differ is the level
# What differs from one service to the next, whatever was pressed: times, seq, MACs, facts, how
# much of the journal is free, which follows from seq, and how many were served today.
VARYING = {"window", "service", "facts", "seq", "first", "head", "receipt", "free", "session"}
VARYING_TEXT = re.compile(
    r"[0-9A-HJKMNP-TV-Z]{26}|\d{1,2}:\d\d(:\d\d)?|\d+ (秒|s)\b|(已评价|未评价|未邀请) \d+"
)


class Counter:
    """Everything that can be noticed at the counter, by level.

    seen[level]: {(where, what)}. shown[level]: lamps and sounds of each press, in order.
    delays[level]: of each press, {what happened: ms after the key closed}.
    """

    def __init__(self):
        self.seen = defaultdict(set)
        self.shown = defaultdict(list)
        self.delays = defaultdict(list)
        self.late = 0  # reasons that a busy machine pressed when the question was over

    def look(self, level, where, text):
        """Notes what stands there, without what varies anyway."""
        text = text.decode() if isinstance(text, bytes) else text
        try:
            text = json.dumps(_constant(json.loads(text)), sort_keys=True)
        except ValueError:
            text = VARYING_TEXT.sub("_", text)
        self.seen[level].add((where, text))

    def watch(self, level, where, told_ms, steps):
        """Notes the lamps and sounds after a press, [(what, ms)] in order, and when they came.

        told_ms: when the hall was told of the thanks.
        """
        self.shown[level].append((where, tuple(what for what, _ in steps)))
        delays, times = {"state": told_ms}, collections.Counter()
        for what, ms in steps:
            times[what] += 1
            delays[f"{where}: {what}, time {times[what]}"] = ms
        self.delays[level].append(delays)

    def usual(self, level):
        """The orders of lamps and sounds that more than one press, and four in a hundred, had.

        A machine that stalls in the midst of one gives it an order of its own now and then.
        """
        orders, few = collections.Counter(self.shown[level]), max(1, len(self.shown[level]) / 25)
        return {order for order, count in orders.items() if count > few}

    def uneven(self):
        """What takes longer at one level than at another: {what happened: ms between medians}.

        As far as this machine lets anybody tell: where everything waits for the processor, chance
        alone moves the medians apart by more than 5 ms.
        """
        found = {}
        for step in {step for presses in self.delays.values() for one in presses for step in one}:
            times = [[one[step] for one in self.delays[level] if step in one] for level in LEVELS]
            if not all(times):
                continue
            medians = [statistics.median(of_level) for of_level in times]
            apart_ms = _apart_ms(medians)
            if apart_ms >= APART_MS and apart_ms > BY_CHANCE * _chance_ms(times, medians):
                found[step] = apart_ms
        return found


def _apart_ms(medians):
    return max(medians) - min(medians)


def _chance_ms(times, medians):
    """How far the medians would lie apart by chance if the levels were alike: the most that 1,000
    draws from each level's own times move them.
    """
    chance, found = random.Random(SEED), 0
    for _ in range(1000):
        drawn = [
            statistics.median(chance.choices(of_level, k=len(of_level))) for of_level in times
        ]
        found = max(found, _apart_ms([one - own for one, own in zip(drawn, medians, strict=True)]))
    return found


@pytest.mark.rule("R9")
@pytest.mark.parametrize("presses", [50, pytest.param(200, marks=pytest.mark.long)])
def test_the_five_levels_look_and_sound_the_same_and_take_the_same_time(
    tmp_path, firmware, presses
):
    counter = watch_the_counter(tmp_path, firmware, presses)
    assert sum(map(len, counter.delays.values())) == 5 * presses - counter.late
    assert counter.late < 1.25 * presses
    assert {where for where, _ in counter.seen[1]} == {"state", "ticket", "api", "console"}
    usual = dict(counter.usual(1))
    assert set(usual) == {"asked why", "told why"}
    told = {"lamp_1 0", "lamp_5 1", "voice 2", "voice 3", "voice 8", "noted"}
    assert told <= set(usual["told why"])
    for level in LEVELS:
        assert counter.seen[level] == counter.seen[1], f"seed {SEED}"
        assert counter.usual(level) == counter.usual(1), f"seed {SEED}"
    assert counter.uneven() == {}


@pytest.mark.long
def test_a_device_that_tells_a_level_is_noticed_whatever_way_it_tells(tmp_path, firmware):
    append = "        try:\n            envelope = self._append(\n                Rating,"
    tells = (
        "        if press.level == 1:\n"
        "            self._board.set_volume(30)\n"
        "        elif press.level == 2:\n"
        "            self._board.answer('tried', press.level)\n"
        "        elif press.level == 3:\n"
        "            import time\n"
        "            time.sleep_ms(300)\n"
        "        self._link.report('bad_clock', press.level == 3)\n"
        "        self._session.why_ms = 375 + 800 * (press.level == 4)\n"
    )
    weak = weaken(firmware, tmp_path / "firmware", append, tells + append)
    counter = watch_the_counter(tmp_path, firmware, presses=24, flashed=weak)
    assert counter.usual(1) != counter.usual(5)
    assert counter.usual(2) != counter.usual(5)
    assert counter.seen[3] != counter.seen[5]
    uneven = counter.uneven()
    assert uneven["state"] >= 200  # level 3
    assert uneven["asked why: standby, time 1"] >= 300  # level 4


@pytest.mark.parametrize(
    ("shift_ms", "noise_ms", "is_noticed"), [(0, 2, False), (8, 2, True), (0, 60, False)]
)
def test_a_few_ms_are_noticed_where_the_machine_is_quiet(shift_ms, noise_ms, is_noticed):
    """What is noticed, and what is chance, without a machine that stalls now and then."""
    chance, counter = random.Random(SEED), Counter()
    for _ in range(100):
        for level in LEVELS:
            at_ms = 40 + shift_ms * (level == 3) + chance.gauss(0, noise_ms)
            counter.watch(
                level, "asked why", at_ms, [("standby", 540 + chance.gauss(0, noise_ms))]
            )
    assert set(counter.uneven()) == ({"state"} if is_noticed else set())


def watch_the_counter(tmp_path, firmware, presses, flashed=None) -> Counter:
    """Each level is pressed `presses` times, in random order, at eight windows.

    Every other time the citizen says why, with any key.
    """
    hall = made_hall(firmware, "embedded").copy(tmp_path / "hall", 8)
    if flashed is not None:
        flash_all(hall, flashed)
    chance = random.Random(SEED)
    people = [
        (level, chance.choice(LEVELS) if number % 2 else None)
        for level in LEVELS
        for number in range(presses)
    ]
    chance.shuffle(people)

    async def all_of_it():
        token = ("gateway", "token", "add", "counter", "--scope", "console", "--window", "w1")
        await pingjia(
            *token, "--out", "console.token", "--config", "gateway.toml", folder=hall.folder
        )
        counter, eyes = Counter(), Eyes()
        run = Run(hall, SEED, timing=TIMES, board=BOARD, hear=eyes.hear)
        async with Tap(hall.folders) as tap, run:
            token = read_token(hall.folder / "console.token")
            async with httpx2.AsyncClient(
                base_url=hall.gateway.url, headers={"Origin": hall.gateway.url}, trust_env=False
            ) as console:
                await console.post("/login", data={"token": token})
                await asyncio.gather(
                    *(
                        rate(run, tap, eyes, console, window, people[number::8], counter)
                        for number, window in enumerate(hall.windows)
                    )
                )
        return counter

    return asyncio.run(asyncio.wait_for(all_of_it(), 300))


class Eyes:
    """Sees and hears what the devices' pins and voices do: `seen` {device: [(what, at_ms)]}.

    told: the last events of each device, for whoever must find out why it did not thank.
    """

    def __init__(self):
        self.seen = defaultdict(list)
        self.told = defaultdict(lambda: collections.deque(maxlen=120))

    def hear(self, event):
        kind = event["event"]
        if "device" in event:
            self.told[event["device"]].append({"at": time.monotonic()} | event)
        if kind == "pin":
            what = f"{event['name']} {event['value']}"
        elif kind == "sound":
            command, parameter = event["parameter"] >> 16, event["parameter"] & 0xFFFF
            what = f"{event['sound']} {parameter}" + ("" if command == SAY else f" of {command}")
        elif kind in ("face", "answer"):
            what = event[kind]
        else:
            return
        self.seen[event["device"]].append((what, event["at_ms"]))


async def rate(run, tap, eyes, console, window, people, counter):
    """One service after the other at a window; what can be seen of each goes to the counter."""
    device = run.hall.windows[window]
    for number, (level, reason) in enumerate(people):
        begun = len(tap.seen)
        opened = await run.queue.open(window, {"ticket_no": TICKET})
        invited = face(run, device, "inviting")
        await run.queue.invite(opened["service"])
        await invited
        asked, at_rest = face(run, device, "asking"), face(run, device, "standby")
        thanks = await press(run, eyes, device, level, f"{device}-{number}")
        await asked
        if reason is not None:
            run.fleet.press(device, reason, "", hold_ms=HOLD_MS)
        await at_rest
        while (service := await run.queue.get(opened["service"]))["outcome"] != "rated":
            await asyncio.sleep(0.005)
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
        pressed_at_ms = thanks["pressed_at_ms"]
        steps = [(what, at_ms - pressed_at_ms) for what, at_ms in eyes.seen[device]]
        steps = steps[: [what for what, _ in steps].index("standby") + 1]
        if is_late([what for what, _ in steps], reason):
            counter.late += 1
            continue
        told = [seen.at_ms for seen in mine if is_thanking(seen)]
        where = "asked why" if reason is None else "told why"
        counter.watch(level, where, told[0] - pressed_at_ms, steps)


async def press(run, eyes, device, level, ticket_no):
    """The thanks; a busy machine may not have seen the last finger leave, so there are tries."""
    for _ in range(TRIES):
        eyes.seen[device].clear()
        thanked = run.fleet.event(
            lambda e: e["device"] == device and e["event"] == "thanked", timeout_s=2
        )
        run.fleet.press(device, level, ticket_no, hold_ms=HOLD_MS)
        with contextlib.suppress(FleetError):
            return await thanked
    told = "\n".join(map(str, eyes.told[device]))
    raise AssertionError(f"{device} did not thank for level {level}:\n{told}")


def is_late(steps, reason):
    """Whether a busy machine pressed the reason beside the question, or when the lamps blinked."""
    blinks = sum(what.startswith("lamp_1 ") for what in steps) - 3  # thanked, asked, at rest
    return "not_now" in steps or (reason is not None and (blinks > 0 or "noted" not in steps))


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
