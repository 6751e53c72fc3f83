"""Hall IT's day, by docs/directory.md alone: twelve windows from a workbook with two mistakes,
mended, one renamed, one device moved, one replaced, imported again, the broker moved. Nothing is
enrolled anew, nobody is thrown out, and the oracle is clean.
"""

import asyncio
import json
import re
import time

import openpyxl
import pytest
from typer.testing import CliRunner

from hosting.error import OperatorError
from pingjia import app
from simulator.check.oracle import judge, read_log, read_ratings
from simulator.devices.fleet import Fleet
from simulator.devices.folder import flash
from simulator.parts.hall import GATEWAY_CONFIG, HALL, Hall
from simulator.parts.part import free_port

WINDOWS = 12
TIMES = {"retry_ms": 50, "retry_max_ms": 200, "thanks_ms": 500, "why_ms": 0}
TIMERS = {"hall_poll_s": 0.2, "head_every_s": 0.5}
BOOK = "名录.xlsx"


class Office:
    """The hall, the office's workbook, and the devices at work."""

    def __init__(self, folder, firmware):
        self.hall = Hall(folder, firmware, windows=0, timers=TIMERS)
        self.firmware = firmware
        self.began_s = time.monotonic()
        self.tickets = 0
        at = (self.hall.folder / "devices").joinpath
        self.folder_of = at
        self.sheets = {
            "窗口": [["大厅", "窗口编号", "名称"]],
            "人员": [["大厅", "工号", "名称"], [HALL, "0231", "王芳"], [HALL, "0240", "李强"]],
            "事项": [["事项编码", "名称", "可评价"], ["m-1", "营业执照设立", "是"]],
            "评价器": [["大厅", "窗口编号", "评价器编号"]],
        }
        for number in range(1, WINDOWS + 1):
            self.sheets["窗口"].append([HALL, f"w{number}", f"{number}号窗口"])
            self.sheets["评价器"].append([HALL, f"w{number}", f"xj-{number:04}"])

    def save(self):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for title, rows in self.sheets.items():
            sheet = book.create_sheet(title)
            for row in rows:
                sheet.append(row)
        book.save(self.hall.folder / BOOK)

    async def central(self, *words):
        """A command of the centre's, typed in the hall's folder; what it printed."""
        config = self.hall.folder / "central.toml"
        told = await asyncio.to_thread(typed, "central", *words, "--config", config)
        print(f"{time.monotonic() - self.began_s:.1f} s: central {' '.join(map(str, words))}")
        print(told)
        return told

    async def bring(self, *options):
        self.save()
        bundles = self.hall.folder / "bundles"
        book = self.hall.folder / BOOK
        return await self.central("directory", "import", book, "--bundles", bundles, *options)

    async def refused(self, *options):
        with pytest.raises(OperatorError) as refused:
            await self.bring(*options)
        print(refused.value)
        return str(refused.value)

    async def switch_on(self, fleet, device):
        bundle = self.hall.folder / "bundles" / f"{device}.json"
        flash(self.folder_of(device), self.firmware, bundle)
        bundle.unlink()
        await fleet.start(device, self.folder_of(device), TIMES, enrol=True)

    async def rate(self, queue, fleet, device, window):
        self.tickets += 1
        ticket_no = f"A{self.tickets:03}"
        opened = await queue.open(window, {"ticket_no": ticket_no})
        inviting = fleet.event(shown(device, face="inviting"))
        await queue.invite(opened["service"])
        await inviting
        thanked = fleet.event(shown(device, event="thanked"))
        fleet.press(device, 1 + self.tickets % 5, ticket_no)
        await thanked
        await queue.close(opened["service"])

    def epochs(self):
        return {
            path.name: json.loads((path / "identity.json").read_text())["epoch"]
            for path in sorted(self.folder_of().iterdir())
        }


