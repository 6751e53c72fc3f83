"""An empty database of the centre, made once a process and copied: making one by its migrations
takes longer than most tests. (A gateway's has a name of its own from its first moment.)
"""

import tempfile
from functools import cache
from pathlib import Path

from central.keys import DeviceKeys
from central.store.database import Database, open_database

ACTS_KEY = DeviceKeys(bytes(range(32))).acts_key()  # of the secret that most tests have


def central_in(folder: Path) -> Database:
    """The centre's SQLite database in a folder, begun if there is none."""
    path = folder / "central.db"
    if not path.exists():
        path.touch(0o600)
        path.write_bytes(_empty())
    opened = open_database(f"sqlite:///{path}")
    opened.sign_acts(ACTS_KEY)
    return opened


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        open_database(f"sqlite:///{folder}/central.db").close()
        return (Path(folder) / "central.db").read_bytes()
