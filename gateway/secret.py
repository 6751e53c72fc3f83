"""Secrets of this gateway: files with mode 0600, and what is stored of them elsewhere."""

import base64
import hashlib
import os
import secrets
from pathlib import Path

from gateway.error import GatewayError

_ITERATIONS = 101  # mosquitto's own; the passwords are 256 random bits, not words
_SALT_BYTES = 12  # mosquitto 2.0 removes users with any other length


def write_secret(path: Path, secret: str) -> None:
    """Create `path` for its owner only. Raises GatewayError if it is there already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise GatewayError(f"{path} exists. Name a new file, or delete the old one.") from None
    except OSError as error:
        raise GatewayError(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "w") as file:
        file.write(secret + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_secret(path: Path) -> str:
    """The secret in `path`. Raises GatewayError if there is none."""
    try:
        secret = path.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise GatewayError(f"{path} cannot be read: {error}.") from error
    if not secret:
        raise GatewayError(f"{path} is empty; it must hold a token.")
    return secret


def gateway_password(data_dir: Path) -> str:
    """The password of the broker's user `_gateway`, made at the first start."""
    path = data_dir / "mqtt-password"
    if path.exists() and path.stat().st_size == 0:
        path.unlink()  # the power went between creating and writing it
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(32))
    return read_secret(path)


def password_hash(password: str) -> str:
    """The password's line as mosquitto and the embedded broker verify it."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    b64 = base64.b64encode
    return f"$7${_ITERATIONS}${b64(salt).decode()}${b64(digest).decode()}"


def new_token() -> str:
    """A token for a caller of the API: 256 random bits."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is stored of a token. Plain SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
