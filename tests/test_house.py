"""The house: its size, and that what its texts name is there."""

import ast
import itertools
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CODE = (
    "central",
    "gateway",
    "hosting",
    "shipped",
    "pages",
    "simulator",
    "workbench",
    "protocol",
    "quick",
)
TIERS = "|".join((*CODE, "firmware", "tests", "bench", "docs", "deploy"))
IMPORTED = re.compile(r"^\s*(?:from|import) (\w+)", re.MULTILINE)
NAMED = re.compile(rf"(?<![\w/.-])((?:{TIERS})/[\w./-]+\.(?:py|mjs|toml|html|css|md|json))\b")


def tracked(*patterns):
    found = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in found.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_a_room_has_at_most_16_files_and_a_file_350_lines():
    rooms, long = {}, []
    for name in tracked("*.py", "*.mjs"):
        path = Path(name)
        if path.parts[0] in ("tests", "docs") or "migrations" in path.parts:
            continue
        if len((ROOT / name).read_text().splitlines()) > 350:
            long.append(name)
        if path.name != "__init__.py" and path.parts[0] != "firmware":
            rooms.setdefault(path.parent, []).append(path.name)
    assert {room: len(files) for room, files in rooms.items() if len(files) > 16} == {}
    assert long == []


@pytest.mark.parametrize("kind", ["*.py", "*.md", "*.toml"])
def test_every_file_that_is_named_is_there(kind):
    made = ("bench/results.json",)  # by a command, or by the reader
    missing = {
        f"{name}: {named}"
        for name in tracked(kind)
        for named in NAMED.findall((ROOT / name).read_text())
        if not (ROOT / named).exists() and named not in made
    }
    assert missing == set()


def test_the_control_finds_a_name_that_is_not_there():
    gone = "/".join(("central", "intake.py"))
    assert NAMED.findall(f"see {gone}, (gateway/web/api.py).") == [gone, "gateway/web/api.py"]


def test_tests_import_nothing_from_docs_or_bench():
    """What they share stands in tests/ or in simulator/; docs/ and bench/ may import it."""
    theirs = {Path(name).stem for name in tracked("docs/*.py", "bench/*.py")} | {"docs", "bench"}
    ours = {Path(name).stem for name in tracked("tests/*.py")} | {"__init__", "__main__", *CODE}
    forbidden = theirs - ours
    assert "technician_session" in forbidden
    found = {
        name: names
        for name in tracked("tests/*.py")
        if (names := set(IMPORTED.findall((ROOT / name).read_text())) & forbidden)
    }
    assert found == {}


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_each_file_of_the_reading_list_names_the_next(readme):
    listed = re.findall(r"^\| \[(\S+\.py)\]\(\S+\) \|", (ROOT / readme).read_text(), re.MULTILINE)
    assert len(listed) == 19
    for name, following in itertools.pairwise(listed):
        told = ast.get_docstring(ast.parse((ROOT / name).read_text())) or ""
        assert following in told, f"{name} does not lead to {following}"
