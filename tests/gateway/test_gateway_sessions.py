"""Who has logged in: the cookie is not the token, a PC is bound once, and what is over ends."""

import re
import threading
import time

import httpx2
import pytest
from sqlalchemy.exc import OperationalError
from typer.testing import CliRunner

from gateway.cli import pages as cli_pages
from gateway.config import load_config
from gateway.desk.callers import API, CONSOLE, PAGES
from gateway.desk.codes import CODE_MS, new_code
from gateway.desk.sessions import PageSessions
from gateway.store import halls, tokens
from gateway.store.database import Database
from hosting.error import OperatorError
from hosting.tokens import EndedTokenError, digest, new_secret
from pages import live
from pingjia import app

DAY_MS = 86_400_000
ENDS_WITHIN_S = 4  # of an open page that is looked at every second


class Desk:
    """The sessions of a database, at a time that the test sets."""

    def __init__(self, folder):
        self.database = Database(folder / "gateway.sqlite")
        self.ms = 1_760_000_000_000
        self.sessions = PageSessions(self.database, lambda: self.ms)

    def token(self, name, scope=PAGES, window=None, ends_at_ms=None):
        secret = new_secret()
        with self.database.write() as connection:
            tokens.put(connection, name, digest(secret), self.ms, scope, window, ends_at_ms)
        return secret

    def revoke(self, name):
        with self.database.write() as connection:
            assert tokens.revoke(connection, name)

    def names(self):
        with self.database.read() as connection:
            return [row.name for row in tokens.everyone(connection)]


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path)
    yield made
    made.database.close()


def test_a_login_outlives_nights_and_a_holiday_and_ends_after_30_days_of_nobody(desk):
    secret, caller = desk.sessions.log_in(desk.token("it"))
    assert caller == ("it", PAGES, None, None)
    for days in (0.6, 9, 29.9, 29.9):
        desk.ms += round(days * DAY_MS)
        assert desk.sessions.holder(secret) == caller
    desk.ms += 30 * DAY_MS
    assert desk.sessions.holder(secret) is None


def test_a_session_is_no_token_and_a_token_no_session(desk):
    token = desk.token("it")
    secret, _ = desk.sessions.log_in(token)
    assert secret != token
    assert desk.sessions.holder(token) is None
    assert desk.sessions.log_in(secret) is None
    assert desk.sessions.log_in(desk.token("queue", API)) is None


def test_a_session_ends_by_logging_out_and_with_its_token(desk):
    token, end_ms = desk.token("it"), desk.ms + DAY_MS
    first, second = (desk.sessions.log_in(token)[0] for _ in range(2))
    desk.sessions.log_out(first)
    assert desk.sessions.holder(first) is None
    assert desk.sessions.holder(second) is not None, "the control"
    desk.revoke("it")
    desk.token("it")  # another one of that name revives nothing
    assert desk.sessions.holder(second) is None
    third, _ = desk.sessions.log_in(desk.token("short", ends_at_ms=end_ms))
    desk.ms = end_ms - 1
    assert desk.sessions.holder(third) is not None
    desk.ms = end_ms
    with pytest.raises(EndedTokenError):
        desk.sessions.holder(third)


def test_a_code_binds_one_pc_to_its_window_and_that_pc_alone_is_unbound(desk):
    code, ends_at_ms = new_code(desk.database, "w1", desk.ms)
    assert (len(code), ends_at_ms - desk.ms) == (14, CODE_MS)
    secret, caller = desk.sessions.log_in(code.lower())
    assert (caller.scope, caller.window) == (CONSOLE, "w1")
    assert desk.sessions.log_in(code) is None, "it was used"
    other, _ = desk.sessions.log_in(new_code(desk.database, "w1", desk.ms)[0])
    (name,) = {one for one in desk.names() if one == caller.name}
    assert re.fullmatch(r"w1-pc-\d{8}-\d{6}-[0-9a-f]{4}", name)
    desk.revoke(name)
    assert desk.sessions.holder(secret) is None
    assert desk.sessions.holder(other) is not None, "the control"
    desk.sessions.log_out(other)
    assert desk.names() == [], "a PC that is unbound stands in no list"
    desk.sessions.log_in(new_code(desk.database, "w1", desk.ms)[0])
    desk.ms += 31 * DAY_MS
    desk.sessions.log_in(desk.token("it"))
    assert desk.names() == ["it"], "nor does one that nobody has used"


def test_a_code_is_over_after_ten_minutes_or_when_the_window_has_a_newer_one(desk):
    first, _ = new_code(desk.database, "w1", desk.ms)
    second, _ = new_code(desk.database, "w1", desk.ms)
    elsewhere, _ = new_code(desk.database, "w2", desk.ms)
    assert desk.sessions.log_in(first) is None
    desk.ms += CODE_MS - 1
    assert desk.sessions.log_in(elsewhere) is not None, "the control"
    desk.ms += 1
    with pytest.raises(EndedTokenError):
        desk.sessions.log_in(second)
    assert desk.names() == [one for one in desk.names() if one.startswith("w2")]


def test_a_code_that_two_send_at_once_binds_one(desk):
    code, found = new_code(desk.database, "w1", desk.ms)[0], []
    both = threading.Barrier(2)

    def send():
        both.wait()
        found.append(desk.sessions.log_in(code))

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in found) == 1
    assert len(desk.names()) == 1


