"""A tier as a process of its own, started through `pingjia` as hall IT and province do.

A part is told to end by closing its standard input, so it ends with whoever started it, even by
`kill -9`. Its log goes to a file.
"""

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from pathlib import Path

from hosting.error import OperatorError

_CHANCE = random.SystemRandom()
_PORTS = (15_000, 32_000)  # below Linux' and above what services have


class PartError(OperatorError):
    """A part did not start, or a command of it failed; the text ends with its own last words."""


async def pingjia(*arguments: object, folder: Path) -> str:
    """Runs a `pingjia` command to its end in `folder`; gives what it printed. Raises PartError."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "pingjia",
        *map(str, arguments),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        words = " ".join(map(str, arguments))
        raise PartError(f"`pingjia {words}` failed: {err.decode()[-2000:].strip()}")
    return out.decode()


class Part:
    """A running tier: `pingjia {arguments} --until-stdin-closes`, ready when it says so."""

    def __init__(self, name: str, folder: Path, *arguments: object):
        self.name = name
        self.url = ""
        self.program = ("-m", "pingjia")  # tests put a weakened one here,
        self.observer = ()  # and here a command before it, such as strace
        self._folder = folder
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, timeout_s: float = 60):
        """Starts it; returns when it has said `ready URL`, which is then `url`."""
        log = self._folder / f"{self.name}.log"
        with log.open("ab") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *self.observer,
                sys.executable,
                *self.program,
                *map(str, self._arguments),
                "--until-stdin-closes",
                cwd=self._folder,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,  # a Ctrl-C is for the one who started it
            )
        try:
            self.url = await asyncio.wait_for(self._ready(), timeout_s)
        except TimeoutError:
            await self.stop()
            raise PartError(
                f"{self.name} was not ready within {timeout_s:.0f} s: see {log}"
            ) from None

    @property
    def pid(self) -> int:
        """Its process id. Raises PartError if it does not run."""
        if self._process is None:
            raise PartError(f"{self.name} does not run")
        return self._process.pid

    async def stop(self):
        """Ends it cleanly, or after 15 s anyway."""
        if self._process is None:
            return
        assert self._process.stdin
        self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), 15)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None

    async def kill(self):
        """Ends it as `kill -9` does, if it runs."""
        if self._process is None:
            return
        os.kill(self.pid, signal.SIGKILL)
        await self._process.wait()
        self._process = None

    async def _ready(self):
        assert self._process
        assert self._process.stdout
        while line := (await self._process.stdout.readline()).decode():
            if line.startswith("ready "):
                return line.split()[1]
        log = self._folder / f"{self.name}.log"
        last = log.read_text(errors="replace")[-2000:].strip()
        raise PartError(f"{self.name} did not start: {last}")


def free_port() -> int:
    """A loopback port that nobody listens on at this moment.

    Not one that the system hands out by itself: while a hall is down between two tests, somebody's
    connection could take it and keep it for minutes.
    """
    for _ in range(100):
        port = _CHANCE.randrange(*_PORTS)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise PartError(f"no port from {_PORTS[0]} to {_PORTS[1]} is free")


async def listening(port: int, timeout_s: float = 20):
    """Waits until somebody listens on a loopback port. Raises PartError."""
    for _ in range(int(timeout_s / 0.05)):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise PartError(f"nobody listens on port {port} after {timeout_s:.0f} s")


def kill_child(pid: int, name: str):
    """`kill -9` of the one child of `pid` whose command line contains `name` (Linux).

    Raises PartError if there is none.
    """
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
            command = (stat.parent / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if parent == pid and name.encode() in command:
            os.kill(int(stat.parent.name), signal.SIGKILL)
            return
    raise PartError(f"process {pid} has no child {name}")
