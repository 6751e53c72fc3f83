"""Counts by day and place, and what they are counted from; what is stored already is counted."""

import json
from collections import Counter
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SHANGHAI_MS = 8 * 3_600_000


def upgrade() -> None:
    op.create_table(
        "tally",
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "window", "hall", "level", name=op.f("pk_tally")),
    )
    op.create_table(
        "mark_tally",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hall", "window", "mark", name=op.f("pk_mark_tally")),
    )
    for name in ("record", "conflict"):
        op.add_column(name, sa.Column("level", sa.Integer(), nullable=True))
        op.add_column(name, sa.Column("rated_at_ms", sa.BigInteger(), nullable=True))
        _read_ratings(name)
    _count_ratings()
    _count_marks()
    op.create_index(op.f("ix_record_rated_at_ms"), "record", ["rated_at_ms"])
    op.create_index(op.f("ix_record_hall_rated_at_ms"), "record", ["hall", "rated_at_ms"])
    op.create_index(
        op.f("ix_record_hall_window_rated_at_ms"), "record", ["hall", "window", "rated_at_ms"]
    )


def _read_ratings(name: str) -> None:
    """Level and time of the well-formed ratings, which are those with facts."""
    connection = op.get_bind()
    found = connection.execute(
        sa.text(
            "SELECT device, epoch, seq, mac16, envelope, received_at_ms, stored_at_ms"
            f" FROM {name} WHERE facts IS NOT NULL"
        )
    ).all()
    values = []
    for row in found:
        rating = json.loads(row.envelope.rpartition(b"\n")[0])
        told = row.received_at_ms if rating["at"] is None else rating["at"]
        at_ms = min(max(told, row.epoch * 60_000), row.stored_at_ms)
        key = {"d": row.device, "e": row.epoch, "s": row.seq, "m": row.mac16}
        values.append({**key, "level": rating["level"], "at_ms": at_ms})
    if values:
        change = (
            f"UPDATE {name} SET level = :level, rated_at_ms = :at_ms"
            " WHERE device = :d AND epoch = :e AND seq = :s AND mac16 = :m"
        )
        connection.execute(sa.text(change), values)


def _count_ratings() -> None:
    connection = op.get_bind()
    found = connection.execute(
        sa.text(
            'SELECT record.hall, record."window", level, rated_at_ms FROM rated JOIN record'
            " ON record.device = rated.device AND record.epoch = rated.epoch"
            " AND record.seq = rated.seq"
        )
    )
    counts: Counter[tuple[int, str, str, int]] = Counter()
    for hall, window, level, at_ms in found:
        moment = datetime.fromtimestamp((at_ms + _SHANGHAI_MS) / 1000, UTC)
        for day in (int(moment.strftime("%Y%m%d")), 0):
            for place in {window or "", ""}:
                counts[day, place, hall, level] += 1
    names = ("day", "window", "hall", "level")
    _insert("tally", [{**dict(zip(names, key)), "count": n} for key, n in counts.items()])


def _count_marks() -> None:
    connection = op.get_bind()
    columns = 'hall, "window", device, epoch, seq, stored_at_ms'
    held = connection.execute(
        sa.text(f"SELECT {columns}, marks FROM record WHERE marks <> '[]' ORDER BY stored_at_ms")
    )
    found = [(row, mark) for row in held for mark in json.loads(row.marks)]
    other = connection.execute(sa.text(f"SELECT {columns} FROM conflict ORDER BY stored_at_ms"))
    found += [(row, "conflict") for row in other]
    values: dict[tuple[str, str, str], dict[str, object]] = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    for row, mark in found:
        place = (row.hall, row.window or "", mark)
        counts[place] += 1
        values[place] = {
            **dict(zip(("hall", "window", "mark"), place)),
            "count": counts[place],
            "first_at_ms": values[place]["first_at_ms"] if place in values else row.stored_at_ms,
            "last_at_ms": row.stored_at_ms,
            "device": row.device,
            "epoch": row.epoch,
            "seq": row.seq,
        }
    _insert("mark_tally", list(values.values()))


def _insert(name: str, values: list[dict[str, object]]) -> None:
    if values:
        table = sa.table(name, *(sa.column(column) for column in values[0]))
        op.get_bind().execute(sa.insert(table), values)
