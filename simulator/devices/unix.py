"""The unix port of MicroPython: real sockets, TLS and littlefs, and a heap with an end."""

import sys
from pathlib import Path

MICROPYTHON = Path(sys.executable).with_name("micropython")
