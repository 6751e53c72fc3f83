"""`pingjia central …` as its operator meets it: settings, secrets, files, the process."""

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from base64 import b64decode
from contextlib import closing
from hashlib import pbkdf2_hmac
from importlib import import_module
from pathlib import Path

import pytest
import typer
from authority import Authority
from typer.testing import CliRunner

from central.cli import app as commands
from central.config import Config, load_config
from central.keys import DeviceKeys, derive_key
from central.people.callers import Callers, UnknownTokenError
from central.store.database import open_database
from hosting.clock import day, now_ms
from pingjia import app

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "pingjia", "central"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert central("init").exit_code == 0
    return tmp_path


def central(*arguments):
    return CliRunner().invoke(app, ["central", *(str(argument) for argument in arguments)])


def add_demo(folder):
    hall = ("hall", "add", "demo", "--mqtt-host", "broker", "--mqtt-port", 1883)
    assert central(*hall, "--token-out", "hall.token").exit_code == 0
    window = ("window", "add", "--hall", "demo", "--window", "w1", "--name", "1号窗口")
    assert central(*window).exit_code == 0


def test_init_writes_settings_that_explain_every_key(folder):
    text = (folder / "central.toml").read_text("utf-8")
    assert text == (ROOT / "deploy" / "central.toml").read_text("utf-8")


def test_a_ca_is_written_into_bundles_without_what_stands_above_it(folder):
    add_demo(folder)
    pem = Authority(folder).file.read_text()
    (folder / "above.pem").write_text(f"subject=CN = hall\n\n{pem}\n")
    assert central("hall", "set", "demo", "--ca", "above.pem").exit_code == 0
    assert enrol("bundle.json").exit_code == 0
    ca = json.loads((folder / "bundle.json").read_text())["mqtt"]["ca"]
    assert ca.startswith("-----BEGIN")
    assert ca.replace("\n", "") == pem.replace("\n", "")


def test_a_broker_s_name_is_warned_of(folder):
    told = central(
        "hall", "add", "far", "--mqtt-host", "broker", "--mqtt-port", 1, "--token-out", "x"
    )
    assert "needs nobody" in told.output
    assert "needs nobody" not in central("hall", "set", "far", "--mqtt-host", "10.1.2.3").output


def enrol(out, device="xj-0417", replace=False):
    place = ("--hall", "demo", "--window", "w1", "--out", out)
    return central("enrol", "--device", device, *place, *["--replace"] * replace)


def refused(result, *words):
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert [word for word in words if word not in result.stderr] == []
    return True


def test_a_token_is_listed_and_opens_nothing_when_it_was_revoked(folder):
    assert central("token", "add", "--scope", "pages:read", "--out", "p.token").exit_code == 0
    text = Path("p.token").read_text().strip()
    (line,) = central("token", "list").output.splitlines()
    token_id = line.split()[0]
    assert text.startswith(f"pj_{token_id}_")
    assert "p  pages:read, since 20" in line
    assert line.endswith("never used")
    database = open_database(load_config(folder / "central.toml").database_url)
    callers = Callers(database, now_ms)
    assert callers.holder(text).scopes == ("pages:read",)
    callers.note_used()
    assert central("token", "list").output.rstrip().endswith(f"used last {day(now_ms())}")
    assert central("token", "revoke", token_id).exit_code == 0
    with pytest.raises(UnknownTokenError):
        callers.holder(text)
    database.close()
    assert "revoked 20" in central("token", "list").output
    assert refused(central("token", "revoke", token_id), "token list")


def test_a_token_of_a_place_is_for_one_that_the_directory_has(folder):
    """By its id alone where that is clear, by kind and id else; a wrong one names the nearest."""
    add_demo(folder)
    table = "大厅编号,名称\nxj-01,天山区政务服务中心\n"
    Path("大厅.csv").write_text(table)
    Path("机构.csv").write_text("机构编号,名称\nxj-01,天山区\nia,甲局\n")
    assert central("directory", "import", "大厅.csv", "机构.csv").exit_code == 0

    def add(scope, name):
        return central("token", "add", "--scope", scope, "--out", name, "--days", 30)

    assert "pages:read:institution:ia in" in add("pages:read:ia", "a").output
    assert "figures:read:hall:xj-01 in" in add("figures:read:hall:xj-01", "b").output
    assert refused(add("pages:read:xj-01", "c"), "institution:xj-01 or hall:xj-01")
    assert refused(add("pages:read:hall:xj-1", "c"), "no hall named xj-1", "Did you mean xj-01?")
    assert refused(add("pages:read:window:w1", "c"), "window is no place", "region")
    assert refused(add("pages:reed", "c"), "pages:read", "directory:write")
    assert not Path("c").exists()
    lines = central("token", "list").output
    assert "a  pages:read:institution:ia, since 20" in lines
    assert lines.count(", never used, until 20") == 2


