"""Files that people write, and move: text read as it comes from any editor, bounded, or told what
to do; and whether a file is still the one that it was.
"""

import codecs
import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from hosting.error import OperatorError

FileId = tuple[int, int]  # of which disk, which file
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path, most_bytes: int, mend: str) -> str:
    """The text of a file in UTF-8, with or without a byte order mark (Windows writes one).

    Raises OperatorError that names the file, the line and the remedy. mend: where to get a file
    that is missing, a sentence.
    """
    try:
        with open_file(path) as file:
            content = file.read(most_bytes + 1)
    except FileNotFoundError:
        raise OperatorError(f"{path} is missing: {mend}") from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > most_bytes:
        raise OperatorError(f"{path} has over {most_bytes} bytes: is it another file?")
    try:
        text, wrong = content.decode("utf-8-sig"), content.find(b"\0")
    except UnicodeDecodeError as error:
        text, wrong = "", error.start
    if wrong >= 0:
        line = content.count(b"\n", 0, wrong) + 1
        raise OperatorError(
            f"{path}, line {line}: the file is not UTF-8 but {_encoding(content)}; save it as "
            "UTF-8 (in Notepad: File, Save as, Encoding) and try again."
        )
    return text


def write_new_text(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises OperatorError."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise OperatorError(f"{path} is there already: change it, or move it away.") from None
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None


def open_file(path: Path) -> BinaryIO:
    """The file, open for reading. Raises OSError, also for what is none: a pipe that nobody writes
    into would be waited for, for ever.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no file")
    return file


def _encoding(content: bytes) -> str:
    if content.startswith(_UTF16) or b"\0" in content:
        return "UTF-16"
    try:
        content.decode("gb18030")
    except UnicodeDecodeError:
        return "in another encoding"
    return "probably GB18030, as Chinese Windows saves text"


def file_id(path: Path) -> FileId | None:
    """Which file stands there now, None for none: another one may have taken its name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
