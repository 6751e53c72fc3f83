"""`make bench`: every bench, one table, bench/results.json.

    python -m bench [drain latency intake verification api device flash workbench growth]

A bench that is run alone replaces its own rows. Ratios are within one run; figures of different
runs or machines do not compare.
"""

import importlib
import json
import sys
import time
from pathlib import Path

BENCHES = (
    *("drain", "latency", "intake", "verification", "api"),
    *("device", "flash", "workbench", "growth"),
)
RESULTS = Path(__file__).with_name("results.json")


def main() -> int:
    """Run the benches that were named, or all; 1 if a target does not hold."""
    chosen = sys.argv[1:] or BENCHES
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in chosen:
        began_s = time.monotonic()
        print(f"bench {name} …", file=sys.stderr, flush=True)
        results[name] = importlib.import_module(f"bench.{name}").results()
        RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")
        print(f"bench {name} took {time.monotonic() - began_s:.0f} s", file=sys.stderr, flush=True)
    print(table([row for name in BENCHES for row in results.get(name, ())]))
    return int(not all(row["holds"] for name in chosen for row in results[name]))


def table(rows: list[dict]) -> str:
    """The rows as Markdown, as they stand in bench/README.md."""
    lines = ["| what | ours | reference | ratio | target | holds |", "|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row["name"], *(f"{row[key]:,}" for key in ("ours", "reference", "ratio"))]
        cells += [str(row["target"]), "yes" if row["holds"] else "**no**"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