def test_a_new_hall_is_shown_before_a_folder_for_its_bundles_is_named(folder):
    add_demo(folder)
    Path("窗口.csv").write_text("大厅,窗口编号,名称\ndemo,w8,8号窗口\n")
    Path("评价器.csv").write_text("评价器编号,大厅,窗口编号\nxj-8,demo,w8\n")
    tables = "directory", "import", "窗口.csv", "评价器.csv"
    shown = central(*tables, "--dry-run").output
    assert "enrolled device xj-8" in shown
    assert "1 bundles would be written: the import needs a folder for them, --bundles" in shown
    assert refused(central(*tables), "--bundles")
    assert central(*tables, "--bundles", "b").exit_code == 0
    assert Path("b/xj-8.json").exists()


def test_the_example_in_deploy_is_what_the_defaults_are(tmp_path):
    example = load_config(ROOT / "deploy" / "central.toml")
    bare = tmp_path / "central.toml"
    bare.write_text("")
    names = set(Config.model_fields) - {"database_url", "master_secret_file", "personal_key_file"}
    for name in names:
        assert getattr(example, name) == getattr(load_config(bare), name)
    assert example.database_url == f"sqlite:///{ROOT / 'deploy' / 'central.db'}"
    assert example.master_secret_file == ROOT / "deploy" / "master.secret"
    text = (ROOT / "deploy" / "central.toml").read_text()
    assert [name for name in Config.model_fields if f"{name} = " not in text] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("listen_prt = 1", ["central.toml", "listen_prt", "Did you mean listen_port?"]),
        ("[listen]\nport = 1", ["central.toml", "no setting is named listen"]),
        ("listen_port = 70000", ["listen_port", "65535"]),
        ('listen_port = "x"', ["listen_port", "integer"]),
        ("listen_port = ", ["central.toml", "TOML"]),
        ('database_url = "central.db"', ["database_url"]),
        ('database_url = "mysql://x/y"', ["database_url", "sqlite or postgresql"]),
        ('database_url = "sqlite://"', ["database_url", "file"]),
        ('listen_host = "0.0.0.0"', ["0.0.0.0", "tls_certificate", "behind_proxy"]),
        ('tls_key = "k.pem"', ["tls_certificate and tls_key belong together"]),
        ("share_address = true", ["share_address", "PostgreSQL", "database_url"]),
        ('share_address = true\nlisten_port = 0\ndatabase_url = "postgresql+psycopg://h/d"',
         ["share_address", "listen_port"]),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_meant_stops_the_start_and_is_named(folder, text, words):
    Path("central.toml").write_text(text)
    assert refused(central("run"), *words)


def test_a_missing_settings_file_names_the_command_that_makes_it(tmp_path):
    result = central("run", "--config", tmp_path / "none.toml")
    assert refused(result, "none.toml", "central init")


def test_a_secret_in_the_environment_stands_above_the_file(folder, monkeypatch):
    monkeypatch.setenv("PINGJIA_CENTRAL_DATABASE_URL", "postgresql+psycopg://u:p@h/d")
    settings = load_config(Path("central.toml"))
    assert settings.database_url == "postgresql+psycopg://u:p@h/d"


def test_init_makes_a_secret_for_its_owner_only_and_keeps_it(folder):
    secret = folder / "master.secret"
    assert len(secret.read_bytes()) == 32
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    before = secret.read_bytes()
    assert central("init").exit_code == 0
    assert secret.read_bytes() == before


def test_init_makes_no_new_secret_where_devices_were_enrolled(folder):
    add_demo(folder)
    assert enrol("b.json").exit_code == 0
    (folder / "master.secret").unlink()
    assert refused(central("init"), "master.secret", "backup")
    assert not (folder / "master.secret").exists()


@pytest.mark.parametrize("command", ["run", "enrol"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.chmod(0o644), ["chmod 600"]),
        (lambda path: path.chmod(0o640), ["chmod 600"]),
        (lambda path: path.unlink(), ["pingjia central init"]),
        (lambda path: path.write_bytes(b"x" * 31), ["31 bytes", "backup"]),
        (lambda path: path.write_bytes(b"x" * 5000), ["bytes", "backup"]),
    ],
)
def test_without_a_proper_master_secret_nothing_starts(folder, command, spoil, words):
    add_demo(folder)
    spoil(folder / "master.secret")
    result = enrol("b.json") if command == "enrol" else central("run")
    assert refused(result, "master.secret", *words)
    assert not (folder / "b.json").exists()


