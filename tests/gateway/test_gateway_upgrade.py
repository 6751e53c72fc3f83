"""A backlog that an older gateway wrote, and settings that change over a backlog. FAULTS 17"""

import shutil

import alembic.command
import alembic.config
import pytest
from gateway_hall import Pen, settings_in, start_gateway, until
from sqlalchemy import create_engine

from gateway.hall import intake
from gateway.store.database import MIGRATIONS, Database
from hosting.error import OperatorError

FIRST = ("envelope", "sha256", "device", "epoch", "seq", "kind", "mac16", "received_at_ms")
FIRST += ("window", "service", "marks", "live")


def older_database(path, envelopes) -> None:
    """A database of the first version, with records that wait for the centre."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}")
    config = alembic.config.Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "0001")
        for envelope in envelopes:
            judged = intake.judge("pj/1/demo/dev-1/record", envelope, "demo", {"dev-1"})
            row = intake.row(judged, 7, "w1", is_live=False)
            connection.exec_driver_sql(
                f"INSERT INTO envelope ({', '.join(FIRST)}, tries)"
                f" VALUES ({', '.join('?' * len(FIRST))}, 0)",
                tuple(row[name] for name in FIRST),
            )
    engine.dispose()


def test_the_backlog_of_the_first_version_reaches_the_centre(tmp_path, centre):
    pen = Pen("dev-1")
    settings = settings_in(tmp_path, centre.url)
    texts = [pen.rating() for _ in range(700)]
    older_database(settings.data_dir / "gateway.sqlite", texts)
    gateway = start_gateway(settings)
    try:
        until(lambda: len(centre.seqs("dev-1")) == 700, "the backlog", 20)
        assert set(centre.held["dev-1", pen.epoch].values()) == set(texts)
    finally:
        gateway.stop()


def test_an_upgrade_that_begins_anew_is_found_out(tmp_path, centre):
    """The control: the same backlog, and a migration that keeps none of it."""
    pen = Pen("dev-1")
    settings = settings_in(tmp_path, centre.url)
    path = settings.data_dir / "gateway.sqlite"
    older_database(path, [pen.rating() for _ in range(700)])
    weak = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, weak)
    second = weak / "versions" / "0002_token_scope.py"
    second.write_text(second.read_text() + '    op.execute("DELETE FROM envelope")\n')
    Database(path, migrations=weak).close()
    gateway = start_gateway(settings)
    try:
        until(lambda: not gateway.health.count().records, "the backlog", 20)
        assert centre.seqs("dev-1") == []
    finally:
        gateway.stop()


def test_a_backlog_outlives_a_change_of_settings(tmp_path, centre, connect):
    """Another centre, other timers, another queue: nothing is dropped."""
    pen = Pen("dev-1")
    gateway = start_gateway(settings_in(tmp_path, centre.url))
    centre.script.extend([503] * 10_000)
    device = connect(gateway, "dev-1").enter()
    device.tell(pen.state())
    for _ in range(300):
        device.send(pen.rating())
    device.hear_hall(300)
    device.leave()
    gateway.stop()
    centre.script.clear()
    changed = settings_in(
        tmp_path, centre.url, live_s=1, queue_messages=10, backlog_per_s=500, keep_days=1
    )
    gateway = start_gateway(changed)
    try:
        until(lambda: len(centre.seqs("dev-1")) == 300, "the backlog", 20)
    finally:
        gateway.stop()


def test_a_database_of_a_newer_gateway_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "gateway.sqlite"
    database = Database(path)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(OperatorError, match="newer gateway"):
        Database(path)
