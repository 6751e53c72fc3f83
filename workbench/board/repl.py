"""A board on its cable: MicroPython's raw REPL through mpremote's serial transport (pinned).

The one file that knows pyserial and mpremote's transport. What can go wrong on a cable leaves as a
OperatorError whose text says what to do next.
"""

import base64
import json
import os
import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

from hosting.error import OperatorError

PLATFORMS = ("esp32", "rp2", "webassembly")
MPY = 6  # the version of compiled modules that the firmware is built for (MicroPython 1.19 on)
OLDEST = (1, 23)  # MicroPython: `vfs`, `tls` and `WLAN.IF_STA` came with it
_COMMAND = 4096  # characters of one command, small beside any board's heap
_PIECE = 3072  # bytes of a file in one command
_WINDOW_BITS = 12  # the board unpacks with a window of 4 KB
_RAW = b"raw REPL; CTRL-B to exit\r\n"
_SILENCE_S = 3.0  # a board that is asked for its REPL answers within milliseconds
_PORT_S = 0.1  # between two looks for a port that is away
_ON_BOARD = Path(__file__).with_name("on_board.py")


class About(NamedTuple):
    """What runs on the board; of one that the firmware does not know only the platform.

    micropython: its version, such as 1.28.0. mpy: that of compiled modules it takes, 0 for none.
    """

    platform: str
    micropython: str
    mpy: int


class _Transport(SerialTransport):
    """mpremote's, but silent, and with an end to its patience."""

    serial: serial.Serial
    silence_s = _SILENCE_S

    def enter_raw_repl(self, soft_reset: bool = True, timeout_overall: float = 10) -> None:
        """Interrupts whatever runs and starts a fresh interpreter without main.py."""
        self.serial.write(b"\r\x03\x03")
        time.sleep(0.05)
        self.serial.read(self.serial.in_waiting)
        self.serial.write(b"\r\x01")
        steps = ((_RAW + b">", b"\x04"), (b"soft reboot\r\n", b""), (_RAW, b""))
        for expected, answer in steps if soft_reset else steps[2:]:
            limits: Any = {"timeout": self.silence_s, "timeout_overall": timeout_overall}
            if not self.read_until(1, expected, **limits).endswith(expected):
                raise TransportError("no raw REPL")
            self.serial.write(answer)
        self.in_raw_repl = True


