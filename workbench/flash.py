"""Putting the firmware and a bundle on a board that runs MicroPython.

Whatever stops this half-way leaves a board that comes up in the REPL and can be flashed again:
main.py goes first and comes last, and a file is replaced by renaming a whole new one over it.
"""

import json
import re
import time
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from workbench import bundle as bundle_file
from workbench.board import Board
from workbench.bundle import Bundle
from workbench.error import WorkbenchError
from workbench.release import Release

_MAIN = "/main.py"
_ENROLLING = "/enrolling"  # there while identity and journal are not both there
_FOLDERS = ("/lib/protocol", "/lib/firmware")
_LIFE_S = 20
_NO_JOURNAL = "out of service: the journal is lost"  # as firmware/app.py says it
_ROOM = 4096  # bytes a file may take beyond its size: LittleFS gives whole blocks
_CREATE_JOURNAL = (
    "from firmware.app import enrol\nfrom firmware.boards import this_board\nenrol(this_board())"
)

Bundles = Callable[[str | None], Bundle | None]
Progress = Callable[[int, int], None]  # bytes sent, bytes in all


class Flashed(NamedTuple):
    """What was done. device: None for one that is not enrolled; bundle: the one it was given.

    written: how many files differed.
    """

    device: str | None
    version: str
    written: int
    bundle: Bundle | None


def put_firmware(board: Board, release: Release, on_progress: Progress) -> int:
    """Writes the files that differ, removes old ones, verifies all; how many were written.

    Raises WorkbenchError.
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
        raise WorkbenchError(
            f"{board.port}: {wrong[0]} reads back differently from what was written. Repeat the "
            "command; if it fails again, the board's flash is worn out: take another board."
        )
    return len(changed)


def put_bundle(board: Board, bundles: Bundles, may_overwrite: bool) -> Bundle | None:
    """Enrols the board with a bundle from `bundles`; None if it is a device that needs none.

    may_overwrite: whether another device's identity and journal may go. Raises WorkbenchError.
    """
    known, begun = board.identity(bundle_file.PATH), board.identity(_ENROLLING)
    is_enrolled = known is not None and begun is None
    claimed = known if is_enrolled else begun
    bundle = bundles(claimed[0] if claimed and not may_overwrite else None)
    if bundle is None:
        return None
    digest = sha256(bundle.data).hexdigest()
    if is_enrolled and board.hashes([bundle_file.PATH])[bundle_file.PATH] == digest:
        return bundle
    members = {"device": bundle.device, "hall": bundle.hall, "epoch": bundle.epoch}
    board.put({_ENROLLING: json.dumps(members).encode()})
    bundle = bundle.begin()
    board.put({bundle_file.PATH: bundle.data})
    board.run(_CREATE_JOURNAL)
    if board.hashes([bundle_file.PATH])[bundle_file.PATH] != digest:
        raise WorkbenchError(f"{board.port}: the bundle reads back differently. Try again.")
    board.call("drop", _ENROLLING)
    return bundle


def enrolled(board: Board) -> tuple[str, str, int]:
    """(device, hall, epoch) of a board that is usable. Raises WorkbenchError if it is none."""
    known = board.identity(bundle_file.PATH)
    if known is None:
        raise WorkbenchError(
            f"{board.port}: this board is not enrolled, so it has no records and no name yet. "
            "Enrol it: pingjia workbench enrol --help"
        )
    return known


def set_clock(board: Board) -> None:
    """Sets the board's clock to UTC, if it has one (the hall tells the time anyway)."""
    now = time.gmtime()
    # year, month, day, weekday (Monday is 0), hours, minutes, seconds, subseconds: machine.RTC
    fields = (*now[:3], now.tm_wday, *now[3:6], 0)
    board.call("set_clock", fields)


def wait_for_life(board: Board, device: str | None, version: str) -> None:
    """Restarts the board and waits until it says what it is. Raises WorkbenchError."""
    expected = (
        f"alive: {device}, firmware {version}" if device else f"not enrolled: firmware {version}"
    )
    last, has_failed = "", False
    board.reset()
    for line in board.lines(_LIFE_S):
        if line == expected:
            return
        if line.startswith(_NO_JOURNAL):
            raise WorkbenchError(
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
    raise WorkbenchError(
        f"{board.port}: the board does not say that it lives{words}. Press its "
        "reset key and repeat the command; if it stays silent, put MicroPython on anew: "
        "pingjia workbench flash --image FILE …"
    )


def flash(
    board: Board,
    release: Release,
    bundles: Bundles | None,
    on_progress: Progress = lambda sent, total: None,
    may_overwrite: bool = False,
) -> Flashed:
    """The whole of it; the bundle's file is left to the caller. Raises WorkbenchError.

    bundles: gives the bundle for a board that says it is a device (None: a blank one).
    """
    board.require_usable()
    written = put_firmware(board, release, on_progress)
    bundle = None if bundles is None else put_bundle(board, bundles, may_overwrite)
    known = board.identity(bundle_file.PATH)
    device = known[0] if known else None
    set_clock(board)
    wait_for_life(board, device, release.version)
    return Flashed(device, release.version, written, bundle)


def _differing(board: Board, release: Release) -> list[str]:
    held = board.hashes(list(release.files))
    return [path for path, data in release.files.items() if held[path] != sha256(data).hexdigest()]


def _require_room(board: Board, contents: list[bytes]) -> None:
    free = int(board.call("free"))
    # Files are replaced one by one; at the end they take little more room than before.
    needed = max(len(data) for data in contents) + _ROOM
    if free < needed:
        raise WorkbenchError(
            f"{board.port}: the board's flash is full ({free} bytes free, {needed} needed). Files "
            "of another program are on it: erase it with pingjia workbench flash --image FILE …"
        )
