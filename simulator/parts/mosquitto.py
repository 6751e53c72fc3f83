"""Debian's mosquitto as a part of a simulated hall, run from the files that the gateway wrote.

It listens to nobody's standard input, so the kernel ends it with the thread that started it
(`setpriv --pdeathsig`), even by `kill -9`.
"""

import asyncio
import os
import re
import shutil
from pathlib import Path

from simulator.parts.part import PartError

_START_S = 10
_LOOK_S = 0.02
_LISTENING = "0A"  # in /proc/net/tcp


# Debian's users have no sbin in their PATH.
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin"


def find_mosquitto(path: str = _PATH) -> str | None:
    """Where the program is, None if it is not installed; path: the folders to look into."""
    return shutil.which("mosquitto", path=path)


class Mosquitto:
    """A broker on the loopback port that `folder`/mosquitto.conf names; `pid` while it runs."""

    name = "mosquitto"

    def __init__(self, folder: Path):
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, or None if it was not started or was ended."""
        return self._process.pid if self._process else None

    async def start(self):
        """Starts it; returns when it listens. Raises PartError."""
        program, setpriv = check_installed()
        configuration = self._configuration()
        port = int(re.findall(r"^listener (\d+)", configuration.read_text(), re.MULTILINE)[0])
        log = self._folder / "mosquitto.log"
        with log.open("ab") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *(setpriv, "--pdeathsig", "KILL", program, "-c", configuration),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,  # a Ctrl-C is for the one who started it
            )
        try:
            async with asyncio.timeout(_START_S):
                while not _listens(self._process.pid, port):
                    if self._process.returncode is not None:
                        break
                    await asyncio.sleep(_LOOK_S)
                else:
                    return
        except TimeoutError:
            await self.kill()
        last = log.read_text(errors="replace")[-1000:].strip()
        self._process = None
        raise PartError(f"mosquitto did not start on port {port}: {last}")

    async def stop(self):
        """Ends it cleanly, or after 10 s anyway."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process = None

    async def kill(self):
        """Ends it as `kill -9` does; what it had in memory is gone."""
        assert self._process
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._process = None

    def _configuration(self) -> Path:
        """The gateway's configuration."""
        return self._folder / "mosquitto.conf"


def check_installed(path: str = _PATH) -> tuple[str, str]:
    """Where mosquitto and setpriv are. Raises PartError with the command that installs them."""
    program, setpriv = find_mosquitto(path), shutil.which("setpriv")
    if program is None:
        raise PartError(
            "mosquitto is not installed. Run `sudo apt-get install mosquitto`, or choose "
            "`--broker embedded`."
        )
    if setpriv is None:
        raise PartError("setpriv is not installed. Run `sudo apt-get install util-linux`.")
    return program, setpriv


def _listens(pid: int, port: int) -> bool:
    """Whether the listener on this TCP port is that process's own, and not somebody else's."""
    try:
        sockets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    except OSError:
        return False  # it has just ended
    for columns in map(str.split, lines):
        is_listener = columns[3] == _LISTENING and columns[1].endswith(f":{port:04X}")
        if is_listener and f"socket:[{columns[9]}]" in sockets:
            return True
    return False
