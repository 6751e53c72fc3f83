"""What is wrong is marked, rejected or refused, counted and visible; the rest arrives.

TOP-1 TOP-2 REC-7 BAT-2 BAT-4 ENV-4
"""

import asyncio
import json
import sys

import pytest
from broker_login import login

from protocol.batch import EnvelopeItem, encode_batch
from protocol.record import Rating, encode
from protocol.topic import RECORD, topic
from simulator.parts.hall import HALL
from simulator.pen import Pen

DEVICE = "poison-0001"


async def until(is_true, timeout_s=30):
    async with asyncio.timeout(timeout_s):
        while not await is_true():
            await asyncio.sleep(0.1)


def test_poison_of_every_kind_is_told_by_name_and_harms_nobody(journey):
    async def scenario(it):
        pen = Pen.of_bundle(await it.enrol(DEVICE, "w8"))

        def altered(ticket_no, was, now):
            return pen.append(encode(pen.record(Rating, ticket_no=ticket_no)).replace(was, now))

        client, answers = login(pen.mqtt)
        own = topic(HALL, DEVICE, RECORD)
        boot, first = pen.boot(), pen.rating(ticket_no="B001")
        wrong_type = altered("B002", b'"settings":0', b'"settings":"0"')
        version = altered("B003", b'"v":1', b'"v":9')
        kind = altered("B004", b'"rating"', b'"poem"')
        last = pen.rating(ticket_no="B005")
        forged = first[:-64] + b"0" * 64
        poison = [
            b"\xff\xfe\x00",
            b"x" * 1_000_000,
            b"[" * 900,
            b"",
            first.replace(b"poison", b"venoms"),
        ]
        for payload in [boot, forged, first, *poison, wrong_type, version, kind, last]:
            client.publish(own, payload, qos=1).wait_for_publish(10)
        assert [str(answer) for answer in answers] == ["Success"]

        async def all_there():
            mine = [r for r in await it.records() if DEVICE in r["envelope"]]
            return len(mine) == 6

        await until(all_there)
        client.disconnect()
        marks = {
            json.loads(record["envelope"].split("\n")[0])["seq"]: record["marks"]
            for record in await it.records()
            if DEVICE in record["envelope"]
        }
        assert marks[1] == []
        assert marks[2] == marks[6] == ["undated"], "nobody told this device the time"
        assert (marks[3], marks[4], marks[5]) == (
            ["malformed"],
            ["unknown_version"],
            ["unknown_kind"],
        )
        assert "bad_mac" in str(await it.rejections())
        counts = {
            row["reason"]: row["count"]
            for row in (await it.quarantine())["counts"]
            if row["device"] == DEVICE
        }
        assert sum(counts.values()) == len(poison), counts

    journey(scenario)


def test_an_unknown_device_cannot_log_in_and_is_rejected_by_name_at_the_centre(journey):
    async def scenario(it):
        bundle = await it.enrol("poison-0002", "w7")
        client, answers = login(Pen.of_bundle(bundle).mqtt, username="nobody-0001")

        async def answered():
            return bool(answers)

        await until(answered)
        client.disconnect()
        assert str(answers[0]) in ("Not authorized", "Bad user name or password")
        envelope = Pen("nobody-0001", 29333341, bytes(32)).rating(ticket_no="N001").decode()
        body = encode_batch([EnvelopeItem(envelope, 1, None, None, ())])
        answer = await it.post_batch(body)
        (verdict,) = answer["verdicts"]
        assert verdict["verdict"] == "rejected"
        assert "unknown_device" in verdict["reason"]

    journey(scenario)


@pytest.mark.parametrize("command", ["central", "gateway"])
def test_a_typo_in_the_settings_stops_the_start_and_is_named(journey, tmp_path, command):
    async def scenario(it):
        original = (it.hall.folder / f"{command}.toml").read_text()
        config = tmp_path / f"{command}.toml"
        config.write_text(original + "\nlisten_hots = 1\n")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pingjia", command, "run", "--config", config),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 1
        assert "listen_hots" in err.decode()
        assert "Traceback" not in err.decode()

    journey(scenario)
