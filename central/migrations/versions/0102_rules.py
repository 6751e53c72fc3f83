"""Services, ratings of every channel, and what the rules make of them (RULES 4); the counts by
levels and days, which knew no rules, go.

What is stored already is taken in by the judge, while the centre serves (central/ratings/
backfill.py): reading millions of records here would keep halls waiting.
"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=8), nullable=False),
        sa.Column("token", sa.String(length=16), nullable=True),
        sa.Column("account", sa.String(length=16), nullable=True),
        sa.Column("began_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_account"), "session", ["account"], unique=False)
    _create_people()
    op.create_table(
        "mark_answer",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_mark_answer")),
    )
    op.create_index(
        op.f("ix_mark_answer_mark_hall_window_device"),
        "mark_answer",
        ["mark", "hall", "window", "device"],
        unique=False,
    )
    op.create_table(
        "decision",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("rating", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_decision")),
    )
    op.create_index(
        op.f("ix_decision_hall_service"), "decision", ["hall", "service"], unique=False
    )
    op.create_table(
        "figure",
        sa.Column("profile", sa.String(length=32), nullable=False),
        sa.Column("span", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("dim", sa.String(length=16), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("policy_from", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ratings", sa.BigInteger(), nullable=False),
        sa.Column("projects", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            *("profile", "span", "dim", "hall", "id", "mode", "what", "policy_from"),
            name=op.f("pk_figure"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "judge",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.Column("settled_ms", sa.BigInteger(), nullable=False),
        sa.Column("directory", sa.Integer(), nullable=False),
        sa.Column("calendar", sa.String(length=64), nullable=True),
        sa.Column("versions", sa.Text(), nullable=True),
        sa.Column("backfill", sa.Text(), nullable=True),
        sa.Column("is_rehearsal", sa.Boolean(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("failed_ms", sa.BigInteger(), nullable=True),
        sa.Column("paused_until_ms", sa.BigInteger(), nullable=True),
        sa.Column("cases_since_ms", sa.BigInteger(), nullable=False),
        sa.Column("cases_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judge")),
    )
    op.create_table(
        "judged",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("profile", sa.String(length=32), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("rating", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_judged")),
    )
    op.create_index(
        "ix_judged_reminder",
        "judged",
        ["hall", "service"],
        unique=False,
        sqlite_where=sa.text("what = 'remind'"),
        postgresql_where=sa.text("what = 'remind'"),
    )
    op.create_table(
        "policy_use",
        sa.Column("profile", sa.String(length=32), nullable=False),
        sa.Column("valid_from", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "valid_from", "place", name=op.f("pk_policy_use")),
    )
    op.create_table(
        "rating",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("rated_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("rated_error_ms", sa.BigInteger(), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("rated_by", sa.String(length=16), nullable=False),
        sa.Column("named", sa.Boolean(), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False),
        sa.Column("catalogue", sa.Integer(), nullable=True),
        sa.Column("facts", sa.String(length=64), nullable=True),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("void", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rating")),
    )
    op.create_index(op.f("ix_rating_hall_service"), "rating", ["hall", "service"], unique=False)
    op.create_table(
        "reasons",
        sa.Column("rating", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("codes", sa.Text(), nullable=False),
        sa.Column("catalogue", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("rating", "seq", name=op.f("pk_reasons")),
    )
    op.create_table(
        "service",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.String(length=64), nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("staff_no", sa.String(length=16), nullable=True),
        sa.Column("project_no", sa.String(length=64), nullable=True),
        sa.Column("task_code", sa.String(length=64), nullable=True),
        sa.Column("part_of", sa.String(length=64), nullable=True),
        sa.Column("projects", sa.Integer(), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("accepted_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("invited_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("expired_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("closed_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("finished_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("transferred_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("no_show_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("finished_projects", sa.Text(), nullable=True),
        sa.Column("due_day", sa.Integer(), nullable=True),
        sa.Column("participant", sa.String(length=32), nullable=True),
        sa.Column("stored_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hall", "service", name=op.f("pk_service")),
    )
    op.create_index(
        op.f("ix_service_hall_part_of"),
        "service",
        ["hall", "part_of"],
        unique=False,
        sqlite_where=sa.text("part_of IS NOT NULL"),
        postgresql_where=sa.text("part_of IS NOT NULL"),
    )
    op.create_table(
        "service_project",
        sa.Column("project_no", sa.String(length=64), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("reach", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("project_no", "hall", "service", name=op.f("pk_service_project")),
    )
    op.create_index(
        op.f("ix_service_project_hall_service"),
        "service_project",
        ["hall", "service"],
        unique=False,
    )
    op.create_index(
        op.f("ix_service_project_project_no"),
        "service_project",
        ["project_no"],
        unique=False,
        sqlite_where=sa.text("reach <> ''"),
        postgresql_where=sa.text("reach <> ''"),
    )
    op.create_table(
        "common_project",
        sa.Column("project_no", sa.String(length=64), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project_no", "hall", name=op.f("pk_common_project")),
    )
    op.create_table(
        "standing",
        sa.Column("profile", sa.String(length=32), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("out_because", sa.String(length=32), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("rating", sa.String(length=64), nullable=True),
        sa.Column("origin", sa.String(length=16), nullable=True),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("projects", sa.Integer(), nullable=False),
        sa.Column("late", sa.Integer(), nullable=False),
        sa.Column("second", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("staff", sa.String(length=80), nullable=True),
        sa.Column("institution", sa.String(length=32), nullable=True),
        sa.Column("line", sa.String(length=32), nullable=True),
        sa.Column("task_code", sa.String(length=64), nullable=True),
        sa.Column("participant", sa.String(length=32), nullable=True),
        sa.Column("end_ms", sa.BigInteger(), nullable=True),
        sa.Column("due_ms", sa.BigInteger(), nullable=True),
        sa.Column("reminded", sa.Boolean(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("whats", sa.Text(), nullable=False),
        sa.Column("policy_from", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("profile", "hall", "service", name=op.f("pk_standing")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_standing_due_ms"),
        "standing",
        ["due_ms"],
        unique=False,
        sqlite_where=sa.text("due_ms IS NOT NULL"),
        postgresql_where=sa.text("due_ms IS NOT NULL"),
    )
    op.create_index(
        op.f("ix_standing_profile_hall_day"), "standing", ["profile", "hall", "day"], unique=False
    )
    op.create_table(
        "touched",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_touched")),
    )
    op.create_index(op.f("ix_touched_hall_n"), "touched", ["hall", "n"], unique=False)
    op.create_table(
        "moved_rating",
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("rating", sa.String(length=64), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("became", sa.String(length=16), nullable=False),
        sa.Column("day_before", sa.Integer(), nullable=False),
        sa.Column("day_now", sa.Integer(), nullable=False),
        sa.Column("of_service", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("told_ms", sa.BigInteger(), nullable=False),
        sa.Column("told_by", sa.String(length=32), nullable=True),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hall", "service", name=op.f("pk_moved_rating")),
    )
    op.add_column("progress", sa.Column("told_by", sa.String(length=32), nullable=True))
    op.create_table(
        "closed_month",
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=False),
        sa.Column("window", sa.String(length=32), nullable=False),
        sa.Column("institution", sa.String(length=32), nullable=False),
        sa.Column("level_5", sa.Integer(), nullable=False),
        sa.Column("level_4", sa.Integer(), nullable=False),
        sa.Column("level_3", sa.Integer(), nullable=False),
        sa.Column("level_2", sa.Integer(), nullable=False),
        sa.Column("level_1", sa.Integer(), nullable=False),
        sa.Column("good", sa.Integer(), nullable=False),
        sa.Column("frozen_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("month", "hall", "window", name=op.f("pk_closed_month")),
    )
    op.create_table(
        "span_change",
        sa.Column("span", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("span", name=op.f("pk_span_change")),
    )
    _make_cases()
    op.create_index(op.f("ix_directory_kind_up"), "directory", ["kind", "up"])
    for column in (
        sa.Column("is_closed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("roll", sa.String(length=16), nullable=True),
        sa.Column("further_host", sa.String(length=253), nullable=True),
        sa.Column("further_port", sa.Integer(), nullable=True),
        sa.Column("further_ca", sa.Text(), nullable=True),
        sa.Column("further_version", sa.Integer(), nullable=True),
    ):
        op.add_column("hall", column)
    op.create_table(
        "restoring",
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("head_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("device", "epoch", name=op.f("pk_restoring")),
    )
    for column in (
        sa.Column("broker", sa.String(length=16), nullable=True),
        sa.Column("firmware", sa.String(length=32), nullable=True),
        sa.Column("firmware_seq", sa.Integer(), server_default="0", nullable=False),
    ):
        op.add_column("device", column)
    op.add_column("head", sa.Column("settings", sa.Integer(), nullable=True))
    op.add_column(
        "token", sa.Column("name", sa.String(length=64), server_default="", nullable=False)
    )
    op.add_column("token", sa.Column("used_day", sa.Integer(), nullable=True))
    op.add_column(
        "window", sa.Column("services", sa.BigInteger(), nullable=False, server_default="0")
    )
    _note_bundles()
    _keep_counts()
    op.drop_table("rated")
    op.drop_table("tally")
    _forget_second_ratings()
    _begin_judging()


def _create_people() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("login", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=160), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=48), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("password_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("is_first", sa.Boolean(), nullable=False),
        sa.Column("locked_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("removed_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sign_in_failure")),
    )
    op.create_index(op.f("ix_sign_in_failure_last_ms"), "sign_in_failure", ["last_ms"])
    op.create_table(
        "act",
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.String(length=32), nullable=False),
        sa.Column("place", sa.String(length=48), nullable=False),
        sa.Column("what", sa.String(length=32), nullable=False),
        sa.Column("about", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("prev16", sa.String(length=16), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_act")),
    )
    for column in ("about", "what", "who"):
        op.create_index(op.f(f"ix_act_{column}"), "act", [column])
    op.create_table(
        "act_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act_head")),
    )
    op.create_table(
        "rater",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True),
        sa.Column("erased_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rater")),
    )


def _make_cases() -> None:
    op.create_table(
        "rating_case",
        sa.Column("no", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("hall", sa.String(length=32), nullable=True),
        sa.Column("service", sa.String(length=64), nullable=True),
        sa.Column("rating", sa.String(length=64), nullable=True),
        sa.Column("window", sa.String(length=32), nullable=True),
        sa.Column("staff", sa.String(length=80), nullable=True),
        sa.Column("task_code", sa.String(length=64), nullable=True),
        sa.Column("about", sa.String(length=160), nullable=True),
        sa.Column("region", sa.String(length=32), nullable=True),
        sa.Column("institution", sa.String(length=32), nullable=True),
        sa.Column("received_ms", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("policies", sa.Text(), nullable=False),
        sa.Column("due_day", sa.Integer(), nullable=True),
        sa.Column("has_contact", sa.Boolean(), nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("institution_now", sa.String(length=32), nullable=True),
        sa.Column("complexity", sa.String(length=16), nullable=True),
        sa.Column("next_step", sa.String(length=16), nullable=True),
        sa.Column("shown_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=True),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("tier", sa.Integer(), nullable=False),
        sa.Column("joined", sa.String(length=16), nullable=True),
        sa.PrimaryKeyConstraint("no", name=op.f("pk_rating_case")),
    )
    for name, columns, only in (
        ("ix_rating_case_hall_service", ["hall", "service"], None),
        ("uq_rating_case_rating", ["rating"], None),
        ("ix_rating_case_received_ms_no", ["received_ms", "no"], None),
        ("ix_rating_case_board", ["shown_ms", "no"], "is_open"),
        ("ix_rating_case_of_institution", ["institution_now", "shown_ms", "no"], "is_open"),
        ("ix_rating_case_of_region", ["region", "shown_ms", "no"], "is_open"),
        ("ix_rating_case_next_ms", ["next_ms"], "next_ms IS NOT NULL"),
        ("ix_rating_case_joined", ["joined"], "joined IS NOT NULL"),
    ):
        where = None if only is None else sa.text(only)
        op.create_index(
            name,
            "rating_case",
            columns,
            unique=name.startswith("uq"),
            sqlite_where=where,
            postgresql_where=where,
        )
    op.create_table(
        "case_step",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("no", sa.String(length=16), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("noted_ms", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("institution", sa.String(length=32), nullable=True),
        sa.Column("word", sa.String(length=16), nullable=True),
        sa.Column("told", sa.String(length=64), nullable=True),
        sa.Column("about", sa.String(length=32), nullable=True),
        sa.Column("day", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_step")),
    )
    op.create_index(op.f("ix_case_step_no"), "case_step", ["no"], unique=False)
    op.create_table(
        "spot_check",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("first_day", sa.Integer(), nullable=False),
        sa.Column("last_day", sa.Integer(), nullable=False),
        sa.Column("percent", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("of_cases", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("drawn", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spot_check")),
    )
    op.create_index(
        op.f("ix_spot_check_place_at_ms"), "spot_check", ["place", "at_ms"], unique=False
    )


def _note_bundles() -> None:
    """Bundles of the edition before name their hall's broker, as far as anybody knows."""
    connection = op.get_bind()
    halls = connection.execute(sa.text("SELECT hall, mqtt_host, mqtt_port, mqtt_ca FROM hall"))
    note = sa.text("UPDATE device SET broker = :broker WHERE hall = :hall")
    for hall, host, port, ca in halls.all():
        told = json.dumps([host, port, "".join((ca or "").split())])
        broker = hashlib.sha256(told.encode()).hexdigest()[:16]
        connection.execute(note, {"broker": broker, "hall": hall})


