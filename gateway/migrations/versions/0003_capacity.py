"""A device says how much its journal holds when it is empty; null until it has."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """To this shape."""
    op.add_column("devicestate", sa.Column("capacity", sa.Integer(), nullable=True))
    op.add_column("devicestate", sa.Column("capacity_days", sa.Integer(), nullable=True))
