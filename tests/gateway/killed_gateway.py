"""A gateway in a process that is forked off a warm one: a real process, and `kill -9` is real;
only Python's own start-up is saved, so that there is time for many kills.
"""

import multiprocessing
import threading
import time

from gateway import gateway
from gateway.config import Config
from gateway.hall.cover import Cover
from gateway.hall.custody import Custody

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(["killed_gateway"])


class KilledGateway:
    """Starts a gateway, and ends it as `kill -9` does. is_hasty: it acknowledges before it
    commits, and the commit takes a while."""

    def __init__(self, settings: Config, is_hasty: bool = False):
        self._settings = settings
        self._is_hasty = is_hasty
        self._process = None

    def start(self) -> None:
        """Returns at once."""
        self._process = _forks.Process(target=_run, args=(self._settings, self._is_hasty))
        self._process.start()

    def kill(self) -> None:
        """`kill -9`."""
        self._process.kill()
        self._process.join()
        self._process.close()


def _run(settings: Config, is_hasty: bool) -> None:
    if is_hasty:
        weaken()
    gateway.run(settings, threading.Event())


def weaken() -> None:
    """Acknowledge before the commit, which takes a while."""
    told: dict[str, int] = {}
    real_keep, real_cover = Custody._keep, Cover.of

    def keep(self):
        judged = [self._judge(message) for message in self._messages]
        for one in judged:
            if hasattr(one, "seq"):
                told[one.device] = max(one.seq, told.get(one.device, 0))
        self._announcer.acks({one.device for one in judged})
        self._link.acknowledge(self._messages)
        time.sleep(0.2)
        real_keep(self)

    Cover.of = lambda self, connection, device, epoch: max(
        real_cover(self, connection, device, epoch), told.get(device, 0)
    )
    Custody._keep = keep