def typed(*words):
    """What a command prints, without the second that a Python of its own takes to start."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exit_code:
        raise OperatorError(result.output)
    return result.output


async def until(is_true, what, timeout_s=30):
    async with asyncio.timeout(timeout_s):
        while not await is_true():
            await asyncio.sleep(0.1)
    print("then", what)


def shown(device, **members):
    wanted = {"device": device, **members}.items()
    return lambda event: wanted <= event.items()


async def online(queue):
    return {view["device"] for view in await queue.devices() if view["online"]}


async def mend_two_mistakes(office):
    windows, devices = office.sheets["窗口"], office.sheets["评价器"]
    windows[3][1], devices[12][1] = "W 3", "w21"
    told = await office.refused("--dry-run")
    assert "1 cell is wrong" in told, "the device of w21 may mean the window whose id is wrong"
    assert "窗口!B4" in told
    windows[3][1] = "w3"
    told = await office.refused("--dry-run")
    assert "1 cell is wrong" in told
    assert "评价器!B13" in told
    devices[12][1] = "w12"
    assert "would change" in await office.bring("--dry-run")
    assert "enrolled device xj-0012" in await office.bring()


async def change_what_changes(office, fleet, queue, enrolled):
    """A window renamed, a device moved, one replaced; the workbook is told each time."""
    await office.central("window", "rename", HALL, "w7", "综合窗口")
    office.sheets["窗口"][7][2] = "综合窗口"
    await office.central("window", "add", "--hall", HALL, "--window", "w13", "--name", "13号窗口")
    office.sheets["窗口"].append([HALL, "w13", "13号窗口"])
    await office.central("device", "move", "xj-0005", "w13")
    assert "--move" in await office.refused()
    office.sheets["评价器"][5][1] = "w13"

    await fleet.kill("xj-0003")
    await office.central("revoke", "xj-0003", "--reason", "按键损坏")
    assert "--replace" in await office.refused()
    office.sheets["评价器"][3][2] = "xj-0103"
    told = await office.bring()
    assert "enrolled device xj-0103" in told
    assert told.count("enrolled") == 1
    await office.switch_on(fleet, "xj-0103")
    assert "nothing changes" in await office.bring()
    there = enrolled - {"xj-0003"} | {"xj-0103"}

    async def stands():
        views = {view["device"]: view["window"] for view in await queue.devices()}
        is_there = there <= await online(queue)
        return is_there and (views["xj-0005"], views["xj-0103"]) == ("w13", "w3")

    await until(stands, "moved and replaced")
    await office.rate(queue, fleet, "xj-0005", "w13")
    await office.rate(queue, fleet, "xj-0103", "w3")
    return there


async def move_the_broker(office, fleet, there):
    """By docs/directory.md; a rating is given while no broker is there at all."""
    hall, port = office.hall, free_port()
    told = await office.central("hall", "set", HALL, "--broker-next", f"127.0.0.1:{port}")
    assert f"next: 127.0.0.1:{port}, settings version" in told
    with pytest.raises(OperatorError, match="do not know this address"):
        await office.central("hall", "set", HALL, "--mqtt-port", "1")

    async def all_know():
        return "all know it" in await office.central("hall", "broker", HALL)

    await until(all_know, "all devices know the next address", 60)
    queue = hall.queue_system()
    opened = await queue.open("w1", {"ticket_no": "B001"})
    inviting = fleet.event(lambda event: event.get("face") == "inviting")
    await queue.invite(opened["service"])
    await inviting
    await queue.aclose()
    await hall.gateway.stop()  # and its broker
    thanked = fleet.event(lambda event: event["event"] == "thanked")
    fleet.press("xj-0001", 2, "B001")
    await thanked
    config = hall.folder / GATEWAY_CONFIG
    moved = re.sub(r"mqtt_port = \d+", f"mqtt_port = {port}", config.read_text())
    assert moved != config.read_text()
    config.write_text(moved)
    began_s = time.monotonic()
    await hall.gateway.start()
    queue = hall.queue_system()

    async def are_there():
        return there <= await online(queue)

    await until(are_there, "all devices are at the other broker")
    print(f"{time.monotonic() - began_s:.1f} s after the gateway was started again")
    await office.central("hall", "set", HALL, "--mqtt-host", "127.0.0.1")
    with pytest.raises(OperatorError, match="have bundles with another address"):
        await office.central("hall", "set", HALL, "--broker-next", "none")
    office.sheets["网关"] = [["大厅", "消息服务器", "端口"], [HALL, "127.0.0.1", str(port)]]
    assert "nothing changes" in await office.bring()
    return queue


def test_twelve_windows_from_a_workbook_to_another_broker(tmp_path, firmware):
    """BRK-1"""

    async def day():
        office = Office(tmp_path / "hall", firmware)
        (tmp_path / "hall").mkdir()
        hall = office.hall
        await hall.make()
        await hall.start()
        queue, reader = hall.queue_system(), hall.reader()
        try:
            await mend_two_mistakes(office)
            enrolled = {row[2] for row in office.sheets["评价器"][1:]}
            async with Fleet(hall.oracle) as fleet:
                for device in sorted(enrolled):
                    await office.switch_on(fleet, device)

                async def are_there():
                    return enrolled <= await online(queue)

                await until(are_there, "twelve devices are online")
                assert "nothing changes" in await office.bring()
                first = office.epochs()
                for number in (1, 5, 12):
                    await office.rate(queue, fleet, f"xj-{number:04}", f"w{number}")
                there = await change_what_changes(office, fleet, queue, enrolled)
                await queue.aclose()
                queue = await move_the_broker(office, fleet, there)
                for number in (1, 2, 12):
                    await office.rate(queue, fleet, f"xj-{number:04}", f"w{number}")
                presses = read_log(hall.oracle)

                async def have_come():
                    return len(read_ratings(await reader.records())) >= len(presses)

                await until(have_come, "all ratings are at the centre")
            last = office.epochs()
            assert {device: last[device] for device in first} == first
            records = await reader.records()
            verdict = judge(presses, read_ratings(records))
            assert verdict.holds(), verdict
            assert (verdict.thanked, verdict.in_centre) == (9, 9)
            where = {placed(record) for record in records} - {None}
            assert where >= {("w5", "xj-0005"), ("w13", "xj-0005"), ("w3", "xj-0103")}
        finally:
            await queue.aclose()
            await reader.aclose()
            await hall.stop()

    asyncio.run(day())


def placed(record):
    """(window, device) of a rating."""
    members = json.loads(record["envelope"].split("\n")[0])
    return (record["window"], members["device"]) if members["kind"] == "rating" else None
