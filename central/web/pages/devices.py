"""The page of pending enrolments: what technicians enrolled, and nobody has approved yet."""

from itertools import groupby
from typing import Any, NamedTuple

from central.directory.approval import Approval
from hosting.error import OperatorError
from pages import PageError


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

    def __init__(self, approval: Approval) -> None:
        self._approval = approval

    def show(self) -> Any:
        """What is pending, by hall."""
        rows = self._approval.every(None, True)
        halls = []
        for (hall, name), found in groupby(rows, lambda row: (row.hall, row.hall_name)):
            of_hall = list(found)
            until_ms = max(row.enrolled_at_ms for row in of_hall)
            halls.append(PendingHall(hall, name, until_ms, of_hall))
        return {"halls": halls}

    def approve(self, fields: dict[str, str]) -> None:
        """Approve one enrolment, `enrolment`, or all of a `hall` that were enrolled `until` then.

        Raises PageError for what is not pending.
        """
        try:
            if "enrolment" in fields:
                self._approval.approve([fields["enrolment"]])
            else:
                self._approval.approve_all(fields.get("hall", ""), int(fields.get("until", "")))
        except ValueError:
            raise PageError(422, "请求未被接受。") from None
        except OperatorError:
            raise PageError(409, "这次登记不在待批准之列，可能刚刚处理过。") from None
