"""A mosquitto that hall IT runs: its users and rules, kept as the hall's document says."""

import math
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gateway.broker import files
from gateway.keep.alarms import Alarms
from hosting.error import OperatorError

_RELOAD_S = 5.0
_AGAIN_S = 1.0  # after which what stood in the way is looked at again


class Mosquitto:
    """Writes the files in `folder` and tells the broker, by SIGHUP, to read them again.

    That also disconnects who may no longer log in. mosquitto 2.0.11 may die of a second reload
    while devices log in: so it is told only of what it cannot have read yet, and not again for
    `reload_s`. is_known: whether the hall's devices are known; until then users stay who are
    there. certificate: its own, which it has to read again as well. `step` is one thread's work.
    """

    def __init__(
        self,
        folder: Path,
        hall: str,
        users: Callable[[], dict[str, str]],
        alarms: Alarms,
        reload_s: float | None = None,
        is_known: Callable[[], bool] = lambda: True,
        certificate: Path | None = None,
    ):
        self._folder = folder
        self._hall = hall
        self._users = users
        self._alarms = alarms
        self._reload_s = _RELOAD_S if reload_s is None else reload_s
        self._not_before_s = -math.inf  # monotonic
        self._is_known = is_known
        self._certificate = certificate
        self._told: tuple[int, int, float] | None = None  # a broker, and what it was told of
        self._is_due = threading.Event()

    def start(self) -> None:
        """Write the files, for a broker that starts or runs. Raises OperatorError if it cannot."""
        try:
            self._write()
        except OSError as error:
            raise OperatorError(
                f"{self._folder}: the broker's files cannot be written: {error.strerror}. Make "
                "them with `pingjia gateway broker-files`, as the user that runs the gateway."
            ) from error
        self.refresh_users()  # a new data folder has a new password for the gateway itself

    def refresh_users(self) -> None:
        """Users may have changed, or a broker started that read older files."""
        self._is_due.set()

    def step(self, timeout_s: float = 1.0) -> None:
        """Wait for a change, and until the broker may be told again, up to `timeout_s` each; write
        it, and tell the broker.
        """
        pause_s = self._not_before_s - time.monotonic()
        if pause_s > 0:
            time.sleep(min(pause_s, timeout_s))
        if pause_s > timeout_s or not self._is_due.wait(timeout_s):
            return
        self._is_due.clear()
        problem = self._tell()
        if problem is None:
            self._alarms.clear("broker_files")
        else:
            self._is_due.set()
            self._rest(_AGAIN_S)
            self._alarms.set("broker_files", problem)

    def _rest(self, pause_s: float) -> None:
        self._not_before_s = time.monotonic() + pause_s

    def _tell(self) -> str | None:
        """Write and signal; a sentence on what stands in the way, or None."""
        try:
            self._write()
        except OSError as error:
            return (
                f"{self._folder} cannot be written ({error.strerror}), so the broker does not "
                "know who may log in now. Is the disk full, and may this user write there?"
            )
        why = self._signal_if_needed()
        return why and (
            f"The broker does not know yet who may log in now: {why}. Run it as this gateway's "
            f"user with `mosquitto -c {self._folder / files.CONFIGURATION}`, or run `kill "
            "-HUP` with its process id after every change."
        )

    def _signal_if_needed(self) -> str | None:
        """Signal a broker that cannot have read what the files say; why that failed, or None."""
        read = [self._folder / files.PASSWORDS, self._folder / files.RULES]
        if self._certificate is not None and self._certificate.exists():
            read.append(self._certificate)
        files_s = max(path.stat().st_mtime for path in read)
        broker = _broker(self._folder / files.PID)
        if broker is not None:
            is_started_later = broker[2] > files_s + _SAME_S
            if is_started_later or self._told == (*broker[:2], files_s):
                return None
        why = _signal(self._folder / files.PID)
        if why is None:
            self._told = (*broker[:2], files_s) if broker is not None else None
            self._rest(self._reload_s)  # mosquitto forgets a signal that arrives while it reads
        return why

    def _write(self) -> None:
        users = self._users()
        if not self._is_known():
            users = {**_users_in(self._folder / files.PASSWORDS), **users}
        text, unreadable = files.passwords(users)
        for name, wanted in (
            (files.PASSWORDS, text),
            (files.RULES, files.rules(self._hall)),
        ):
            if _text(self._folder / name) != wanted:
                files.replace(self._folder / name, wanted)
        if unreadable:
            self._alarms.set(
                "passwords",
                f"The broker cannot read the password hashes of {', '.join(unreadable[:5])} "
                f"({len(unreadable)} in all), so these cannot log in. Enrol them again.",
            )
        else:
            self._alarms.clear("passwords")


_SAME_S = 2.0


def _broker(pid_file: Path) -> tuple[int, int, float] | None:
    """The process in the file, and when it was started: in ticks since the boot, which tell it
    from another one of that number, and in epoch seconds.
    """
    try:
        pid = int(pid_file.read_text())
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        up_s = float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    ticks = int(fields[19])  # proc(5): starttime
    return pid, ticks, time.time() - up_s + ticks / os.sysconf("SC_CLK_TCK")


def _users_in(passwords: Path) -> dict[str, str]:
    lines = (_text(passwords) or "").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _signal(pid_file: Path) -> str | None:
    """Tell the mosquitto named in the file to read again; why it cannot be, or None."""
    try:
        pid = int(pid_file.read_text())
        process = os.pidfd_open(pid)  # from here on the number cannot become another process
    except (OSError, ValueError, OverflowError):
        return f"{pid_file} names no running process"
    try:
        if Path(f"/proc/{pid}/comm").read_text().strip() != "mosquitto":
            return f"{pid_file} names process {pid}, which is no mosquitto"
        signal.pidfd_send_signal(process, signal.SIGHUP)
    except PermissionError:
        return f"process {pid}, the mosquitto, belongs to another user"
    except OSError:
        return f"process {pid}, the mosquitto, has just ended"
    finally:
        os.close(process)
    return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
