"""Putting the firmware on a board that runs MicroPython, and seeing that it lives.

Whatever stops this half-way leaves a board that comes up in the REPL and can be flashed again:
main.py goes first and comes last, and a file is replaced by renaming a whole new one over it.
"""

import re
import time
from collections.abc import Callable
from hashlib import sha256

from hosting.error import OperatorError
from workbench.board.release import Release
from workbench.board.repl import Board

_MAIN = "/main.py"
_FOLDERS = ("/lib/protocol", "/lib/firmware")
_LIFE_S = 20
_NO_JOURNAL = "journal_lost: "  # as firmware/app.py says it
_ROOM = 4096  # bytes a file may take beyond its size: LittleFS gives whole blocks

Progress = Callable[[int, int], None]  # bytes sent, bytes in all


def put_firmware(board: Board, release: Release, on_progress: Progress) -> int:
    """Writes the files that differ, removes old ones, verifies all; how many were written.

    Raises OperatorError.
    """
    changed = _differing(board, release)
    found = [path for folder in _FOLDERS for path in board.call("walk", folder).split("\n")]
    obsolete = [path for path in map(str.strip, found) if path and path not in release.files]
    if not changed and not obsolete:
        return 0
    board.call("drop", _MAIN)
    for path in obsolete:
        board.call("drop", path)
    changed = sorted({*changed, _MAIN}, key=lambda path: (path == _MAIN, path))
    _require_room(board, [release.files[path] for path in changed])
    total, sent = sum(len(release.files[path]) for path in changed), 0

    def count(size: int) -> None:
        nonlocal sent
        sent += size
        on_progress(sent, total)

    board.put({path: release.files[path] for path in changed}, count)
    wrong = _differing(board, release)
    if wrong:
        raise OperatorError(
            f"{board.port}: {wrong[0]} reads back differently from what was written. Repeat the "
            "command; if it fails again, the board's flash is worn out: take another board."
        )
    return len(changed)


def set_clock(board: Board) -> None:
    """Sets the board's clock to UTC, if it has one (the hall tells the time anyway)."""
    now = time.gmtime()
    # year, month, day, weekday (Monday is 0), hours, minutes, seconds, subseconds: machine.RTC
    fields = (*now[:3], now.tm_wday, *now[3:6], 0)
    board.call("set_clock", fields)


def wait_for_life(board: Board, device: str | None, version: str) -> None:
    """Restarts the board and waits until it says what it is. Raises OperatorError."""
    expected = (
        f"alive: {device}, firmware {version}" if device else f"not_enrolled: firmware {version}:"
    )
    last, has_failed = "", False
    board.reset()
    for line in board.lines(_LIFE_S):
        if line == expected or (device is None and line.startswith(expected)):
            return
        if line.startswith(_NO_JOURNAL):
            raise OperatorError(
                f"{board.port}: {device} runs, but stays out of service: its journal is lost. "
                "Enrol it again with a new bundle and --overwrite. An ESP32 that has never run "
                "needs the journal's partition: pingjia workbench flash --image FILE … makes it."
            )
        last = line or last
        # A program that ends with a traceback says nothing more.
        if has_failed and not re.match(r"File |$", line):
            break
        has_failed = has_failed or line.startswith("Traceback")
    words = f" (its last words: {last[:200]})" if last else ""
    raise OperatorError(
        f"{board.port}: the board does not say that it lives{words}. Press its "
        "reset key and repeat the command; if it stays silent, put MicroPython on anew: "
        "pingjia workbench flash --image FILE …"
    )


def _differing(board: Board, release: Release) -> list[str]:
    held = board.hashes(list(release.files))
    return [path for path, data in release.files.items() if held[path] != sha256(data).hexdigest()]


def _require_room(board: Board, contents: list[bytes]) -> None:
    free = int(board.call("free"))
    # Files are replaced one by one; at the end they take little more room than before.
    needed = max(len(data) for data in contents) + _ROOM
    if free < needed:
        raise OperatorError(
            f"{board.port}: the board's flash is full ({free} bytes free, {needed} needed). Files "
            "of another program are on it: erase it with pingjia workbench flash --image FILE …"
        )
