"""Where devices stood before they were moved; by which clock a record came; tokens that end;
who has logged in; what was so for a while.
"""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stood",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("window", sa.String(), nullable=True),
        sa.Column("until_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stood")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "session",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("seen_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_session")),
    )
    op.create_table(
        "login_code",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("window", sa.String(), nullable=False),
        sa.Column("ends_at_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_login_code")),
    )
    op.create_table(
        "happening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        sa.Column("until_ms", sa.Integer(), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("seen_ms", sa.Integer(), nullable=True),
        sa.Column("seen_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_happening")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_happening_device", "happening", ["device", "id"])
    op.create_index(
        "ix_happening_open", "happening", ["id"], sqlite_where=sa.text("until_ms IS NULL")
    )
    op.add_column("book", sa.Column("restored_at_ms", sa.Integer(), nullable=True))
    op.add_column("book", sa.Column("restored_ran_ms", sa.Integer(), nullable=True))
    op.add_column("envelope", sa.Column("received_ran_ms", sa.Integer(), nullable=True))
    op.add_column("token", sa.Column("ends_at_ms", sa.Integer(), nullable=True))
    op.add_column("token", sa.Column("used_day", sa.Integer(), nullable=True))
