"""Halls and their windows: what an operator adds."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import IntegrityError

from central.people.tokens import add_token, hall_scope
from central.store import places
from central.store.database import Database
from hosting.error import OperatorError
from protocol.field import ProtocolError, Text, place_id

_WINDOWS = 1000  # what a hall's document can carry (protocol/hall.py)


class Halls:
    """What `pingjia central hall` and `window` add. What is refused is an OperatorError."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def add(
        self, hall: str, name: str, host: str, port: int, ca: str | None, token_file: Path
    ) -> None:
        """Add a hall and write its gateway's token. ca: the broker's CA as PEM, or None."""
        values = {
            "hall": checked(place_id, hall, "the hall's id"),
            "name": checked(Text(64), name, "the hall's name"),
            "mqtt_host": checked(Text(253), host, "the broker's host"),
            "mqtt_port": port,
            "mqtt_ca": ca,
        }
        try:
            with self._database.write() as connection:
                places.add_hall(connection, values)
                add_token(connection, hall_scope(hall), token_file, self._now_ms())
        except IntegrityError:
            raise OperatorError(f"the hall {hall} exists already.") from None

    def add_window(self, hall: str, window: str, name: str) -> None:
        """Add a window to a hall."""
        values = {
            "hall": hall,
            "window": checked(place_id, window, "the window's id"),
            "name": checked(Text(64), name, "the window's name"),
        }
        with self._database.write() as connection:
            places.require_hall(connection, hall)
            windows = places.windows(connection, hall)
            if any(row.window == window for row in windows):
                raise OperatorError(f"the hall {hall} has a window {window} already.")
            if len(windows) >= _WINDOWS:
                raise OperatorError(f"the hall {hall} has {_WINDOWS} windows, the most there are.")
            places.add_window(connection, values)
            places.bump_versions(connection, [hall])


def checked(check: Callable[[str, str], str], value: str, what: str) -> str:
    """`value`, if the contract's check lets it pass. Raises OperatorError that names `what`."""
    try:
        return check(value, what)
    except ProtocolError as error:
        raise OperatorError(f"{error}.") from None
