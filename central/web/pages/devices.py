"""The page of enrolments: what technicians enrolled and nobody has approved yet, and the epochs
that ended: which are open, and what closed the others.
"""

from itertools import groupby
from typing import Any, NamedTuple

from central.directory.approval import Approval
from central.directory.endings import Endings
from hosting.error import OperatorError
from pages import PageError

_CLOSED = 50  # the newest ones are shown


class PendingHall(NamedTuple):
    """A hall with pending enrolments (rows of `places.listed`).

    until_ms: when the newest of them was enrolled. Who approves all approves what was shown, and
    nothing that came later.
    """

    hall: str
    name: str
    until_ms: int
    rows: list[Any]


class DevicesView:
    """The values of devices.html and devices_live.html, and what their buttons do."""

    def __init__(self, approval: Approval, endings: Endings) -> None:
        self._approval = approval
        self._endings = endings

    def show(self) -> Any:
        """What is pending, by hall; epochs that ended open, and those closed."""
        rows = self._approval.every(None, True)
        halls = []
        for (hall, name), found in groupby(rows, lambda row: (row.hall, row.hall_name)):
            of_hall = list(found)
            until_ms = max(row.enrolled_at_ms for row in of_hall)
            halls.append(PendingHall(hall, name, until_ms, of_hall))
        endings = self._endings
        closed = endings.every(None, False, _CLOSED)
        open_ones = endings.every(None, True)
        return {"halls": halls, "open": open_ones, "closed": closed, "is_coarse": False}

    def approve(self, fields: dict[str, str], who: str) -> None:
        """Approve one enrolment, `enrolment`, or all of a `hall` that were enrolled `until` then.

        Raises PageError for what is not pending.
        """
        try:
            if "enrolment" in fields:
                self._approval.approve([fields["enrolment"]], who)
            else:
                until_ms = int(fields.get("until", ""))
                self._approval.approve_all(fields.get("hall", ""), until_ms, who)
        except ValueError:
            raise PageError(422, "请求未被接受。") from None
        except OperatorError:
            raise PageError(409, "这次登记不在待批准之列，可能刚刚处理过。") from None
