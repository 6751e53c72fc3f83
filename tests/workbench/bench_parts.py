"""What the bench's tests share: bundles, a command line, its arguments, and noise on a cable."""

import json
import os
import random
import threading
import tty
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from serial.tools import list_ports
from typer.testing import CliRunner

import pingjia

KEY = "5ec2e7" * 10 + "beef"  # 64 hex digits that the test for secrets looks for
PASSWORD = "hunter2-hunter2-hunter2"
_LOOK_S = 0.05


def write_bundle(folder: Path, device: str, port: int = 1, epoch: int = 29333341) -> Path:
    """A bundle's file as `pingjia central enrol` writes it."""
    mqtt = {"host": "127.0.0.1", "port": port, "username": device}
    members = {"device": device, "epoch": epoch, "key": KEY, "hall": "demo"}
    path = folder / f"{device}.json"
    path.touch(0o600)
    path.write_text(json.dumps(members | {"mqtt": mqtt | {"password": PASSWORD, "ca": None}}))
    return path


def workbench(*arguments: object, text: str | None = None):
    """Runs `pingjia workbench …` in this process; result.output has both streams."""
    return CliRunner().invoke(pingjia.app, ["workbench", *map(str, arguments)], input=text)


def plug_in(monkeypatch, ports: list[str]):
    """Lets pyserial find these ports as USB, which pseudo-terminals are not; SN0, SN1, …"""
    found = [
        SimpleNamespace(device=port, vid=0x303A, description="USB", serial_number=f"SN{number}")
        for number, port in enumerate(ports)
    ]
    monkeypatch.setattr(list_ports, "comports", lambda: found)


@contextmanager
def watched_arguments():
    """Notes the command lines of all processes while the block runs; gives them as a set."""
    seen, is_over = set(), threading.Event()

    def watch():
        while not is_over.wait(_LOOK_S):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(path.read_bytes().replace(b"\0", b" ").decode("latin1"))
                except OSError:
                    continue  # it has ended meanwhile

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        watcher.join()


def files_with(folder: Path, secrets: list[str]) -> set[Path]:
    """The files below a folder, logs and databases among them, in which a secret stands."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {
        path for path in files if any(secret.encode() in path.read_bytes() for secret in secrets)
    }


class Noise:
    """A port behind which something answers everything with random bytes, or not at all."""

    def __init__(self, is_silent: bool = False, seed: int = 1):
        self._end, self._port_end = os.openpty()
        tty.setraw(self._port_end)
        self.port = os.ttyname(self._port_end)
        self._is_silent = is_silent
        self._random = random.Random(seed)
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def close(self):
        """Takes it away."""
        os.close(self._port_end)
        self._thread.join(10)
        os.close(self._end)

    def _answer(self):
        try:
            while data := os.read(self._end, 4096):
                if not self._is_silent:
                    os.write(self._end, self._random.randbytes(len(data) + 7))
        except OSError:
            pass  # the port is closed
