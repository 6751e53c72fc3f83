"""Secret files and settings files: who may read them, what people write into them."""

import os
import stat
from typing import Literal

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from hosting.error import OperatorError
from hosting.secret_file import read_private, read_token, write_new
from hosting.text_file import read_text
from hosting.toml import load_config
from pingjia import app

MEND = "ask for a new one."


class Model(BaseModel, extra="forbid"):
    listen_port: int
    name: str = ""


def private(path, content):
    path.touch(0o600)
    path.write_bytes(content)
    return path


def test_a_secret_is_for_its_owner_durable_and_never_written_over(tmp_path):
    path = tmp_path / "secret"
    write_new(path, b"one")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(OperatorError, match="never overwritten"):
        write_new(path, b"two")
    assert read_private(path, MEND) == b"one"


def test_what_was_half_written_is_removed(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OperatorError, match="No space left"):
        write_new(tmp_path / "secret", b"one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o777])
def test_a_secret_that_others_may_touch_is_refused_without_being_shown(tmp_path, mode):
    path = private(tmp_path / "token", b"hall-token\n")
    path.chmod(mode)
    with pytest.raises(OperatorError, match=f"chmod 600 {path}") as caught:
        read_token(path, MEND)
    assert "hall-token" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words", b"two\nlines", b"\xff", b"x" * 5000]
)
def test_a_token_is_one_word(tmp_path, content):
    with pytest.raises(OperatorError, match=str(tmp_path)):
        read_token(private(tmp_path / "token", content), MEND)
    assert read_token(private(tmp_path / "good", b" abc\r\n"), MEND) == "abc"


GATEWAY = 'hall = "demo"\ncentre_url = "http://127.0.0.1:9"\ncentre_token_file = "token"\n'


@pytest.mark.parametrize(
    "command",
    [
        "gateway run --config gateway.toml",
        "central run --config central.toml",
        "workbench deliver records.jsonl --centre https://127.0.0.1:9 --hall h --token-file token",
    ],
)
def test_a_file_of_mode_0644_stops_every_tier(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text(GATEWAY)
    (tmp_path / "central.toml").write_text('master_secret_file = "token"\n')
    (tmp_path / "records.jsonl").write_text("")
    private(tmp_path / "token", b"x" * 32).chmod(0o644)
    ended = CliRunner().invoke(app, command.split())
    assert ended.exit_code == 1
    assert "can be read by others than its owner: run `chmod 600" in ended.stderr


@pytest.mark.parametrize("begin", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_settings_are_read_as_windows_writes_them(tmp_path, begin, end):
    path = tmp_path / "设置 ?%.toml"
    path.write_bytes(begin + "name = '大厅'".encode() + end + b"listen_port = 1" + end)
    assert load_config(Model, path, MEND) == Model(listen_port=1, name="大厅")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("listen_port = 1\nname = '大厅'".encode("gb18030"), ["line 2", "GB18030", "UTF-8"]),
        ("listen_port = 1".encode("utf-16"), ["line 1", "UTF-16", "UTF-8"]),
        ("listen_port = 1".encode("utf-16-le"), ["line 1", "UTF-16", "UTF-8"]),
        ("# 大厅\nlisten_port = 1".encode("utf-16-be"), ["line 1", "UTF-16", "UTF-8"]),
        (b"listen_port = \n", ["not TOML", "line 1"]),
        (b"listen_prt = 1", ["no setting is named listen_prt. Did you mean listen_port?"]),
        (b"x = 1", ["no setting is named x.", "listen_port is missing"]),
        (b"listen_port = 'x'", ["listen_port: "]),
        (b"#" * 2_000_000, ["bytes"]),
        (None, ["is missing: ask for a new one."]),
    ],
)
def test_settings_that_cannot_be_meant_are_named(tmp_path, content, words):
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OperatorError) as caught:
        load_config(Model, path, MEND)
    for word in [str(path), *words]:
        assert word in str(caught.value)


class Inner(BaseModel):
    model_config = {"extra": "forbid"}
    unit: Literal["working_days", "hours"] = "hours"


class Outer(BaseModel):
    limit: Inner | None = None
    steps: tuple[Inner, ...] = ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[limit]\nunti = 'hours'", "no setting is named limit.unti. Did you mean unit?"),
        ("[[steps]]\nunti = 'hours'", "no setting is named steps.0.unti. Did you mean unit?"),
        ("[limit]\nunit = 'hour'", "or 'hours', not 'hour'. Did you mean hours?"),
    ],
)
def test_a_wrong_word_within_a_table_is_told_with_the_nearest_one(tmp_path, content, words):
    path = tmp_path / "x.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(OperatorError) as caught:
        load_config(Outer, path, MEND)
    assert words in str(caught.value)


def test_a_folder_is_no_text(tmp_path):
    with pytest.raises(OperatorError, match="cannot be read"):
        read_text(tmp_path, 9, MEND)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for read in (
        lambda path: read_text(path, 100, "?"),
        lambda path: read_private(path, "?"),
    ):
        with pytest.raises(OperatorError, match="it is no file"):
            read(tmp_path / "pipe")
