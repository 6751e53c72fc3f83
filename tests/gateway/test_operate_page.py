"""docs/operate.md is held to the code: every metric, alarm, state, exit code and command."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import typer
from empty_file import central_in
from gateway_hall import port_of
from typer.testing import CliRunner

import central.cli
import gateway.cli
from central.custody.marks import CENTRE_CLOCK, JUDGE_LATE
from central.steady import PlainClock
from central.web.api.health import STORE, StoreWatch, metrics_of
from gateway.hall.presence import STATES
from gateway.store import tokens
from gateway.web import advice
from hosting import doctor
from hosting.clock import now_ms
from hosting.tokens import digest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operate.md").read_text()
CHINESE = (ROOT / "docs/operate.zh-CN.md").read_text("utf-8")


def rows(text: str, heading: str) -> set[str]:
    """The words in backticks of a table's first column."""
    part = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    return {word for cell in cells for word in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(
    ("text", "heading"), [(PAGE, "The gateway's alarms"), (CHINESE, "网关的告警")]
)
def test_every_alarm_has_its_row(text, heading):
    assert rows(text, heading) == set(advice.ALARMS)


def test_the_chinese_page_says_alarms_as_the_overview_does():
    for word, told in advice.ALARMS.items():
        row = re.search(rf"^\| `{word}` \| .*$", CHINESE, re.MULTILINE)
        assert row, word
        assert told.what in row[0], word


def test_every_metric_has_its_row(gateway):
    told = gateway.metrics.text().decode()
    names = set(re.findall(r"^# TYPE (\S+) ", told, re.MULTILINE))
    made = {name for name in names if not name.endswith("_created")}
    assert rows(PAGE, "The gateway's metrics") == made


def test_every_metric_of_the_centre_has_its_row(tmp_path):
    database = central_in(tmp_path)
    watch = StoreWatch(database, lambda: None, lambda connection: None)
    told = metrics_of(database, PlainClock(now_ms), watch)
    database.close()
    names = set(re.findall(r"^# TYPE (\S+) gauge$", told, re.MULTILINE))
    assert len(names) == 6
    assert rows(PAGE, "The centre's metrics") == names


def test_every_state_and_exit_code_is_told():
    for state in STATES:
        assert f"`{state}`" in PAGE
    for code in (doctor.FINE, doctor.LOOK, doctor.DOWN):
        assert re.search(rf"\b{code}: ", PAGE), code


def test_what_healthz_of_the_centre_says_is_told():
    for word in ("ok", CENTRE_CLOCK, JUDGE_LATE, STORE):
        assert re.search(rf"^\| (200|503) `{word}` \|", PAGE, re.MULTILINE), word
        assert f"`{word}`" in CHINESE


def test_every_command_of_the_gateway_is_named():
    command = typer.main.get_command(gateway.cli.app)
    for name in command.commands:  # type: ignore[attr-defined]
        assert f"`pingjia gateway {name}" in PAGE, name
    assert CliRunner().invoke(gateway.cli.app, ["nothing"]).exit_code != 0


@pytest.mark.parametrize("text", [PAGE, CHINESE], ids=["en", "zh"])
def test_every_command_of_the_centre_is_named(text):
    told = {
        word.removeprefix("pingjia central ").split(" ")[0]
        for line in text.splitlines()
        if line.startswith("| `pingjia central ")
        for word in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert {*typer.main.get_command(central.cli.app).commands} <= told  # type: ignore[attr-defined]


def test_the_examples_run(gateway, tmp_path):
    block = PAGE.split("## The API by curl")[1].split("```")[1]
    with gateway.database.write() as connection:
        tokens.put(connection, "queue", digest("queue-token"), now_ms())
    (tmp_path / "queue.token").write_text("queue-token\n")
    for line in block.strip().splitlines():
        environment = {**os.environ, "URL": gateway.api_url, "no_proxy": "*"}
        done = subprocess.run(
            line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, (line, done.stderr)
    assert port_of(gateway) > 0
