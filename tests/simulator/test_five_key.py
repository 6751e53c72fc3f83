"""The boards' own files on the real MicroPython, at the level of their pins and serial line."""

import asyncio
import json
from base64 import b64encode
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from scripted_broker import ScriptedBroker
from test_device import DEVICE, KEY, QUICK, Bench, is_face, kinds

from protocol.answer import of_codes, of_level
from protocol.opened import open_answer
from simulator.devices.fleet import Fleet

ROOT = Path(__file__).parents[2]
BOARDS = sorted(path.parent.name for path in ROOT.glob("firmware/boards/*/pins.py"))
BOUNCE = [(0, 4), (2, 0), (3, 4), (6, 0), (8, 4), (70, 0), (72, 4), (74, 0)]
TIMES = QUICK | {"why_ms": 600, "technician_ms": 100}


@asynccontextmanager
async def running(tmp_path, firmware, board, closed=0, **timing):
    async with ScriptedBroker() as broker:
        it = Bench(tmp_path, firmware, broker)
        async with Fleet(it.oracle, it.events.append) as fleet:
            await fleet.start(
                DEVICE, it.folder, TIMES | timing, enrol=True, board=board, closed=closed
            )
            await broker.until(lambda: broker.published("/state"))
            yield it, fleet


def records(broker):
    """What was sent, each record once, its answer opened: an unacknowledged one is sent again."""
    found = []
    for one in dict.fromkeys(broker.published("/record")):
        record = one.split(b"\n")[0]
        found.append(json.loads(record))
        if "answer" in found[-1]:
            found[-1]["answer"] = open_answer(KEY, record, found[-1]["answer"])
    return found


@pytest.mark.parametrize("board", BOARDS)
def test_a_bouncing_key_rates_once_is_thanked_and_asked_why(board, tmp_path, firmware):
    async def scenario():
        async with running(tmp_path, firmware, board) as (it, fleet):
            it.invite()
            await is_face(it, fleet, "inviting")
            asked = fleet.event(lambda e: e.get("face") == "asking")
            fleet.trace(DEVICE, 3, "A017", BOUNCE)
            await asked
            at_rest = fleet.event(lambda e: e.get("face") == "standby")
            fleet.trace(DEVICE, 1, "", [(0, 1), (60, 0)])
            await at_rest
            await it.broker.until(lambda: "reasons" in kinds(it.broker.published("/record")))
            return it

    it = asyncio.run(scenario())
    assert [r["answer"] for r in records(it.broker) if r["kind"] == "rating"] == [of_level(3)]
    assert [r["answer"] for r in records(it.broker) if r["kind"] == "reasons"] == [
        of_codes((314,))
    ]
    lamps = {e["name"] for e in it.events if e["event"] == "pin"}
    assert {f"lamp_{n}" for n in range(1, 6)} | {"ready"} <= lamps
    assert not [e for e in it.events if e.get("sound") == "noise"]
    played = [e["parameter"] & 0xFFFF for e in it.events if e.get("sound") == "voice"]
    assert played == [20, 1, 2, 3, 8] or played == [20, 20, 1, 2, 3, 8]


def test_without_a_player_the_buzzer_speaks(tmp_path, firmware):
    async def scenario():
        async with running(tmp_path, firmware, BOARDS[0], has_player=False) as (it, fleet):
            it.invite()
            await is_face(it, fleet, "inviting")
            await fleet.event(lambda e: e.get("sound") == "buzzer" and e["parameter"] == 0)
            return it.events

    events = asyncio.run(scenario())
    assert [e["parameter"] for e in events if e.get("sound") == "buzzer"] == [32768, 0]


def test_a_stuck_key_is_reported_and_the_others_go_on(tmp_path, firmware):
    async def scenario():
        times = {"stuck_ms": 200}
        async with running(tmp_path, firmware, BOARDS[0], **times) as (it, fleet):
            fleet.trace(DEVICE, 2, "", [(0, 2)])
            await it.broker.until(lambda: b"stuck_key" in b"".join(it.broker.published("/state")))
            it.invite()
            await is_face(it, fleet, "inviting")
            fleet.trace(DEVICE, 4, "A017", [(0, 10), (60, 2)])
            await it.broker.until(lambda: "rating" in kinds(it.broker.published("/record")))
            return it

    it = asyncio.run(scenario())
    assert [r["answer"] for r in records(it.broker) if r["kind"] == "rating"] == [of_level(4)]


def test_wifi_comes_and_goes_and_rating_goes_on(tmp_path, firmware):
    async def scenario():
        async with running(tmp_path, firmware, BOARDS[0], keep_alive_s=1) as (it, fleet):
            it.invite()
            await is_face(it, fleet, "inviting")
            gone = fleet.event(lambda e: "no hall" in e.get("text", ""))
            fleet.unplug(DEVICE)
            await gone
            fleet.trace(DEVICE, 5, "A017", [(0, 16), (60, 0)])
            await is_face(it, fleet, "thanking")
            assert "rating" not in kinds(it.broker.published("/record"))
            fleet.plug(DEVICE)
            await it.broker.until(lambda: "rating" in kinds(it.broker.published("/record")))
            return it

    assert [e for e in asyncio.run(scenario()).events if "joins hall" in e.get("text", "")]


