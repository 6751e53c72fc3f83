"""Passwords of a broker's users, as mosquitto and the embedded broker verify them."""

import base64
import hashlib
import re
import secrets

_ITERATIONS = 101  # mosquitto's own number; the passwords are 256 random bits, not words
_SALT_BYTES = 12  # mosquitto 2.0 removes users with any other length
# And a line feed in a hash would be a further user.
_HASH = re.compile(r"\$7\$[1-9][0-9]{0,5}\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==")


def new_password() -> str:
    """A password for a machine: 256 random bits."""
    return secrets.token_urlsafe(32)


def password_hash(password: str) -> str:
    """What a broker keeps of a password: `$7$101$salt$PBKDF2-HMAC-SHA512`, base64."""
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    b64 = base64.b64encode
    return f"$7${_ITERATIONS}${b64(salt).decode()}${b64(digest).decode()}"


def is_password_hash(line: str) -> bool:
    """Whether mosquitto would read this hash, and nothing else with it."""
    return _HASH.fullmatch(line) is not None
