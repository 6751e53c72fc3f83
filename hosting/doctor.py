"""What a doctor's command does: looks at one thing after the other, says how each is, and what to
do next if it is not well.
"""

import json
import shutil
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from hosting.error import OperatorError
from hosting.log import harmless

FINE, LOOK, DOWN = 0, 1, 3  # exit codes

_GIB = 1024**3
_WAIT_S = 5.0
_CLOCK_S = 60.0
_EXPIRES_DAYS = 21

Checks = Iterable[tuple[str, Callable[[], str]]]


def examine(checks: Checks, say: Callable[[str], None], is_json: bool = False) -> int:
    """A line for each check; FINE, or LOOK if something is not well.

    A check returns how it is; it raises OperatorError or OSError if that is not well, with what to
    do next.
    """
    found = []
    for name, check in checks:
        try:
            is_well, sentence = True, check()
        except (OperatorError, OSError) as error:
            is_well, sentence = False, str(error)
        found.append({"check": name, "is_well": is_well, "sentence": sentence})
        if not is_json:
            say(f"{'ok  ' if is_well else 'LOOK'}  {name:<12}  {harmless(sentence)}")
    if is_json:
        say(json.dumps(found, ensure_ascii=False, indent=1))
    return FINE if all(one["is_well"] for one in found) else LOOK


def look_at_room(folder: Path, least_bytes: int) -> str:
    """The free space where a folder is. Raises OperatorError if it is less."""
    free = shutil.disk_usage(folder).free
    if free < least_bytes:
        raise OperatorError(
            f"{folder} has {free / _GIB:.2f} GiB free, {least_bytes / _GIB:.2f} are needed. Make "
            "room on that disk."
        )
    return f"{free / _GIB:.1f} GiB free in {folder}, and it can be written"


def silence(where: str, unit: str, error: OSError) -> str:
    """A sentence about a service of ours that does not answer there, and what to do."""
    if isinstance(error, TimeoutError):
        return (
            f"{where} does not answer within {_WAIT_S:.0f} seconds: it is frozen, or overloaded. "
            f"Read its log (journalctl -u {unit}), then restart it (systemctl restart {unit})."
        )
    return (
        f"nothing answers on {where}: {error}. Start it (systemctl start {unit}), and read its "
        f"log (journalctl -u {unit})."
    )


def look_up(host: str) -> str:
    """The addresses of a host. Raises OperatorError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise OperatorError(
            f"{host} has no address ({error.strerror}). Look at the DNS server of this machine "
            "(/etc/resolv.conf), or name the host in /etc/hosts."
        ) from None
    return f"{host} is {', '.join(sorted({one[4][0] for one in found}))}"  # type: ignore[misc]


def knock(host: str, port: int, what: str, todo: str) -> str:
    """Whether something takes connections there. Raises OperatorError."""
    try:
        socket.create_connection((host, port), timeout=_WAIT_S).close()
    except OSError as error:
        why = error.strerror or "it does not answer"
        raise OperatorError(f"{what} on {host} port {port}: {why}. {todo}") from None
    return f"{what} takes connections on {host} port {port}"


def look_at_certificate(host: str, port: int, trusted: ssl.SSLContext) -> str:
    """How long the certificate of a server is good, and whether it is trusted."""
    try:
        with (
            socket.create_connection((host, port), timeout=_WAIT_S) as connection,
            trusted.wrap_socket(connection, server_hostname=host) as shaken,
        ):
            told = shaken.getpeercert() or {}
    except TimeoutError:
        raise OperatorError(
            f"{host} port {port} does not answer within {_WAIT_S:.0f} seconds: it is frozen, or "
            "something on the way holds it up. Ask those who run it."
        ) from None
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason
        raise OperatorError(
            f"TLS to {host} port {port} fails: {why}. Is the CA the right one, is the name in the "
            "certificate, and is the clock of this machine right?"
        ) from None
    except OSError as error:
        raise OperatorError(
            f"{host} port {port} is not reached: {error.strerror or error}. Does it run there, "
            "and does a firewall let this machine through?"
        ) from None
    return good_for(f"the certificate of {host}", ssl.cert_time_to_seconds(f"{told['notAfter']}"))


def good_for(what: str, ends_s: float) -> str:
    """For how many days a certificate is good. Raises OperatorError if it ends soon."""
    days = (ends_s - time.time()) / 86400
    if days < _EXPIRES_DAYS:
        raise OperatorError(f"{what} ends in {days:.0f} days. Have it renewed.")
    return f"{what} is good for {days:.0f} days"


def compare_clocks(ours_s: float, theirs_s: float, whose: str) -> str:
    """Whether two clocks agree. Raises OperatorError."""
    ahead_s = ours_s - theirs_s
    if abs(ahead_s) > _CLOCK_S:
        word = "ahead of" if ahead_s > 0 else "behind"
        raise OperatorError(
            f"this machine's clock is {abs(ahead_s):.0f} s {word} {whose}. Let a time service set "
            "it (chrony, systemd-timesyncd)."
        )
    return f"within {max(1, abs(ahead_s)):.0f} s of {whose}"


def span(ms: int) -> str:
    """A span of time, in the unit that fits."""
    seconds = max(ms, 0) // 1000
    for size, word in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds // size} {word}"
    return f"{seconds} seconds"
