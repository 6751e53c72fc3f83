"""Every MUST has a line that a test of `make test` holds in its place, and so has every row of the
session table and every closed row of docs/rules.md: tests/mutants/mutants.toml and rules.toml list
what is changed, and which test finds it out.
"""

import ast
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
from rule_table import CLOSED, PROVEN

from firmware.session import TABLE

ROOT = Path(__file__).parents[2]
MUSTS = re.findall(
    r"^\* \*\*([A-Z]{3}-\d+)\*\*", (ROOT / "protocol" / "README.md").read_text(), re.MULTILINE
)
LIST = tomllib.loads(Path(__file__).with_name("mutants.toml").read_text())
OF_RULES = tomllib.loads(Path(__file__).with_name("rules.toml").read_text())["mutants"]
FOLDERS = (
    *("protocol", "quick", "hosting", "shipped", "pages", "firmware", "gateway", "central"),
    *("simulator", "workbench", "deploy", "tests"),
)
FILES = ("pingjia.py", "pyproject.toml", "package.json")
LONGEST_S = 120


class Mutant(NamedTuple):
    """`old`, once in `file`, becomes `new`; then the test `killer` fails. must: the MUST, or the
    row of docs/rules.md; None for a row of the session table.
    """

    name: str
    must: str | None
    file: str
    old: str
    new: str
    killer: str


def _mutants() -> list[Mutant]:
    count: Counter = Counter()
    found = []
    for one in LIST["mutants"] + OF_RULES:
        count[one["must"]] += 1
        kind = "" if "-" in one["must"] else "rules "
        found.append(Mutant(f"{kind}{one['must']} {count[one['must']]}", **one))
    table = LIST["table"]
    source = (ROOT / table["file"]).read_text()
    for line, face, event in re.findall(r'^(    \((\w+), "(\w+)"\): .*\n)', source, re.MULTILINE):
        row = f"{face} {event}"
        killer = table["silent_killer" if row in table["silent"] else "killer"]
        found.append(Mutant(row, None, table["file"], line, "", killer))
    return found


MUTANTS = _mutants()
KILLERS: dict[str, set[str]] = {}
for _one in MUTANTS:
    KILLERS.setdefault(_one.killer.split("::")[0], set()).add(_one.killer)


def test_every_must_and_every_row_of_either_table_has_a_mutant():
    assert len(MUSTS) > 40
    named = {mutant.must for mutant in MUTANTS}
    assert named >= {*MUSTS, *CLOSED, None}
    assert named <= {*MUSTS, *PROVEN, None}
    assert sum(mutant.must is None for mutant in MUTANTS) == len(TABLE)
    assert {*LIST["table"]["silent"]} < {mutant.name for mutant in MUTANTS}


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_what_is_changed_stands_once_in_its_file_and_is_code_afterwards(file):
    source = (ROOT / file).read_text()
    for mutant in MUTANTS:
        if mutant.file == file:
            assert source.count(mutant.old) == 1, (mutant.name, mutant.old)
            assert mutant.old != mutant.new, mutant.name
            if file.endswith(".py"):
                ast.parse(source.replace(mutant.old, mutant.new))


@pytest.mark.parametrize("file", sorted(KILLERS))
def test_each_killer_is_a_test_of_make_test_that_names_its_must(file):
    tests = _tests_of(ast.parse((ROOT / file).read_text()))
    for mutant in MUTANTS:
        path, _, name = mutant.killer.partition("::")
        if path != file:
            continue
        node = tests.get(name.partition("[")[0])
        assert node is not None, (mutant.name, mutant.killer)
        assert not any("mark.long" in ast.unparse(one) for one in node.decorator_list)
        if mutant.must is not None:
            told = " ".join(map(ast.unparse, node.decorator_list))
            named = re.findall(r"[A-Z]{3}-\d+", ast.get_docstring(node) or "")
            named += re.findall(r"pytest\.mark\.rule\('(\w+)'\)", told)
            assert mutant.must in named, (mutant.name, mutant.killer)


def _tests_of(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            for one in node.body:
                if isinstance(one, ast.FunctionDef):
                    found[f"{node.name}::{one.name}"] = one
    return found


@pytest.fixture(scope="session")
def tree(tmp_path_factory, firmware):
    """A copy of what tests need, for this worker alone."""
    copy = tmp_path_factory.mktemp("mutants") / "tree"
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, copy / folder)
    for file in FILES:
        shutil.copy2(ROOT / file, copy / file)
    _copy_firmware(copy)
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    return copy


@pytest.mark.long
@pytest.mark.parametrize("file", sorted(KILLERS))
def test_without_a_mutant_no_killer_finds_anything(tree, file):
    """The control: an unchanged copy passes them all."""
    report = run(tree, *sorted(KILLERS[file]))
    assert (report["failed"], report["error"]) == ([], []), report["output"]
    if report["skipped"] and not all(_of(killer, report["passed"]) for killer in KILLERS[file]):
        pytest.skip(report["output"])
    for killer in KILLERS[file]:
        assert _of(killer, report["passed"]), killer


@pytest.mark.long
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_killed(tree, mutant, record_property):
    path = tree / mutant.file
    source = path.read_text()
    is_on_device = mutant.killer.startswith("tests/simulator/")  # which runs compiled firmware
    try:
        _write(path, source.replace(mutant.old, mutant.new))
        if is_on_device:
            subprocess.run([sys.executable, "deploy/build_firmware.py"], cwd=tree, check=True)
        report = run(tree, mutant.killer)
    finally:
        _write(path, source)
        if is_on_device:
            _copy_firmware(tree)
    if report["skipped"] and not report["failed"]:
        pytest.skip(report["output"])
    assert _of(mutant.killer, report["failed"]), report["output"]
    record_property("killed", f"{mutant.name} ({mutant.file}) -> {mutant.killer}")


def run(tree: Path, *killers: str) -> dict:
    """What became of these tests in the copy, and what pytest printed; see in_copy.py."""
    beside = tree.parent
    told = beside / "report.json"
    told.unlink(missing_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    environment |= {
        "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'tests' / 'mutants'}",
        "MUTANTS_REPORT": str(told),
    }
    command = [sys.executable, "-m", "pytest", "-x", "-p", "no:cacheprovider", "-p", "in_copy"]
    command += [f"--basetemp={beside / 'made'}", *killers]
    with (beside / "output").open("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=tree,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(LONGEST_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = f"none within {LONGEST_S} s"
        output.seek(0)
        said = output.read()
    # 1 is a failed test; anything else above 0 is no verdict, but a run that went wrong.
    assert code in (0, 1), f"exit code {code}: {said}"
    report = json.loads(told.read_text())
    assert report["strangers"] == []
    return {**report, "output": said}


def _of(killer: str, nodes: list[str]) -> bool:
    """Whether the killer, or a case of it, is among these node ids."""
    return any(node == killer or node.startswith(f"{killer}[") for node in nodes)


def _write(path: Path, source: str) -> None:
    path.write_text(source)
    if path.suffix == ".py":  # its time and size may be those of the source that was compiled
        Path(importlib.util.cache_from_source(path)).unlink(missing_ok=True)


def _copy_firmware(copy: Path) -> None:
    shutil.rmtree(copy / "build", ignore_errors=True)
    shutil.copytree(ROOT / "build" / "firmware", copy / "build" / "firmware")
