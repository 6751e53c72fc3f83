"""A token has a scope; those made before keep the API. What waits and what is marked is found
without reading every envelope."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """To this shape."""
    scope = sa.Column("scope", sa.String(), nullable=False, server_default="api")
    op.add_column("token", scope)
    op.add_column("token", sa.Column("window", sa.String(), nullable=True))
    op.create_index(
        "ix_envelope_marked", "envelope", ["marks"], sqlite_where=sa.text("marks <> '[]'")
    )
