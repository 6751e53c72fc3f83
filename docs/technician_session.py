"""Types the commands of docs/technician.md into a fresh hall, and writes what they print there.

    .venv/bin/python docs/technician_session.py

The boards are real MicroPythons behind pseudo-terminals, shown under the names that the page uses.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from simulator.hall import Hall
from simulator.part import pingjia
from simulator.usb import UsbDevice

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "technician.md"
BOARDS, BOX = 8, range(2, 5)
HALF_WAY = 20_000  # bytes after which the cable of /dev/ttyUSB6 is pulled
_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def main():
    """Rewrites every console block of the page."""
    with tempfile.TemporaryDirectory(prefix="pingjia-") as name:
        asyncio.run(_session(Path(name)))


async def _session(folder):
    hall = Hall(folder, ROOT / "build/firmware", windows=0, timers={"hall_poll_s": 0.5})
    await hall.make()
    await hall.start()
    await _prepare(folder)
    boards = [UsbDevice(folder / "boards" / str(number)) for number in range(BOARDS)]
    half = boards[6]
    try:
        ports = [board.plug(**_pulled(board is half)) for board in boards[:-1]]
        typist = _Typist(folder, hall, boards, ports)
        text = await asyncio.to_thread(_BLOCK.sub, typist.block, PAGE.read_text("utf-8"))
        PAGE.write_text(text, "utf-8")
    finally:
        for board in boards:
            board.pull()
        await hall.stop()


def _pulled(is_half_way):
    return {"pull_after": HALF_WAY} if is_half_way else {}


async def _prepare(folder):
    """What the page takes for granted: the box's bundles, and a Wi-Fi's password."""
    (folder / "wifi.password").write_text("counter-top-secret\n")
    (folder / "build").symlink_to(ROOT / "build")  # a technician works in the repository
    (folder / "box").mkdir()
    for number in [3, 4, 5, 7]:
        window = ("--hall", "demo", "--window", f"w{number}")
        config = ("--config", "central.toml")
        named = (*window, "--name", f"{number}号窗口")
        await pingjia("central", "window", "add", *named, *config, folder=folder)
        out = f"xj-{number:04d}.json" if number == 7 else f"box/xj-{number:04d}.json"
        enrol = (*window, "--device", f"xj-{number:04d}", "--out", out)
        await pingjia("central", "enrol", *enrol, *config, folder=folder)


class _Typist:
    def __init__(self, folder, hall, boards, ports):
        self._folder, self._hall, self._boards, self._ports = folder, hall, boards, ports

    def block(self, match):
        lines = [line for line in match[1].splitlines() if line.startswith("$ ")]
        shown = "".join(f"{line}\n{self._type(line[2:])}" for line in lines)
        return f"```console\n{shown}```"

    def _type(self, command):
        if "/dev/ttyUSB7" in command:  # the pulled one, plugged in again
            self._boards[6].pull()
            self._ports.append(self._boards[6].plug())
        for number, port in enumerate(self._ports):
            command = command.replace(f"/dev/ttyUSB{number}", port)
        box = " ".join(f"--port {self._ports[number]}" for number in BOX)
        command = command.replace("--all", box).replace("https://centre.example", self._centre())
        words = [name for word in command.split() for name in self._expand(word)]
        if words[1] == "central":
            words += ["--config", "central.toml"]
        output = self._run([sys.executable, "-m", *words])
        for number, port in enumerate(self._ports):
            output = re.sub(rf"{port}\b", f"/dev/ttyUSB{number}", output)
        return output.replace(self._centre(), "https://centre.example")

    def _expand(self, word):
        return [path.name for path in self._folder.glob(word)] if "*" in word else [word]

    def _centre(self):
        return self._hall.centre.url

    def _run(self, command):
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        output = ""
        if "selftest" in command:
            process.stdin.write("y\ny\n")
            process.stdin.flush()
        for line in process.stdout:
            output += line
            if match := re.match(r"Press and let go: (\d)", line):
                self._boards[0].press(int(match[1]), hold_ms=200)
        process.stdin.close()
        process.wait()
        return output.replace("[y/N]: ", "[y/N]: y\n")


if __name__ == "__main__":
    main()