def test_a_bundle_has_what_a_device_needs_and_is_for_its_owner_only(folder):
    add_demo(folder)
    assert enrol("b.json").exit_code == 0
    bundle = json.loads((folder / "b.json").read_text())
    assert list(bundle) == ["device", "epoch", "key", "hall", "mqtt"]
    assert list(bundle["mqtt"]) == ["host", "port", "username", "password", "ca"]
    secret = (folder / "master.secret").read_bytes()
    assert bundle["key"] == derive_key(secret, "xj-0417", bundle["epoch"]).hex()
    assert (bundle["mqtt"]["username"], bundle["mqtt"]["ca"]) == ("xj-0417", None)
    for name in ("b.json", "hall.token"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600


def test_the_key_of_a_device_is_hkdf_as_the_page_says():
    """protocol/README.md, section 6; value computed with OpenSSL 3's `kdf HKDF`, empty salt."""
    key = derive_key(bytes(range(32)), "xj-0417", 29333341)
    assert key.hex() == "2b32c723963d8e41e80ada5de15d906934e502800057173a65cb6b3510c94fee"


def test_remembered_keys_are_bounded_and_right():
    keys = DeviceKeys(bytes(32), remembered=2)
    for epoch in (1, 2, 3, 1):
        assert keys.key("xj-0417", epoch) == derive_key(bytes(32), "xj-0417", epoch)
    assert len(keys) == 2


def test_the_password_hash_is_mosquittos(folder):
    add_demo(folder)
    assert enrol("b.json").exit_code == 0
    password = json.loads((folder / "b.json").read_text())["mqtt"]["password"]
    with closing(sqlite3.connect(folder / "central.db")) as connection:
        (stored,) = connection.execute("select password_hash from device").fetchone()
    _, kind, rounds, salt, digest = stored.split("$")
    assert (kind, rounds) == ("7", "101")
    assert b64decode(digest) == pbkdf2_hmac("sha512", password.encode(), b64decode(salt), 101)


def test_no_epoch_is_given_out_twice_even_within_a_minute(folder):
    add_demo(folder)
    epochs = []
    for number in range(3):
        assert enrol(f"{number}.json", replace=number > 0).exit_code == 0
        epochs.append(json.loads((folder / f"{number}.json").read_text())["epoch"])
    assert epochs == sorted(set(epochs))


def test_nobody_s_identity_is_taken_without_a_word(folder):
    add_demo(folder)
    assert enrol("1.json").exit_code == 0
    refused(enrol("2.json"), "xj-0417 is enrolled at demo/w1", "--replace")
    assert central("revoke", "xj-0417", "--reason", "lost").exit_code == 0
    refused(enrol("2.json"), "revoked since", "--replace")
    assert not (folder / "2.json").exists()
    assert enrol("2.json", replace=True).exit_code == 0


def test_a_file_is_never_overwritten_and_then_nothing_is_enrolled(folder):
    add_demo(folder)
    assert enrol("b.json").exit_code == 0
    before = (folder / "b.json").read_bytes()
    assert refused(enrol("b.json", "xj-0500"), "b.json", "never overwritten")
    assert (folder / "b.json").read_bytes() == before
    assert enrol("c.json", "xj-0500").exit_code == 0
    second = ("hall", "add", "two", "--mqtt-host", "h", "--mqtt-port", 1)
    assert refused(central(*second, "--token-out", "hall.token"), "hall.token")
    assert central(*second, "--token-out", "two.token").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hall", "add", "demo", "--mqtt-host", "h", "--mqtt-port", 1, "--token-out", "x"),
         ["demo", "exists already"]),
        (("hall", "add", "De mo", "--mqtt-host", "h", "--mqtt-port", 1, "--token-out", "x"),
         ["hall's id", "a-z"]),
        (("window", "add", "--hall", "none", "--window", "w1", "--name", "n"), ["hall add none"]),
        (("window", "add", "--hall", "demo", "--window", "w1", "--name", "n"), ["already"]),
        (("window", "add", "--hall", "demo", "--window", "w2", "--name", "n" * 65), ["name"]),
        (("enrol", "--device", "X", "--hall", "demo", "--window", "w1", "--out", "x"),
         ["device's id"]),
        (("enrol", "--device", "xj-1", "--hall", "demo", "--window", "w9", "--out", "x"),
         ["window add", "w9"]),
        (("token", "add", "--scope", "records:write", "--out", "x"), ["records:read"]),
        (("token", "add", "--scope", "hall:none", "--out", "x"), ["hall add none"]),
        (("hall", "add", "two", "--mqtt-host", "h", "--mqtt-port", 1, "--token-out", "x",
          "--ca", "central.toml"), ["central.toml", "PEM"]),
        (("hall", "add", "two", "--mqtt-host", "h", "--mqtt-port", 1, "--token-out", "x",
          "--ca", "two.pem"), ["two.pem", "2 certificates"]),
        (("hall", "set", "demo", "--ca", "leaf.pem"), ["leaf.pem", "no CA", "renewal"]),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_a_sentence(folder, arguments, words):
    add_demo(folder)
    authority = Authority(folder)
    pem = authority.file.read_text()
    (folder / "two.pem").write_text(pem + pem)
    (folder / "leaf.pem").write_text(authority.issue("leaf")[0].read_text())
    assert refused(central(*arguments), *words)
    assert not (folder / "x").exists()