def test_who_must_mend_a_full_disk_may_log_in(desk):
    class Full:
        read = desk.database.read

        def write(self):
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    token = desk.token("it")
    sessions = PageSessions(Full(), lambda: desk.ms)
    secret, caller = sessions.log_in(token)
    assert sessions.holder(secret) == caller
    desk.revoke("it")
    assert sessions.holder(secret) is None


@pytest.fixture
def gateway_toml(tmp_path, lasting):
    """The settings of a gateway that shares its hall's document and answers at `lasting`."""
    path = tmp_path / "gateway.toml"
    path.write_text(
        'hall = "demo"\ncentre_url = "http://127.0.0.1:9"\ncentre_token_file = "t"\n'
        'data_dir = "data"\napi_listen_host = "10.1.2.3"\n'
    )
    (tmp_path / "data").mkdir()
    database = Database(tmp_path / "data/gateway.sqlite")
    with lasting.database.read() as connection:
        document = halls.get(connection).document
    with database.write() as connection:
        halls.put(connection, 1, document, 0)
    database.close()
    return path


def command(config, *words):
    return CliRunner().invoke(app, ["gateway", *words, "--config", str(config)])


def test_the_command_prints_a_link_that_lets_one_pc_in(gateway_toml, tmp_path):
    said = command(gateway_toml, "console", "w1", "--qr")
    assert said.exit_code == 0, said.output
    code = re.search(r"http://10\.1\.2\.3:8080/login#([A-Z2-9-]{14})\n", said.output)[1]
    assert f"http://10.1.2.3:8080/login and type {code}" in said.output
    assert "http://10.1.2.3:8080/windows/w1" in said.output
    assert "█" in said.output
    assert "█" not in command(gateway_toml, "console", "w1").output, "no terminal"
    wrong = command(gateway_toml, "console", "w99")
    assert (wrong.exit_code, "The hall has no window w99." in wrong.stderr) == (1, True)
    code = re.search(r"#(\S+)", command(gateway_toml, "console", "w1").output)[1]
    database = Database(tmp_path / "data/gateway.sqlite")
    sessions = PageSessions(database)
    assert sessions.log_in(code) is not None
    assert sessions.log_in(code) is None
    database.close()
    listed = command(gateway_toml, "token", "list").output
    assert "w1-pc-" in listed
    assert "console w1" in listed
    made = command(
        *(gateway_toml, "token", "add", "it", "--scope", "pages:read"),
        *("--out", str(tmp_path / "it.token")),
    )
    assert "it opens http://10.1.2.3:8080/login" in made.output


@pytest.mark.parametrize(
    ("settings", "told", "address"),
    [
        ('api_listen_host = "10.1.2.3"', None, "http://10.1.2.3:8080"),
        ('api_listen_host = "fd00::7"', None, "http://[fd00::7]:8080"),
        ("", "https://hall.example/", "https://hall.example"),
        ("", "hall.example", None),
        ("", "https://hall.example/windows", None),
        ("api_listen_port = 0", None, None),
        ("behind_proxy = true", None, None),
    ],
)
def test_where_browsers_find_the_pages(tmp_path, settings, told, address):
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'hall = "demo"\ncentre_url = "http://127.0.0.1:9"\ncentre_token_file = "t"\n{settings}\n'
    )
    config = load_config(path)
    if address is not None:
        assert cli_pages.pages_address(config, told) == address
        return
    with pytest.raises(OperatorError, match="--address"):
        cli_pages.pages_address(config, told)


def test_an_open_page_ends_within_seconds_of_its_token_and_of_its_login(lasting, monkeypatch):
    """Three pages are open; one is logged out of, one's token is revoked. The third is the
    control. tests/pages/test_pages.py has the seconds as they are.
    """
    monkeypatch.setattr(live, "_ASK_S", 1.0)
    open_pages = {name: OpenPage(lasting, name) for name in ("leaves", "revoked", "stays")}
    for page in open_pages.values():
        assert page.has_begun.wait(10)
    began = time.monotonic()
    open_pages["leaves"].client.post("/logout")
    with lasting.database.write() as connection:
        tokens.revoke(connection, "revoked")
    for name in ("leaves", "revoked"):
        open_pages[name].thread.join(ENDS_WITHIN_S)
        assert not open_pages[name].thread.is_alive(), name
    assert time.monotonic() - began < ENDS_WITHIN_S
    assert open_pages["stays"].thread.is_alive()
    open_pages["stays"].client.post("/logout")
    open_pages["stays"].thread.join(ENDS_WITHIN_S)
    for page in open_pages.values():
        page.client.close()


class OpenPage:
    """The overview, open and listening, of somebody with a token of their own."""

    def __init__(self, gateway, name):
        secret = new_secret()
        with gateway.database.write() as connection:
            tokens.put(connection, name, digest(secret), 0, PAGES)
        self.client = httpx2.Client(
            base_url=gateway.api_url,
            headers={"Origin": gateway.api_url, "Accept": "text/event-stream"},
            trust_env=False,
        )
        assert self.client.post("/login", data={"token": secret}).status_code == 303
        self.has_begun = threading.Event()
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        with self.client.stream("GET", "/live", timeout=30) as answer:
            for _ in answer.iter_lines():
                self.has_begun.set()
