"""Read by every Python that a run inside a copy of the tree starts: it ends if it would import our
packages from anywhere else, as an editable install offers them.
"""

import importlib.util
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
OURS = (
    *("protocol", "quick", "hosting", "pages", "firmware", "gateway", "central", "simulator"),
    *("workbench", "pingjia"),
)

for _name in OURS:
    _spec = importlib.util.find_spec(_name)
    if _spec is None or _spec.origin is None or TREE not in Path(_spec.origin).resolve().parents:
        raise SystemExit(f"{_name} is not the copy's: {_spec}")
