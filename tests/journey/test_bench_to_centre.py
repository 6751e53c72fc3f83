"""From a technician's bench to the centre: what `pingjia workbench` flashed then rates."""

import asyncio
import json
import os
import re
import sys

from bench_parts import files_with, watched_arguments

from simulator.devices.usb import UsbDevice
from simulator.parts.part import pingjia

TOKEN = "technician.token"


async def prepare(it, *windows):
    """A technician's token, and windows."""
    config = ("--config", "central.toml")
    folder = it.hall.folder
    if not (folder / TOKEN).exists():
        scope = ("token", "add", "--scope", "enrol:demo", "--out", TOKEN)
        await pingjia("central", *scope, *config, folder=folder)
    for window in windows:
        named = ("--hall", "demo", "--window", window, "--name", window)
        await pingjia("central", "window", "add", *named, *config, folder=folder)
    return ("--centre", it.hall.centre.url, "--token-file", TOKEN, "--hall", "demo")


async def known(it, device):
    """Returns when the gateway knows the device."""
    async with asyncio.timeout(20):
        while device not in {view["device"] for view in await it.queue.devices()}:
            await asyncio.sleep(0.1)


async def enrol(it, firmware, device, window, usb):
    """`pingjia workbench enrol`, as a technician types it."""
    centre = await prepare(it, window)
    return await pingjia(
        *("workbench", "enrol", *centre, "--window", window, "--device", device),
        *("--port", usb.port, "--firmware", firmware),
        folder=it.hall.folder,
    )


async def invite(it, fleet, window, ticket_no):
    """A service at a window whose device now asks for a rating."""
    asking = fleet.event(lambda event: event.get("face") == "inviting")
    service = {"ticket_no": ticket_no, "kind": "single", "matters": []}
    opened = await it.queue.open(window, service)
    await it.queue.invite(opened["service"])
    await asking


async def rate(it, fleet, device, window, ticket_no, level):
    """One service at a window, rated."""
    await invite(it, fleet, window, ticket_no)
    thanked = fleet.event(lambda event: event["event"] == "thanked")
    fleet.press(device, level, ticket_no)
    await thanked
    async with asyncio.timeout(30):
        while ticket_no not in {rating["ticket_no"] for rating in await it.ratings()}:
            await asyncio.sleep(0.1)


def test_what_the_bench_flashed_runs_in_the_hall_and_its_rating_reaches_the_centre(
    journey, firmware
):
    async def scenario(it):
        folder = it.hall.folder / "benched" / "xj-0417"
        with UsbDevice(folder) as usb:
            line = await enrol(it, firmware, "xj-0417", "bench-1", usb)
        assert re.search(r": xj-0417 lives: firmware \S+ verified, \d+ new files", line)
        assert "xj-0417,demo," in (it.hall.folder / "devices.csv").read_text()
        await known(it, "xj-0417")
        async with it.fleet("benched") as fleet:
            await fleet.start("xj-0417", folder)
            hashes = await fleet.hashes("xj-0417")
            manifest = json.loads((firmware / "manifest.json").read_text())["files"]
            assert {path: about["sha256"] for path, about in manifest.items()}.items() >= (
                hashes.items()
            )
            await rate(it, fleet, "xj-0417", "bench-1", "B001", 4)
        (rating,) = [rating for rating in await it.ratings() if rating["ticket_no"] == "B001"]
        assert (rating["device"], rating["level"]) == ("xj-0417", 4)

    journey(scenario)


def test_a_selftest_reaches_the_centre_signed_and_is_not_counted(journey, firmware):
    """And, as all that the bench does, without telling a secret."""

    async def scenario(it):
        device = it.hall.folder / "benched" / "xj-0501"
        with UsbDevice(device) as usb, watched_arguments() as arguments:
            outputs = [await enrol(it, firmware, "xj-0501", "bench-2", usb)]
            await known(it, "xj-0501")
            before = len(await it.ratings())
            outputs.append(await try_it(it, usb, firmware))
        sheet = ("--device", "xj-0501", "--out", "labels.pdf")
        outputs.append(await pingjia("workbench", "label", *sheet, folder=it.hall.folder))
        assert "the centre has the record" in outputs[1]
        records = [json.loads(record["envelope"].split("\n")[0]) for record in await it.records()]
        (held,) = [
            record
            for record in records
            if (record["device"], record["kind"]) == ("xj-0501", "selftest")
        ]
        assert {"keys", "lamps", "sound", "flash", "network", "broker", "clock"} <= set(
            held["passed"]
        )
        assert len(await it.ratings()) == before
        tells_no_secret(it, [device], outputs, arguments)

    journey(scenario)


