"""What devices say and ask, as it was set for a hall, a window or a device."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "device_settings",
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("device", sa.String(length=32), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("set_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hall"], ["hall.hall"], op.f("fk_device_settings_hall_hall")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_device_settings")),
    )
    op.create_index(op.f("ix_device_settings_hall"), "device_settings", ["hall"])
