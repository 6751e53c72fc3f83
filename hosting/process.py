"""A server as a process: how it hears that it is to end, how it says it is ready."""

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None

log = logging.getLogger(__name__)


def on_end(stop: Callable[[], None], until_stdin_closes: bool) -> None:
    """Call `stop` at SIGTERM, at SIGINT, and when standard input ends if that is wanted.

    Whoever starts us with a pipe there never leaves us behind. `stop` may be called more than
    once, from the main thread or from one of its own.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop())
    if until_stdin_closes:
        threading.Thread(target=_at_end_of_stdin, args=(stop,), daemon=True).start()


def say(*lines: str) -> None:
    """Write lines to standard output at once: whoever starts us reads there where we listen."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def tell_ready() -> None:
    """Tell systemd that we take requests, if it started us with Type=notify (sd_notify(3)): a
    restart returns then, and the next process may follow.
    """
    _tell(b"READY=1")


def tell_alive() -> None:
    """Tell systemd that we are not stuck: with WatchdogSec it kills who does not say so in time,
    and starts it again.
    """
    _tell(b"WATCHDOG=1")


def _tell(state: bytes) -> None:
    path = os.environ.get("NOTIFY_SOCKET", "")
    if path.startswith(("/", "@")):
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
            contextlib.suppress(OSError),  # what it does not take it misses, and we go on
        ):
            told.setblocking(False)
            told.sendto(state, f"\0{path[1:]}" if path[0] == "@" else path)


def make_room(connections: int, own: int, needed: int | None = None) -> int:
    """Let this process have as many files open as it may, and say so; how many connections fit.

    connections: as many as are wanted, the most that are given. own: files that are needed besides
    them: database, log, threads. needed: below how many connections it is a warning; None: below
    what is wanted.
    """
    if resource is None:
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_endless = hard == resource.RLIM_INFINITY  # which is -1, and no value that a Mac takes
    most = connections + own if is_endless else hard
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most >= connections + own:
        log.info("room for %d connections", connections)
        return connections
    fit = max(1, hard - own)
    log.log(
        logging.INFO if needed is not None and fit >= needed else logging.WARNING,
        "room for %d connections, not for %d: this process may have only %d files open; set "
        "LimitNOFILE=%d in its systemd unit, or `ulimit -n` before it starts",
        *(fit, connections, hard, connections + own),
    )
    return fit


def look_for_garbage_seldom(objects: int) -> None:
    """Look for cycles once per so many new objects, and never among what was imported.

    A batch makes thousands of objects and next to no cycles: looking for them costs up to a fifth
    of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(objects, 20, 20)


def _at_end_of_stdin(stop: Callable[[], None]) -> None:
    while os.read(0, 4096):
        pass
    stop()
