"""Databases for one measurement after the other: each begins as one that was made once."""

import contextlib
import shutil
import sqlite3
import sys
from pathlib import Path

import psutil
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

from postgresql import Cluster

_MADE = "made"


class Sqlite:
    """Files in a folder. Use as `with Sqlite(folder) as store`."""

    name = "SQLite"

    def __init__(self, folder: Path):
        self._folder = folder
        self.made_url = self._url(_MADE)

    def __enter__(self) -> "Sqlite":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def anew(self, is_empty: bool = False) -> str:
        """The address of a copy of what stands at `made_url`, or of nothing; only the last one
        that was given is there.
        """
        for path in self._folder.glob("run.db*"):
            path.unlink()
        if not is_empty:
            shutil.copy(self._folder / f"{_MADE}.db", self._folder / "run.db")
        return self._url("run")

    def processor_s(self) -> float:
        """What its own processes have used: it has none."""
        return 0.0

    def made_bytes(self) -> int:
        """What stands at `made_url` takes on disk."""
        return (self._folder / f"{_MADE}.db").stat().st_size

    def disk_bytes(self) -> int:
        """What the copy takes on disk, its log aside."""
        with sqlite3.connect(self._folder / "run.db") as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            size = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.close()
        return pages * size

    def _url(self, name: str) -> str:
        return f"sqlite:///{self._folder / name}.db"


class Postgresql:
    """The same in a private cluster, which runs from `__enter__` to `__exit__`."""

    name = "PostgreSQL"

    def __init__(self, folder: Path):
        self._cluster = Cluster()

    def __enter__(self) -> "Postgresql":
        self._cluster.__enter__()
        self.made_url = self._url(_MADE)
        self._do(f"CREATE DATABASE {_MADE}")
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.__exit__()

    def anew(self, is_empty: bool = False) -> str:
        """The address of a copy of what stands at `made_url`, or of nothing; only the last one
        that was given is there.
        """
        self._do("DROP DATABASE IF EXISTS run WITH (FORCE)")
        self._do("CREATE DATABASE run" + ("" if is_empty else f" TEMPLATE {_MADE}"))
        self._do("CHECKPOINT")  # not in the middle of what is measured
        return self._url("run")

    def processor_s(self) -> float:
        """What its own processes have used, those that ended included."""
        postmaster = psutil.Process(self._cluster.pid)
        times = postmaster.cpu_times()
        used_s = times.user + times.system + times.children_user + times.children_system
        for child in postmaster.children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                used_s += processor_s(child)
        return used_s

    def made_bytes(self) -> int:
        """What stands at `made_url` takes on disk."""
        return self._bytes(_MADE)

    def disk_bytes(self) -> int:
        """What the copy takes on disk, its log aside."""
        return self._bytes("run")

    def _bytes(self, name: str) -> int:
        engine = create_engine(self._url(name))
        with engine.connect() as connection:
            size = connection.exec_driver_sql(f"SELECT pg_database_size('{name}')").scalar_one()
        engine.dispose()
        return size

    def _url(self, name: str) -> str:
        return make_url(self._cluster.url).set(database=name).render_as_string(False)

    def _do(self, statement: str) -> None:
        engine = create_engine(self._cluster.url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


def processor_s(process: psutil.Process) -> float:
    """The seconds of processor that a process has used, its children's not."""
    times = process.cpu_times()
    return times.user + times.system


def held(url: str) -> tuple[list[bytes], int, int]:
    """The envelopes of all ratings in a centre's database, how many service documents it holds,
    and how many records that contradict each other.
    """
    engine = create_engine(url)
    with engine.connect() as connection:
        query = "SELECT envelope FROM record WHERE kind = 'rating'"
        envelopes = [bytes(row[0]) for row in connection.exec_driver_sql(query)]
        documents, conflicts = (
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("document", "conflict")
        )
    engine.dispose()
    return envelopes, documents, conflicts


def check_held(url: str, ratings: list[bytes], most: list[bytes] | None = None) -> None:
    """Raise AssertionError unless each of these ratings is there once, with as many documents.

    most: what else may be there, because it was sent and not answered.
    """
    envelopes, documents, conflicts = held(url)
    assert len(set(envelopes)) == len(envelopes), "a rating is held twice"
    assert set(ratings) <= set(envelopes) <= {*ratings, *(most or ())}, "other ratings are held"
    assert documents == len(envelopes), f"{documents} documents of {len(envelopes)} ratings"
    assert conflicts == 0, f"{conflicts} conflicts"


def bare_count(url: str) -> int:
    """How many rows the yardstick has inserted."""
    engine = create_engine(url)
    with engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM envelope").scalar_one()
    engine.dispose()
    return count
