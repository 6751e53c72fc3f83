"""Halls and their windows: what an operator adds, and says of them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from central.people.tokens import add_token, hall_scope
from central.store import alarms, places
from central.store.database import Database
from hosting.clock import start_of
from hosting.error import OperatorError
from protocol.field import ProtocolError, Text, place_id

DAY_MS = 86_400_000
_CARRY_DAYS = 30
_REST_MS = 366 * DAY_MS
_WINDOWS = 1000  # what a hall's document can carry (protocol/hall.py)


class Halls:
    """What `pingjia central hall` and `window` do. What is refused is an OperatorError."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def add(
        self,
        hall: str,
        name: str,
        host: str,
        port: int,
        ca: str | None,
        token_file: Path,
        carry_days: int | None = None,
    ) -> None:
        """Add a hall and write its gateway's token. ca: the broker's CA as PEM, or None.

        carry_days: how often its batches arrive as files; None for a hall that has a network.
        """
        values = {
            "hall": checked(place_id, hall, "the hall's id"),
            "name": checked(Text(64), name, "the hall's name"),
            "mqtt_host": checked(Text(253), host, "the broker's host"),
            "mqtt_port": port,
            "mqtt_ca": ca,
            "carry_ms": _carry_ms(carry_days),
        }
        try:
            with self._database.write() as connection:
                places.add_hall(connection, values)
                add_token(connection, hall_scope(hall), token_file, self._now_ms())
        except IntegrityError:
            raise OperatorError(f"the hall {hall} exists already.") from None

    def carry(self, hall: str, days: int | None) -> None:
        """Note how often a hall's batches arrive as files; None: it has a network again, and all
        limits anew.
        """
        with self._database.write() as connection:
            places.require_hall(connection, hall)
            places.set_carry(connection, hall, _carry_ms(days))
            if days is None:
                alarms.begin_anew(connection, hall, self._now_ms())

    def every(self) -> list[Any]:
        """All halls: `places.halls`."""
        with self._database.read() as connection:
            return places.halls(connection)

    def windows(self, hall: str) -> list[Any]:
        """The windows of a hall: `places.windows`."""
        with self._database.read() as connection:
            places.require_hall(connection, hall)
            return places.windows(connection, hall)

    def rest(self, hall: str, window: str, until: date, reason: str | None) -> None:
        """Put a window to rest until a day in China, on which it is in use again by itself: until
        then nobody misses its devices. What they send counts as ever.
        """
        if reason is not None:
            checked(Text(200), reason, "the reason")
        now_ms, until_ms = self._now_ms(), start_of(until)
        if not now_ms < until_ms <= now_ms + _REST_MS:
            raise OperatorError(
                f"until {until} is not possible: a day from tomorrow on, at most a year ahead."
            )
        with self._database.write() as connection:
            _require_window(connection, hall, window)
            places.rest(connection, hall, window, until_ms, reason)

    def end_rest(self, hall: str, window: str) -> None:
        """Let a window be in use again; its devices are missed from now on."""
        with self._database.write() as connection:
            if _require_window(connection, hall, window).rest_until_ms is None:
                raise OperatorError(f"the window {window} of the hall {hall} does not rest.")
            places.end_rest(connection, hall, window, self._now_ms())

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


def _carry_ms(days: int | None) -> int | None:
    if days is not None and not 1 <= days <= _CARRY_DAYS:
        raise OperatorError(f"files are carried every 1 to {_CARRY_DAYS} days, not every {days}.")
    return None if days is None else days * DAY_MS


def _require_window(connection: Connection, hall: str, window: str) -> Any:
    places.require_hall(connection, hall)
    rows = [row for row in places.windows(connection, hall) if row.window == window]
    if not rows:
        raise OperatorError(
            f"the hall {hall} has no window {window}: `pingjia central window list {hall}` "
            "shows what it has."
        )
    return rows[0]


def checked(check: Callable[[str, str], str], value: str, what: str) -> str:
    """`value`, if the contract's check lets it pass. Raises OperatorError that names `what`."""
    try:
        return check(value, what)
    except ProtocolError as error:
        raise OperatorError(f"{error}.") from None
