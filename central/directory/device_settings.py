"""What devices say, ask and sound like: written by somebody for a hall, a window or a device.

A device's own is the newest version that covers it, with the further address of its hall's broker
if there is one (BRK-1), which is a version of its own. It is signed with the device's key whenever
the hall's document is made, so a device that is swapped or enrolled anew has it at once, too.
Next: gateway/hall/announcer.py passes it on, firmware/settings.py puts it to use.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from central.store import covers, device_settings, places
from central.store.database import Database
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.error import OperatorError
from hosting.listener import address
from hosting.text_file import read_text
from hosting.toml import load_toml, meant
from protocol.field import ProtocolError
from protocol.record import decode
from protocol.settings import Settings, Words, seal_settings

_EXAMPLE = "`pingjia central settings example` prints"
_FILE_BYTES = 16384  # JSON may escape each character
_FIRST = "a-device", 1, 1  # whose: any device's settings are checked alike
_WHOSE = ("device", "epoch", "version")
_NAMES = {name for name, _ in Settings.fields} - {*_WHOSE, "broker"}
# What devices say for which nobody has set anything: version 0, as in deploy/settings.toml.
BUILT_IN: dict[str, Any] = {
    "words": {
        "standby": "待机 Ready",
        "serving": "办理中 In service",
        "inviting": "请您为我的服务进行评价 Please rate my service",
        "thanking": "谢谢您的评价 Thank you",
        "asking": "为什么？请按键，或不选 Why? Press a key, or wait",
        "out_of_service": "暂停评价 Out of service",
    },
    "reasons": ["态度", "时限", "材料", "手续", "网办"],
    "codes": [
        [115, 110, 109, 108, 112],
        [214, 209, 210, 207, 211],
        [314, 309, 307, 310, 312],
        [413, 411, 408, 406, 407],
        [517, 510, 512, 511, 513],
    ],
    "catalogue": 1,
    "staff": "name",
    "thanks_ms": 2000,
    "why_ms": 6000,
    "volume": 20,
}


def read_file(path: Path) -> str:
    """The settings in a TOML or JSON file, checked, as one line of JSON.

    Raises OperatorError that names the file and the key.
    """
    mend = f"{_EXAMPLE} one."
    try:
        if path.suffix == ".json":
            members = json.loads(read_text(path, _FILE_BYTES, mend))
        else:
            members = load_toml(path, mend)
    except (ValueError, RecursionError) as error:
        raise OperatorError(f"{path} is not JSON: {error}.") from None
    try:
        _require_names(path, members, _NAMES)
        _require_names(path, members["words"], {name for name, _ in Words.fields})
        content = json.dumps(members, ensure_ascii=False)
        seal_settings(bytes(32), _settings(members, *_FIRST, None))
    except ProtocolError as error:
        raise OperatorError(f"{path}: {error}. {_EXAMPLE} a whole file.") from None
    return content


def put(
    database: Database,
    now_ms: Callable[[], int],
    place: tuple[str, str | None, str | None],
    content: str,
) -> tuple[int, int]:
    """Set `content` for (hall, window or None, device or None).

    Gives the version and how many devices it covers. Raises OperatorError for an unknown place.
    """
    hall, window, device = place
    with database.write() as connection:
        places.require_hall(connection, hall)
        windows = [row.window for row in places.windows(connection, hall)]
        devices = places.current_devices(connection, hall)
        for what, name, known in (
            ("window", window, windows),
            ("device", device, [row.device for row in devices]),
        ):
            if name is not None and name not in known:
                raise OperatorError(f"the hall {hall} has no {what} {name}.")
        version = _next_version(connection, now_ms)
        row = {"version": version, "hall": hall, "window": window, "device": device}
        row |= {"content": content, "set_at_ms": now_ms()}
        device_settings.add(connection, row)
        _require_room(connection, hall, devices)
        places.bump_versions(connection, [hall])
        about = "/".join(one for one in place if one)
        acts.add(connection, now_ms(), COMMAND, "settings.set", about, f"version {version}")
    return version, sum(is_for(window, device, row) for row in devices)


def put_further(
    connection: Connection,
    now_ms: Callable[[], int],
    hall: str,
    told: tuple[str, int, str | None] | None,
    moves: bool,
) -> bool:
    """Tell the devices of a hall a further address of its broker, (host, port, CA on one line or
    None for that of their bundles), or that there is none any more; whether it is another one.

    Raises OperatorError for an unknown hall, where settings would be too long with it and, without
    `moves`, while devices may need the one that they were told before.
    """
    host, port, ca = told or (None, None, None)
    row = places.require_hall(connection, hall)
    if (row.further_host, row.further_port, row.further_ca) == (host, port, ca):
        return False
    if row.further_host is not None and not moves:
        _require_spare(connection, row)
    values = {"further_host": host, "further_port": port, "further_ca": ca}
    values["further_version"] = _next_version(connection, now_ms)
    places.set_further(connection, hall, values)
    _require_room(connection, hall, places.current_devices(connection, hall))
    places.bump_versions(connection, [hall])
    return True


def unaware(connection: Connection, hall: Any) -> list[tuple[str, int | None]]:
    """(device, the version that it uses, None while that is unknown) of the devices of a hall (row
    of `hall`) that have not said yet that they know the broker's further address.
    """
    devices = in_use(connection, hall.hall)
    heads = covers.heads(connection, [(row.device, row.epoch) for row in devices])
    said = {row.device: heads.get((row.device, row.epoch)) for row in devices}
    used = {device: None if head is None else head.settings for device, head in said.items()}
    return [(device, one) for device, one in used.items() if (one or 0) < hall.further_version]


def further_of(row: Any) -> tuple[str | None, int | None, str | None]:
    """The further address of a hall's broker (row of `hall`): host, port, and whose CA it is."""
    return row.further_host, row.further_port, row.further_ca or row.mqtt_ca


