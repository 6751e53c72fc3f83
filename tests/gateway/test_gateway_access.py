"""Who may call the gateway: every route walked with every scope, by the table of docs/scopes.md;
and that a token's days are over everywhere at once.
"""

import httpx2
import pytest
from scope_tables import routes_of, table
from typer.testing import CliRunner

from gateway.desk import callers
from gateway.store import halls, tokens
from gateway.store.database import Database
from hosting.clock import day, now_ms
from hosting.tokens import digest, new_secret
from pingjia import app

DAY_MS = 86_400_000
COLUMNS, ROUTES = table("The gateway")
# Bodies and paths that come past the token, and are then refused or do nothing.
NAMES = {
    **{"window_id": "w9", "window": "w1", "service_id": "S-0"},
    **{"device": "dev-9999", "key": "nothing", "id": "9999"},
}
BODIES = {"PUT /api/v1/windows/{window_id}/staff": {"presence": "out"}}


def client_of(gateway, scope, ends_at_ms=None):
    """(an API's client, a browser) with a token of this scope."""
    secret = new_secret()
    window = "w1" if scope == callers.CONSOLE else None
    with gateway.database.write() as connection:
        tokens.put(connection, scope, digest(secret), now_ms(), scope, window)
    session = gateway.site.sessions.log_in(secret)
    assert (session is None) == (scope == callers.API), "a queue system's token opens no page"
    with gateway.database.write() as connection:
        tokens.put(connection, scope, digest(secret), now_ms(), scope, window, ends_at_ms)
    cookie = f"pingjia_gateway={session[0] if session else secret}"
    headers = {"Authorization": f"Bearer {secret}", "Origin": gateway.api_url}
    return httpx2.Client(
        base_url=gateway.api_url,
        headers={**headers, "cookie": cookie, "accept": "text/html"},
        trust_env=False,
        follow_redirects=False,
    )


def is_open(client, route, **names) -> bool:
    """Whether the token is taken, whatever the answer then is."""
    method, path = route.split(" ")
    for name, value in {**NAMES, **names}.items():
        path = path.replace(f"{{{name}}}", value)
    part = {"hx-request": "true"} if method == "POST" else {}  # as buttons send it
    with client.stream(method, path, json=BODIES.get(route), headers=part) as answer:
        assert answer.status_code != 500
        if answer.status_code == 303:
            place = answer.headers["location"]
            return not place.startswith("/login") and not place.startswith("/windows/")
        return answer.status_code not in (401, 403)


def test_the_table_has_every_scope_and_every_route(lasting):
    assert tuple(COLUMNS) == callers.SCOPES
    with httpx2.Client(base_url=lasting.api_url, trust_env=False) as client:
        assert routes_of(client, lasting.site) == set(ROUTES)


@pytest.mark.parametrize("scope", COLUMNS)
def test_every_route_with_every_scope(lasting, scope):
    with client_of(lasting, scope) as client:
        found = {route: is_open(client, route) for route in ROUTES}
        assert found == {route: words[scope] != "" for route, words in ROUTES.items()}
        for route, words in ROUTES.items():
            if words[scope] == "own":
                assert not is_open(client, route, window="w2"), route


@pytest.mark.parametrize("scope", COLUMNS)
def test_a_token_whose_days_are_over_is_refused_everywhere(lasting, scope):
    """The control is the test above."""
    with client_of(lasting, scope, ends_at_ms=now_ms()) as client:
        assert not any(is_open(client, route) for route in ROUTES)
        answer = client.get("/api/v1/status", headers={"accept": "*/*"})
        assert "this token was good until 20" in answer.json()["detail"]
        page = client.get("/windows/w1")
        if scope == callers.API:
            assert page.headers["location"].startswith("/login")
            return
        assert "ended=1" in page.headers["location"]
        assert "此令牌已到期" in client.get(page.headers["location"]).text


def test_a_token_ends_to_the_millisecond_and_its_day_is_noted_once(tmp_path):
    database = Database(tmp_path / "gateway.sqlite")
    at_ms = 1_760_000_000_000
    with database.write() as connection:
        tokens.put(connection, "queue", digest("s"), at_ms, ends_at_ms=at_ms + DAY_MS)
    before = database.commits
    for ms in (0, 1, DAY_MS - 1):
        assert callers.caller_of(database, "s", lambda ms=ms: at_ms + ms) is not None
    assert database.commits - before == 2, "two days"
    with pytest.raises(callers.EndedTokenError, match="ask hall IT"):
        callers.caller_of(database, "s", lambda: at_ms + DAY_MS)
    database.close()


@pytest.fixture
def command(tmp_path, lasting):
    """Runs `pingjia gateway token …` in a folder whose gateway knows its hall."""
    (tmp_path / "gateway.toml").write_text(
        'hall = "demo"\ncentre_url = "http://127.0.0.1:9"\ncentre_token_file = "t"\n'
        'data_dir = "data"\n'
    )
    (tmp_path / "data").mkdir()
    database = Database(tmp_path / "data/gateway.sqlite")
    with lasting.database.read() as connection:
        document = halls.get(connection).document
    with database.write() as connection:
        halls.put(connection, 1, document, 0)
    database.close()

    def run(*words):
        config = ("--config", f"{tmp_path}/gateway.toml")
        return CliRunner().invoke(app, ["gateway", "token", *words, *config])

    return run


def test_a_console_for_a_window_that_is_not_there_is_refused_with_the_nearest(command, tmp_path):
    def add(window):
        options = ("--scope", "console", "--window", window, "--out", str(tmp_path / "c.token"))
        return command("add", "counter-1", *options)

    wrong = add("w01")
    assert (wrong.exit_code, "Did you mean w1?" in wrong.stderr) == (1, True)
    assert "It has w1, w2" in wrong.stderr
    assert not (tmp_path / "c.token").exists()
    assert add("w1").exit_code == 0


def test_the_list_tells_the_end_and_the_last_use(command, tmp_path):
    for name, days in (("queue", ("--days", "30")), ("old", ())):
        assert command("add", name, *days, "--out", str(tmp_path / name)).exit_code == 0
    database = Database(tmp_path / "data/gateway.sqlite")
    assert callers.caller_of(database, (tmp_path / "queue").read_text().strip()) is not None
    database.close()
    queue, old = sorted(command("list").output.splitlines(), reverse=True)
    assert queue.startswith("queue  api, since 20")
    assert f", used last {day(now_ms())}, until 20" in queue
    assert old.endswith(", never used")
