"""The page of marks: alarms of this moment, marks and refusals since the beginning."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

from central.clockwork import Alarms, Finding
from central.custody.marks import SEVERITIES, Mark, mark_of
from central.store import places
from central.store.database import Database
from pages import PageError

_PLACES = 20  # of one mark


@dataclass(frozen=True)
class Found:
    """All findings of one mark: their sum, and the newest of them."""

    words: Mark
    count: int
    first_at_ms: int | None
    newest: list[Finding]
    others: int


class MarksView:
    """The values of marks.html and marks_live.html, of one state of the database.

    Raises PageError for a hall that is not there.
    """

    def __init__(self, database: Database, alarms: Alarms) -> None:
        self._database = database
        self._alarms = alarms

    def show(self, hall: str | None) -> Any:
        """Of all halls without `hall`."""
        with self._database.read() as connection:
            row = None if hall is None else places.hall(connection, hall)
            if hall is not None and row is None:
                raise PageError(404, "没有这个大厅或窗口。")
            findings = self._alarms.findings(connection, hall)
        by_mark: dict[str, list[Finding]] = {}
        for finding in findings:
            by_mark.setdefault(finding.mark, []).append(finding)
        found = [_found(mark, findings) for mark, findings in by_mark.items()]
        found.sort(key=lambda one: SEVERITIES.index(one.words.severity))  # else the newest first
        return {"found": found, "hall": hall, "hall_name": row.name if row is not None else ""}


def _found(mark: str, findings: list[Finding]) -> Found:
    first = [one.first_at_ms for one in findings if one.first_at_ms is not None]
    return Found(
        mark_of(mark),
        sum(one.count for one in findings),
        min(first) if first else None,
        list(islice(findings, _PLACES)),
        max(0, len(findings) - _PLACES),
    )
