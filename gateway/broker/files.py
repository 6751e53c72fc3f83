"""What a mosquitto beside the gateway reads: configuration, users and rules (TOP-1), as texts.

gateway/broker/mosquitto.py keeps users and rules true while the gateway runs.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hosting.password import is_password_hash
from protocol.access import FROM_DEVICE, FROM_GATEWAY, GATEWAY_USER
from protocol.topic import topic

CONFIGURATION = "mosquitto.conf"
PASSWORDS = "mosquitto.passwords"
RULES = "mosquitto.acl"
PID = "mosquitto.pid"

_CONFIGURATION = """\
# Made by `pingjia gateway broker-files`. Start it as the user that runs the gateway, who alone can
# read the passwords and tell the broker of changes:  mosquitto -c {folder}/{configuration}
{user}\
pid_file {folder}/{pid}
log_dest stderr

# Nobody without a password; who may do what stands in the rules. The gateway rewrites both files.
allow_anonymous false
password_file {folder}/{passwords}
acl_file {folder}/{rules}
sys_interval 0

# Nothing is kept on the disk: it would be written every 30 minutes only, and what a broker forgets
# the devices and the gateway say again.
persistence false
# A gateway that is away for longer gets its ratings from the devices.
persistent_client_expiration 1d

# Explicit, because by default 1,000 messages wait for a gateway that is away or slow and all
# further ones are acknowledged and dropped. Devices then send again, but later.
max_queued_messages 100000
max_queued_bytes 67108864
max_inflight_messages 1000
# Ends the connection of who sends more. (message_size_limit would acknowledge and drop.)
max_packet_size 2097152
# Of everything, so that strangers with large packets cannot have it all.
memory_limit 536870912
# Otherwise a small answer waits up to 40 ms.
set_tcp_nodelay true

listener {port} {host}
# 2,000 devices, and each once more while its lost connection is not noticed yet.
max_connections 4096
max_qos 1
# Nobody can take the place of another: who logs in is the client.
use_username_as_clientid true
{tls}"""

# mosquitto reads both again on SIGHUP, and whoever is connected stays.
_TLS = """
certfile {certificate}
keyfile {certificate}
tls_version tlsv1.2
"""
_NO_TLS = """
# TLS: `pingjia gateway secure` makes a CA and a certificate.
"""


def configuration(
    folder: Path, host: str, port: int, user: str | None, certificate: Path | None = None
) -> str:
    """mosquitto.conf for the files in `folder` (absolute), one listener on host and port.

    certificate: a file with certificate and key, absolute; then it speaks TLS only. user: whom a
    mosquitto that root starts becomes; None leaves its own default, `mosquitto`.
    """
    return _CONFIGURATION.format(
        folder=folder,
        host=host,
        port=port,
        user=f"user {user}\n" if user else "",
        configuration=CONFIGURATION,
        passwords=PASSWORDS,
        rules=RULES,
        pid=PID,
        tls=_NO_TLS if certificate is None else _TLS.format(certificate=certificate),
    )


def passwords(users: Mapping[str, str]) -> tuple[str, list[str]]:
    """The password file for {user: hash}, and the users whose hash mosquitto would not read."""
    unreadable = [user for user, line in users.items() if not is_password_hash(line)]
    lines = [f"{user}:{line}\n" for user, line in users.items() if user not in unreadable]
    return "".join(lines), unreadable


def rules(hall: str) -> str:
    """The rules of TOP-1 by user name; %u is the user, so they are the same for every device."""
    lines = [f"user {GATEWAY_USER}", f"topic readwrite pj/1/{hall}/#", ""]
    lines += [f"pattern write {topic(hall, '%u', name)}" for name in FROM_DEVICE]
    lines += [f"pattern read {topic(hall, '%u', name)}" for name in FROM_GATEWAY]
    return "\n".join(lines) + "\n"


def replace(path: Path, text: str) -> None:
    """Make `path` hold `text`, for its owner only and all at once; a power cut leaves the old one.

    Raises OSError.
    """
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600, O_EXCL
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
