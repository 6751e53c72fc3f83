"""The demo as its users run it, and the oracle that can fail."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.part import Part

ROOT = Path(__file__).parents[2]


def pingjia(*arguments, timeout_s=120):
    return subprocess.run(
        [sys.executable, "-m", "pingjia", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
    )


def test_every_thanked_rating_is_in_the_centre_and_check_finds_the_same(tmp_path, firmware):
    keep = tmp_path / "run"
    result = pingjia("demo", "--windows", 1, "--seconds", 8, "--json", "--keep", keep)
    assert result.returncode == 0, result.stderr
    verdict = json.loads(result.stdout.splitlines()[-1])
    assert verdict["in_centre"] == verdict["thanked"] == verdict["in_hall"] >= 3
    assert verdict["lost"] == verdict["duplicate"] == verdict["altered"] == 0
    assert verdict["unthanked"] == 0
    assert 8 <= verdict["seconds"] < 30

    async def check_again():
        centre = Part("centre", keep, "central", "run", "--config", "central.toml")
        await centre.start()
        try:
            return await asyncio.to_thread(
                pingjia,
                *("sim", "check", "--oracle", keep / "oracle.jsonl", "--centre", centre.url),
                *("--token-file", keep / "reader.token", "--json"),
            )
        finally:
            await centre.stop()

    again = asyncio.run(check_again())
    assert again.returncode == 0, again.stderr
    recomputed = json.loads(again.stdout.splitlines()[-1])
    names = ("pressed", "thanked", "in_centre", "unthanked", "lost", "duplicate", "altered")
    assert [recomputed[name] for name in names] == [verdict[name] for name in names]


@pytest.mark.parametrize(
    ("damage", "count"), [("drop", "lost"), ("double", "duplicate"), ("alter", "altered")]
)
def test_the_oracle_finds_a_rating_that_was_tampered_with(firmware, damage, count):
    result = pingjia("demo", "--seconds", 2, "--json", "--sabotage", damage)
    assert result.returncode == 1, result.stderr
    verdict = json.loads(result.stdout.splitlines()[-1])
    found = {name: verdict[name] for name in ("lost", "duplicate", "altered")}
    assert found == {"lost": 0, "duplicate": 0, "altered": 0} | {count: 1}
    explanations = [line for line in result.stderr.splitlines() if line.startswith(f"{count}:")]
    assert len(explanations) == 1


def test_without_firmware_the_demo_says_what_to_do(tmp_path):
    result = pingjia("demo", "--seconds", 1, "--firmware", tmp_path)
    assert result.returncode == 1
    assert "make firmware" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_kept_folder_is_never_overwritten(tmp_path):
    result = pingjia("demo", "--seconds", 1, "--keep", tmp_path)
    assert result.returncode == 1
    assert str(tmp_path) in result.stderr
