"""`make bench`: every bench, one table, bench/results.json.

    python -m bench [drain latency intake verification api live province requests pages …]
    python -m bench live province --halls 5 --seconds 2
    python -m bench requests --halls 300

A bench that is run alone replaces its own rows; with --halls or --seconds it is a rehearsal, whose
rows are kept nowhere. Ratios are within one run; figures of different runs or machines do not
compare.
"""

import argparse
import importlib
import json
import sys
import time
from pathlib import Path

BENCHES = (
    *("drain", "latency", "intake", "verification", "api", "live", "province", "judge"),
    *("requests", "grow", "watched", "device", "flash", "workbench", "growth", "pages"),
    "kiosk",
)
# Those in bench/many/, and what can be told them.
MANY = {
    "live": {"halls", "seconds"},
    "province": {"halls", "seconds"},
    "judge": {"halls", "seconds"},
    "requests": {"halls"},
    "grow": {"halls"},
    "watched": {"halls", "seconds"},
}
BROWSER = ("pages", "kiosk")
TIMED = [name for name, told in MANY.items() if "seconds" in told]
RESULTS = Path(__file__).with_name("results.json")
_HOLDS = {True: "yes", False: "**no**", None: "–"}


def main() -> int:
    """Run the benches that were named, or all; 1 if a target does not hold."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], metavar="bench")
    parser.add_argument("--halls", type=int, help=f"{', '.join(MANY)}: so many halls")
    parser.add_argument("--seconds", type=float, help=f"{', '.join(TIMED)}: so long a load")
    chosen = parser.parse_args()
    names = chosen.names or BENCHES
    given = {"halls": chosen.halls, "seconds": chosen.seconds}
    size = {name: value for name, value in given.items() if value is not None}
    is_rehearsal = bool(size)
    if any(size.keys() - MANY.get(name, set()) for name in names):
        parser.error(f"--halls is for {', '.join(MANY)}, --seconds for {', '.join(TIMED)}")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() and not is_rehearsal else {}
    for name in names:
        began_s = time.monotonic()
        print(f"bench {name} …", file=sys.stderr, flush=True)
        room = "bench.many." if name in MANY else "bench.browser." if name in BROWSER else "bench."
        results[name] = importlib.import_module(room + name).results(**size)
        if not is_rehearsal:
            RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n")
        print(f"bench {name} took {time.monotonic() - began_s:.0f} s", file=sys.stderr, flush=True)
    print(table([row for name in BENCHES for row in results.get(name, ())]))
    if is_rehearsal:
        print("\na rehearsal: it shows that all runs; targets are for the full size")
    return int(any(row["holds"] is False for name in names for row in results[name]))


def table(rows: list[dict]) -> str:
    """The rows as Markdown, as they stand in bench/README.md."""
    lines = ["| what | ours | reference | ratio | target | holds |", "|---|---|---|---|---|---|"]
    for row in rows:
        figures = [row[key] for key in ("ours", "reference", "ratio")]
        cells = [row["name"], *("–" if one is None else f"{one:,}" for one in figures)]
        cells += [str(row["target"]), _HOLDS[row["holds"]]]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
