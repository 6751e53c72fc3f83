"""What an old device's journal still holds, read over USB and carried to the centre as a file.

The file is JSON lines, gzip: {"envelope": …} each, the exact bytes that the device signed. No
secret is in it.
"""

import base64
import gzip
import json
from pathlib import Path
from typing import NamedTuple

from hosting.error import OperatorError
from hosting.secret_file import write_new
from protocol.envelope import split
from protocol.field import ProtocolError
from protocol.record import parse
from workbench.board.identity import enrolled
from workbench.board.repl import Board

_LINE = 65  # a MAC's line with its line feed, which no record is as short as


class Rescued(NamedTuple):
    """damaged: lines that are no envelope any more; the centre learns of their seqs otherwise."""

    device: str
    epoch: int
    envelopes: list[str]
    damaged: int


def read_journal(board: Board) -> Rescued:
    """All envelopes that can be read; the board keeps them. Raises OperatorError."""
    board.require_usable()
    known = enrolled(board)
    text = board.call("segments")
    envelopes, damaged, data = [], 0, b""
    for line in text.split():
        if line != ".":
            data += base64.b64decode(line)
            continue
        found, lost = _envelopes(data)
        envelopes, damaged, data = envelopes + found, damaged + lost, b""
    return Rescued(known[0], known[2], envelopes, damaged)


def write_rescued(rescued: Rescued, out: Path) -> None:
    """Write the file durably; never over another one. Raises OperatorError."""
    lines = "".join(json.dumps({"envelope": text}) + "\n" for text in rescued.envelopes)
    write_new(out, gzip.compress(lines.encode()))


def read_rescued(path: Path) -> list[str]:
    """The envelopes in a file. Raises OperatorError."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [json.loads(line)["envelope"] for line in file]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise OperatorError(
            f"{path} cannot be read as rescued records ({error}): copy it from the laptop again."
        ) from None


def _envelopes(data: bytes) -> tuple[list[str], int]:
    """The envelopes in a segment's bytes, and how many pieces are none."""
    found, damaged, record = [], 0, b""
    for line in data.splitlines(keepends=True):
        if len(line) != _LINE or not record:
            damaged += bool(record)
            record = line
            continue
        try:
            envelope = record + line[:-1]
            parse(split(envelope)[0])
            found.append(envelope.decode())
        except (ProtocolError, UnicodeDecodeError):
            damaged += 1
        record = b""
    return found, damaged + bool(record)
