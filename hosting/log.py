"""The log of a server: one line a message, on standard error, and not a thousand times the same.

What strangers do is worth a line each, however often they do it: the first of a minute is written
as it is, and at the minute's end one line tells how often it came again, and when last. What has
changed here, an alarm that comes or goes, is never held back as the same: the log would end with
what is over.
"""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any
from unicodedata import category

_PLAIN = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LEVELS = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4}  # of syslog(3)
_EVERY_S = 60.0
_ALIKE = 20  # different lines of one kind, a minute
_KINDS = 1000
CHANGE = {"is_change": True}  # `extra` of a line that says what is so from now on


def log_to_stderr() -> None:
    """Log to standard error, from INFO on; nothing that comes over HTTP is worth a line."""
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of each odd request
    handler = Counting(sys.stderr)
    handler.setFormatter(_OneLine(_PLAIN))
    if is_journal(sys.stderr):  # it has the time, and reads the level at a line's beginning
        handler.setFormatter(_ForJournal("%(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("httpx2").setLevel(logging.WARNING)


class Counting(logging.StreamHandler):
    """Writes each line once a minute; of lines that come from one place in the code, and differ in
    what they quote only, 20 a minute. The others are counted, and told at the minute's end.
    """

    def __init__(
        self,
        stream: Any,
        every_s: float = _EVERY_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(stream)
        self._every_s = every_s
        self._monotonic_s = monotonic_s
        self._kinds: dict[tuple[str, int, str], _Kind] = {}
        self._timer: threading.Timer | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write or count a line; the handler's lock is held."""
        now_s = self._monotonic_s()
        key = (record.name, record.levelno, str(record.msg))
        kind = self._kinds.get(key)
        if kind is not None and now_s - kind.since_s >= self._every_s:
            self._tell(self._kinds.pop(key))
            kind = None
        if kind is None:
            if len(self._kinds) >= _KINDS:
                self._tell_all()
            kind = self._kinds[key] = _Kind(now_s)
        if kind.admits(record):
            super().emit(record)
        elif self._timer is None:
            self._timer = threading.Timer(self._every_s, self.tell)
            self._timer.daemon = True
            self._timer.start()

    def tell(self) -> None:
        """Tell what was counted."""
        self.acquire()
        try:
            self._timer = None
            self._tell_all()
        finally:
            self.release()

    def close(self) -> None:
        """Tell the rest, and end."""
        if self._timer is not None:
            self._timer.cancel()
        self.tell()
        super().close()

    def _tell_all(self) -> None:
        kinds, self._kinds = self._kinds, {}
        for kind in kinds.values():
            self._tell(kind)

    def _tell(self, kind: "_Kind") -> None:
        for record, count in (*kind.same.values(), (kind.other, kind.others)):
            if record is not None and count:
                word = "of the same kind" if record is kind.other else "the same"
                how_often = f"{count} times" if count > 1 else "once more"
                at = time.strftime("%H:%M:%S", time.localtime(record.created))
                super().emit(_again(record, f"{how_often} {word}, last at {at}"))


class _Kind:
    """Lines of one place in the code, in one minute."""

    def __init__(self, since_s: float) -> None:
        self.since_s = since_s
        # The last of each, and how often it came again.
        self.same: dict[str, tuple[logging.LogRecord, int]] = {}
        self.changes = 0
        self.other: logging.LogRecord | None = None
        self.others = 0

    def admits(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if hasattr(record, "is_change") and self.changes < _ALIKE:
            self.changes += 1
            return True
        if text in self.same:
            self.same[text] = record, self.same[text][1] + 1
        elif len(self.same) < _ALIKE:
            self.same[text] = record, 0
            return True
        else:
            self.other, self.others = record, self.others + 1
        return False


def _again(record: logging.LogRecord, how_often: str) -> logging.LogRecord:
    text = f"{record.getMessage()} ({how_often})"
    return logging.LogRecord(record.name, record.levelno, record.pathname, 0, "%s", (text,), None)


def is_journal(stream: Any) -> bool:
    """Whether systemd's journal reads `stream` (systemd.exec(5), JOURNAL_STREAM)."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # control, format, half a surrogate pair, separators


class _OneLine(logging.Formatter):
    """A message may quote what strangers sent; it stays one line, and moves no terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return harmless(super().formatMessage(record))


class _ForJournal(_OneLine):
    """Each line with its level as sd-daemon(3) has it, also those of a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        level = f"<{_LEVELS.get(record.levelno, 6)}>"
        return "\n".join(level + line for line in super().format(record).split("\n"))


def harmless(text: str) -> str:
    """The text with everything escaped that is no printable character: line ends, control
    sequences, overrides of the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(_escaped(one) if category(one) in _UNSEEN else one for one in text)


def _escaped(one: str) -> str:
    return one.encode("unicode_escape").decode()
