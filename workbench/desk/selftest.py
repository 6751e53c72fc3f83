"""The self-test of a device: what it can find out itself, and what only a person sees and hears.

The result is journalled and signed by the device (kind `selftest`), reaches the centre like any
record, and is never counted as a rating.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from hosting.clock import china, now_ms
from workbench.board.flash import wait_for_life
from workbench.board.identity import enrolled
from workbench.board.repl import Board

LEVELS = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}
_HALL_S = 90  # the gateway asks the centre for new devices every minute
_KEY_S = 15
_LOOK_S = 0.05

Ask = Callable[[str], bool]  # a question that a person answers with yes or no
Say = Callable[[str], None]


class Tested(NamedTuple):
    """passed, failed: words as they stand in the record {device, epoch, seq}.

    free_bytes: what the firmware leaves free on the flash.
    """

    device: str
    hall: str
    epoch: int
    seq: int
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    free_bytes: int


def selftest(
    board: Board,
    version: str,
    ask: Ask,
    say: Say,
    hall_s: float = _HALL_S,
    key_s: float = _KEY_S,
) -> Tested:
    """The whole of it; afterwards the device runs again. Raises OperatorError."""
    board.require_usable()
    device, hall, _ = enrolled(board)
    say("The device looks for its hall; a new one may take a minute …")
    results = {}
    wait_for_life(board, device, version)
    results.update(_look_for_hall(board, hall_s))
    with Board(board.port) as again:
        again.require_usable()
        parts = [line.split() for line in again.call("check_parts").splitlines()]
        results.update((word, is_good == "1") for word, is_good in parts)
        results["keys"] = _try_keys(again, say, key_s)
        again.call("show", "inviting")
        results["lamps"] = ask("Do all lamps light up?")
        again.call("show", "thanking")
        results["sound"] = ask("Did you hear the voice?")
        results["flash"] = again.call("check_flash").strip() == "good"
        free_bytes = int(again.call("free"))
        passed = tuple(word for word, is_good in results.items() if is_good)
        failed = tuple(word for word, is_good in results.items() if not is_good)
        epoch, seq = map(int, again.call("sign_selftest", list(passed), list(failed)).split())
        wait_for_life(again, device, version)
    return Tested(device, hall, epoch, seq, passed, failed, free_bytes)


def report(tested: Tested) -> str:
    """A page to print and sign."""
    rows = [f"  [x] {word}" for word in tested.passed]
    rows += [f"  [ ] {word}  FAILED 未通过" for word in tested.failed]
    return "\n".join(
        [
            "评价器自检报告  Self-test of a rating device",
            "",
            f"device 设备   {tested.device}",
            f"hall 大厅     {tested.hall}",
            f"record 记录   {tested.device}/{tested.epoch}/{tested.seq} (signed by the device)",
            f"time 时间     {china(now_ms()):%Y-%m-%d %H:%M}",
            f"free 剩余     {tested.free_bytes // 1024:,} KB of flash",
            "",
            *rows,
            "",
            "signature 签字 ____________________",
            "",
        ]
    )


def _look_for_hall(board: Board, patience_s: float) -> dict[str, bool]:
    """Reads the device's own words: it connects through its network and its broker by itself."""
    seen = {"network": False, "broker": False, "clock": False}
    for line in board.lines(patience_s):
        if line.startswith("connected: "):
            seen["network"] = seen["broker"] = True
        if line == "the hall told the time":
            seen["clock"] = True
        if line.startswith("no hall: ") and "refused" in line:
            seen["network"] = True
        if all(seen.values()):
            break
    board.close()
    return seen


def _try_keys(board: Board, say: Say, patience_s: float) -> bool:
    """Each key alone, one after the other, with nothing else closed."""
    for level, name in LEVELS.items():
        say(f"Press and let go: {level} {name}")
        if not (_closes(board, 1 << (level - 1), patience_s) and _closes(board, 0, patience_s)):
            say(f"key {level} did not answer alone within {patience_s} s")
            return False
    return True


def _closes(board: Board, wanted: int, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if int(board.call("closed_keys")) == wanted:
            return True
        time.sleep(_LOOK_S)
    return False
