"""`selftest`: a device is tried together with a person, and the report printed."""

from pathlib import Path
from typing import Annotated

import typer

from hosting.error import OperatorError
from hosting.secret_file import write_new
from shipped import FIRMWARE
from workbench.board.release import read_release
from workbench.board.repl import Board
from workbench.cli.options import Ca, Firmware, Port
from workbench.desk import bench
from workbench.desk import selftest as selftests
from workbench.desk.centre import Centre


def selftest(
    port: Port = None,
    out: Annotated[Path | None, typer.Option(help="A new file for the printable report.")] = None,
    centre: Annotated[str | None, typer.Option(help="Wait until this centre has it.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="For --centre.")] = None,
    ca: Ca = None,
    firmware: Firmware = FIRMWARE,
) -> None:
    """Try keys, lamps, sound, flash, network, broker and clock; the device signs the result.

    Example: pingjia workbench selftest --port /dev/ttyUSB0 --out xj-0417.txt
    """
    (name,) = bench.choose_ports(port, False)
    release = read_release(firmware)
    with Board(name) as board:
        tested = selftests.selftest(board, release.version, typer.confirm, print)
    page = selftests.report(tested)
    if out is not None:
        write_new(out, page.encode(), mode=0o644)
    print(page)
    if centre is not None and token_file is not None:
        with Centre(centre, tested.hall, token_file, ca) as client:
            bench.wait_for_record(client, tested.device, tested.seq)
        print("the centre has the record")
    if tested.failed:
        raise OperatorError(
            f"{tested.device} failed: {', '.join(tested.failed)}. Do not put it on a counter; "
            "docs/technician.md says what each part needs."
        )
