"""A thread that repeats one step and that nothing from outside can end."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)


class Worker:
    """Calls `step` until stopped; a step that fails is logged and tried again after `pause_s`.

    A step blocks for a second at most, so that stopping is quick. The same failure is logged once
    until a step succeeds.
    """

    def __init__(self, name: str, step: Callable[[], None], pause_s: float = 1.0):
        self._step = step
        self._pause_s = pause_s
        self._stopping = threading.Event()
        self._since_s: float | None = None  # monotonic, of the running step
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """End after the running step."""
        self._stopping.set()

    def join(self, timeout_s: float = 5.0) -> None:
        """Wait until the thread has ended, `timeout_s` at most."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def busy_s(self) -> float:
        """For how long the running step, or action, has run; 0 between two."""
        since_s = self._since_s
        return 0.0 if since_s is None else time.monotonic() - since_s

    def _run(self) -> None:
        last = ""
        while not self._stopping.is_set():
            self._since_s = time.monotonic()
            try:
                self._step()
                last = ""
            except Exception as error:
                if repr(error) != last:
                    log.exception("%s failed and is tried again", self._thread.name)
                last = repr(error)
                self._since_s = None
                self._stopping.wait(self._pause_s)
        self._since_s = None


class Ticker(Worker):
    """Calls `action` every `every_s` seconds; again at once if it says that there is more, and
    after `pause_s` if it failed.

    The first time is one interval after the start, or at the start with `at_once`. Stopping does
    not wait for the next time, only for an action that runs.
    """

    def __init__(
        self,
        name: str,
        every_s: float,
        action: Callable[[], object],
        at_once: bool = False,
        pause_s: float = 1.0,
    ):
        super().__init__(name, self._tick, pause_s)
        self._every_s = every_s
        self._action = action
        self._is_due = at_once

    def _tick(self) -> None:
        self._since_s = None
        if not self._is_due and self._stopping.wait(self._every_s):
            return
        self._since_s = time.monotonic()
        self._is_due = True  # still, if it fails
        self._is_due = self._action() is True
