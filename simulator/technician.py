"""A technician who types the commands of a page into a fresh hall, and sees what they print.

The boards are real MicroPythons behind pseudo-terminals, shown under the names that the page uses;
pyserial does not list them, so `--all` is typed as their names. Everything else is typed as it
stands, by bash.
"""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from simulator.devices.usb import UsbDevice
from simulator.parts.hall import Hall

BOX = range(2, 22)
PULLED = 12  # the board of the box whose cable comes off, after so many bytes:
HALF_WAY = 20_000
AGAIN, NEW = 22, 23  # its port when it is plugged in again, and the port of the dead one's heir
_CENTRE = "https://centre.example"
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_COMMAND = re.compile(r"^\$ (.*(?:\n> .*)*)", re.MULTILINE)


def commands(page: str) -> list[str]:
    """The commands in a page's console blocks, each in one line."""
    found = (typed for block in _BLOCK.findall(page) for typed in _COMMAND.findall(block))
    return [_joined(command) for command in found]


async def typed(page: str, folder: Path, repository: Path) -> str:
    """The page with what its commands print now, typed into a fresh hall in `folder`.

    repository: where the built firmware lies, and where the technician works.
    """
    hall = Hall(folder, repository / "build/firmware", windows=0, timers={"hall_poll_s": 0.5})
    await hall.make()
    await hall.start()
    password = folder / "wifi.password"  # which the page takes for granted
    password.touch(0o600)
    password.write_text("counter-top-secret\n")
    (folder / "build").symlink_to(repository / "build")
    desk = _Desk(folder, hall.centre.url)
    try:
        return await asyncio.to_thread(_BLOCK.sub, desk.block, page)
    finally:
        desk.clear()
        await hall.stop()


def _joined(command):
    return command.replace("\\\n> ", "")


class _Desk:
    def __init__(self, folder, centre):
        self._folder, self._centre = folder, centre
        numbers = [0, 1, *BOX, NEW]
        self._boards = {number: UsbDevice(folder / "boards" / str(number)) for number in numbers}
        self._ports = {
            number: board.plug(pull_after=HALF_WAY if number == PULLED else None)
            for number, board in self._boards.items()
        }

    def clear(self):
        for board in self._boards.values():
            board.pull()

    def block(self, match):
        shown = ""
        for command in _COMMAND.finditer(match[1]):
            shown += f"{command[0]}\n{self._type(_joined(command[1]))}"
        return f"```console\n{shown}```"

    def _type(self, command):
        if f"ttyUSB{AGAIN}" in command:
            self._boards[PULLED].pull()
            self._ports[AGAIN] = self._boards[PULLED].plug()
        box = " ".join(f"--port {self._ports[number]}" for number in BOX)
        command = command.replace("--all", box).replace(_CENTRE, self._centre)
        command = re.sub(r"/dev/ttyUSB(\d+)", lambda found: self._ports[int(found[1])], command)
        output = self._run(command)
        names = {port: f"/dev/ttyUSB{number}" for number, port in self._ports.items()}
        output = re.sub(r"/dev/pts/\d+", lambda found: names[found[0]], output)
        return output.replace(self._centre, _CENTRE)

    def _run(self, command):
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        output = ""
        with subprocess.Popen(
            ["bash", "-c", command],
            cwd=self._folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdin
            assert process.stdout
            if " selftest " in command:
                process.stdin.write("y\ny\n")
            process.stdin.close()
            for line in process.stdout:
                output += line
                if match := re.match(r"Press and let go: (\d)", line):
                    self._boards[0].press(int(match[1]), hold_ms=200)
        return output.replace("[y/N]: ", "[y/N]: y\n")
