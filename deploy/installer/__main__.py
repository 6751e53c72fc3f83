"""`install.sh …`, after it has found a Python."""

import argparse
import os
import sys
from pathlib import Path

from . import turn
from .answers import CENTRE, HALL, Answers
from .machine import InstallError, make_user, require_machine
from .release import LEAST_BYTES, install
from .tiers import install_centre, install_hall


def main() -> None:
    """Raises InstallError, OSError."""
    parser = argparse.ArgumentParser(prog="install.sh", description="Pingjia 评价, installed.")
    commands = parser.add_subparsers(dest="command", required=True)
    for word, what in (("hall", "大厅网关 a hall's gateway"), ("centre", "省级归集系统 a centre")):
        command = commands.add_parser(word, help=what)
        command.add_argument("--answers", type=Path, help="a file; what it lacks is asked for")
    command = commands.add_parser("upgrade", help="升级 to this bundle's version")
    command.add_argument("--copied", action="store_true", help="PostgreSQL is copied already")
    command = commands.add_parser("rollback", help="退回 to the version before the upgrade")
    command.add_argument(
        "tier", nargs="?", choices=["hall", "centre"], help="both, the centre first"
    )
    command = commands.add_parser("uninstall", help="卸载; settings and ratings stay")
    command.add_argument("--purge", action="store_true", help="全部删除 these, too")
    chosen = parser.parse_args()
    if chosen.command == "uninstall":
        require_machine(0)
        turn.uninstall(chosen.purge)
    elif chosen.command == "rollback":
        require_machine(0)
        turn.rollback(chosen.tier)
    elif chosen.command == "upgrade":
        require_machine(LEAST_BYTES)
        turn.upgrade(install(), chosen.copied)
    else:
        is_hall = chosen.command == "hall"
        # Paths are as who calls means them; install.sh has gone into the bundle's folder.
        file = chosen.answers and Path(os.environ.get("OLDPWD", "."), chosen.answers)
        answers = Answers(HALL if is_hall else CENTRE, file)
        require_machine(LEAST_BYTES)
        make_user()
        (install_hall if is_hall else install_centre)(install(), answers)


if __name__ == "__main__":
    try:
        main()
    except (InstallError, OSError) as error:
        sys.exit(f"install.sh: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
