"""Where people put and start things: folders as they are called, terminals without Chinese,
proxies in the environment, IPv6. FAULTS 30
"""

import json
import os
import sqlite3
import subprocess
import sys
import urllib.request
from contextlib import closing
from pathlib import Path

import httpx2
import pytest
import typer
from typer.testing import CliRunner

from central.config import load_config
from central.store.database import open_database
from gateway.keep.alarms import Alarms
from gateway.store.database import Database
from gateway.upward.centre import Centre, Contact
from gateway.upward.credentials import Credentials, Files
from hosting.error import OperatorError
from hosting.listener import listen, url_of
from pingjia import app
from simulator.web import QueueSystem
from workbench.desk import centre as bench_centre

FOLDERS = ["a b", "a?b", "a?mode=memory&b", "50%20off", "100%", "a#b", "file:x", "评价 大厅"]
COMMAND = [sys.executable, "-m", "pingjia"]
_NAMES = ("ALL_PROXY", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy")
SOCKS = dict.fromkeys(_NAMES, "socks5://127.0.0.1:9")


def pingjia(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("name", FOLDERS)
def test_a_gateway_s_database_stands_in_the_folder_that_was_named(tmp_path, name):
    path = tmp_path / name / "gateway.sqlite"
    Database(path).close()
    assert path.stat().st_size > 0
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", FOLDERS)
def test_so_does_a_centre_s_relative_and_absolute(tmp_path, name):
    """Also one that `database_url` names whole, and the copy that `verify` makes of an export."""
    folder = tmp_path / name
    folder.mkdir()
    config = folder / "central.toml"
    assert pingjia("central", "init", "--config", config).exit_code == 0
    assert (folder / "central.db").stat().st_size > 0
    config.write_text(f'database_url = "sqlite:///{folder}/other.db"\n', "utf-8")
    open_database(load_config(config).database_url).close()
    assert (folder / "other.db").stat().st_size > 0
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_an_export_is_verified_wherever_temporary_files_are(tmp_path, monkeypatch):
    folder = tmp_path / "a?b 50%20"
    folder.mkdir()
    config = folder / "central.toml"
    assert pingjia("central", "init", "--config", config).exit_code == 0
    out = folder / "出口.jsonl.gz"
    export = pingjia("central", "export", "--out", out, "--config", config)
    assert export.exit_code == 0, export.output
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    verified = pingjia("central", "verify", out, "--config", config)
    assert f"NOTHING to verify in {out}" in verified.stderr
    assert [one.name for one in tmp_path.iterdir()] == ["a?b 50%20"]


def _every_help() -> list[list[str]]:
    """The words of every command and group there is."""
    found: list[list[str]] = [[]]

    def walk(group, words: list[str]) -> None:
        for name in group.list_commands(None):
            found.append([*words, name])
            command = group.get_command(None, name)
            if hasattr(command, "list_commands"):
                walk(command, [*words, name])

    walk(typer.main.get_command(app), [])
    return found


# What a terminal may be; the first three are the usual ones of a server without a language.
TERMINALS = {
    "C": {"LC_ALL": "C"},
    "C, not coerced": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "POSIX": {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
    "GB18030": {"PYTHONIOENCODING": "gb18030"},
    "GBK": {"PYTHONIOENCODING": "gbk"},
    "Latin-1": {"PYTHONIOENCODING": "latin-1"},
}
MAKE_TEST = ("C, not coerced", "GBK")  # the two that raise, and mix up, the most
EVERY = """
import json, sys
from pingjia import app
for words in json.loads(sys.argv[1]):
    try:
        app([*words, "--help"], prog_name="pingjia")
    except SystemExit as ended:
        assert ended.code == 0, words
"""


@pytest.mark.parametrize(
    "terminal",
    [
        pytest.param(name, marks=() if name in MAKE_TEST else pytest.mark.long)
        for name in TERMINALS
    ],
)
def test_every_help_prints_on_every_terminal(terminal):
    every = _every_help()
    assert len(every) > 60
    environment = {**os.environ, **TERMINALS[terminal]}
    ended = subprocess.run(
        [sys.executable, "-c", EVERY, json.dumps(every)],
        env=environment,
        capture_output=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")[-2000:]
    assert b"Traceback" not in ended.stderr
    assert ended.stdout.count(b"Usage: pingjia") == len(every)
    if terminal.startswith("GB"):
        assert "大厅网关" in ended.stdout.decode("gbk")


def test_what_is_named_in_chinese_is_told_on_a_terminal_without_it(tmp_path):
    """An error's sentence and a command's answer, too."""
    folder = tmp_path / "大厅"
    folder.mkdir()
    for words, code in ((["init"], 0), (["hall", "list"], 0), (["verify", "无.gz"], 1)):
        ended = subprocess.run(
            [*COMMAND, "central", *words, "--config", str(folder / "central.toml")],
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == code
        assert "Traceback" not in ended.stderr
    assert "\\u65e0.gz" in ended.stderr or "无.gz" in ended.stderr


def test_the_control_a_stream_without_it_raises():
    code = "print('大厅')"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert b"UnicodeEncodeError" in ended.stderr


@pytest.fixture
def socks(monkeypatch):
    """A desktop whose settings name a SOCKS proxy, which we do not speak."""
    for name, value in SOCKS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImportError):  # the control: the library stops at it
        httpx2.Client()


def test_a_gateway_takes_its_proxy_from_its_settings_alone(tmp_path, socks):
    credentials, contact = Credentials(Files(_token(tmp_path)), Alarms()), Contact()
    Centre("https://centre.example", credentials, contact).close()
    with pytest.raises(OperatorError, match=r"SOCKS proxy.*gateway\.toml \(proxy\)"):
        Centre("https://centre.example", credentials, contact, SOCKS["ALL_PROXY"])


def _token(folder: Path) -> Path:
    file = folder / "token"
    file.touch(0o600)
    file.write_text("pj_token")
    return file


def test_a_bench_says_which_proxy_it_cannot_use_and_needs_none_for_this_machine(tmp_path, socks):
    token = _token(tmp_path)
    for here in ("http://127.0.0.1:9", "http://[::1]:9", "https://localhost:9"):
        with bench_centre.Centre(here, "demo", token):
            pass
    with pytest.raises(OperatorError, match="the proxy that this machine's environment names"):
        bench_centre.Centre("https://centre.example", "demo", token)


def test_the_simulator_asks_no_proxy(socks):
    assert QueueSystem("http://127.0.0.1:9", "token")


def test_a_centre_on_ipv6_prints_an_address_that_works(tmp_path):
    config = tmp_path / "central.toml"
    config.write_text('listen_host = "::1"\nlisten_port = 0\n')
    assert pingjia("central", "init", "--config", config).exit_code == 0
    assert _answers("central", config)["status"] == "ok"


def test_so_does_a_gateway_and_its_broker(tmp_path):
    _token(tmp_path)
    config = tmp_path / "gateway.toml"
    config.write_text(
        'hall = "demo"\ncentre_url = "http://[::1]:9"\ncentre_token_file = "token"\n'
        'api_listen_host = "::1"\napi_listen_port = 0\nmqtt_host = "::1"\nmqtt_port = 0\n'
    )
    lines: list[str] = []
    assert _answers("gateway", config, lines)["mqtt"] is True
    assert lines[0].startswith("mqtt [::1]:")


def _answers(tier: str, config: Path, lines: list[str] | None = None) -> dict:
    """What /healthz says at the printed address, of a process with SOCKS in its environment."""
    process = subprocess.Popen(
        [*COMMAND, tier, "run", "--config", str(config), "--until-stdin-closes"],
        env={**os.environ, **SOCKS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if lines is not None:
                lines.append(line)
            if line.startswith("ready "):
                url = line.split()[1]
                assert url.startswith("http://[::1]:")
                opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                with opener.open(f"{url}/healthz", timeout=10) as answer:
                    return json.loads(answer.read())
        raise AssertionError("it does not start")
    finally:
        process.stdin.close()
        process.wait(15)
        process.stdout.close()


@pytest.mark.parametrize(("host", "begins"), [("::1", "http://[::1]:"), ("::", "http://[::]:")])
def test_an_address_stands_in_brackets(host, begins):
    with listen(host, 0, "?") as listener:
        assert url_of(listener).startswith(begins)


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes that break")
def test_a_reader_that_has_gone_is_no_error():
    """`| head`: nothing is said of it."""
    command = [sys.executable, "-m", "pingjia", "sim", "storm", "--list"]
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        command,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        timeout=60,
    )
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, "")


MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("tier", "limit", "most"),
    [
        pytest.param("gateway", None, 9 * MIB, id="gateway"),
        pytest.param("central", None, 33 * MIB, id="central"),
        pytest.param("gateway", -1, None, id="control: a log without a limit"),
    ],
)
def test_a_log_that_a_reader_held_open_shrinks_again(tmp_path, tier, limit, most):
    """FAULTS 25: a backup, or a shell of SQLite, that stood still in the middle of reading."""
    path = tmp_path / "held.sqlite"
    database = Database(path) if tier == "gateway" else open_database(f"sqlite:///{path}")

    def put(size: int) -> None:
        with database.write() as connection:
            if limit is not None:
                connection.exec_driver_sql(f"PRAGMA journal_size_limit={limit}")
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS held (bytes BLOB)")
            connection.exec_driver_sql("INSERT INTO held VALUES (zeroblob(?))", (size,))

    log = path.with_name(f"{path.name}-wal")
    put(1)
    with closing(sqlite3.connect(path)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM held").fetchone()
        for _ in range(10):
            put(4 * MIB)
        assert log.stat().st_size > 40 * MIB
    for _ in range(3):
        put(1)
    size = log.stat().st_size
    database.close()
    assert size <= most if most else size > 40 * MIB
