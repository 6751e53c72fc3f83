"""docs/technician.md is true: its commands exist, and print what stands there."""

import asyncio
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import pingjia
from simulator.technician import commands, typed

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "technician.md").read_text("utf-8")


def in_text():
    """The commands that stand in the page's sentences."""
    return [" ".join(found.split()) for found in re.findall(r"`(pingjia workbench [^`]*)`", TEXT)]


def is_taken(command):
    """Whether the command and its options exist: what is unknown fails before --help does."""
    return CliRunner().invoke(pingjia.app, [*shlex.split(command)[1:], "--help"]).exit_code == 0


def test_every_command_of_the_page_is_one_that_pingjia_takes():
    blocks = [command for command in commands(TEXT) if command.startswith("pingjia ")]
    assert len(blocks) > 12
    assert not [command for command in [*blocks, *in_text()] if not is_taken(command)]
    assert not is_taken("pingjia workbench ports --prot /dev/ttyUSB0")


def test_the_chinese_page_shows_the_same():
    checking = [sys.executable, ROOT / "docs" / "technician_session.py", "--check"]
    done = subprocess.run(checking, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
def test_the_page_shows_what_its_commands_print(tmp_path, firmware):
    now = asyncio.run(typed(TEXT, tmp_path, ROOT))
    for shown, stands in zip(blocks_of(now), blocks_of(TEXT), strict=True):
        assert shown == stands
    assert blocks_of(TEXT.replace("is revoked at the centre", "is revoked")) != blocks_of(TEXT)


def blocks_of(page):
    """The words of each block; figures, ports and which board was done first may differ."""
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    return [sorted(re.sub(r"\d+", "0", block).split()) for block in blocks]
