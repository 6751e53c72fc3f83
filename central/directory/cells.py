"""The cells of a sheet: from the text that stands there to a value, or what is wrong with it.

Values in, values out. central/directory/kinds.py says which column has which.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Any

from protocol.field import Integer, ProtocolError

TIERS = {
    "自治区": "region",
    "省": "region",
    "地市": "prefecture",
    "县": "county",
    "镇街": "township",
    "村社区": "village",
}
SENDS = ("invited", "expired", "accepted", "closed", "finished", "transferred", "no_show")
SINCE_EVER = "一直"  # where a day would stand
_YES = {"是": True, "yes": True, "y": True, "true": True, "1": True}
_NO = {"否": False, "no": False, "n": False, "false": False, "0": False}
_DAY = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})日?")
_SPAN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-4]):[0-5]\d")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)", re.ASCII)
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # controls, bidirectional overrides, line separators


class WrongCellError(ValueError):
    """A cell's text is not what its column has; what to write instead, in both languages."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(english)
        self.chinese = chinese
        self.english = english


def day_number(day: date) -> int:
    """A day as the directory keeps it: 20260901."""
    return day.year * 10_000 + day.month * 100 + day.day


def day_of(number: int) -> date:
    """The day of a number."""
    return date(number // 10_000, number // 100 % 100, number % 100)


def text(most: int) -> Callable[[str], str]:
    """Words that people read: no control characters, nothing that turns the direction."""

    def read(cell: str) -> str:
        if len(cell) > most:
            raise WrongCellError(
                f"最多 {most} 个字，这里有 {len(cell)} 个", f"at most {most} characters"
            )
        if any(unicodedata.category(one) in _HIDDEN for one in cell):
            raise WrongCellError(
                "含有换行或不可见字符，请删去", "it has line breaks or hidden characters"
            )
        return cell

    return read


def name(most: int) -> Callable[[str], str]:
    """The same, and something is seen."""

    def read(cell: str) -> str:
        if not cell.strip():
            raise WrongCellError("不能空着", "it must not be empty")
        return text(most)(cell)

    return read


def host(cell: str) -> str:
    """Where devices look for a broker: an address or a host's name (RFC 1123), and no more."""
    plain = unicodedata.normalize("NFKC", text(253)(cell))
    try:
        found = ipaddress.ip_address(plain)
        is_one = not (found.is_unspecified or found.is_multicast or "%" in plain)
    except ValueError:
        labels = plain.split(".")
        is_one = all(map(_LABEL.fullmatch, labels)) and not labels[-1].isdecimal()
    if not is_one:
        raise WrongCellError(
            f"“{cell}”不是主机地址，请只写 10.1.2.3 或 mqtt.example，不带端口和协议",
            f"“{cell}” is no host: write 10.1.2.3 or mqtt.example, without port or scheme",
        )
    return plain


def checked(check: Callable[[str, str], Any], chinese: str) -> Callable[[str], Any]:
    """An id, as protocol/ checks it. Full-width letters and digits count as the usual ones."""

    def read(cell: str) -> Any:
        plain = unicodedata.normalize("NFKC", cell)
        try:
            return check(plain, "it")
        except ProtocolError as error:
            raise WrongCellError(f"“{cell}”不合规：{chinese}", f"“{cell}”: {error}") from None

    return read


def number(check: Integer, chinese: str) -> Callable[[str], int]:
    def read(cell: str) -> int:
        plain = unicodedata.normalize("NFKC", cell)
        try:
            return check(int(plain), "it")
        except (ValueError, ProtocolError):
            english = f"“{cell}” must be a number from {check.low} to {check.high}"
            raise WrongCellError(f"“{cell}”不合规：{chinese}", english) from None

    return read


def day(cell: str) -> int:
    """A day, or 0 for what has been so since ever."""
    if cell.lower() in (SINCE_EVER, "ever"):
        return 0
    found = _DAY.fullmatch(unicodedata.normalize("NFKC", cell).split(" ")[0])
    try:
        if found is None:
            raise ValueError(cell)
        return day_number(date(*map(int, found.groups())))
    except ValueError:
        raise WrongCellError(
            f"“{cell}”不是日期，请写成 2026-09-01", f"“{cell}” is no day: write 2026-09-01"
        ) from None


def truth(cell: str) -> bool:
    plain = unicodedata.normalize("NFKC", cell).lower()
    found = {**_YES, **_NO}.get(plain)
    if found is None:
        raise WrongCellError(f"“{cell}”请写 是 或 否", f"“{cell}”: write 是 (yes) or 否 (no)")
    return found


def tier(cell: str) -> str:
    found = TIERS.get(cell, cell if cell in TIERS.values() else None)
    if found is None:
        raise WrongCellError(
            f"“{cell}”不是层级，请写 {'、'.join(TIERS)} 之一",
            f"“{cell}” is no tier: one of {', '.join(dict.fromkeys(TIERS.values()))}",
        )
    return found


def hours(cell: str) -> str:
    plain = unicodedata.normalize("NFKC", cell).replace("、", " ").replace(",", " ").split()
    if not plain or not all(_SPAN.fullmatch(one) for one in plain) or len(plain) > 4:
        raise WrongCellError(
            f"“{cell}”请写成 09:00-12:00 13:30-17:30", f"“{cell}”: write 09:00-12:00 13:30-17:30"
        )
    return " ".join(plain)


def words(check: Callable[[str], str]) -> Callable[[str], str]:
    """Several words in one cell, kept with a space between."""

    def read(cell: str) -> str:
        plain = unicodedata.normalize("NFKC", cell).replace("、", " ").replace(",", " ")
        return " ".join(dict.fromkeys(check(one) for one in plain.split()))

    return read


def sends(cell: str) -> str:
    if cell not in SENDS:
        raise WrongCellError(
            f"“{cell}”不是进度名，请写 {' '.join(SENDS)} 中的几个",
            f"“{cell}” is no progress: some of {' '.join(SENDS)}",
        )
    return cell
