"""Halls and their windows: what an operator adds, renames, ends, and says of them."""

import base64
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection

from central.directory import cells
from central.directory.device_settings import (
    elsewhere,
    further_of,
    put_further,
    some,
    standing,
    unaware,
    without,
)
from central.directory.kinds import BY_NAME
from central.directory.reading import Line
from central.directory.register import Change, plan
from central.directory.roll import on_day, settle
from central.people.tokens import add_token, hall_scope
from central.store import alarms, directory, places, tokens
from central.store.database import Database
from central.store.directory import EVER, Entry
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.clock import day, start_of, written
from hosting.error import OperatorError
from hosting.listener import address
from protocol.field import ProtocolError, Text, place_id
from protocol.hall import WINDOWS

DAY_MS = 86_400_000
_CARRY_DAYS = 30
_CA_BYTES = 8000  # firmware/bundle.py takes 8,192, its first and last line with them
_REST_MS = 366 * DAY_MS


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
        """Add a hall's gateway and write its token; the hall itself, if the directory has none of
        this id yet. ca: the broker's CA as `broker_ca` gives it, or None.

        carry_days: how often its batches arrive as files; None for a hall that has a network.
        """
        checked(place_id, hall, "the hall's id")
        _read(cells.name(64), name, "the hall's name")
        broker = {
            "mqtt_host": _read(cells.host, host, "the broker's host"),
            "mqtt_port": port,
            "mqtt_ca": ca,
            "carry_ms": _carry_ms(carry_days),
        }
        now_ms = self._now_ms()
        with self._database.write() as connection:
            if places.hall(connection, hall) is not None:
                raise OperatorError(f"the hall {hall} exists already, with its gateway.")
            if not directory.of_things(connection, "hall", [hall]):
                directory.save(connection, [Entry("hall", hall, EVER, name=name)], now_ms)
            directory.put_broker(connection, hall, broker, name)
            settle(connection, cells.day_number(day(now_ms)))
            add_token(connection, hall_scope(hall), token_file, now_ms, f"gateway {hall}")
            self._note(connection, "hall.add", hall, name)

    def carry(self, hall: str, days: int | None) -> None:
        """Note how often a hall's batches arrive as files; None: it has a network again, and all
        limits anew.
        """
        with self._database.write() as connection:
            places.require_hall(connection, hall)
            places.set_carry(connection, hall, _carry_ms(days))
            if days is None:
                alarms.begin_anew(connection, hall, self._now_ms())
            self._note(connection, "hall.change", hall, f"files every {days} days")

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
            directory.rest(connection, hall, window, until_ms, reason)
            self._note(connection, "window.rest", f"{hall}/{window}", f"{until}: {reason or ''}")

    def end_rest(self, hall: str, window: str) -> None:
        """Let a window be in use again; its devices are missed from now on."""
        with self._database.write() as connection:
            if _require_window(connection, hall, window).rest_until_ms is None:
                raise OperatorError(f"the window {window} of the hall {hall} does not rest.")
            directory.end_rest(connection, hall, window, self._now_ms())
            self._note(connection, "window.rest", f"{hall}/{window}", "ended")

    def add_window(self, hall: str, window: str, name: str) -> None:
        """Add a window to a hall."""
        checked(place_id, window, "the window's id")
        _read(cells.name(64), name, "the window's name")
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
            settle(connection, cells.day_number(day(now_ms)))
            self._note(connection, "window.add", entry.id, name)

    def listed(self) -> list[Any]:
        """Rows of the halls that have a gateway: columns of `hall`, region, windows and devices
        (how many there are today).
        """
        today = cells.day_number(day(self._now_ms()))
        with self._database.read() as connection:
            regions = {entry.id: entry.up for entry in on_day(connection, "hall", today)}
            return directory.counted_halls(connection, regions)

    def windows(self, hall: str) -> list[tuple[Any, list[str]]]:
        """(row of `window`, the devices that stand there) of a hall's windows today."""
        with self._database.read() as connection:
            places.require_hall(connection, hall)
            standing = places.current_devices(connection, hall)
            rows = places.windows(connection, hall)
        at: dict[str, list[str]] = {}
        for device in standing:
            if device.revoked_at_ms is None:
                at.setdefault(device.window, []).append(device.device)
        return [(row, at.get(row.window, [])) for row in rows]

    def rename(
        self, hall: str, window: str | None, name: str, from_day: int | None
    ) -> list[Change]:
        """Give a hall, or a window of it, another name, from a day on or today; what changed."""
        _read(cells.name(64), name, "the name")
        kind, what = ("hall", hall) if window is None else ("window", f"{hall}/{window}")
        return self._change(kind, what, {"name": name}, from_day)

    def set_broker(self, hall: str, broker: dict[str, Any], moves: bool) -> tuple[Any, list[str]]:
        """Note another broker of a hall (columns of `hall`), which new bundles then name; the row
        as it was, and the devices that do not know the new one.

        One that is the further address already brings its port and its CA along.
        """
        if "mqtt_host" in broker:
            broker |= {"mqtt_host": _read(cells.host, broker["mqtt_host"], "the broker's host")}
        with self._database.write() as connection:
            row = places.require_hall(connection, hall)
            if row.further_host is not None and broker.get("mqtt_host") == row.further_host:
                known = zip(("mqtt_host", "mqtt_port", "mqtt_ca"), further_of(row), strict=True)
                broker = {**dict(known), **broker}
            lost = without(connection, row, broker)
            if lost and not moves:
                raise OperatorError(
                    f"{len(lost)} devices of {hall} connect to "
                    f"{address(row.mqtt_host, row.mqtt_port)}, heard last {_heard(row)}, and do "
                    f"not know this address: {some(lost)}. "
                    "Tell it to them with `pingjia central hall set --broker-next HOST:PORT`; or "
                    "add --move, and write their bundles anew with `pingjia workbench`."
                )
            directory.put_broker(connection, hall, broker)
            there = set(elsewhere(connection, places.require_hall(connection, hall)))
            self._note(connection, "hall.change", hall, f"broker {broker.get('mqtt_host', '')}")
        return row, [device for device in lost if device in there]

    def set_further(
        self, hall: str, host: str, port: int, ca: str | None, moves: bool = False
    ) -> bool:
        """Tell the devices of a hall a further address of its broker (BRK-1); whether it is
        another one than they were told before, which they then forget: refused like `end_further`.
        ca: its CA as `broker_ca` gives it, or None for that of their bundles.
        """
        return self._tell(hall, (_read(cells.host, host, "the broker's host"), port, ca), moves)

    def end_further(self, hall: str, moves: bool = False) -> bool:
        """Tell the devices of a hall that its broker has no further address; whether it had.

        Refused, without `moves`, while one of them may need the address that it was told to find
        the broker: it keeps no other one than that and its bundle's.
        """
        return self._tell(hall, None, moves)

    def elsewhere(self, hall: str) -> list[str]:
        """The devices of a hall whose bundles do not name the broker that new bundles name."""
        with self._database.read() as connection:
            return elsewhere(connection, places.require_hall(connection, hall))

    def _tell(self, hall: str, told: tuple[str, int, str | None] | None, moves: bool) -> bool:
        with self._database.write() as connection:
            is_new = put_further(connection, self._now_ms, hall, told, moves)
            if is_new:
                self._note(connection, "hall.change", hall, f"next broker {told and told[0]}")
            return is_new

    def broker(self, hall: str) -> tuple[Any, list[str], list[tuple[str, int | None]]]:
        """The row of a hall, its devices, and those of them that have not said yet that they know
        the further address of its broker, with the version of the settings that they use.
        """
        with self._database.read() as connection:
            row = places.require_hall(connection, hall)
            there = standing(connection, hall)
            return row, there, [] if row.further_host is None else unaware(connection, row)

    def remove_window(self, hall: str, window: str) -> list[Change]:
        """Let a window end today. Refused while a device stands there."""
        for row, devices in self.windows(hall):
            if row.window == window and devices:
                raise OperatorError(
                    f"{', '.join(devices)} stands at {hall}/{window}: move it with `pingjia "
                    f"central device move`, or end it with `pingjia central revoke`."
                )
        yesterday = cells.day_number(day(self._now_ms()) - timedelta(days=1))
        return self._change("window", f"{hall}/{window}", {"last_day": yesterday}, None)

    def remove(self, hall: str) -> list[Change]:
        """Let a hall end today, and its gateway's tokens with it. Refused while it has devices."""
        now_ms = self._now_ms()
        with self._database.read() as connection:
            row = places.require_hall(connection, hall)
            rows = places.current_devices(connection, hall)
        there = [one.device for one in rows if one.revoked_at_ms is None]
        if there:
            raise OperatorError(
                f"{hall} has {len(there)} devices, heard last {_heard(row)}: end them first with "
                f"`pingjia central revoke {there[0]} --reason …`."
            )
        yesterday = cells.day_number(day(now_ms) - timedelta(days=1))
        changes = self._change("hall", hall, {"last_day": yesterday}, None)
        with self._database.write() as connection:
            tokens.revoke_of(connection, hall_scope(hall), now_ms)
            self._note(connection, "hall.remove", hall)
        return changes

    def _note(self, connection: Connection, what: str, about: str, told: str = "") -> None:
        acts.add(connection, self._now_ms(), COMMAND, what, about, told)

    def _change(
        self, kind: str, what: str, values: dict[str, Any], from_day: int | None
    ) -> list[Change]:
        now_ms = self._now_ms()
        today = cells.day_number(day(now_ms))
        with self._database.write() as connection:
            stored = directory.of_things(connection, kind, [what])
            if not stored:
                raise OperatorError(f"the directory has no {kind} {what}.")
            if "last_day" in values:  # of what holds now
                values = {**values, "first_day": stored[-1].first_day}
            line = Line(BY_NAME[kind], what, values, {"": what, **dict.fromkeys(values, what)})
            found = plan([line], stored, from_day or today, corrects=True)
            directory.save(connection, found.entries, now_ms)
            settle(connection, today)
            if found.changes:
                self._note(connection, f"{kind}.change", what, str(found.changes[0]))
        return found.changes


