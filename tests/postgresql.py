"""A PostgreSQL cluster for a test run: Debian's, in a folder of its own, on a socket only."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

_USER, _NAME = "pingjia", "postgres"
_START_S = 30


def find_postgresql() -> Path | None:
    """The folder of PostgreSQL's programs, the newest version's; Debian has it in no PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in folders), default=None, key=lambda path: path.parent.name)


class Cluster:
    """Runs from `__enter__` to `__exit__`; root starts it as nobody, because it refuses root."""

    def __enter__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pingjia-postgresql-"))
        self.programs, self.data = find_postgresql(), self.folder / "data"
        self.owner = {}
        if os.geteuid() == 0:
            shutil.chown(self.folder, "nobody")
            self.owner = {"user": "nobody", "group": "nogroup", "extra_groups": ()}
        made = [self.programs / "initdb", "-D", self.data, "-U", _USER, "-A", "trust"]
        subprocess.run(
            [*made, "-E", "UTF8", "--locale=C", "--no-sync"],
            check=True,
            capture_output=True,
            **self.owner,
        )
        self.start()
        return self

    def start(self) -> None:
        """Start it, and wait until it answers."""
        settings = [f"-cunix_socket_directories={self.folder}", "-clisten_addresses="]
        settings += ["-cmax_locks_per_transaction=256"]  # as docs/ say: partitions need them
        settings += ["-cautovacuum=off"]  # plans do not change with when it looked at a few rows
        settings += ["-cfsync=off"]  # no machine dies here; what a killed process wrote stays
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, *settings], stderr=log, **self.owner
            )
        until_s = time.monotonic() + _START_S
        while not self._is_up():
            assert time.monotonic() < until_s, (self.folder / "log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(_START_S)

    def __exit__(self, *_):
        self.kill()  # nothing of it is kept
        shutil.rmtree(self.folder)

    @property
    def url(self) -> str:
        """Of its one database."""
        return f"postgresql+psycopg://{_USER}@/{_NAME}?host={self.folder}"

    @property
    def pid(self) -> int:
        """Of the postmaster, whose children the other processes are."""
        return self._process.pid

    def make_database(self, name: str) -> str:
        """Another database, empty; its url."""
        with self._connect() as connection:
            connection.autocommit = True
            connection.execute(f"CREATE DATABASE {name}")
        return self.url.replace(f"/{_NAME}?", f"/{name}?")

    def _connect(self):
        return psycopg.connect(host=str(self.folder), user=_USER, dbname=_NAME)

    def _is_up(self):
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True
