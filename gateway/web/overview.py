"""The hall at one moment, for those who keep it running: windows, devices, what waits.

Whether a service is rated is told, never how.
"""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.desk.services import PRESENT
from gateway.hall.hall_book import HallBook
from gateway.hall.presence import (
    LOST,
    NEVER,
    OFFLINE,
    ONLINE,
    REVOKED,
    STOPPED,
    UNKNOWN,
    Presence,
)
from gateway.keep.alarms import Alarms
from gateway.keep.certificates import days_shown
from gateway.store import envelopes, overview, quarantine, services, states
from gateway.store.database import Database
from gateway.web import advice
from gateway.web.advice import Advice
from protocol.message import CLOSED, SERVING

_JUST_NOW_MS = 90_000  # devices speak every 60 s
_RATINGS_A_DAY = 200
_OFFLINE = Advice("没有连接", "检查评价器的电源和网线。")
_LOST = Advice("超过两分钟没有消息", "检查评价器的电源和网线；已有记录会在恢复后自动送来。")
_LOW = Advice("存储快满了", "检查大厅与省级系统的连接，送达后自动腾出空间。")


class Overview:
    """What the overview page shows; `now` is called by any thread. secure_dir: where the hall's
    own certificate is; None if it has none.
    """

    def __init__(
        self,
        database: Database,
        book: HallBook,
        presence: Presence,
        alarms: Alarms,
        now_ms: Callable[[], int],
        secure_dir: Path | None,
    ):
        self._secure_dir = secure_dir
        self._database = database
        self._book = book
        self._presence = presence
        self._alarms = alarms
        self._now_ms = now_ms

    def now(self) -> dict[str, Any]:
        """The values of overview_live.html."""
        now_ms = self._now_ms()
        with self._database.read() as connection:
            said = {row.device: row for row in states.everyone(connection)}
            windows = self._windows(connection, said)
            waiting = overview.waiting(connection)
            marks = overview.marks(connection)
            refused = quarantine.counts(connection)
            has_records = overview.has_records(connection)
        devices = [self.device(said.get(name), name, now_ms) for name in self._book.devices]
        devices.sort(key=urgency)
        used = [device for device in devices if device["state"] != REVOKED]
        return {
            "hall": self._book.name,
            "is_known": self._book.current is not None,
            "has_records": has_records,
            "alarms": [_alarm(*one) for one in sorted(self._alarms.standing().items())],
            "certificate_days": days_shown(self._secure_dir),
            "windows": sorted(windows, key=lambda window: natural(window["name"])),
            "busy": sum(window["phase"] != CLOSED for window in windows),
            "devices": devices,
            "troubled": sum(is_troubled(device) for device in devices),
            "online": sum(device["state"] == ONLINE for device in used),
            "used": len(used),
            "waiting": waiting,
            "waits_ms": _age(now_ms, waiting.records_since_ms, waiting.documents_since_ms),
            "marks": [(advice.MARKS.get(mark, mark), marks[mark]) for mark in sorted(marks)],
            "refused": sorted(map(_refusal, refused), key=lambda one: not one["is_grave"]),
        }

    def _windows(self, connection, said: Mapping) -> list[dict]:
        hall = self._book.current
        names = [window.window for window in hall.windows] if hall else []
        newest = overview.newest_services(connection, names)
        staff = {row.window: row for row in services.all_staff(connection)}
        found = []
        for window in hall.windows if hall else ():
            service, clerk = newest.get(window.window), staff.get(window.window)
            if service is not None and service.phase == CLOSED:
                service = None
            is_rated = service is not None and envelopes.is_rated(connection, service.service)
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
                    "device": self._presence.at(self._book.devices_at(window.window), said)[0],
                }
            )
        return found

    def device(self, said, name: str, now_ms: int) -> dict[str, Any]:
        """How one of the hall's devices is. said: the row of its state, None without one."""
        device = self._book.devices[name]
        hall = self._book.current
        windows = {window.window: window.name for window in hall.windows} if hall else {}
        state = self._presence.state_of(name, said)
        view = {
            "device": name,
            "window": windows.get(device.window or "", device.window),
            "state": state,
            "said": said,
            "problems": _problems(said, state),
        }
        view["is_troubled"] = is_troubled(view)
        if said is not None:
            silent_s = self._presence.silent_s(name)
            silent_ms = round(silent_s * 1000) if silent_s is not None else 0
            if silent_s is None and said.received_at_ms:  # by the wall clock of an earlier start
                silent_ms = max(now_ms - said.received_at_ms, 0)
            view["is_current"] = state not in (UNKNOWN, LOST, OFFLINE)
            view["silent_ms"] = silent_ms if silent_ms > _JUST_NOW_MS else None
            view["face"] = advice.FACES.get(said.face, said.face)
            view["clock"] = advice.CLOCKS.get(said.clock, said.clock)
            view["days"] = _days(said)
        return view


def is_troubled(device: Mapping[str, Any]) -> bool:
    """Whether somebody must look at a device: what it says, or that it says nothing."""
    return bool(device["problems"]) or device["state"] in (LOST, OFFLINE, STOPPED)


def natural(name: str) -> list[tuple[str, int, str]]:
    """A key that sorts names as people do: 2 before 10."""
    parts = re.findall(r"([^0-9]*)([0-9]*)", name)
    return [(text.casefold(), int(number or 0), number) for text, number in parts]


def urgency(device: Mapping[str, Any]) -> tuple:
    """Who must be looked at comes first, who is used no more last; then by window and id."""
    place = 0 if device["is_troubled"] else 2 if device["state"] == REVOKED else 1
    return place, natural(device["window"] or ""), natural(device["device"])


def _days(said) -> int:
    """How many days the free room lasts, by the device's own measure of a busy window."""
    if not said.capacity:
        return said.free // _RATINGS_A_DAY
    return said.free * said.capacity_days // said.capacity


def _problems(said, state: str) -> list[Advice]:
    if said is None or state in (REVOKED, NEVER, UNKNOWN):
        return []
    known = [advice.PROBLEMS.get(word, Advice(word, "")) for word in json.loads(said.problems)]
    if state in (OFFLINE, LOST):
        known.insert(0, _OFFLINE if state == OFFLINE else _LOST)
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
        "is_grave": row.reason in advice.GRAVE,
        "count": row.count,
        "newest_at_ms": row.newest_at_ms,
    }


def _age(now_ms: int, *since_ms: int | None) -> int | None:
    known = [since for since in since_ms if since is not None]
    return now_ms - min(known) if known else None