def digest_of(host: str, port: int, ca: str | None) -> str:
    """A broker's address with its CA, as `device` has it of bundles: 16 hex digits."""
    told = json.dumps([host, port, "".join((ca or "").split())])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def elsewhere(connection: Connection, row: Any) -> list[str]:
    """The devices of a hall (row of `hall`) whose bundles name another broker than new ones do."""
    own = digest_of(row.mqtt_host, row.mqtt_port, row.mqtt_ca)
    return [one.device for one in in_use(connection, row.hall) if one.broker != own]


def _require_spare(connection: Connection, row: Any) -> None:
    """Raises OperatorError where devices may find the broker only at the address they were told:
    where their bundles name a former one, or where it may have moved there already.
    """
    told, here = address(row.further_host, row.further_port), address(row.mqtt_host, row.mqtt_port)
    lost = elsewhere(connection, row)
    if lost:
        raise OperatorError(
            f"{len(lost)} devices of {row.hall} have bundles with another address than {here}, "
            f"and would forget {told}: {some(lost)}. Enrol them anew first, with `pingjia "
            "workbench enrol --replace`; or let the name of the address that they know lead to "
            "another server. --move does it although they are lost."
        )
    know = len(in_use(connection, row.hall)) - len(unaware(connection, row))
    if know and further_of(row) != (row.mqtt_host, row.mqtt_port, row.mqtt_ca):
        raise OperatorError(
            f"{know} devices of {row.hall} know {told}, and would be lost if the broker has moved "
            f"there: then say so with `pingjia central hall set {row.hall} --mqtt-host "
            f"{row.further_host}`. If it is at {here}, where their bundles look, add --move."
        )


def in_use(connection: Connection, hall: str) -> list[Any]:
    """The rows of `device` of a hall, without those that are revoked."""
    rows = places.current_devices(connection, hall)
    return [row for row in rows if row.revoked_at_ms is None]


def some(devices: list[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(devices) - 5} more" if len(devices) > 5 else ""
    return ", ".join(devices[:5]) + more


def seal_newest(versions: Sequence[Any], hall: Any, device: Any, key: bytes) -> str | None:
    """The envelope for a device (row of `device`) of a hall (row of `hall`), or None if nobody has
    set anything for it.

    versions: of its hall, the newest first.
    """
    row = next((row for row in versions if is_for(row.window, row.device, device)), None)
    if row is None and hall.further_version is None:
        return None
    members = BUILT_IN if row is None else json.loads(row.content)
    broker = None
    if hall.further_host is not None:
        address = (hall.further_host, hall.further_port, hall.further_ca)
        broker = dict(zip(("host", "port", "ca"), address, strict=True))
    version = max(row.version if row else 0, hall.further_version or 0)
    settings = _settings(members, device.device, device.epoch, version, broker)
    return seal_settings(key, settings).decode()


def _next_version(connection: Connection, now_ms: Callable[[], int]) -> int:
    """A Unix minute, so that a centre restored from a backup gives no version a second time."""
    return max(now_ms() // 60_000, device_settings.newest_version(connection) + 1)


def _require_room(connection: Connection, hall: str, devices: Sequence[Any]) -> None:
    """Raises OperatorError if the words and the further address are too long for one message."""
    row = places.require_hall(connection, hall)
    versions = device_settings.of_hall(connection, hall)
    for device in devices:
        try:
            seal_newest(versions, row, device, bytes(32))
        except ProtocolError as error:
            raise OperatorError(
                f"the settings of {device.device} would be too long for one message ({error}): "
                "shorten their words, or use a CA with an elliptic key: its certificate is short."
            ) from None


def is_for(window: str | None, name: str | None, device: Any) -> bool:
    """Whether settings of a window and a device, None for all, are for a row of `device`."""
    return window in (None, device.window) and name in (None, device.device)


def _settings(members: Any, device: str, epoch: int, version: int, broker: Any) -> Settings:
    whose = dict(zip(_WHOSE, (device, epoch, version), strict=True)) | {"broker": broker}
    return decode({"v": 1, "kind": Settings.kind} | members | whose, (Settings,))


def _require_names(path: Path, members: Any, names: set[str]) -> None:
    if not isinstance(members, dict):
        raise OperatorError(f"{path}: the settings and their `words` must be tables of keys.")
    wrong = sorted(members.keys() ^ names)
    if wrong:
        what = f"is no key of the settings.{meant(wrong[0], names)}"
        if wrong[0] not in members:
            what = "is missing."
        raise OperatorError(f"{path}: {wrong[0]} {what} {_EXAMPLE} all of them.")


def without(connection: Connection, row: Any, broker: dict[str, Any]) -> list[str]:
    """The devices of a hall (row of `hall`) that would not find its broker there (columns of
    `hall`): all if it is no address that they were told, else those that have not said so yet.
    """
    here = row.mqtt_host, row.mqtt_port, row.mqtt_ca
    names = ("mqtt_host", "mqtt_port", "mqtt_ca")
    there = tuple(broker.get(name, old) for name, old in zip(names, here, strict=True))
    if there == here:
        return []
    if there == further_of(row):
        return [device for device, _ in unaware(connection, row)]
    return standing(connection, row.hall)


def standing(connection: Connection, hall: str) -> list[str]:
    """The devices that are in use in a hall."""
    return [row.device for row in in_use(connection, hall)]
