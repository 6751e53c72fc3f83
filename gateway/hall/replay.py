"""Refused payloads, looked at by a person and judged again after a fix (TOP-2).

Works on the database beside a running gateway, which sends up what was taken in.
"""

from collections.abc import Container
from typing import NamedTuple

from gateway.hall import intake
from gateway.hall.intake import Accepted
from gateway.store import envelopes, quarantine
from gateway.store.database import Database


class Replayed(NamedTuple):
    """What became of a refused payload: the sentence says why it is still refused."""

    row_id: int
    is_taken: bool
    sentence: str


def replay(
    database: Database, hall: str, known: Container[str], row_ids: list[int]
) -> list[Replayed]:
    """Judge refused records again, as of the time when they came; what passes is taken in."""
    outcomes = []
    with database.write() as connection:
        for row_id in row_ids:
            row = quarantine.get(connection, row_id)
            if row is None:
                outcomes.append(Replayed(row_id, False, "no such number"))
                continue
            if len(row.beginning) < row.size:
                sentence = f"only its first {len(row.beginning)} of {row.size} bytes were kept"
                outcomes.append(Replayed(row_id, False, sentence))
                continue
            judged = intake.judge(row.topic, row.beginning, hall, known)
            if type(judged) is not Accepted:
                detail = getattr(judged, "detail", "a state that is over")
                outcomes.append(Replayed(row_id, False, f"still refused: {detail}"))
                continue
            taken = intake.row(judged, row.received_at_ms, None, is_live=False)
            envelopes.put(connection, [taken])
            quarantine.remove(connection, row_id)
            outcomes.append(Replayed(row_id, True, f"record {judged.seq} of {judged.device}"))
    return outcomes
