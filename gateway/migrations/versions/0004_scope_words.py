"""The scope that opens pages has the name that the centre gives it, too."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """To this shape."""
    op.execute("UPDATE token SET scope = 'pages:read' WHERE scope = 'pages'")