def tells_no_secret(it, devices, outputs, arguments):
    """No secret stands in what commands said, in their arguments or in a file of somebody else."""
    token = it.hall.folder / TOKEN
    secrets, keepers = [token.read_text().strip()], {token}
    for device in devices:
        keepers.add(device / "identity.json")
        secrets += secrets_of(device)
    assert files_with(it.hall.folder, secrets) == keepers
    said = [*outputs, *arguments]
    assert not [text for text in said if any(secret in text for secret in secrets)]


def secrets_of(device):
    """A device's key and password, from its folder; nothing in it names a window."""
    members = json.loads((device / "identity.json").read_text())
    assert "window" not in members
    return [members["key"], members["mqtt"]["password"]]


async def try_it(it, usb, firmware):
    """`pingjia workbench selftest`, by somebody who presses what it asks for; what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pingjia", "workbench", "selftest", "--port", usb.port),
        *("--centre", it.hall.centre.url, "--token-file", TOKEN, "--firmware", firmware),
        cwd=it.hall.folder,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    process.stdin.write(b"y\n" * 10)  # yes, lamps are lit; yes, it was heard
    said = ""
    async for line in process.stdout:
        said += line.decode()
        if match := re.search(r"Press and let go: (\d)", line.decode()):
            usb.press(int(match[1]), hold_ms=100)
    assert await process.wait() == 0, said
    return said


def test_a_dead_device_is_rescued_and_replaced_and_its_ratings_count_once(journey, firmware):
    async def scenario(it):
        with watched_arguments() as arguments:
            outputs = await rescue_and_replace(it, firmware)
        for command in ("enrol", "rescue", "replace", "deliver"):
            assert any(f"workbench {command}" in line for line in arguments)
        benched = it.hall.folder / "benched"
        tells_no_secret(it, [benched / "xj-0502", benched / "xj-0503"], outputs, arguments)

    journey(scenario)


async def rescue_and_replace(it, firmware):
    """xj-0502 dies with a rating that only it has, xj-0503 follows; what the commands said."""
    folder = it.hall.folder / "benched" / "xj-0502"
    with UsbDevice(folder) as usb:
        outputs = [await enrol(it, firmware, "xj-0502", "bench-3", usb)]
    await known(it, "xj-0502")
    async with it.fleet("dead") as fleet:
        await fleet.start("xj-0502", folder)
        await rate(it, fleet, "xj-0502", "bench-3", "B002", 5)
        await rate_unheard(it, fleet, "xj-0502", "bench-3", "B003", 2)
    centre = await prepare(it)
    with UsbDevice(folder) as usb:
        line = await pingjia("workbench", "rescue", "--port", usb.port, folder=it.hall.folder)
    (carried,) = it.hall.folder.glob("xj-0502-*.jsonl.gz")
    assert carried.name in line
    with UsbDevice(it.hall.folder / "benched" / "xj-0503") as usb:
        lines = await pingjia(
            *("workbench", "replace", *centre, "--old", "xj-0502", "--device", "xj-0503"),
            *("--port", usb.port, "--firmware", firmware),
            folder=it.hall.folder,
        )
    assert "xj-0503 lives" in lines
    assert "xj-0502 is revoked" in lines
    assert "window bench-3" in lines
    outputs += [line, lines]
    for _ in range(2):  # by mistake
        line = await pingjia("workbench", "deliver", carried, *centre, folder=it.hall.folder)
        assert "rejected" not in line
        outputs.append(line)
    assert "has ended and is open: plug that board in" in line
    with UsbDevice(folder) as usb:
        at_centre = ("--port", usb.port, *centre[:4])
        line = await pingjia("workbench", "rescue", *at_centre, folder=it.hall.folder)
    assert re.search(r"xj-0502/\d+ is closed: the centre has all its records", line)
    outputs.append(line)
    tickets = [rating["ticket_no"] for rating in await it.ratings()]
    assert tickets.count("B002") == tickets.count("B003") == 1
    async with asyncio.timeout(20):
        while await views(it) != {"xj-0502": True, "xj-0503": False}:
            await asyncio.sleep(0.1)
    return outputs


async def rate_unheard(it, fleet, device, window, ticket_no, level):
    """A rating that only the device holds: its network cable is pulled before the press."""
    await invite(it, fleet, window, ticket_no)
    fleet.unplug(device)
    thanked = fleet.event(lambda event: event["event"] == "thanked")
    fleet.press(device, level, ticket_no)
    await thanked
    await fleet.kill(device)


async def views(it):
    """{device: whether it is revoked} at the window, as the gateway sees them."""
    devices = await it.queue.devices()
    return {view["device"]: view["revoked"] for view in devices if view["window"] == "bench-3"}
