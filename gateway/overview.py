"""The hall at one moment, for those who keep it running: windows, devices, what waits.

Whether a service is rated is told, never how.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gateway import advice
from gateway.advice import Advice
from gateway.alarm import Alarms
from gateway.hall import HallBook
from gateway.services import PRESENT
from gateway.store import envelopes, overview, quarantine, services, states
from gateway.store.database import Database
from protocol.message import CLOSED, SERVING

_JUST_NOW_MS = 90_000  # devices speak every 60 s
_RATINGS_A_DAY = 200
_OFFLINE = Advice("没有连接", "检查评价器的电源和网线。")
_LOW = Advice("存储快满了", "检查大厅与省级系统的连接，送达后自动腾出空间。")


class Overview:
    """What the overview page shows; `now` is called by any thread."""

    def __init__(
        self, database: Database, book: HallBook, alarms: Alarms, now_ms: Callable[[], int]
    ):
        self._database = database
        self._book = book
        self._alarms = alarms
        self._now_ms = now_ms

    def now(self) -> dict[str, Any]:
        """The values of overview_live.html."""
        now_ms = self._now_ms()
        with self._database.read() as tx:
            said = {row.device: row for row in states.everyone(tx)}
            windows = self._windows(tx, said)
            waiting = overview.waiting(tx)
            marks = overview.marks(tx)
            refused = quarantine.counts(tx)
        devices = [
            self._device(said.get(name), name, now_ms) for name in sorted(self._book.devices)
        ]
        used = [device for device in devices if device["state"] != "revoked"]
        return {
            "hall": self._book.name,
            "is_known": self._book.current is not None,
            "alarms": [_alarm(*one) for one in sorted(self._alarms.standing().items())],
            "windows": windows,
            "busy": sum(window["phase"] != CLOSED for window in windows),
            "devices": devices,
            "online": sum(device["state"] == "online" for device in used),
            "used": len(used),
            "waiting": waiting,
            "waits_ms": _age(now_ms, waiting.records_since_ms, waiting.documents_since_ms),
            "marks": [(advice.MARKS.get(mark, mark), marks[mark]) for mark in sorted(marks)],
            "refused": [_refusal(row) for row in refused],
        }

    def _windows(self, tx, said: Mapping) -> list[dict]:
        hall = self._book.current
        names = [window.window for window in hall.windows] if hall else []
        newest = overview.newest_services(tx, names)
        staff = {row.window: row for row in services.all_staff(tx)}
        found = []
        for window in hall.windows if hall else ():
            service, clerk = newest.get(window.window), staff.get(window.window)
            if service is not None and service.phase == CLOSED:
                service = None
            is_rated = service is not None and envelopes.is_rated(tx, service.service)
            phase = service.phase if service else CLOSED
            found.append(
                {
                    "name": window.name,
                    "clerk": clerk,
                    "is_paused": clerk is not None and clerk.presence != PRESENT,
                    "ticket_no": service.ticket_no if service else None,
                    "phase": phase,
                    "phase_name": advice.PHASES[SERVING if is_rated else phase],
                    "is_rated": is_rated,
                    "device": device_at(self._book.devices_at(window.window), said)[0],
                }
            )
        return found

    def _device(self, said, name: str, now_ms: int) -> dict[str, Any]:
        device = self._book.devices[name]
        hall = self._book.current
        windows = {window.window: window.name for window in hall.windows} if hall else {}
        state = "revoked" if device.revoked else _state(said)
        view = {
            "device": name,
            "window": windows.get(device.window or "", device.window),
            "state": state,
            "said": said,
            "problems": _problems(said, state),
        }
        if said is not None:
            silent_ms = now_ms - said.received_at_ms
            view["silent_ms"] = silent_ms if silent_ms > _JUST_NOW_MS else None
            view["face"] = advice.FACES.get(said.face, said.face)
            view["clock"] = advice.CLOCKS.get(said.clock, said.clock)
            view["days"] = _days(said)
        return view


def _days(said) -> int:
    """How many days the free room lasts, by the device's own measure of a busy window."""
    if not said.capacity:
        return said.free // _RATINGS_A_DAY
    return said.free * said.capacity_days // said.capacity


def device_at(devices: list[str], said: Mapping) -> tuple[str, str | None]:
    """The best of a window's devices: its state and its face.

    The state is `online`, `stopped` (out of service), `offline`, `never` (heard of) or `none`.
    """
    found = {_state(said.get(device)): device for device in devices}
    for state in ("online", "stopped", "offline"):
        if state in found:
            return state, said[found[state]].face
    return ("never" if found else "none"), None


def _state(said) -> str:
    if said is None:
        return "never"
    if not said.online:
        return "offline"
    return "stopped" if said.face == "out_of_service" else "online"


def _problems(said, state: str) -> list[Advice]:
    if said is None or state in ("revoked", "never"):
        return []
    known = [advice.PROBLEMS.get(word, Advice(word, "")) for word in json.loads(said.problems)]
    if state == "offline":
        known.insert(0, _OFFLINE)
    elif said.free < _RATINGS_A_DAY and "journal_full" not in said.problems:
        known.append(_LOW)
    return known


def _alarm(name: str, sentence: str) -> dict[str, str]:
    known = advice.ALARMS.get(name, Advice("网关有一个告警", ""))
    return {"what": known.what, "todo": known.todo, "sentence": sentence}


def _refusal(row) -> dict[str, Any]:
    return {
        "device": row.device,
        "reason": advice.REFUSALS.get(row.reason, row.reason),
        "count": row.count,
        "newest_at_ms": row.newest_at_ms,
    }


def _age(now_ms: int, *since_ms: int | None) -> int | None:
    known = [since for since in since_ms if since is not None]
    return now_ms - min(known) if known else None
