"""Halls and their windows: what an operator adds."""

from collections.abc import Callable
from pathlib import Path

from central.directory.kinds import WINDOWS, day_number
from central.directory.roll import settle
from central.people.tokens import add_token, hall_scope
from central.store import directory, places
from central.store.database import Database
from central.store.directory import EVER, Entry
from hosting.clock import day
from hosting.error import OperatorError
from protocol.field import ProtocolError, Text, place_id


class Halls:
    """What `pingjia central hall` and `window` add. What is refused is an OperatorError."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def add(
        self, hall: str, name: str, host: str, port: int, ca: str | None, token_file: Path
    ) -> None:
        """Add a hall's gateway and write its token; the hall itself, if the directory has none of
        this id yet. ca: the broker's CA as PEM, or None.
        """
        checked(place_id, hall, "the hall's id")
        checked(Text(64), name, "the hall's name")
        broker = {
            "mqtt_host": checked(Text(253), host, "the broker's host"),
            "mqtt_port": port,
            "mqtt_ca": ca,
        }
        now_ms = self._now_ms()
        with self._database.write() as connection:
            if places.hall(connection, hall) is not None:
                raise OperatorError(f"the hall {hall} has a gateway already.")
            if not directory.of_things(connection, "hall", [hall]):
                directory.save(connection, [Entry("hall", hall, EVER, name=name)], now_ms)
            directory.put_broker(connection, hall, broker)
            settle(connection, day_number(day(now_ms)))
            add_token(connection, hall_scope(hall), token_file, now_ms)

    def add_window(self, hall: str, window: str, name: str) -> None:
        """Add a window to a hall."""
        checked(place_id, window, "the window's id")
        checked(Text(64), name, "the window's name")
        now_ms = self._now_ms()
        with self._database.write() as connection:
            places.require_hall(connection, hall)
            windows = places.windows(connection, hall)
            if directory.of_things(connection, "window", [f"{hall}/{window}"]):
                raise OperatorError(f"the hall {hall} has, or had, a window {window} already.")
            if len(windows) >= WINDOWS:
                raise OperatorError(f"the hall {hall} has {WINDOWS} windows, the most there are.")
            entry = Entry("window", f"{hall}/{window}", EVER, name=name, up=hall)
            directory.save(connection, [entry], now_ms)
            settle(connection, day_number(day(now_ms)))
            places.bump_versions(connection, [hall])


def checked(check: Callable[[str, str], str], value: str, what: str) -> str:
    """`value`, if the contract's check lets it pass. Raises OperatorError that names `what`."""
    try:
        return check(value, what)
    except ProtocolError as error:
        raise OperatorError(f"{error}.") from None
