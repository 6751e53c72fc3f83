"""What a board was before, brought to an end: its records at the centre, and the proof of it.

A device that is enrolled anew or replaced leaves its old epoch open (docs/custody.md). The board
itself closes it: the bench carries a receipt that the centre signed after the end to it, and the
head that it signs then to the centre. Nothing on the board is wiped for that, so all of it can
break off anywhere, and be repeated.
"""

import base64
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from workbench.board.repl import Board
from workbench.desk.centre import Centre
from workbench.desk.rescue import read_journal, write_rescued

Identity = tuple[str, str, int]  # device, hall, epoch


class ReadOut(NamedTuple):
    """counts: how many records of the journal got which verdict. file: where they are kept
    because the centre rejected some.
    """

    counts: dict[str, int]
    damaged: int
    file: Path | None


def read_out(board: Board, centre: Centre, folder: Path) -> ReadOut:
    """Deliver what the board's journal holds; the board keeps it. Raises OperatorError."""
    found = read_journal(board)
    counts = centre.deliver(found.envelopes).counts
    file = None
    if counts.get("rejected"):
        file = folder / f"{found.device}-{found.epoch}.jsonl.gz"
        if not file.exists():
            write_rescued(found, file)
    return ReadOut(counts, found.damaged, file)


def require_read_out(
    board: Board, centre: Centre, folder: Path, known: Identity, may_overwrite: bool
) -> ReadOut:
    """See that the centre has what the board holds, before anything of it may go.

    Raises OperatorError; with may_overwrite not for a board that the centre does not know.
    """
    done = read_out(board, centre, folder)
    if done.file is not None and not may_overwrite and centre.epoch(known[0], known[2]) is None:
        raise OperatorError(
            f"{board.port}: the centre does not know this {known[0]} and rejected its records, "
            f"which are kept in {done.file}. If they are nobody's, repeat the command with "
            "--overwrite."
        )
    return done


def close(board: Board, centre: Centre, known: Identity, is_given_up: bool = False) -> str:
    """Have the board prove to the centre where its records end, if that epoch has ended; a
    sentence about it.

    is_given_up: the board becomes another device now, so this one ends. Raises OperatorError.
    """
    device, _, epoch = known
    name = f"{device}/{epoch}"
    state = centre.epoch(device, epoch)
    if state is not None and state["ended_at_ms"] is None and is_given_up:
        centre.revoke(device)
        state = centre.epoch(device, epoch)
    if state is None:
        return f"{name} is not known to the centre: nothing is to be closed"
    if state["ended_at_ms"] is None:
        return f"{name} has not ended: nothing is to be closed"
    why = "" if state["closed"] else _prove(board, centre, device, epoch)
    state = centre.epoch(device, epoch) or state
    if state["closed"]:
        return f"{name} is closed: the centre has all its records"
    return f"{name} stays open: {why or _missing(state)}"


def _prove(board: Board, centre: Centre, device: str, epoch: int) -> str:
    """Why the board cannot prove anything; empty if the centre has its word now."""
    lines = board.call("begin_start").splitlines()
    if lines[:1] and lines[0].startswith("!"):
        return (
            f"the board cannot read its journal ({lines[0][1:].strip()}); the centre's operator "
            f"closes it by a word: pingjia central epoch close {device} {epoch} --reason …"
        )
    *written, head = [base64.b64decode(line).decode() for line in lines]
    receipt = centre.deliver(written, head).receipts.get((device, epoch))
    if receipt is None:
        return ""
    (line,) = board.call("sign_head", receipt).split()
    centre.deliver([], base64.b64decode(line).decode(), receipt)
    return ""


def _missing(state: dict[str, object]) -> str:
    end = state["proven_seq"]
    said = "" if end is None else f" of {end}"
    return (
        f"the centre has its records up to {state['covered_seq']}{said}. If the hall's gateway "
        "has the others (its overview page), it closes by itself when they arrive"
    )
