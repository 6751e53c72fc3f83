"""The records of a dead device, from its journal to the centre: `rescue`, `deliver`."""

from pathlib import Path
from typing import Annotated

import typer

from hosting.error import OperatorError
from workbench.board.identity import enrolled
from workbench.board.repl import Board
from workbench.cli.options import Ca, CentreUrl, Hall, Port, TokenFile
from workbench.desk import bench, former, rescue
from workbench.desk.centre import Centre


def rescue_records(
    port: Port = None,
    out: Annotated[Path | None, typer.Option(help="A new file; DEVICE.jsonl.gz if none.")] = None,
    centre: Annotated[
        str | None, typer.Option(help="Deliver to this centre, and close the old epoch.")
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="For --centre.")] = None,
    ca: Ca = None,
) -> None:
    """Read what an old device's journal still holds; it keeps all of it.

    With --centre the records go there at once, and a device that was replaced, revoked or enrolled
    anew proves that they are all.

    Example: pingjia workbench rescue --port /dev/ttyUSB0
    --centre https://centre.example --token-file technician.token
    """
    if (centre is None) != (token_file is None) or (centre is not None and out is not None):
        raise OperatorError("name --centre and --token-file together, or a file with --out.")
    (name,) = bench.choose_ports(port, False)
    with Board(name) as board:
        if centre is not None and token_file is not None:
            _bring(board, centre, token_file, ca)
            return
        found = rescue.read_journal(board)
    path = out or Path(f"{found.device}-{found.epoch}.jsonl.gz")
    rescue.write_rescued(found, path)
    damaged = f", {found.damaged} damaged pieces left out" if found.damaged else ""
    records = "1 record" if len(found.envelopes) == 1 else f"{len(found.envelopes)} records"
    print(f"{name}: {records} of {found.device} in {path}{damaged}")


def _bring(board: Board, url: str, token_file: Path, ca: Path | None) -> None:
    """To the centre with it, and back with what closes the epoch."""
    board.require_usable()
    known = enrolled(board)
    with Centre(url, known[1], token_file, ca) as centre:
        done = former.read_out(board, centre, Path())
        damaged = f", {done.damaged} damaged pieces left out" if done.damaged else ""
        print(f"{board.port}: of {known[0]} {_told(done.counts)}{damaged}")
        print(f"{board.port}: {former.close(board, centre, known)}")
    if done.file is not None:
        raise OperatorError(
            f"the centre rejected some: they are kept in {done.file}; ask its operator."
        )


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
        delivered = client.deliver(envelopes)
        still_open = [name for name in sorted(delivered.receipts) if _is_open(client, *name)]
    counts = delivered.counts
    print(_told(counts))
    for device, epoch in still_open:
        print(
            f"{device}/{epoch} has ended and is open: plug that board in, "
            "pingjia workbench rescue --centre …"
        )
    if counts.get("rejected"):
        raise OperatorError("the centre rejected some: keep the file, and ask its operator.")


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "empty"


def _is_open(centre: Centre, device: str, epoch: int) -> bool:
    state = centre.epoch(device, epoch)
    return state is not None and state["ended_at_ms"] is not None and state["closed"] is None
