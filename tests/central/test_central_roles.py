"""Intake and pages as processes of their own over one database, and how pages learn of changes."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager

import pytest
from central_hall import SECRET, bearer
from empty_file import ACTS_KEY
from fastapi.testclient import TestClient

from central.centre import Centre
from central.clockwork import Limits
from central.config import Role
from central.directory.halls import Halls
from central.keys import DeviceKeys
from central.people.tokens import Tokens
from central.ratings.versions import load_rules
from central.steady import PlainClock
from central.store.database import open_database
from central.store.judged.changes import Changes
from hosting.clock import china, now_ms
from hosting.error import OperatorError

OF_BOTH = {"/healthz", "/metrics"}


def centre_of(hall, role, default="national"):
    rules = load_rules(default)
    return Centre(
        *(hall.database, DeviceKeys(SECRET), rules, Limits(), PlainClock(hall.clock)), role=role
    )


def routes_of(centre):
    """(method, path) of its API, and of its pages where it answers them."""
    client = TestClient(centre.app)
    paths = client.get("/openapi.json").json()["paths"]
    found = {(method.upper(), path) for path, one in paths.items() for method in one}
    if client.get("/login").status_code != 404:
        found |= {
            (method, one.path) for one in centre.site.router.routes for method in one.methods
        }
    return {one for one in found if one[1] not in OF_BOTH}


def test_each_route_is_answered_by_one_of_the_two_roles(hall):
    found = {role: routes_of(centre_of(hall, role)) for role in Role}
    assert found[Role.INTAKE] | found[Role.PAGES] == found[Role.ALL]
    assert not found[Role.INTAKE] & found[Role.PAGES]
    assert ("POST", "/v1/batches") in found[Role.INTAKE]
    assert all(path.startswith("/v1/") for _, path in found[Role.INTAKE])
    assert {("GET", "/"), ("GET", "/live"), ("GET", "/v1/figures")} <= found[Role.PAGES]


def test_who_shows_neither_judges_nor_notes_that_the_centre_runs(hall, device):
    pages = centre_of(hall, Role.PAGES)
    names = {ticker._thread.name for ticker in pages._tickers}
    assert not names & {"judge", "backfill", "directory"}
    ran = "select count(*) from running"
    for one, rows in ((pages, 0), (centre_of(hall, Role.INTAKE), 1)):
        one.note_running()
        with hall.database.read() as connection:
            assert connection.exec_driver_sql(ran).scalar() == rows, one.role


def test_who_shows_needs_the_rules_that_services_are_judged_by(hall):
    centre_of(hall, Role.INTAKE).begin()
    centre_of(hall, Role.PAGES).begin()
    other = centre_of(hall, Role.PAGES, "qinnan")
    with pytest.raises(OperatorError, match="started with these first"):
        other.begin()
    ended = []
    other.on_other_rules = lambda: ended.append(True)
    other._look_at_rules()
    assert ended


def test_what_is_judged_is_seen(database, hall, device):
    changes = Changes(database)
    changes.start()
    try:
        until_s = time.monotonic() + 5
        while database.can_listen and changes._wait is None and time.monotonic() < until_s:
            time.sleep(0.01)
        before = changes.seen()
        assert changes.seen() == before
        hall.post(device.rating())
        until_s = time.monotonic() + 5
        while changes.seen() == before and time.monotonic() < until_s:
            time.sleep(0.01)
        assert changes.seen() != before
        assert changes.seen()[0] == ("told" if database.can_listen else "looked")
    finally:
        changes.close()
    before = changes.seen()  # nobody listens any more: it looks
    hall.post(device.rating(service="S-2"))
    assert changes.seen() != before


@contextmanager
def running(folder, role):
    """The URL of a process of this role."""
    log = (folder / f"{role}.log").open("wb")
    command = [sys.executable, "-m", "pingjia", "central", "run", "--role", role]
    process = subprocess.Popen(
        [*command, "--until-stdin-closes"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        ready = process.stdout.readline()
        assert ready.startswith("ready"), (folder / f"{role}.log").read_text()
        yield ready.split()[1]
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()
        log.close()


def ask(url, headers, data=None):
    """(status, body)."""
    body = None if data is None else json.dumps(data).encode()
    asked = urllib.request.Request(url, body, {**headers, "content-type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))]
)
def test_pages_show_what_another_process_takes_and_go_on_without_it(tmp_path, request, kind):
    url = f"sqlite:///{tmp_path}/central.db"
    if kind == "postgresql":
        url = request.getfixturevalue("cluster").make_database("roles")
    (tmp_path / "central.toml").write_text(
        f'listen_port = 0\npages_listen_port = 0\ndatabase_url = "{url}"\n'
    )
    secret = tmp_path / "master.secret"
    secret.touch(0o600)
    secret.write_bytes(SECRET)
    database = open_database(url)
    database.sign_acts(ACTS_KEY)
    tokens = Tokens(database, now_ms)
    Halls(database, now_ms).add("demo", "大厅", "broker", 1883, None, tmp_path / "hall.token")
    for scope, name in (("services:write:all", "w"), ("figures:read", "r")):
        tokens.add(scope, tmp_path / name)
    database.close()
    writer, reader = bearer(tmp_path / "w"), bearer(tmp_path / "r")
    service = {"hall": "demo", "service": "S-1", "window": "w1"}
    service |= {"opened_at": f"{china(now_ms()):%Y-%m-%d %H:%M}"}
    with ExitStack() as first:
        intake = first.enter_context(running(tmp_path, "intake"))
        with running(tmp_path, "pages") as pages:
            assert ask(f"{pages}/v1/services", writer, service)[0] in (404, 405)
            assert ask(f"{intake}/v1/figures", reader)[0] == 404
            status, told = ask(f"{intake}/v1/services", writer, service)
            assert status == 201, told
            until_s = time.monotonic() + 10
            while time.monotonic() < until_s:
                shown = ask(f"{pages}/v1/figures", reader)[1]
                if shown["whole"]["waiting"]:
                    break
                time.sleep(0.05)
            assert shown["whole"]["waiting"] == 1
            first.close()
            assert ask(f"{pages}/v1/figures", reader)[0] == 200
            assert ask(f"{pages}/healthz", {})[0] == 200
