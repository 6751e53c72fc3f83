"""The tables of the second edition of the contract."""

import sqlalchemy as sa
from alembic import op

revision = "0101"
down_revision = None
branch_labels = None
depends_on = None

_PARTITIONS = 64  # of records, by hash of the device: a key is looked up in one, for ever


def upgrade() -> None:
    op.create_table(
        "awaited",
        sa.Column("facts", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("facts", "device", "epoch", "seq", name=op.f("pk_awaited")),
    )
    op.create_index(
        op.f("ix_awaited_hall_window_since_ms_device"),
        "awaited",
        ["hall", "window", "since_ms", "device"],
    )
    op.create_table(
        "book",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("book", sa.String(length=16), nullable=False),
        sa.Column("highest", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("open_since_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hall", "book", name=op.f("pk_book")),
    )
    op.create_index(op.f("ix_book_open_since_ms"), "book", ["open_since_ms"])
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
        sa.Column("high_ms", sa.BigInteger(), nullable=True),
        sa.Column("undated_first", sa.Integer(), nullable=True),
        sa.Column("undated_last", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("device", "epoch", "boot", name=op.f("pk_boot_clock")),
    )
    op.create_table(
        "centre_clock",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("newest_ms", sa.BigInteger(), nullable=False),
        sa.Column("sure_ms", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_ms", sa.BigInteger(), nullable=True),
        sa.Column("words", sa.Integer(), nullable=False),
        sa.Column("moves", sa.Integer(), nullable=False),
        sa.Column("halls", sa.Integer(), nullable=False),
        sa.Column("near_steady", sa.Integer(), nullable=False),
        sa.Column("near_wall", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_centre_clock")),
    )
    op.create_table(
        "chain",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("covered_seq", sa.Integer(), nullable=False),
        sa.Column("highest_seq", sa.Integer(), nullable=False),
        sa.Column("receipt_seq", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.LargeBinary(), nullable=True),
        sa.Column("open_since_ms", sa.BigInteger(), nullable=True),
        sa.Column("receipt_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("undated_boot", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("device", "epoch", name=op.f("pk_chain")),
    )
    op.create_index(op.f("ix_chain_open_since_ms"), "chain", ["open_since_ms"])
    op.create_table(
        "conflict",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("mac16", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("prev", sa.String(length=16), nullable=True),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("stored_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("service", sa.String(length=64), nullable=True),
        sa.Column("facts", sa.String(length=64), nullable=True),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("hall_marks", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("rated_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("rated_error_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device", "epoch", "seq", "mac16", name=op.f("pk_conflict")),
    )
    op.create_table(
        "directory",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("first_day", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("up", sa.String(length=32), nullable=True),
        sa.Column("institution", sa.String(length=32), nullable=True),
        sa.Column("line", sa.String(length=32), nullable=True),
        sa.Column("profiles", sa.String(length=200), nullable=True),
        sa.Column("tier", sa.String(length=16), nullable=True),
        sa.Column("hours", sa.String(length=64), nullable=True),
        sa.Column("sends", sa.String(length=100), nullable=True),
        sa.Column("rateable", sa.Boolean(), nullable=True),
        sa.Column("needs_application", sa.Boolean(), nullable=True),
        sa.Column("qualified", sa.Boolean(), nullable=True),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "id", "first_day", name=op.f("pk_directory")),
    )
    op.create_table(
        "document",
        sa.Column("facts", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("ticket_no", sa.String(length=16), nullable=False),
        sa.Column("staff_no", sa.String(length=16), nullable=True),
        sa.Column("book", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("stored_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("facts", name=op.f("pk_document")),
    )
    op.create_index(op.f("ix_document_hall_book_number"), "document", ["hall", "book", "number"])
    op.create_index(
        op.f("ix_document_hall_window_opened_at_ms"),
        "document",
        ["hall", "window", "opened_at_ms"],
    )
    op.create_table(
        "ending",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=True),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_reason", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("device", "epoch", name=op.f("pk_ending")),
    )
    op.create_index(op.f("ix_ending_closed_at_ms"), "ending", ["closed_at_ms"])
    op.create_table(
        "gap",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("boot_seq", sa.Integer(), nullable=False),
        sa.Column("first_seq", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("device", "epoch", "boot_seq", "first_seq", name=op.f("pk_gap")),
    )
    op.create_table(
        "hall",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("mqtt_host", sa.String(length=253), nullable=False),
        sa.Column("mqtt_port", sa.Integer(), nullable=False),
        sa.Column("mqtt_ca", sa.Text(), nullable=True),
        sa.Column("heard_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("proven_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("proven_ms", sa.BigInteger(), nullable=False),
        sa.Column("carry_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hall", name=op.f("pk_hall")),
    )
    op.create_table(
        "head",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("mac16", sa.String(length=16), nullable=False),
        sa.Column("boot", sa.Integer(), nullable=False),
        sa.Column("up_ms", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("receipt_seq", sa.Integer(), nullable=False),
        sa.Column("stored_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("surplus", sa.Integer(), nullable=False),
        sa.Column("lacking", sa.Integer(), nullable=False),
        sa.Column("lacking_since_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device", "epoch", name=op.f("pk_head")),
    )
    op.create_index(op.f("ix_head_lacking_since_ms"), "head", ["lacking_since_ms"])
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
    op.create_index(op.f("ix_mark_tally_mark_last_at_ms"), "mark_tally", ["mark", "last_at_ms"])
    op.create_table(
        "progress",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("staff_no", sa.String(length=16), nullable=True),
        sa.Column("projects", sa.Text(), nullable=False),
        sa.Column("stored_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hall", "service", "what", name=op.f("pk_progress")),
    )
    op.create_table(
        "rated",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("hall", "service", name=op.f("pk_rated")),
    )
    op.create_table(
        "record",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("mac16", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("prev", sa.String(length=16), nullable=True),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("stored_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("service", sa.String(length=64), nullable=True),
        sa.Column("facts", sa.String(length=64), nullable=True),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("hall_marks", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("rated_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("rated_error_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("device", "epoch", "seq", name=op.f("pk_record")),
        postgresql_partition_by="HASH (device)",
    )
    if op.get_bind().dialect.name == "postgresql":
        for number in range(_PARTITIONS):
            op.execute(
                f"CREATE TABLE record_{number:02} PARTITION OF record"
                f" FOR VALUES WITH (MODULUS {_PARTITIONS}, REMAINDER {number})"
            )
    op.create_index(op.f("ix_record_hall_rated_at_ms"), "record", ["hall", "rated_at_ms"])
    op.create_index(
        op.f("ix_record_hall_window_rated_at_ms"), "record", ["hall", "window", "rated_at_ms"]
    )
    op.create_index(op.f("ix_record_rated_at_ms"), "record", ["rated_at_ms"])
    op.create_table(
        "rejection",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("sentence", sa.String(length=200), nullable=False),
        sa.Column("first_bytes", sa.LargeBinary(), nullable=False),
        sa.Column("rejected_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejection")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "rejection_count",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hall", "reason", name=op.f("pk_rejection_count")),
    )
    op.create_table(
        "running",
        sa.Column("since_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("since_ms", name=op.f("pk_running")),
    )
    op.create_table(
        "tally",
        sa.Column("span", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("services", sa.BigInteger(), nullable=False),
        sa.Column("level_1", sa.BigInteger(), nullable=False),
        sa.Column("level_2", sa.BigInteger(), nullable=False),
        sa.Column("level_3", sa.BigInteger(), nullable=False),
        sa.Column("level_4", sa.BigInteger(), nullable=False),
        sa.Column("level_5", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("span", "window", "hall", name=op.f("pk_tally")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "token",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("ends_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("devices_left", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
    )
    op.create_table(
        "device_settings",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("device", sa.String(length=32), nullable=True),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("set_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["hall"], ["hall.hall"], name=op.f("fk_device_settings_hall_hall")
        ),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_device_settings")),
    )
    op.create_index(op.f("ix_device_settings_hall"), "device_settings", ["hall"])
    op.create_table(
        "window",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("is_closed", sa.Boolean(), nullable=False),
        sa.Column("rest_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("rest_reason", sa.String(length=200), nullable=True),
        sa.Column("rested_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["hall"], ["hall.hall"], name=op.f("fk_window_hall_hall")),
        sa.PrimaryKeyConstraint("hall", "window", name=op.f("pk_window")),
    )
    op.create_table(
        "device",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("password_hash", sa.String(length=256), nullable=False),
        sa.Column("enrolled_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_reason", sa.String(length=200), nullable=True),
        sa.Column("revoked_seq", sa.Integer(), nullable=True),
        sa.Column("proven_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("proven_ms", sa.BigInteger(), nullable=False),
        sa.Column("enrolled_by", sa.String(length=16), nullable=True),
        sa.Column("approved_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("refused_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("stood_at", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["hall", "window"],
            ["window.hall", "window.window"],
            name=op.f("fk_device_hall_window_window"),
        ),
        sa.PrimaryKeyConstraint("device", "epoch", name=op.f("pk_device")),
    )
    op.create_index(op.f("ix_device_hall"), "device", ["hall"])