class Board:
    """An open cable with MicroPython at its other end. Use as `with Board(port) as board`.

    silence_s: how long it may say nothing while it is looked for. Every method raises
    OperatorError.
    """

    def __init__(self, port: str, silence_s: float = _SILENCE_S):
        self.port = port
        self._silence_s = silence_s
        self._transport = _open(port, silence_s)
        try:
            self._enter()
            self.about = self._look()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Board":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def require_usable(self) -> None:
        """Refuse a board that the firmware cannot run on."""
        if self.about.platform not in PLATFORMS:
            raise OperatorError(
                f"{self.port}: this is a {self.about.platform} board, and the "
                f"firmware runs on {', '.join(PLATFORMS)}. Unplug it, and take another one."
            )
        if self.about.mpy != MPY or _numbers(self.about.micropython) < OLDEST:
            raise OperatorError(
                f"{self.port}: its MicroPython {self.about.micropython} is too old for the "
                f"firmware, which needs {'.'.join(map(str, OLDEST))}. Put a new one on it: "
                "pingjia workbench flash --image FILE …"
            )
        self.run(_ON_BOARD.read_text("utf-8"))

    def run(self, code: str, patience_s: int = 20) -> str:
        """What the code prints. patience_s: how long it may print nothing."""
        try:
            out, error = self._transport.exec_raw(code, patience_s)
        except (OSError, TransportError, struct.error, IndexError) as problem:
            raise self._cable() from problem
        if error:
            raise self._refused(error.decode("utf-8", "replace"))
        return out.decode("utf-8", "replace")

    def call(self, function: str, *arguments: object) -> str:
        """What a function of workbench/board/on_board.py prints."""
        return self.run(f"{function}({', '.join(map(repr, arguments))})")

    def hashes(self, paths: list[str]) -> dict[str, str]:
        """SHA-256 of each file in hex, "-" for one that is not there."""
        found = self.call("hashes", paths).split()
        if len(found) != len(paths):
            raise self._cable()
        return dict(zip(paths, found, strict=True))

    def put(
        self, files: dict[str, bytes], on_sent: Callable[[int], None] = lambda n: None
    ) -> None:
        """Writes files in this order; an old one is there until the new one is whole.

        on_sent(size): so many more bytes of their content are on the board.
        """
        batch, sent = "", 0
        for path, data in files.items():
            for command, size in _commands(path, data):
                if batch and len(batch) + len(command) > _COMMAND:
                    self.run(batch)
                    on_sent(sent)
                    batch, sent = "", 0
                batch, sent = batch + command, sent + size
        if batch:
            self.run(batch)
            on_sent(sent)

    def identity(self, path: str) -> tuple[str, str, int] | None:
        """(device, hall, epoch) of an enrolled device, None for one that is not."""
        members = json.loads(self.call("identity", path))
        return tuple(members) if members else None

    def reset(self) -> None:
        """Starts the board as power-on does."""
        try:
            self._transport.exec_raw_no_follow("import machine\nmachine.reset()")
        except (OSError, TransportError, struct.error) as problem:
            raise self._cable() from problem

    def lines(self, patience_s: float) -> Iterator[str]:
        """Lines of its console, for so long; a board whose port vanishes while it starts is
        opened again.
        """
        end, text = time.monotonic() + patience_s, b""
        while time.monotonic() < end:
            try:
                text += self._transport.serial.read(max(1, self._transport.serial.in_waiting))
            except (OSError, TypeError):
                self._reopen(end)
                continue
            *whole, text = text.split(b"\n")
            yield from (line.decode("utf-8", "replace").strip() for line in whole)

    def close(self) -> None:
        """Let go of the port."""
        try:
            self._transport.close()
        except OSError:
            self._transport.serial.close()

    def _enter(self) -> None:
        for is_last in (False, True):
            try:
                self._transport.enter_raw_repl()
                return
            except TransportError:
                if is_last:
                    raise self._silent() from None
            except (OSError, TypeError) as problem:
                raise self._cable() from problem

    def _look(self) -> About:
        # Short: an unknown board may have a small buffer and no flow control.
        platform = self.run("import sys;print(sys.platform)").strip()
        if platform not in PLATFORMS:
            return About(platform[:32], "", 0)
        code = (
            "i=sys.implementation\n"
            "v='.'.join([str(n) for n in i[1][:3]])\n"
            "print(v,getattr(i,'_mpy',0)&255)"
        )
        found = self.run(code).split()
        if len(found) != 2 or not found[1].isdigit() or not _numbers(found[0]):
            raise self._silent()
        return About(platform, found[0], int(found[1]))

    def _reopen(self, end: float) -> None:
        self._transport.serial.close()
        while time.monotonic() < end:
            time.sleep(_PORT_S)
            try:
                self._transport = _open(self.port, self._silence_s)
                return
            except OperatorError:
                continue  # it is not there yet, or not this user's yet
        raise self._cable()

    def _silent(self) -> OperatorError:
        return OperatorError(
            f"{self.port}: what is plugged in there does not answer as MicroPython. Press its "
            "reset key and try again; a blank board first needs MicroPython itself: "
            "pingjia workbench flash --image FILE …"
        )

    def _cable(self) -> OperatorError:
        return OperatorError(
            f"{self.port}: the connection broke off. Check the cable, plug the board in again and "
            "repeat the command: it goes on where it stopped, and no board is harmed."
        )

    def _refused(self, traceback: str) -> OperatorError:
        last = (traceback.strip().splitlines() or ["?"])[-1][:200]
        if re.search(r"OSError: (\[Errno 28\]|28\b)|ENOSPC", last):
            return OperatorError(
                f"{self.port}: the board's flash is full. Is it a board with 4 MB? If files of "
                "another program are on it, erase it: pingjia workbench flash --image FILE …"
            )
        return OperatorError(
            f"{self.port}: the board refused a command ({last}). Repeat the command; if it "
            "fails again, put MicroPython on anew: pingjia workbench flash --image FILE …"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """1.28.0 as (1, 28, 0); nothing for what is no version."""
    parts = version.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def _commands(path: str, data: bytes) -> Iterator[tuple[str, int]]:
    """The commands that write a file, each with how many of its bytes it carries."""
    yield f"begin({path!r})\n", 0
    for start in range(0, len(data), _PIECE):
        piece = data[start : start + _PIECE]
        packer = zlib.compressobj(9, zlib.DEFLATED, _WINDOW_BITS)
        yield f"more({base64.b64encode(packer.compress(piece) + packer.flush())!r})\n", len(piece)
    yield f"done({path!r})\n", 0


def _open(port: str, silence_s: float) -> _Transport:
    if not os.path.exists(port):
        raise OperatorError(
            f"{port}: there is no such port. `pingjia workbench ports` lists what is plugged in."
        )
    if not os.access(port, os.R_OK | os.W_OK):
        raise OperatorError(
            f"{port}: this user may not open it. Run `sudo usermod -aG dialout $USER`, and log in "
            "again."
        )
    try:
        transport = _Transport(port, timeout=silence_s)
        transport.silence_s = silence_s
        transport.serial.write_timeout = 10  # seconds, for a board that stops taking bytes
    except (TransportError, serial.SerialException):
        raise OperatorError(
            f"{port}: the port is busy. Close the other program that uses it (another bench, "
            "Thonny, a terminal), and repeat the command."
        ) from None
    return transport