def _keep_counts() -> None:
    """How many documents of a window are held, which heads are compared with."""
    op.execute(
        'UPDATE "window" SET services = COALESCE((SELECT tally.services FROM tally'
        ' WHERE tally.span = 0 AND tally.hall = "window".hall'
        ' AND tally."window" = "window"."window"), 0)'
    )


def _forget_second_ratings() -> None:
    """Which of two ratings counts is a judgement now, and no mark."""
    connection = op.get_bind()
    connection.execute(sa.text("DELETE FROM mark_tally WHERE mark = 'rated_twice'"))
    found = connection.execute(
        sa.text("SELECT device, epoch, seq, marks FROM record WHERE marks LIKE '%rated_twice%'")
    ).all()
    change = sa.text("UPDATE record SET marks = :m WHERE device = :d AND epoch = :e AND seq = :s")
    for device, epoch, seq, marks in found:
        kept = json.dumps([mark for mark in json.loads(marks) if mark != "rated_twice"])
        connection.execute(change, {"m": kept, "d": device, "e": epoch, "s": seq})


def _begin_judging() -> None:
    connection = op.get_bind()
    held = sa.text("SELECT EXISTS (SELECT 1 FROM record) OR EXISTS (SELECT 1 FROM document)")
    last = sa.text("SELECT COALESCE(max(stored_at_ms) + 1, 0) FROM record")
    values = {
        "backfill": "{}" if connection.execute(held).scalar() else None,
        "since": connection.execute(last).scalar(),
    }
    connection.execute(
        sa.text(
            "INSERT INTO judge"
            " (id, turn, settled_ms, directory, backfill, is_rehearsal, cases_since_ms)"
            " VALUES (1, 0, 0, 0, :backfill, false, :since)"
        ),
        values,
    )
