"""The records of a dead device, from its journal to the centre: `rescue`, `deliver`."""

from pathlib import Path
from typing import Annotated

import typer

from hosting.error import OperatorError
from workbench.board.repl import Board
from workbench.cli.options import Ca, CentreUrl, Hall, Port, TokenFile
from workbench.desk import bench, rescue
from workbench.desk.centre import Centre


def rescue_records(
    port: Port = None,
    out: Annotated[Path | None, typer.Option(help="A new file; DEVICE.jsonl.gz if none.")] = None,
) -> None:
    """Read what an old device's journal still holds; it keeps all of it.

    Example: pingjia workbench rescue --port /dev/ttyUSB0
    """
    (name,) = bench.choose_ports(port, False)
    with Board(name) as board:
        found = rescue.read_journal(board)
    path = out or Path(f"{found.device}-{found.epoch}.jsonl.gz")
    rescue.write_rescued(found, path)
    damaged = f", {found.damaged} damaged pieces left out" if found.damaged else ""
    records = "1 record" if len(found.envelopes) == 1 else f"{len(found.envelopes)} records"
    print(f"{name}: {records} of {found.device} in {path}{damaged}")


def deliver(
    file: Annotated[Path, typer.Argument(help="What `rescue` wrote.")],
    centre: CentreUrl,
    token_file: TokenFile,
    hall: Hall,
    ca: Ca = None,
) -> None:
    """Hand rescued records to the centre; what it has already is counted once only.

    Example: pingjia workbench deliver xj-0417-29333341.jsonl.gz --hall demo
    --centre https://centre.example --token-file technician.token
    """
    envelopes = rescue.read_rescued(file)
    with Centre(centre, hall, token_file, ca) as client:
        counts = client.deliver(envelopes)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "empty")
    if counts.get("rejected"):
        raise OperatorError("the centre rejected some: keep the file, and ask its operator.")
