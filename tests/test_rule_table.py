"""docs/rules.md: every rule has a row, every row its proof, every proof is there."""

import ast
import re

import pytest
from rule_table import CLOSED, ROOT, ROWS, Row, read_rows

# DOMAIN's numbers; those between were never given.
NUMBERS = (*range(1, 17), *range(20, 32), *range(40, 48), *range(50, 61), *range(70, 116))
NAMES = [f"R{number}" for number in NUMBERS]
REST = re.compile(r"(issue 2[1-7]|not filed: .+|doc: .+)(: .+)?")
# By issue 20.
FIRST = ("R10", "R13", *(f"R{n}" for n in range(20, 32)), "R40", "R45", "R46", "R80", "R81")
FIRST += ("R82", "R93", "R97")
FIRST += ("R11", "R15", "R84", "R85", "R88", "R112")  # by issue 21


def marks() -> dict[str, set[str]]:
    """node id -> the rows that the test says it proves."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text("utf-8")
        if "mark.rule" in text:
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    name = f"{path.relative_to(ROOT)}::{node.name}"
                    told = " ".join(map(ast.unparse, node.decorator_list))
                    found[name] = set(re.findall(r"pytest\.mark\.rule\('(\w+)'\)", told))
    return found


def faults(rows: list[Row], told: dict[str, set[str]]) -> list[str]:
    """What is wrong with a table."""
    names = [row.name for row in rows]
    found = [f"{name} has no row" for name in NAMES if name not in names]
    found += [f"{name} has two rows" for name in set(names) if names.count(name) > 1]
    found += [f"{name} is no rule" for name in names if name not in NAMES]
    for row in rows:
        if not row.tests and not row.rest:
            found.append(f"{row.name} has no proof")
        found += [f"{row.name}: {part}" for part in row.rest if not REST.fullmatch(part)]
        for test in row.tests:
            if test not in told:
                found.append(f"{row.name}: there is no test {test}")
            elif row.name not in told[test]:
                found.append(f"{row.name}: {test} does not say that it proves it")
    unknown = {(test, name) for test, marked in told.items() for name in marked - set(names)}
    return found + [f"{test} proves {name}, which is no row" for test, name in sorted(unknown)]


def test_every_rule_has_a_row_and_every_row_its_proof():
    assert faults(ROWS, marks()) == []
    assert [row.name for row in ROWS] == NAMES, "in their order"


def test_what_this_part_closes_is_closed():
    assert [name for name in FIRST if name not in CLOSED] == []


_TEST = "/".join(("tests", "central", "test_x.py::test_it"))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("| R20 | a | b |  |", "R20 has no row"),
        ("| R20 | a | b | later |", "R20: later"),
        ("| R20 | a | b | issue 19 |", "R20: issue 19"),
        (f"| R20 | a | b | `{_TEST}x` |", f"R20: there is no test {_TEST}x"),
        ("| R20 | a | b | doc: none |\n| R20 | a | b | doc: none |", "R20 has two rows"),
        ("| R32 | a | b | doc: none |", "R32 is no rule"),
        (f"| R21 | a | b | `{_TEST}` |", f"R21: {_TEST} does not say that it proves it"),
        ("| R22 | a | b | doc: none |", f"{_TEST} proves R20, which is no row"),
    ],
)
def test_the_control_a_wrong_table_is_told(line, fault):
    assert fault in faults(read_rows(line), {_TEST: {"R20"}})


@pytest.mark.rule("R43")
def test_no_figure_is_written_but_by_the_judge():
    """A count that somebody adds and nobody takes back stays wrong for ever (RULES 11)."""
    writers = {
        "counters.add_figures": {"central/ratings/judge.py", "central/ratings/recount.py"},
        "standings.save(": {"central/ratings/judge.py"},
        "standings.remove(": {"central/ratings/judge.py"},
        "standings.add_judged": {"central/ratings/judge.py"},
    }
    statement = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM) (figure|standing|judged)\b")
    for path in sorted((ROOT / "central").rglob("*.py")):
        name, text = str(path.relative_to(ROOT)), path.read_text("utf-8")
        for word, allowed in writers.items():
            assert word not in text or name in allowed, (name, word)
        is_its = name in ("central/store/judged/counters.py", "central/store/judged/standings.py")
        assert is_its or not statement.search(text), name