@pytest.fixture
def start(folder):
    """Starts a real centre on a free port; every one of them is ended."""
    started = []
    (folder / "central.toml").write_text("listen_port = 0\n")

    def go():
        process = subprocess.Popen(
            [*COMMAND, "run", "--until-stdin-closes"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        word, url = process.stdout.readline().split()
        assert word == "ready"
        return process, url

    yield go
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_an_operator_says_which_halls_carry_files_and_which_windows_rest(folder):
    add_demo(folder)
    assert central("hall", "carry", "demo", "--every", 7).exit_code == 0
    assert "files are carried every 7 days" in central("hall", "list").output
    assert central("hall", "carry", "demo", "--end").exit_code == 0
    assert "by network" in central("hall", "list").output
    until = day(now_ms() + 40 * 86_400_000)
    rests = central("window", "rest", "demo", "w1", "--until", until, "--reason", "装修")
    assert rests.exit_code == 0
    words = f"w1  1号窗口  no device, rests until {until} (装修)"
    assert words in central("window", "list", "demo").output
    assert central("window", "rest", "demo", "w1", "--end").exit_code == 0
    assert "rests" not in central("window", "list", "demo").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hall", "carry", "demo", "--every", 31), ["1 to 30 days"]),
        (("hall", "carry", "demo"), ["--every DAYS", "--end"]),
        (("hall", "carry", "nowhere", "--end"), ["no hall is named nowhere"]),
        (("window", "rest", "demo", "w1", "--until", "2020-01-01"), ["until 2020-01-01"]),
        (("window", "rest", "demo", "w1", "--until", "2999-01-01"), ["at most a year"]),
        (("window", "rest", "demo", "w1"), ["--until DAY", "--end"]),
        (("window", "rest", "demo", "w1", "--end"), ["does not rest"]),
        (("window", "rest", "demo", "w9", "--end"), ["no window w9"]),
    ],
)
def test_what_cannot_be_said_of_halls_and_windows_is_refused(folder, arguments, words):
    add_demo(folder)
    assert refused(central(*arguments), *words)


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "end of input"])
def test_the_process_says_where_it_listens_and_ends_cleanly(start, way):
    process, url = start()
    with urllib.request.urlopen(f"{url}/healthz", timeout=10) as response:
        assert json.load(response) == {"status": "ok"}
    if way == "end of input":
        process.stdin.close()
    else:
        process.send_signal(getattr(signal, way))
    assert process.wait(timeout=15) == 0


