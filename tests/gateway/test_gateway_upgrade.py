"""Settings that change over a backlog. FAULTS 17"""

import pytest
from gateway_hall import Pen, settings_in, start_gateway, until

from gateway.store.database import Database
from hosting.error import OperatorError


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
