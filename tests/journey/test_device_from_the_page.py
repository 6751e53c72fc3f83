"""protocol/README.md is enough to write a device from. ENV-1 ENV-3 RCT-1 ACK-1"""

import ast
import asyncio
import json
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from pathlib import Path

SCRIPT = Path(__file__).with_name("device_from_the_page.py")
LAST = 64  # seq of its first segment
LINE_S = 40


def test_it_imports_only_the_standard_library_and_paho():
    tree = ast.parse(SCRIPT.read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or "").split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"paho"}


def test_it_rates_over_a_restart_and_gets_a_receipt_for_all_of_it(journey, tmp_path):
    """It is killed when the hall holds its rating and the centre does not; the next start names
    what it left unused, refuses what it has rated, and goes on.
    """

    async def scenario(it):
        bundle = await it.enrol("paper-0001", "w9")
        async with _started(bundle, tmp_path / "journal", 2) as device:
            assert await _line(device) == "online"
            await it.hall.centre.stop()
            try:
                await _invite(it, "P001")
                assert [await _line(device), await _line(device)] == ["thanks", "held"]
                device.kill()
                await device.wait()
            finally:
                await it.hall.centre.start()
        async with _started(bundle, tmp_path / "journal", 5) as device:
            assert await _line(device) == "online"
            await _invite(it, "P002")
            assert [await _line(device), await _line(device)] == ["thanks", "held"]
            receipt = json.loads(await _line(device))
            assert await asyncio.wait_for(device.wait(), 20) == 0
        assert (receipt["device"], receipt["seq"]) == ("paper-0001", LAST + 2)

        held = [_opened(record) for record in await it.records()]
        held = [one for one in held if one["device"] == "paper-0001"]
        assert [(one["seq"], one["kind"], one["boot"], one["level"]) for one in held] == [
            (1, "boot", 1, None),
            (2, "rating", 1, 2),
            (LAST + 1, "boot", 2, None),
            (LAST + 2, "rating", 2, 5),
        ]
        assert [one["gaps"] for one in held[::2]] == [[], [[3, LAST, "restart"]]]
        assert [(one["ticket_no"], one["shown"]) for one in held[1::2]] == [
            ("P001", 1),
            ("P002", 1),
        ]
        assert [mark for one in held for mark in one["marks"]] == []
        assert receipt["mac16"] == held[-1]["mac16"]

        head = await _last_head(it, "paper-0001")
        assert (head["seq"], head["mac16"], head["boot"]) == (LAST + 2, receipt["mac16"], 2)
        assert (head["heard"], head["shown"], head["invited"]) == (receipt["at"], 1, 1)

    journey(scenario)


def test_without_slots_and_segments_it_gives_out_no_seq_again(tmp_path):
    bundle = {"device": "paper-0002", "epoch": 1, "key": "00" * 32}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    (tmp_path / "journal" / "slots").mkdir(parents=True)

    async def scenario():
        async with _started(tmp_path / "bundle.json", tmp_path / "journal", 5) as device:
            return await asyncio.wait_for(device.wait(), LINE_S)

    assert asyncio.run(scenario()) == 1
    assert list((tmp_path / "journal" / "slots").iterdir()) == []


@asynccontextmanager
async def _started(bundle: Path, journal: Path, level: int):
    device = await asyncio.create_subprocess_exec(
        # -I: no path of ours is on sys.path, whatever the environment says
        *(sys.executable, "-I", SCRIPT, bundle, journal, str(level)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield device
    finally:
        if device.returncode is None:
            device.kill()
            await device.wait()


async def _line(device) -> str:
    line = await asyncio.wait_for(device.stdout.readline(), LINE_S)
    return line.decode().strip()


async def _invite(it, ticket_no: str) -> None:
    wanted = {"ticket_no": ticket_no, "kind": "single", "matters": []}
    service = await it.queue.open("w9", wanted)
    await it.queue.invite(service["service"])


def _opened(record: dict) -> dict:
    text, mac = record["envelope"].split("\n")
    told = {name: record[name] for name in ("level", "marks")}
    return json.loads(text) | told | {"mac16": mac[:16]}


async def _last_head(it, device: str) -> dict:
    """Of its last `state`, which the gateway may be about to commit."""
    path = it.hall.folder / "gateway-data" / "gateway.sqlite"
    async with asyncio.timeout(10):
        while True:
            with closing(sqlite3.connect(path)) as database:
                query = "SELECT head FROM devicestate WHERE device = ?"
                (text,) = database.execute(query, (device,)).fetchone()
            head = json.loads(text.split("\n")[0])
            if head["heard"] is not None:
                return head
            await asyncio.sleep(0.1)
