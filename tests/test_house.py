"""Who may import whom among the folders that import-linter does not look into."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
THEIRS = {path.stem for folder in ("docs", "bench") for path in ROOT.glob(f"{folder}/*.py")}
THEIRS = (THEIRS | {"docs", "bench"}) - {"__init__", "__main__"}


def imported(path: Path) -> set[str]:
    """The first name of each module that a file imports, wherever in it that stands."""
    return set(re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE))


def test_tests_import_nothing_from_docs_or_bench():
    """What they share stands in tests/ or in simulator/; docs/ and bench/ may import it."""
    files = sorted(ROOT.glob("tests/**/*.py"))
    beside = {path.stem for path in files} | {path.name for path in ROOT.iterdir()}
    theirs = THEIRS - (beside - {"docs", "bench"})
    assert "technician_session" in theirs
    assert {path.name: found for path in files if (found := imported(path) & theirs)} == {}
