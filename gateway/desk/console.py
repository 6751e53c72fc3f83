"""The console of one window, for halls without a queue system: what it shows, what its keys do.

Every key may be pressed twice: what it asks for names the service or the ticket, and the desk does
it once. Whether a service is rated is told, never how. Where the hall's document lists staff and
matters they are chosen: a clerk types some of a name, a number or a code, and what was used at the
window lately stands first.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from gateway.desk.services import (
    EXPIRED,
    NOT_RATEABLE,
    NOT_RATED,
    NOT_THIS_KIND,
    OUT,
    PAUSED,
    PRESENT,
    RATED,
    ConflictError,
    DoubtError,
    NoSuchError,
    Opening,
    ServiceDesk,
    UninvitedError,
    outcome_of,
)
from gateway.hall.hall_book import HallBook
from gateway.hall.presence import Presence
from gateway.store import services, states
from gateway.store.database import Database
from hosting.clock import day, start_of
from protocol.batch import NO_SHOW, SHUT, TRANSFERRED, Matter
from protocol.field import ProtocolError
from protocol.limits import TICKET_NO_CHARS
from protocol.message import CLOSED, INVITING
from quick import read_document

FIRST_TICKET = "001"
# What may be typed, by the field that is wrong.
_SENTENCES = {
    "staff_no": "工号由 1 到 16 个字母、数字或连字符组成。",
    "name": "姓名最多 32 个字，不能有控制字符。",
    "ticket_no": "排队号由 1 到 16 个字母、数字或连字符组成。",
    "matter": "请从列出的事项中选择一项，或清空不选。",
    "not_rateable": "该事项不在评价范围内，不必选择：清空后开始即可。",
}
_NOT_LISTED = "大厅名单中没有这位工作人员，请从名单中选择。"
_UNINVITED = {
    NOT_RATEABLE: "该事项不在评价范围内，不邀请评价。业务照常办理。",
    NOT_THIS_KIND: "这类服务不在窗口邀请评价。业务照常办理。",
}
_FOUND = 12  # choices that are shown
_LATELY = 50  # services of the window
_STAFF_LATELY = 6  # whom one press signs in


_ENDS = (SHUT, TRANSFERRED, NO_SHOW)


class _OpenError(Exception):
    """Somebody is being served, and nobody said how that ends."""


class Console:
    """The consoles of all windows. Raises NoSuchError for a window that the hall does not have."""

    def __init__(
        self,
        database: Database,
        desk: ServiceDesk,
        book: HallBook,
        presence: Presence,
        now_ms: Callable[[], int],
        invite_ms: int,
    ):
        self._database = database
        self._desk = desk
        self._book = book
        self._presence = presence
        self._now_ms = now_ms
        self._invite_ms = invite_ms
        self._keys: dict[str, Callable[[str, str, Mapping[str, str]], None]] = {
            "sign-in": self._sign_in,
            "pause": self._pause,
            "resume": self._resume,
            "sign-out": self._sign_out,
            "start": self._start,
            "invite": self._invite,
            "close": self._close,
        }

    @property
    def is_known(self) -> bool:
        """Whether the hall's document has come: before, nobody knows its windows."""
        return self._book.current is not None

    def show(self, window: str, notice: str = "") -> dict[str, Any]:
        """The values of console_live.html. notice: what the last key led to, if it failed."""
        name = self._name(window)
        with self._database.read() as connection:
            staff = services.staff_at(connection, window)
            service = services.newest_at(connection, window)
            outcome = outcome_of(connection, service) if service is not None else NOT_RATED
            said = {row.device: row for row in states.everyone(connection)}
            now_ms = self._now_ms()
            today = services.outcomes(connection, window, start_of(day(now_ms)))
        is_today = service is not None and day(service.opened_at_ms) == day(now_ms)
        is_open = service is not None and service.phase != CLOSED
        is_inviting = service is not None and service.phase == INVITING
        device, face = self._presence.at(self._book.devices_at(window), said)
        return {
            "window": window,
            "name": name,
            "staff": staff,
            "is_paused": staff is not None and staff.presence == PAUSED,
            "service": service if is_today or is_open else None,
            "is_open": is_open,
            # From the key on, whatever the device has said yet: nobody need press twice.
            "is_inviting": is_inviting and outcome != RATED,
            "left_s": _left_s(service, now_ms, self._invite_ms) if is_inviting else 0,
            "is_asking": face == "inviting",
            "is_rated": outcome == RATED,
            "is_expired": outcome == EXPIRED,
            "uninvited": _UNINVITED.get(self._desk.invites(service), "") if is_open else "",
            "lists_staff": bool(self._book.staff),
            "lists_matters": any(one.rateable for one in self._book.matters.values()),
            "today": dict(zip(("rated", "unrated", "uninvited"), today)),
            "lately": [] if staff else self._staff_lately(window),
            "next_ticket": next_ticket(service.ticket_no if service else None, is_today),
            "device": device,
            "notice": notice,
        }

    def press(self, window: str, key: str, caller: str, fields: Mapping[str, str]) -> str:
        """Do what a key asks for; "" or a sentence (a message) why it was not done."""
        self._name(window)
        if key not in self._keys:
            raise NoSuchError(f"The console has no key {key[:16]}")
        try:
            self._keys[key](window, caller, fields)
        except ProtocolError as error:
            if error.field == "staff_no" and self._book.staff:
                return _NOT_LISTED
            return _SENTENCES.get(error.field or "", _SENTENCES["ticket_no"])
        except DoubtError:
            return "数据库曾被还原，这次服务可能已经评价。请结束这次服务，再重新开始。"
        except UninvitedError as error:
            return _UNINVITED[error.why]
        except _OpenError:
            return "请先选择正在办理的服务如何结束。"
        except (NoSuchError, ConflictError):
            return "这次服务已经结束。"
        return ""

    def find(self, window: str, what: str, words: str) -> list[tuple[str, str]]:
        """(number or code, name) of the hall's staff or of its matters that may be rated, `what`
        being "staff" or "matters": those that have the words in either, what the window used
        lately first.
        """
        self._name(window)
        if what not in ("staff", "matters"):
            raise NoSuchError(f"The hall has no list of {what[:16]}")
        known = self._book.staff
        if what == "matters":
            rateable = [one for one in self._book.matters.values() if one.rateable]
            known = {one.task_code: one.task_name for one in rateable}
        wanted = words.strip().casefold()
        found = {
            code: name for code, name in known.items() if wanted in f"{code}\n{name}".casefold()
        }
        lately = [one for one in self._lately(window, what) if one in found]
        return [(code, found[code]) for code in dict.fromkeys([*lately, *found])][:_FOUND]

    def unrateable(self, what: str, words: str) -> str:
        """The name of the one matter that these words mean and that may not be rated, or ""."""
        wanted = words.strip().casefold()
        meant = [
            one.task_name
            for one in (self._book.matters.values() if what == "matters" and wanted else ())
            if not one.rateable and wanted in f"{one.task_code}\n{one.task_name}".casefold()
        ]
        return meant[0] if len(meant) == 1 else ""

    def _lately(self, window: str, what: str) -> list[str]:
        """Numbers or codes of the newest services of a window, the newest first."""
        with self._database.read() as connection:
            rows = services.newest_of(connection, window, _LATELY)
        if what == "staff":
            return [row.staff_no for row in rows if row.staff_no is not None]
        documents = [read_document(row.document) for row in rows]
        return [one.task_code or "" for each in documents if each for one in each.matters]

    def _staff_lately(self, window: str) -> list[tuple[str, str]]:
        """(number, name) of those who served here lately and may sign in, the last one first."""
        with self._database.read() as connection:
            rows = services.newest_of(connection, window, _LATELY)
        known = {row.staff_no: row.staff_name or "" for row in rows if row.staff_no}
        may = self._book.staff
        found = {no: may.get(no, name) for no, name in known.items() if name or no in may}
        if may:
            found = {no: name for no, name in found.items() if no in may}
        return list(found.items())[:_STAFF_LATELY]

    def _sign_in(self, window: str, caller: str, fields: Mapping[str, str]) -> None:
        """By what was picked of the list, else by what was typed."""
        staff_no, name = fields.get("staff_no", "").strip(), fields.get("name", "").strip()
        if not staff_no and "find" in fields:
            staff_no = self._typed(window, "staff", fields["find"].strip())
        self._desk.set_staff(window, PRESENT, staff_no, name)

    def _typed(self, window: str, what: str, words: str) -> str:
        """The one thing of a list that was meant, by its whole number or code, or as the only one
        found; else the words as they are.
        """
        found = [code for code, _ in self.find(window, what, words)]
        return found[0] if words and len(found) == 1 and words not in found else words

    def _pause(self, window: str, caller: str, fields: Mapping[str, str]) -> None:
        self._be(window, PAUSED)

    def _resume(self, window: str, caller: str, fields: Mapping[str, str]) -> None:
        self._be(window, PRESENT)

    def _sign_out(self, window: str, caller: str, fields: Mapping[str, str]) -> None:
        """With a service open it says how that one ends: `as`."""
        with self._database.read() as connection:
            rows = services.open_at(connection, window)
        how = fields.get("as", "")
        if rows and how not in _ENDS:
            raise _OpenError
        for row in rows:
            self._desk.close(row.service, how)
        self._desk.set_staff(window, OUT, None, "")

    def _be(self, window: str, presence: str) -> None:
        with self._database.read() as connection:
            staff = services.staff_at(connection, window)
        if staff is not None:
            self._desk.set_staff(window, presence, staff.staff_no, staff.name)

    def _start(self, window: str, caller: str, fields: Mapping[str, str]) -> None:
        ticket_no = fields.get("ticket_no", "").strip()
        matters = self._chosen(window, fields)
        self._desk.open(Opening(window, ticket_no, "single", matters, None, caller, None))

    def _chosen(self, window: str, fields: Mapping[str, str]) -> tuple[Matter, ...]:
        """The matter that was picked of the list or typed, or none."""
        code = fields.get("task_code", "") or self._typed(
            window, "matters", fields.get("find", "").strip()
        )
        if not code:
            return ()
        known = self._book.matters.get(code)
        if known is None or not known.rateable:
            is_barred = known is not None or self.unrateable("matters", code)
            why = "not_rateable" if is_barred else "matter"
            raise ProtocolError(f"matter {code[:64]} is not in the list", why, None)
        return (Matter(None, None, code, known.task_name),)

    def _invite(self, window: str, caller: str, fields: Mapping[str, str]) -> None:
        self._desk.invite(self._own(window, fields))

    def _close(self, window: str, caller: str, fields: Mapping[str, str]) -> None:
        self._desk.close(self._own(window, fields))

    def _own(self, window: str, fields: Mapping[str, str]) -> str:
        """The service that a key is about, if it is this window's."""
        service = fields.get("service", "")
        row, _ = self._desk.get(service)
        if row.window != window:
            raise NoSuchError("That service is another window's")
        return service

    def _name(self, window: str) -> str:
        hall = self._book.current
        for one in hall.windows if hall else ():
            if one.window == window:
                return one.name
        raise NoSuchError(f"The hall has no window {window[:64]}")


def _left_s(service, now_ms: int, invite_ms: int) -> int:
    """How many seconds an invitation still stands, rounded up; never longer than it may."""
    return -(-min(max(service.until_ms - now_ms, 0), invite_ms) // 1000)


def next_ticket(last: str | None, is_today: bool) -> str:
    """The number after `last`; a new day begins at 1, in the same shape."""
    match = re.fullmatch(r"(.*?)([0-9]+)", last or FIRST_TICKET)
    if match is None:
        return ""
    if last is None:
        return FIRST_TICKET
    number = str(int(match[2]) + 1 if is_today else 1).zfill(len(match[2]))
    found = match[1] + number
    return found if len(found) <= TICKET_NO_CHARS else ""