def broker_ca(data: bytes) -> str:
    """The one CA certificate in PEM bytes, as bundles and settings carry it: without remarks and
    line breaks. Devices take what they are given, and one that cannot be read would keep a box of
    boards from its hall.

    Raises ValueError, a part of a sentence, for none, several, or one that can sign nothing.
    """
    try:
        found = x509.load_pem_x509_certificates(data)
    except ValueError:
        raise ValueError("no certificate can be read in it") from None
    if len(found) != 1:
        raise ValueError(
            f"it holds {len(found)} certificates, and devices take one: leave the CA that signed "
            "the broker's certificate"
        )
    try:
        is_ca = found[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    if not is_ca:
        raise ValueError(
            "it is a server's certificate and no CA: after its first renewal no device would "
            "connect"
        )
    body = base64.b64encode(found[0].public_bytes(Encoding.DER)).decode()
    if len(body) > _CA_BYTES:
        raise ValueError(f"it has {len(body)} bytes, and devices take {_CA_BYTES}")
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def _heard(row: Any) -> str:
    return "never" if row.heard_at_ms is None else written(row.heard_at_ms)


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


def _read(read: Callable[[str], str], value: str, what: str) -> str:
    """`value`, as a table's cell would have it. Raises OperatorError that names `what`."""
    try:
        return read(value)
    except cells.WrongCellError as error:
        raise OperatorError(f"{what}: {error.english}.") from None


def checked(check: Callable[[str, str], str], value: str, what: str) -> str:
    """`value`, if the contract's check lets it pass. Raises OperatorError that names `what`."""
    try:
        return check(value, what)
    except ProtocolError as error:
        raise OperatorError(f"{error}.") from None
