"""The demo as a visitor meets it: plugs pulled by script and by key, a table that lives."""

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).parents[2]
COLUMNS, ROWS = 80, 40
END_S = 90
PULLS = "3:device,5:broker,8:gateway,12:centre"


@pytest.mark.parametrize(
    "broker",
    [
        "embedded",
        pytest.param("mosquitto", marks=[pytest.mark.needs("mosquitto"), pytest.mark.long]),
    ],
)
def test_whatever_plug_is_pulled_nothing_is_lost(tmp_path, firmware, broker):
    keep = tmp_path / "run"
    command = ("demo", "--windows", "8", "--seconds", "20", "--pull", PULLS, "--json")
    result = subprocess.run(
        [sys.executable, "-m", "pingjia", *command, "--broker", broker, "--keep", keep],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=END_S * 2,
        stdin=subprocess.DEVNULL,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    verdict = json.loads(result.stdout.splitlines()[-1])
    assert verdict["in_centre"] - verdict["unthanked"] == verdict["thanked"] >= 30
    gone = re.findall(r"拔掉 (\S+)", result.stderr)
    back = re.findall(r"恢复 (\S+)", result.stderr)
    assert len(gone) == 4
    assert sorted(gone) == sorted(back)
    if broker == "mosquitto":
        log = (keep / "broker" / "mosquitto.log").read_text()
        assert "as demo-0001" in log
        assert log.splitlines()[-1].endswith("terminating")


def test_a_plug_that_does_not_exist_is_named(firmware):
    result = subprocess.run(
        [sys.executable, "-m", "pingjia", "demo", "--pull", "3:printer"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 2
    assert "3:printer" in result.stderr
    assert "gateway" in result.stderr


def test_keys_pull_plugs_and_the_table_shows_it(firmware):
    """In a real pseudo-terminal, read as a terminal reads it."""

    async def visit():
        screen = Terminal("demo", "--windows", "2")
        try:
            await screen.until(lambda text: re.search(r"合计 all .* [3-9] ", text))
            for name in ("评价器 device", "消息 broker", "网关 gateway", "省级 centre"):
                await screen.until(lambda text, name=name: name in text)
            assert "断电 off" not in screen.text()
            screen.press("c")
            for shown in ("断电 off", "拔掉 centre loses its power"):
                await screen.until(lambda text, shown=shown: shown in text)
            await screen.until(lambda text: "断电 off" not in text)
            screen.press("q")
            await screen.until(lambda text: "lost 0, duplicate 0, altered 0: holds" in text)
            assert await screen.exit_code() == 0
        finally:
            screen.kill()

    asyncio.run(visit())


class Terminal:
    """`pingjia` in a pseudo-terminal."""

    def __init__(self, *arguments):
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)
        self._pid, self._fd = pty.fork()
        if self._pid == 0:
            os.chdir(ROOT)
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-m", "pingjia", *arguments])
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.set_blocking(self._fd, False)

    def text(self) -> str:
        """What stands on the screen; a wide character is followed by nothing."""
        return "\n".join(self._screen.display)

    def press(self, key: str):
        os.write(self._fd, key.encode())

    async def until(self, is_true):
        """Reads on until is_true(text). Raises TimeoutError with the screen as it is."""
        try:
            async with asyncio.timeout(END_S):
                while not is_true(self.text()):
                    self._read()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(self.text()) from None

    async def exit_code(self) -> int:
        async with asyncio.timeout(END_S):
            while True:
                self._read()
                pid, status = os.waitpid(self._pid, os.WNOHANG)
                if pid:
                    self._pid = 0
                    return os.waitstatus_to_exitcode(status)
                await asyncio.sleep(0.05)

    def kill(self):
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        os.close(self._fd)

    def _read(self):
        try:
            while data := os.read(self._fd, 65536):
                self._stream.feed(data)
        except OSError:  # nothing more for now, or the end
            return
