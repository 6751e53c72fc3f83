"""Who may log in to the broker: the gateway itself, and the hall's devices."""

from collections.abc import Callable
from pathlib import Path

from hosting.password import new_password, password_hash
from hosting.secret_file import read_token, write_new
from protocol.access import GATEWAY_USER

Users = Callable[[], dict[str, str]]  # user -> password hash, as of now


def gateway_password(data_dir: Path) -> str:
    """The password of the broker's user `_gateway`, made at the first start.

    Raises OperatorError if its file cannot be used.
    """
    path = data_dir / "mqtt-password"
    if path.exists() and path.stat().st_size == 0:
        path.unlink()  # the power went between creating and writing it
    if not path.exists():
        write_new(path, f"{new_password()}\n".encode())
    return read_token(path, "remove it, and the next start makes a new one.")


def users_of(password: str, logins: Users) -> Users:
    """All who may log in: the gateway with its password, and `logins`, the devices."""
    gateway = {GATEWAY_USER: password_hash(password)}
    return lambda: {**gateway, **logins()}
