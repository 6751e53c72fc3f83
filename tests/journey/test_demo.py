"""The demo as its users run it, and the oracle that can fail."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from storms import FOLDER

from simulator.parts.part import Part
from simulator.parts.sabotage import sabotage

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


def check(keep):
    """`pingjia sim check` on the kept folder of a demo, whose centre is started again."""

    async def with_centre():
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

    return asyncio.run(with_centre())


def verdict_of(result):
    return json.loads(result.stdout.splitlines()[-1])


def is_found(result, count):
    """Whether the oracle found one rating of that kind, explained it, and nothing else."""
    assert result.returncode == 1, result.stderr
    verdict = verdict_of(result)
    found = {name: verdict[name] for name in ("lost", "duplicate", "altered")}
    lines = [line for line in result.stderr.splitlines() if line.startswith(f"{count}:")]
    none = {"lost": 0, "duplicate": 0, "altered": 0}
    return found == none | {count: 1} and len(lines) == 1


def test_a_hall_as_in_production_is_kept_and_goes_on(tmp_path, firmware):
    """TLS with a CA of its own and boards on the unix port; `sim run` brings them again."""
    keep = tmp_path / FOLDER
    whole = ("--windows", 1, "--seconds", 4, "--tls", "--interpreter", "unix", "--keep", keep)
    result = pingjia("demo", *whole)
    assert result.returncode == 0, result.stderr
    assert "https://" in result.stdout

    async def go_on():
        parts = [
            Part(name, keep, tier, "run", "--config", f"{tier}.toml")
            for name, tier in (("centre", "central"), ("gateway", "gateway"))
        ]
        try:
            for part in parts:
                await part.start()
            known = ("--gateway", parts[1].url, "--token-file", keep / "queue.token")
            where = ("--devices", keep / "devices", "--oracle", keep / "oracle.jsonl", *known)
            for more in (("--ca", keep / "secure" / "ca.pem"), ("--interpreter", "unix")):
                where += more
                yield await asyncio.to_thread(pingjia, "sim", "run", *where, "--seconds", 4)
        finally:
            for part in reversed(parts):
                await part.stop()

    async def both():
        return [result async for result in go_on()]

    other, same = asyncio.run(both())
    assert other.returncode == 1
    assert "--interpreter" in other.stderr
    assert same.returncode == 0, same.stderr
    assert re.search(r"thanked [1-9]", same.stdout), same.stdout
    assert check(keep).returncode == 0


def test_every_thanked_rating_is_in_the_centre_and_check_finds_the_same(tmp_path, firmware):
    keep = tmp_path / FOLDER
    result = pingjia("demo", "--windows", 1, "--seconds", 8, "--json", "--keep", keep)
    assert result.returncode == 0, result.stderr
    verdict = verdict_of(result)
    assert verdict["in_centre"] == verdict["thanked"] == verdict["in_hall"] >= 3
    assert verdict["lost"] == verdict["duplicate"] == verdict["altered"] == 0
    assert verdict["unthanked"] == 0
    assert 8 <= verdict["seconds"] < 30
    again = check(keep)
    assert again.returncode == 0, again.stderr
    names = ("pressed", "thanked", "in_centre", "unthanked", "lost", "duplicate", "altered")
    assert [verdict_of(again)[name] for name in names] == [verdict[name] for name in names]
    for damage, count in (("drop", "lost"), ("double", "duplicate")):
        copy = shutil.copytree(keep, tmp_path / damage)
        sabotage(damage, copy / "central.db")
        assert is_found(check(copy), count)


def test_the_demo_fails_when_a_rating_was_tampered_with(firmware):
    result = pingjia("demo", "--windows", 2, "--seconds", 3, "--json", "--sabotage", "alter")
    assert is_found(result, "altered")


@pytest.mark.long
@pytest.mark.rule("R27", "R28", "R29", "R46")
def test_ten_days_pass_in_a_moment_and_the_oracle_counts_them_itself(firmware):
    arguments = ("--windows", 4, "--seconds", 12, "--days", 10, "--json")
    result = pingjia("demo", *arguments)
    assert result.returncode == 0, result.stderr
    verdict = verdict_of(result)
    assert verdict["wrong"] == 0
    qinnan, ezhou = verdict["days"]["qinnan"], verdict["days"]["ezhou-norm"]
    assert qinnan["rated"] == ezhou["rated"] == verdict["thanked"] > 0
    assert qinnan["unrated"] == ezhou["default"] == qinnan["reminded"] > 0


def test_days_go_without_plugs(firmware):
    result = pingjia("demo", "--days", 1, "--sabotage", "drop")
    assert result.returncode == 2
    assert "goes without" in result.stderr


def test_a_broker_that_is_neither_is_named(firmware):
    result = pingjia("demo", "--broker", "rabbit")
    assert result.returncode == 2
    assert "embedded, mosquitto" in result.stderr


def test_without_firmware_the_demo_says_what_to_do(tmp_path):
    result = pingjia("demo", "--seconds", 1, "--firmware", tmp_path)
    assert result.returncode == 1
    assert "leave it out: one comes with pingjia" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_kept_folder_is_never_overwritten(tmp_path):
    result = pingjia("demo", "--seconds", 1, "--keep", tmp_path)
    assert result.returncode == 1
    assert str(tmp_path) in result.stderr