def test_a_full_flash_is_out_of_service_and_blinks(tmp_path, firmware):
    async def scenario():
        sizes = {"segment_records": 2, "segments": 4, "why_ms": 0, "thanks_ms": 50}
        async with running(tmp_path, firmware, BOARDS[0], **sizes) as (it, fleet):
            full = fleet.event(lambda e: e.get("face") == "out_of_service")
            for number in range(6):
                it.invite(service=f"s{number}")
                if full.done():
                    break
                await asyncio.wait(
                    [asyncio.ensure_future(is_face(it, fleet, "inviting")), full],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                over = fleet.event(lambda e: e.get("face") in ("standby", "out_of_service"))
                fleet.trace(DEVICE, 5, "A017", [(0, 16), (60, 0)])
                await over
                await asyncio.sleep(0.1)
            event = await full
            for _ in range(3):
                await fleet.event(lambda e: e.get("name") == "ready")
            return event

    assert "存储已满" in asyncio.run(scenario())["text"]


def test_a_technician_finds_the_key_whose_wire_is_broken(tmp_path, firmware):
    async def scenario():
        closed = 0b10001
        async with running(tmp_path, firmware, BOARDS[0], closed, test_ms=1500) as (it, fleet):
            await is_face(it, fleet, "technician")
            moves = [(0, 0)]
            for number, level in enumerate((1, 2, 4, 5)):
                moves += [(200 + 200 * number, 1 << (level - 1)), (290 + 200 * number, 0)]
            fleet.trace(DEVICE, 1, "", moves)
            await it.broker.until(lambda: "selftest" in kinds(it.broker.published("/record")))
            return it

    (test,) = [r for r in records(asyncio.run(scenario()).broker) if r["kind"] == "selftest"]
    assert test["failed"] == ["key_3"]
    assert test["passed"] == ["key_1", "key_2", "key_4", "key_5", "sound", "contacts"]


def test_a_cable_a_ca_and_a_watchdogs_start_on_the_board_to_buy(tmp_path, firmware):
    der = bytes(range(200))
    pem = f"-----BEGIN CERTIFICATE-----\n{b64encode(der).decode()}\n-----END CERTIFICATE-----\n"

    async def scenario():
        async with ScriptedBroker() as broker:
            it = Bench(tmp_path, firmware, broker)
            bundle = json.loads((it.folder / "identity.json").read_text())
            bundle["mqtt"]["ca"] = pem
            (it.folder / "identity.json").write_text(json.dumps(bundle))
            (it.folder / "network.json").write_text('{"interface": "ethernet"}')
            async with Fleet(it.oracle, it.events.append) as fleet:
                start = {"enrol": True, "board": BOARDS[0], "cause": "watchdog"}
                await fleet.start(DEVICE, it.folder, TIMES, **start)
                await broker.until(lambda: "boot" in kinds(broker.published("/record")))
            return it

    it = asyncio.run(scenario())
    assert [r["cause"] for r in records(it.broker) if r["kind"] == "boot"] == ["watchdog"]
    told = [event.get("text") for event in it.events]
    assert "cable, PHY 1 at 1" in told
    assert "trusts 200 bytes" in told
    assert "joins hall" not in told


@pytest.mark.parametrize("board", BOARDS)
def test_a_board_that_is_looked_for_blinks_all_its_lamps_until_it_is_needed(
    board, tmp_path, firmware
):
    """FND-1"""

    async def scenario():
        async with running(tmp_path, firmware, board) as (it, fleet):
            for seconds in (1, 60):
                it.events.clear()
                it.broker.publish(f"pj/1/demo/{DEVICE}/find", b'{"seconds":%d}' % seconds)
                for _ in range(2):
                    await fleet.event(lambda e: e.get("name") == "lamp_3" and e["value"] == 0)
            it.invite()
            await is_face(it, fleet, "inviting")
            await asyncio.sleep(0.3)  # longer than it is dark
            return it.events

    moves = [(e["name"], e["value"]) for e in asyncio.run(scenario()) if e["event"] == "pin"]
    assert dict(moves) == {f"lamp_{n}": 1 for n in range(1, 6)} | {"ready": 1}


def test_a_board_without_a_whole_identity_blinks_on_and_makes_no_sound(tmp_path, firmware):
    async def scenario():
        async with ScriptedBroker() as broker:
            it = Bench(tmp_path, firmware, broker)
            (it.folder / "identity.json").write_text('{"device": ')
            async with Fleet(it.oracle, it.events.append) as fleet:
                await fleet.start(
                    DEVICE, it.folder, TIMES | {"has_player": False}, board=BOARDS[0]
                )
                for _ in range(4):
                    await fleet.event(lambda e: e.get("name") == "ready")
            return it.events

    events = asyncio.run(scenario())
    assert not [e for e in events if e.get("sound") == "buzzer" and e["parameter"]]
    assert [e["parameter"] for e in events if e.get("sound") == "voice"] == [0x060000]
