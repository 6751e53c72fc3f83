"""Settings on their way: from a file at the centre, through the gateway, to a device at work."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from simulator.devices.folder import flash
from simulator.parts.hall import HALL
from simulator.parts.part import pingjia

ROOT = Path(__file__).parents[2]
DEVICE, WINDOW = "afar-0001", "afar"
OLDER = 5
TIMES = {"retry_ms": 50, "retry_max_ms": 200}


def test_settings_reach_a_device_at_work_stay_over_a_restart_and_older_ones_are_refused(
    journey, firmware
):
    async def scenario(it):
        bundle = await it.enrol(DEVICE, WINDOW)
        folder = it.hall.folder / "devices" / DEVICE
        flash(folder, firmware, bundle)
        events = []
        async with it.fleet(DEVICE, events.append) as fleet:
            await fleet.start(DEVICE, folder, TIMES, enrol=True)
            await until(it, lambda view: view["settings"] == 0)
            welcome = said(fleet, "欢迎 Welcome")
            version = await put(it, "welcome", "待机 Ready", "欢迎 Welcome")
            await welcome
            view = await until(it, lambda view: view["settings"] == version)
            assert (view["settings_wanted"], view["problems"]) == (version, [])
            assert sum(event["event"] == "started" for event in events) == 1
            await rate(it, fleet)

            await fleet.kill(DEVICE)
            make_older(it.hall.folder / "central.db", version)
            welcome = said(fleet, "欢迎 Welcome")  # before the hall could say anything
            await fleet.start(DEVICE, folder, TIMES)
            await welcome
            view = await until(it, lambda view: "settings_older" in view["problems"])
            assert (view["settings"], view["settings_wanted"]) == (version, OLDER)

            good_bye = said(fleet, "再见 Bye")
            newer = await put(it, "bye", "待机 Ready", "再见 Bye", "--device", DEVICE)
            await good_bye
            view = await until(it, lambda view: view["settings"] == newer)
            assert (view["settings_wanted"], view["problems"]) == (newer, [])
            await rate(it, fleet)
            async with asyncio.timeout(30):
                while len(ratings := mine(await it.ratings())) < 2:
                    await asyncio.sleep(0.1)
        assert sorted(rating["settings"] for rating in ratings) == [version, newer]

    journey(scenario)


async def put(it, name, before, after, *place):
    """Sets the example's settings, changed; their version."""
    text = (ROOT / "deploy" / "settings.toml").read_text()
    assert before in text
    file = it.hall.folder / f"{name}.toml"
    file.write_text(text.replace(before, after).replace("6000", "0"))
    place = place or ("--window", WINDOW)
    command = ("central", "settings", "set", file, "--hall", HALL, *place)
    told = await pingjia(*command, "--config", "central.toml", folder=it.hall.folder)
    return int(told.split("version ")[1].split()[0])


def make_older(database, version):
    """The centre forgets where `version` was for, and covers the window with an older one."""
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "insert into device_settings select ?, hall, window, device, content, set_at_ms"
            " from device_settings where version = ?",
            (OLDER, version),
        )
        connection.execute(
            "update device_settings set window = 'elsewhere' where version = ?", (version,)
        )
        connection.execute("update hall set version = version + 1")


async def until(it, is_true):
    """The gateway's view of the device, once it is as wanted."""
    async with asyncio.timeout(30):
        while True:
            for one in await it.queue.devices():
                view = {**one, **(one["said"] or {})}
                if view["device"] == DEVICE and "settings" in view and is_true(view):
                    return view
            await asyncio.sleep(0.05)


async def rate(it, fleet):
    opened = await it.queue.open(WINDOW, {"ticket_no": "A1"})
    inviting = shown(fleet, face="inviting")
    await it.queue.invite(opened["service"])
    await inviting
    over = shown(fleet, face="standby")
    fleet.press(DEVICE, 4, "A1")
    await over
    await it.queue.close(opened["service"])


def said(fleet, text):
    return shown(fleet, face="standby", text=text)


def shown(fleet, **members):
    wanted = {"device": DEVICE, **members}.items()
    return fleet.event(lambda event: wanted <= event.items())


def mine(ratings):
    return [rating for rating in ratings if rating["device"] == DEVICE]
