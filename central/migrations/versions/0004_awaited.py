"""Each rating that awaits its document is noted, so that records need no index by hash: one whose
keys are in no order costs the more, the more is stored.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.drop_index(op.f("ix_record_facts"), "record")
    op.drop_index(op.f("ix_awaited_since_ms"), "awaited")
    op.drop_table("awaited")
    op.create_table(
        "awaited",
        sa.Column("hash16", sa.String(length=16), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash16", "device", "epoch", "seq", name=op.f("pk_awaited")),
    )
    op.create_index(op.f("ix_awaited_since_ms"), "awaited", ["since_ms"])
    op.execute(
        'INSERT INTO awaited (hash16, device, epoch, seq, hall, "window", since_ms)'
        " SELECT facts, device, epoch, seq, record.hall, coalesce(record.\"window\", ''),"
        " record.stored_at_ms FROM record LEFT JOIN document ON document.hash16 = record.facts"
        " WHERE facts IS NOT NULL AND document.hash16 IS NULL"
    )
