"""What the bench's tests share: bundles, a command line, and noise on a cable."""

import json
import os
import random
import threading
import tty
from pathlib import Path

from typer.testing import CliRunner

import pingjia

KEY = "5ec2e7" * 10 + "beef"  # 64 hex digits that the test for secrets looks for
PASSWORD = "hunter2-hunter2-hunter2"


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
