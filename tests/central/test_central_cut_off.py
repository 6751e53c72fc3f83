"""Taken in whole or not at all, when the disk is full or the centre is killed in the middle: what
business systems tell, a table of the directory, a page's form, rules that are accepted.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest
from central_hall import Hall, bearer
from empty_file import central_in
from sqlalchemy import event
from test_central_directory_web import fields_of
from test_central_pages import HTML

from central.people.tokens import Tokens
from central.ratings.recount import differences
from hosting.clock import now_ms

ROOT = Path(__file__).parents[2]
RUN = [sys.executable, "-m", "pingjia", "central", "run", "--until-stdin-closes"]


def told(n: int) -> dict:
    """A service online with two projects, and what became of it: rows of five tables."""
    progress = [{"what": "accepted", "at": 1}, {"what": "finished", "at": 2}]
    numbers = [f"P-{n}-{at}" for at in range(2)]
    return {
        **{"hall": "demo", "service": f"S-{n}", "channel": "web", "project_nos": numbers},
        "progress": progress,
    }


def counted(database) -> dict[str, int]:
    with database.read() as connection:
        tables = ("service", "service_project", "progress")
        return {
            one: connection.exec_driver_sql(f"SELECT count(*) FROM {one}").scalar_one()
            for one in tables
        }


def test_a_full_disk_takes_a_service_whole_or_not_at_all(tmp_path, database, clock):
    """SQLite says that it is full at any page; then there is room again."""
    hall = Hall(tmp_path, "demo", database, clock)
    hall.tokens.add("services:write:demo", tmp_path / "w.token")
    headers = bearer(tmp_path / "w.token")
    room = {"pages": 1_000_000}

    def limit(connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {room['pages']}")

    event.listen(database._engine, "begin", limit)
    with database.read() as connection:
        held = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    room["pages"] = held + 4
    taken, refused = [], []
    for n in range(400):
        answer = hall.client.post("/v1/services", json=told(n), headers=headers)
        assert answer.status_code in (201, 503), answer.text
        (taken if answer.status_code == 201 else refused).append(n)
        if answer.status_code == 503:
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert "retry-after" in answer.headers or "again" in problem["detail"], problem
        if len(refused) > 5:
            break
    assert taken
    assert refused, "the control: it was full"
    n = len(taken)
    assert counted(database) == {"service": n, "service_project": 2 * n, "progress": 2 * n}
    room["pages"] = 1_000_000
    for n in refused:
        answer = hall.client.post("/v1/services", json=told(n), headers=headers)
        assert answer.status_code == 201, "as if it had never been told"
    n = len(taken) + len(refused)
    assert counted(database) == {"service": n, "service_project": 2 * n, "progress": 2 * n}
    hall.judge.settle_all()
    with database.read() as connection:
        assert list(differences(connection, hall.judge)) == []


class Killed:
    """A real centre in a folder, with tokens, that is killed while it is told something."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "central.toml").write_text("listen_port = 0\n")
        self.took_s = 0.0  # until the last answer
        self.env = {**os.environ, "PYTHONPATH": str(ROOT)}
        pingjia = [sys.executable, "-m", "pingjia", "central"]
        subprocess.run([*pingjia, "init"], cwd=folder, env=self.env, check=True)
        self.database = central_in(folder)
        Tokens(self.database, now_ms).add("directory:write", folder / "t.token")
        self.token = (folder / "t.token").read_text().strip()

    def lines(self) -> list[tuple]:
        """Each by its newest name."""
        with self.database.read() as connection:
            query = "SELECT id, name FROM directory WHERE kind = 'line' ORDER BY first_day"
            newest = {row[0]: row[1] for row in connection.exec_driver_sql(query)}
        return sorted(newest.items())

    def while_it_runs(self, ask, wait_s: float) -> bool:
        """Start it, ask, and kill it `wait_s` after that began; whether there was an answer."""
        answered = []
        with subprocess.Popen(
            RUN, cwd=self.folder, env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        ) as process:  # fmt: skip
            word, url = process.stdout.readline().split()
            assert word == "ready"

            def told() -> None:
                try:
                    began_s = time.monotonic()
                    with httpx2.Client(base_url=url, trust_env=False, timeout=30) as client:
                        answered.append(ask(client))
                    self.took_s = time.monotonic() - began_s
                except httpx2.TransportError:
                    pass

            asking = threading.Thread(target=told)
            asking.start()
            asking.join(wait_s)
            os.kill(process.pid, signal.SIGKILL)
            asking.join(30)
        return bool(answered)


@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=pytest.mark.long)])
@pytest.mark.parametrize("way", ["PUT", pytest.param("a page's form", marks=pytest.mark.long)])
def test_a_centre_killed_in_a_change_of_the_directory_has_all_of_it_or_nothing(
    tmp_path, way, kills
):
    killed = Killed(tmp_path)
    chance, size, outcomes = random.Random(20), 2000 if way == "PUT" else 1, set()

    def put(number: int):
        rows = [{"id": f"l{n}", "name": f"第{number}次"} for n in range(size)]

        def ask(client) -> int:
            headers = bearer(tmp_path / "t.token")
            answer = client.put("/v1/directory/line", json={"rows": rows}, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.status_code

        def fill(client) -> int:
            own = {**HTML, "origin": str(client.base_url).rstrip("/")}
            client.post("/login", data={"token": killed.token}, headers=own)
            path = "/directory/line/l0"
            fields = fields_of(client.get(path, headers=own).text)
            data = {**fields, "name": f"第{number}次"}
            agreed = fields_of(client.post(path, data=data, headers=own).text)
            return client.post(path, data=agreed, headers=own).status_code

        return ask if way == "PUT" or number == 0 else fill

    assert killed.while_it_runs(put(0), 60)
    assert killed.while_it_runs(put(0 if way == "PUT" else -1), 60)
    took_s = killed.took_s
    for number in range(1, kills + 1):
        before = killed.lines()
        is_answered = killed.while_it_runs(put(number), chance.uniform(0.0, took_s) * (number > 1))
        names = {name for _, name in killed.lines()}
        assert len(killed.lines()) == size
        assert len(names) == 1, "never a part of it"
        outcomes.add(killed.lines() == before)
        if is_answered:
            assert names == {f"第{number}次"}, "what was answered is there"
    assert killed.while_it_runs(put(kills + 1), 60)
    assert {name for _, name in killed.lines()} == {f"第{kills + 1}次"}, "it goes through"
    assert True in outcomes, "the control: it was killed in time"
    killed.database.close()
