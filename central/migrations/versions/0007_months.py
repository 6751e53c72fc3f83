"""Counts of a place stand in one row, and each month has its own; what is stored is added up."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_COUNTS = ("services", "level_1", "level_2", "level_3", "level_4", "level_5")  # by level
_SUMS = ", ".join(
    f"SUM(CASE WHEN level = {level} THEN count ELSE 0 END)" for level in range(len(_COUNTS))
)


def upgrade() -> None:
    # Copied, not renamed: on PostgreSQL the key's name would be taken.
    op.execute("CREATE TABLE tally_by_level AS SELECT * FROM tally")
    op.drop_table("tally")
    op.create_table(
        "tally",
        sa.Column("span", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _COUNTS),
        sa.PrimaryKeyConstraint("span", "window", "hall", name=op.f("pk_tally")),
        sqlite_with_rowid=False,
    )
    _add_up("day", "TRUE")
    _add_up("day / 100", "day > 0")
    op.drop_table("tally_by_level")
    op.create_index(op.f("ix_mark_tally_mark_last_at_ms"), "mark_tally", ["mark", "last_at_ms"])
    op.drop_index(op.f("ix_awaited_since_ms"), "awaited")
    names = ["hall", "window", "since_ms", "device"]
    op.create_index(op.f("ix_awaited_hall_window_since_ms_device"), "awaited", names)


def _add_up(span: str, condition: str) -> None:
    op.execute(
        f'INSERT INTO tally (span, "window", hall, {", ".join(_COUNTS)})'
        f' SELECT {span}, "window", hall, {_SUMS} FROM tally_by_level'
        f' WHERE {condition} GROUP BY {span}, "window", hall'
    )
