"""A second, independent MicroPython: Debian's for the micro:bit, run by qemu. A wrong board."""

import re
import subprocess

import pytest
from bench_parts import workbench

from workbench.board.repl import Board

MICROBIT = "/usr/share/firmware-microbit-micropython/firmware.hex"

pytestmark = pytest.mark.needs("qemu")


@pytest.fixture
def microbit():
    """The port of a micro:bit that runs MicroPython."""
    qemu = subprocess.Popen(
        [
            *("qemu-system-arm", "-M", "microbit", "-nographic", "-monitor", "none"),
            *("-serial", "pty", "-device", f"loader,file={MICROBIT}"),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert qemu.stdout
    line = qemu.stdout.readline()
    found = re.search(r"/dev/pts/\d+", line)
    assert found, line
    yield found[0]
    qemu.kill()
    qemu.communicate()


def test_a_foreign_micropython_is_recognised_and_refused_as_the_wrong_board(microbit, firmware):
    with Board(microbit) as board:
        assert board.about.platform == "microbit"
        assert board.about.mpy == 0
    result = workbench("flash", "--firmware", firmware, "--port", microbit)
    assert result.exit_code == 1
    assert "this is a microbit board" in result.output
    assert "take another one" in result.output
