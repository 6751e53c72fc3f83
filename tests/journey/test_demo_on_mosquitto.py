"""The demo with Debian's mosquitto as its broker."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def demo(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "pingjia", "demo", "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.needs("mosquitto")
def test_the_demo_holds_on_mosquitto_and_leaves_none_behind(tmp_path, firmware):
    result = demo("--broker", "mosquitto", "--seconds", "5", "--keep", str(tmp_path / "run"))
    assert result.returncode == 0, result.stderr
    verdict = json.loads(result.stdout.splitlines()[-1])
    assert verdict["in_centre"] == verdict["thanked"] >= 2
    assert verdict["lost"] == verdict["duplicate"] == verdict["altered"] == 0
    log = (tmp_path / "run" / "broker" / "mosquitto.log").read_text()
    assert "as demo-0001" in log
    assert log.splitlines()[-1].endswith("terminating")


def test_a_broker_that_is_neither_is_named(firmware):
    result = demo("--broker", "rabbit")
    assert result.returncode == 2
    assert "embedded, mosquitto" in result.stderr
