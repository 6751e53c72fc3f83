"""How a device stands, by what it last said of itself."""

from collections.abc import Mapping
from typing import Any


def state_of(said: Any) -> str:
    """`online`, `stopped` (out of service), `offline`, or `never` (heard of).

    said: the row of its state, None without one.
    """
    if said is None:
        return "never"
    if not said.online:
        return "offline"
    return "stopped" if said.face == "out_of_service" else "online"


def device_at(devices: list[str], said: Mapping[str, Any]) -> tuple[str, str | None]:
    """The best of a window's devices: its state, `none` without any, and its face.

    said: the rows of states by device.
    """
    found = {state_of(said.get(device)): device for device in devices}
    for state in ("online", "stopped", "offline"):
        if state in found:
            return state, said[found[state]].face
    return ("never" if found else "none"), None
