"""What alarms need: times of arrival, clocks of starts, awaited documents, services by day."""

import json
from collections import Counter
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SHANGHAI_MS = 8 * 3_600_000
_COLUMNS = {
    "hall": [("heard_since_ms", sa.BigInteger()), ("heard_at_ms", sa.BigInteger())],
    "device": [("revoked_reason", sa.String(length=200)), ("revoked_seq", sa.Integer())],
    "record": [("rated_error_ms", sa.BigInteger())],
    "conflict": [("rated_error_ms", sa.BigInteger())],
    "chain": [
        ("open_since_ms", sa.BigInteger()),
        ("heard_at_ms", sa.BigInteger()),
        ("undated_boot", sa.Integer()),
    ],
}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_index(op.f("ix_chain_open_since_ms"), "chain", ["open_since_ms"])
    op.create_table(
        "boot_clock",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("first_seq", sa.Integer(), nullable=False),
        sa.Column("told_seq", sa.Integer(), nullable=True),
        sa.Column("told_up_ms", sa.BigInteger(), nullable=True),
        sa.Column("told_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("low_ms", sa.BigInteger(), nullable=True),
        sa.Column("high_ms", sa.BigInteger(), nullable=False),
        sa.Column("undated_first", sa.Integer(), nullable=True),
        sa.Column("undated_last", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("device", "epoch", "boot", name=op.f("pk_boot_clock")),
    )
    op.create_table(
        "awaited",
        sa.Column("hash16", sa.String(length=16), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash16", name=op.f("pk_awaited")),
    )
    op.create_index(op.f("ix_awaited_since_ms"), "awaited", ["since_ms"])
    _open_chains()
    _await_documents()
    _count_services()


def _open_chains() -> None:
    """A chain that misses something has done so since its newest head, as far as we know."""
    op.execute(
        "UPDATE chain SET open_since_ms = coalesce((SELECT stored_at_ms FROM head WHERE"
        " head.device = chain.device AND head.epoch = chain.epoch), 0)"
        " WHERE covered_seq < highest_seq OR covered_seq < (SELECT seq FROM head WHERE"
        " head.device = chain.device AND head.epoch = chain.epoch)"
    )
    op.execute(
        "UPDATE chain SET heard_at_ms = (SELECT max(stored_at_ms) FROM record WHERE"
        " record.device = chain.device AND record.epoch = chain.epoch)"
    )


def _await_documents() -> None:
    found = op.get_bind().execute(
        sa.text(
            'SELECT facts, record.hall, record."window", device, epoch, seq, record.stored_at_ms'
            " FROM record LEFT JOIN document ON document.hash16 = record.facts"
            " WHERE facts IS NOT NULL AND document.hash16 IS NULL ORDER BY record.stored_at_ms"
        )
    )
    values = {}
    for row in found:
        names = ("hash16", "hall", "window", "device", "epoch", "seq", "since_ms")
        values.setdefault(row.facts, dict(zip(names, row)) | {"window": row.window or ""})
    _insert("awaited", list(values.values()))


def _count_services() -> None:
    counts: Counter[tuple[int, str, str]] = Counter()
    found = op.get_bind().execute(
        sa.text('SELECT hall, "window", bytes, stored_at_ms FROM document')
    )
    for row in found:
        at_ms = min(json.loads(row.bytes)["opened_at_ms"], row.stored_at_ms)
        moment = datetime.fromtimestamp((at_ms + _SHANGHAI_MS) / 1000, UTC)
        for day in (int(moment.strftime("%Y%m%d")), 0):
            for place in (row.window, ""):
                counts[day, place, row.hall] += 1
    values = [
        {"day": day, "window": window, "hall": hall, "level": 0, "count": count}
        for (day, window, hall), count in counts.items()
    ]
    _insert("tally", values)


def _insert(name: str, values: list[dict[str, object]]) -> None:
    if values:
        table = sa.table(name, *(sa.column(column) for column in values[0]))
        op.get_bind().execute(sa.insert(table), values)
