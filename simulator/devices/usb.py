"""A virtual device on a USB cable: a pseudo-terminal with a real MicroPython's console behind it.

usb.mjs has the options. What is flashed through it lies in the device's folder, exactly as
folder.py would have made it, and runs in a virtual hall.
"""

import json
import os
import subprocess
import tty
from pathlib import Path

from simulator.devices.fleet import NODE


class UsbDevice:
    """A device in `folder`, made blank if there is none. Use as `with UsbDevice(…) as device`."""

    def __init__(self, folder: Path, **options):
        self._options = {
            "device": folder.name,
            "folder": str(folder),
            "is_raw_paste": True,
            "capacity": None,
            "slow_ms": 0,
            "pull_after": None,
            **options,
        }
        (folder / "flash").mkdir(parents=True, exist_ok=True)
        self._node: subprocess.Popen | None = None

    def plug(self, **options) -> str:
        """Plugs the cable in, which starts the device; gives the port's name."""
        board_end, self._port_end = os.openpty()
        fingers, self._fingers = os.pipe()
        tty.setraw(self._port_end)
        chosen = self._options | options | {"fingers": fingers}
        self._node = subprocess.Popen(
            [NODE, Path(__file__).with_name("usb.mjs"), json.dumps(chosen)],
            stdin=board_end,
            pass_fds=[fingers],
            start_new_session=True,
        )
        os.close(board_end)
        os.close(fingers)
        return os.ttyname(self._port_end)

    def received(self) -> int:
        """How many bytes have arrived since it was plugged in."""
        return int((Path(self._options["folder"]) / "received").read_text())

    def press(self, level: int, hold_ms: int = 80):
        """Closes a key for so long."""
        finger = {"press": 1, "level": level, "hold_ms": hold_ms}
        os.write(self._fingers, json.dumps(finger).encode() + b"\n")

    def pull(self):
        """Pulls the cable: the device has no power either."""
        if self._node is not None:
            self._node.kill()
            self._node.wait()
            self._node = None
            os.close(self._port_end)
            os.close(self._fingers)

    def __enter__(self):
        self.port = self.plug()
        return self

    def __exit__(self, *error):
        self.pull()
