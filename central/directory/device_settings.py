"""What devices say, ask and sound like: written by somebody for a hall, a window or a device.

A device's own is the newest version that covers it. It is signed with the device's key whenever
the hall's document is made, so a device that is swapped or enrolled anew has it at once, too.
Next: gateway/hall/announcer.py passes it on, firmware/settings.py puts it to use.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from central.store import device_settings, places
from central.store.database import Database
from hosting.error import OperatorError
from hosting.text_file import read_text
from hosting.toml import load_toml, meant
from protocol.field import ProtocolError
from protocol.record import decode
from protocol.settings import Settings, Words, seal_settings

_FILE_BYTES = 16384  # JSON may escape each character
_FIRST = "a-device", 1, 1  # whose: any device's settings are checked alike
_WHOSE = ("device", "epoch", "version")
_NAMES = {name for name, _ in Settings.fields} - set(_WHOSE)


def read_file(path: Path) -> str:
    """The settings in a TOML or JSON file, checked, as one line of JSON.

    deploy/settings.toml has every key. Raises OperatorError that names the file and the key.
    """
    mend = "deploy/settings.toml has an example."
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
        seal_settings(bytes(32), _settings(content, *_FIRST))
    except ProtocolError as error:
        raise OperatorError(f"{path}: {error}. deploy/settings.toml has an example.") from None
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
        # A Unix minute, so that a centre restored from a backup gives no version a second time.
        version = max(now_ms() // 60_000, device_settings.newest_version(connection) + 1)
        row = {"version": version, "hall": hall, "window": window, "device": device}
        row |= {"content": content, "set_at_ms": now_ms()}
        device_settings.add(connection, row)
        places.bump_versions(connection, [hall])
    return version, sum(_covers(window, device, row) for row in devices)


def seal_newest(versions: Sequence[Any], device: Any, key: bytes) -> str | None:
    """The envelope for a device (row of `device`), or None if no version covers it.

    versions: of its hall, the newest first.
    """
    for row in versions:
        if _covers(row.window, row.device, device):
            settings = _settings(row.content, device.device, device.epoch, row.version)
            return seal_settings(key, settings).decode()
    return None


def _covers(window: str | None, name: str | None, device: Any) -> bool:
    return window in (None, device.window) and name in (None, device.device)


def _settings(content: str, device: str, epoch: int, version: int) -> Settings:
    whose = dict(zip(_WHOSE, (device, epoch, version), strict=True))
    return decode({"v": 1, "kind": Settings.kind} | json.loads(content) | whose, (Settings,))


def _require_names(path: Path, members: Any, names: set[str]) -> None:
    if not isinstance(members, dict):
        raise OperatorError(f"{path}: the settings and their `words` must be tables of keys.")
    wrong = sorted(members.keys() ^ names)
    if wrong:
        what = f"is no key of the settings.{meant(wrong[0], names)}"
        if wrong[0] not in members:
            what = "is missing."
        raise OperatorError(f"{path}: {wrong[0]} {what} deploy/settings.toml has all of them.")
