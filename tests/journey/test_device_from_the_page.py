"""protocol/README.md is enough to write a device from. ENV-1 ENV-3 RCT-1 ACK-1"""

import ast
import asyncio
import json
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("device_from_the_page.py")


def test_it_imports_only_the_standard_library_and_paho():
    tree = ast.parse(SCRIPT.read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"paho"}


def test_it_gets_a_rating_into_the_centre_and_a_valid_receipt_back(journey):
    async def scenario(it):
        bundle = await it.enrol("paper-0001", "w9")
        device = await asyncio.create_subprocess_exec(
            # -I: no path of ours is on sys.path, whatever the environment says
            *(sys.executable, "-I", SCRIPT, bundle, "2"),
            stdout=asyncio.subprocess.PIPE,
        )
        assert device.stdout
        assert await device.stdout.readline() == b"online\n"
        service = await it.queue.open("w9", {"ticket_no": "P001", "kind": "single", "matters": []})
        await it.queue.invite(service["service"])
        receipt = json.loads(await asyncio.wait_for(device.stdout.readline(), 40))
        assert await device.wait() == 0
        assert (receipt["device"], receipt["seq"]) == ("paper-0001", 2)
        ratings = [rating for rating in await it.ratings() if rating["device"] == "paper-0001"]
        assert [(rating["ticket_no"], rating["level"]) for rating in ratings] == [("P001", 2)]

    journey(scenario)
