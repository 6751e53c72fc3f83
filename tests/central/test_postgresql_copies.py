"""docs/copies.md, "PostgreSQL": its commands are typed, and what was written last is back."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from central_hall import NOW_MS
from postgresql import Cluster
from typer.testing import CliRunner

from central.store import covers
from central.store.database import open_database
from pingjia import app

PAGE = Path(__file__).parents[2] / "docs" / "copies.md"
HALL = "INSERT INTO hall (hall, name, version, mqtt_host, mqtt_port, proven_ms) VALUES"
pytestmark = [pytest.mark.long, pytest.mark.needs("postgresql")]


def test_a_base_backup_and_the_archive_bring_back_what_came_after_it(tmp_path):
    with Cluster() as cluster:
        settings, commands = (typed(block, cluster) for block in blocks())
        copies = cluster.folder / "copies"
        (copies / "wal").mkdir(parents=True)
        if os.geteuid() == 0:
            for folder in (copies, copies / "wal"):
                os.chown(folder, 65534, 65534)
        with (cluster.data / "postgresql.conf").open("a") as file:
            file.write(settings)
        cluster.kill()
        cluster.start()
        backup, *back = commands.splitlines()
        add(cluster, "before", with_device=True)
        bash(cluster, backup)
        add(cluster, "after")
        bash(cluster, "psql -q -d postgres -c 'SELECT pg_switch_wal()'")
        bash(
            cluster, f"until ls {copies}/wal/0* 2>/dev/null | grep -qv backup; do sleep 0.1; done"
        )
        bash(cluster, "psql -q -d postgres -c CHECKPOINT; sleep 1")
        cluster.kill()
        bash(cluster, f"rm -rf {cluster.data} && mkdir -m 700 {cluster.data}")
        for command in back:
            bash(cluster, command)
        cluster.start()
        (tmp_path / "central.toml").write_text(f'database_url = "{cluster.url}"\n')
        noted = CliRunner().invoke(
            app, ["central", "restore", "--config", str(tmp_path / "central.toml")]
        )
        assert noted.exit_code == 0, noted.stderr
        database = open_database(cluster.url)
        with database.read() as connection:
            halls = connection.exec_driver_sql("SELECT hall FROM hall ORDER BY hall").scalars()
            assert [*halls] == ["after", "before"]
            assert covers.is_restoring(connection)
        database.close()


def blocks() -> list[str]:
    part = PAGE.read_text().split("## PostgreSQL", 1)[1]
    return re.findall(r"```\n(.*?)```", part, re.DOTALL)


def typed(block: str, cluster: Cluster) -> str:
    """With this machine's folders."""
    block = block.replace("/var/lib/postgresql/15/main", str(cluster.data))
    return block.replace("/mnt/copies", str(cluster.folder / "copies"))


def bash(cluster: Cluster, command: str) -> None:
    environment = {
        "PATH": f"{cluster.programs}:{os.environ['PATH']}",
        "PGHOST": str(cluster.folder),
        "PGUSER": "pingjia",
    }
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment,
        cwd=cluster.folder,
        capture_output=True,
        text=True,
        timeout=60,
        **cluster.owner,
    )
    assert done.returncode == 0, (command, done.stderr)


def add(cluster: Cluster, hall: str, with_device: bool = False) -> None:
    database = open_database(cluster.url)
    statements = [f"{HALL} ('{hall}', 'x', 1, 'h', 1, 0)"]
    if with_device:
        statements += [
            f"INSERT INTO \"window\" (hall, \"window\", name, is_closed) VALUES ('{hall}', 'w1',"
            " 'w', false)",
            'INSERT INTO device (device, epoch, hall, "window", password_hash, enrolled_at_ms,'
            f" proven_ms) VALUES ('xj-0417', 1, '{hall}', 'w1', '', 0, 0)",
            "INSERT INTO head (device, epoch, seq, mac16, boot, up_ms, envelope, receipt_seq,"
            " stored_at_ms, shown, surplus, lacking) VALUES ('xj-0417', 1, 1, '', 1, 1, '', 0,"
            f" {NOW_MS}, 0, 0, 0)",
        ]
    with database.write() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    database.close()