def test_a_port_that_is_taken_is_said(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (folder / "central.toml").write_text(f"listen_port = {port}\n")
        assert refused(central("run"), str(port), "listen_port = 0")


def write_tables(folder, windows, devices):
    for title, rows in {"窗口": windows, "评价器": devices}.items():
        columns = "大厅,窗口编号," + {"窗口": "名称", "评价器": "评价器编号"}[title]
        text = "\r\n".join([columns, *[",".join(("demo", *row)) for row in rows]])
        (folder / f"{title}.csv").write_text("\ufeff" + text)  # as Excel writes it


def test_tables_are_imported_at_once_and_again_without_harm(folder):
    add_demo(folder)
    windows = [("w1", "1号窗口"), ("w2", "2号窗口")]
    devices = [("w1", "xj-0001"), ("w2", "xj-0002")]
    write_tables(folder, windows, devices)
    importing = ("directory", "import", "窗口.csv", "评价器.csv", "--bundles", "bundles")
    would = central(*importing, "--dry-run").output
    assert "enrolled device xj-0002" in would
    assert "3 of 4 rows would change" in would
    assert not (folder / "bundles").exists()
    assert "3 of 4 rows changed" in central(*importing).output
    bundles = {path: path.read_bytes() for path in sorted((folder / "bundles").iterdir())}
    assert [path.name for path in bundles] == ["xj-0001.json", "xj-0002.json"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in bundles} == {0o600}
    write_tables(folder, [*windows, ("w3", "3号窗口")], [*devices, ("w3", "xj-0003")])
    assert "2 of 6 rows changed" in central(*importing).output
    assert {path: path.read_bytes() for path in bundles} == bundles
    assert "nothing changes" in central(*importing).output


def test_tables_that_are_wrong_are_refused_by_cell_and_nothing_is_made(folder):
    add_demo(folder)
    write_tables(folder, [("w1", "1号窗口"), ("w 2", "2号窗口")], [("w9", "xj-0001")])
    importing = ("directory", "import", "窗口.csv", "评价器.csv", "--bundles", "bundles")
    refused(central(*importing), "1 cell is wrong", "窗口!B3", "a-z, 0-9 and -", "nothing was")
    write_tables(folder, [("w1", "1号窗口")], [("w9", "xj-0001")])
    refused(central(*importing), "评价器!B2", "大厅“demo”没有窗口“w9”")
    assert not (folder / "bundles").exists()


def test_the_directory_is_exported_and_a_template_is_made(folder):
    add_demo(folder)
    assert central("directory", "export", "--out", "all.xlsx").exit_code == 0
    assert "nothing changes" in central("directory", "import", "all.xlsx").output
    assert central("directory", "template", "--out", "template.xlsx").exit_code == 0
    refused(central("directory", "import", "template.xlsx"), "no rows")


def test_halls_and_windows_are_listed_changed_and_ended(folder):
    """What would throw devices out is refused, and says so."""
    add_demo(folder)
    assert enrol("d.json").exit_code == 0
    listed = central("hall", "list").output
    assert (
        "demo  demo  no region, broker broker:1883, by network, 1 windows, 1 devices, never"
        in listed
    )
    assert "w1  1号窗口  xj-0417" in central("window", "list", "demo").output
    renamed = central("window", "rename", "demo", "w1", "综合窗口").output
    assert "changed window demo/w1 from" in renamed
    assert "名称 1号窗口 -> 综合窗口" in renamed
    assert "w1  综合窗口" in central("window", "list", "demo").output
    refused(central("hall", "set", "demo", "--mqtt-host", "new"), "1 devices of demo", "--move")
    moved = central("hall", "set", "demo", "--mqtt-host", "new", "--name", "一厅", "--move").output
    assert "the broker was broker:1883" in moved
    assert "名称 demo -> 一厅" in moved
    refused(central("window", "remove", "demo", "w1"), "xj-0417 stands at demo/w1")
    window = ("window", "add", "--hall", "demo", "--window", "w2", "--name", "2号窗口")
    assert central(*window).exit_code == 0
    assert "demo/w1 and stands at demo/w2" in central("device", "move", "xj-0417", "w2").output
    refused(central("device", "move", "xj-0417", "w3"), "has no window w3")
    assert "终止日期" in central("window", "remove", "demo", "w1").output
    assert "w1" not in central("window", "list", "demo").output
    refused(central("hall", "remove", "demo"), "1 devices", "never")
    assert central("revoke", "xj-0417", "--reason", "gone").exit_code == 0
    assert "终止日期" in central("hall", "remove", "demo").output


def test_a_centre_that_serves_loads_nothing_for_workbooks_or_old_tables(tmp_path):
    """20 MB of each process, which has 300 for a province's connections (docs/scale.md), and a
    fifth of a second of each command.
    """
    url = f"sqlite:///{tmp_path}/central.db"
    open_database(url).close()
    told = (
        "import sys; from central.cli import run, hall; from central.store import database;"
        f"database.open_database({url!r}).close();"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=True
    )
    loaded = set(found.stdout.split())
    assert "central" in loaded
    assert not loaded & {"openpyxl", "xlsxwriter", "numpy", "alembic"}


def test_every_command_is_found_in_its_file():
    root = typer.main.get_command(commands)
    for file in (ROOT / "central" / "cli").glob("*.py"):
        module = import_module(f"central.cli.{file.stem}")
        if hasattr(module, "add_to"):
            of_file = typer.Typer()
            module.add_to(of_file)
            for name in typer.main.get_group(of_file).commands:
                assert root.get_command(None, name).name == name
    assert root.get_command(None, "nothing") is None
