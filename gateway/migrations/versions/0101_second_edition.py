"""The hall's database of the second edition of the contract."""

import sqlalchemy as sa
from alembic import op

revision = "0101"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "book",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("ran_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_book")),
    )
    op.create_table(
        "devicestate",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("firmware", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=True),
        sa.Column("head", sa.String(), nullable=True),
        sa.Column("free", sa.Integer(), nullable=False),
        sa.Column("clock", sa.String(), nullable=False),
        sa.Column("face", sa.String(), nullable=False),
        sa.Column("settings", sa.Integer(), nullable=False),
        sa.Column("problems", sa.String(), nullable=False),
        sa.Column("received_at_ms", sa.Integer(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("capacity_days", sa.Integer(), nullable=True),
        sa.Column("memory", sa.Integer(), nullable=True),
        sa.Column("head_sent", sa.String(), nullable=True),
        sa.Column("head_sent_ran_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("device", name=op.f("pk_devicestate")),
    )
    op.create_table(
        "envelope",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("mac16", sa.String(), nullable=False),
        sa.Column("received_at_ms", sa.Integer(), nullable=False),
        sa.Column("window", sa.String(), nullable=True),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("marks", sa.String(), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at_ms", sa.Integer(), nullable=True),
        sa.Column("covered_ran_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_envelope")),
        sa.UniqueConstraint(
            "device", "epoch", "seq", "sha256", name=op.f("uq_envelope_device_epoch_seq_sha256")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_envelope_again",
        "envelope",
        ["next_try_at_ms"],
        sqlite_where=sa.text("next_try_at_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_envelope_kept",
        "envelope",
        ["covered_ran_ms"],
        sqlite_where=sa.text("covered_ran_ms IS NOT NULL"),
    )
    op.create_index(
        "ix_envelope_marked", "envelope", ["marks"], sqlite_where=sa.text("marks <> '[]'")
    )
    op.create_index(
        "ix_envelope_service", "envelope", ["service"], sqlite_where=sa.text("service IS NOT NULL")
    )
    op.create_index(
        "ix_envelope_uncovered",
        "envelope",
        ["device", "epoch", "seq"],
        sqlite_where=sa.text("covered_ran_ms IS NULL"),
    )
    op.create_index(
        "ix_envelope_unjudged", "envelope", ["id"], sqlite_where=sa.text("verdict IS NULL")
    )
    op.create_index(
        "ix_envelope_waiting",
        "envelope",
        ["live", "received_at_ms"],
        sqlite_where=sa.text("verdict IS NULL"),
    )
    op.create_table(
        "hall",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hall")),
    )
    op.create_table(
        "progress",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("ran_ms", sa.Integer(), nullable=False),
        sa.Column("staff_no", sa.String(), nullable=True),
        sa.Column("projects", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=True),
        sa.Column("judged_ran_ms", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_progress")),
        sa.UniqueConstraint("service", "what", name=op.f("uq_progress_service_what")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_progress_unsent", "progress", ["id"], sqlite_where=sa.text("verdict IS NULL")
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("received_at_ms", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("beginning", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "receipt",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("mac16", sa.String(), nullable=False),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("device", "epoch", name=op.f("pk_receipt")),
    )
    op.create_table(
        "refusal",
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("newest_at_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("device", "reason", name=op.f("pk_refusal")),
    )
    op.create_table(
        "service",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("window", sa.String(), nullable=False),
        sa.Column("ticket_no", sa.String(), nullable=False),
        sa.Column("staff_no", sa.String(), nullable=True),
        sa.Column("staff_name", sa.String(), nullable=True),
        sa.Column("matter", sa.String(), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("opened_at_ms", sa.Integer(), nullable=False),
        sa.Column("opened_ran_ms", sa.Integer(), nullable=False),
        sa.Column("closed_at_ms", sa.Integer(), nullable=True),
        sa.Column("ended", sa.String(), nullable=True),
        sa.Column("until_ms", sa.Integer(), nullable=True),
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("request_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("document_verdict", sa.String(), nullable=True),
        sa.Column("judged_ran_ms", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service")),
        sa.UniqueConstraint(
            "caller", "idempotency_key", name=op.f("uq_service_caller_idempotency_key")
        ),
        sa.UniqueConstraint("service", name=op.f("uq_service_service")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_service_inviting", "service", ["id"], sqlite_where=sa.text("phase = 'inviting'")
    )
    op.create_index(
        "ix_service_open", "service", ["id"], sqlite_where=sa.text("phase <> 'closed'")
    )
    op.create_index(
        "ix_service_unsent",
        "service",
        ["next_try_at_ms", "id"],
        sqlite_where=sa.text("document_verdict IS NULL"),
    )
    op.create_index("ix_service_window", "service", ["window", "id"])
    op.create_table(
        "staff",
        sa.Column("window", sa.String(), nullable=False),
        sa.Column("staff_no", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("presence", sa.String(), nullable=False),
        sa.Column("since_ms", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("window", name=op.f("pk_staff")),
    )
    op.create_table(
        "token",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("window", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_token")),
    )
    op.execute(
        "INSERT INTO book (id, name, number, ran_ms) VALUES (1, lower(hex(randomblob(8))), 0, 0)"
    )
