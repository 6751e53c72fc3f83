"""What is wrong in this hall now, in sentences for the person who must act."""

import logging
import threading

from hosting.log import CHANGE

log = logging.getLogger(__name__)


class Alarms:
    """Named alarms; each is logged when it comes, changes and goes, and shown by /healthz."""

    def __init__(self):
        self._lock = threading.Lock()
        self._standing: dict[str, str] = {}

    def set(self, name: str, sentence: str) -> None:
        """Alarm `name` stands, with what happened and what to try."""
        with self._lock:
            is_new = self._standing.get(name) != sentence
            self._standing[name] = sentence
        if is_new:
            log.warning("alarm %s: %s", name, sentence, extra=CHANGE)

    def clear(self, name: str) -> None:
        """Alarm `name` is over, if it stood."""
        with self._lock:
            stood = self._standing.pop(name, None)
        if stood is not None:
            log.warning("alarm %s is over", name, extra=CHANGE)

    def standing(self) -> dict[str, str]:
        """The alarms that stand, sentence by name."""
        with self._lock:
            return dict(self._standing)
