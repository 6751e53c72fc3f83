"""docs/integrate.md: a queue system of one's own is tested against a whole hall, as it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from simulator.parts.part import free_port

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "integrate.md").read_text("utf-8")
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def typed(folder: Path, lines: str) -> subprocess.CompletedProcess:
    """What a shell says to the page's lines; the hall ends with it, whatever happens."""
    return subprocess.run(
        ["bash", "-c", f"trap 'kill $DEMO 2>/dev/null || true' EXIT; {lines}"],
        cwd=folder,
        env=os.environ | {"PATH": PATH},
        capture_output=True,
        text=True,
        timeout=120,
        stdin=subprocess.DEVNULL,
    )


def test_a_service_that_others_open_is_rated_and_arrives(tmp_path):
    block = re.findall(r"^```\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)[0]
    assert len(block.splitlines()) <= 10
    assert "call -X POST" in block
    done = typed(tmp_path, "set -e\n" + block.replace("8080", str(free_port())))
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"outcome":"rated"' in done.stdout
    assert "lost 0, duplicate 0, altered 0: holds" in done.stdout.splitlines()[-1]


def test_the_control_a_hall_in_which_nobody_rated_is_an_error(tmp_path):
    port = free_port()
    done = typed(
        tmp_path,
        f"pingjia demo --windows 1 --queue none --port {port} --keep trial > demo.log 2>&1 &"
        " DEMO=$!; until grep -q 'devices are up' demo.log; do sleep 0.2; kill -0 $DEMO; done;"
        " kill -INT $DEMO; wait $DEMO; echo $?; tail -n 2 demo.log",
    )
    code, why, verdict = done.stdout.splitlines()
    assert code == "1", done.stderr
    assert "no service was opened" in why
    assert "0 thanked" in verdict
    assert verdict.endswith("DOES NOT HOLD")
