"""`pingjia workbench` alone: leads a person who has never seen it through the first boards."""

from pathlib import Path

import typer

from hosting.error import OperatorError
from workbench.board.ports import describe, plugged
from workbench.board.release import read_release
from workbench.desk import bench

_TEXT = """\
技术员工作台 The technician's bench

  1. Plug a board in by USB.            pingjia workbench ports
  2. Put firmware and a bundle on it.   pingjia workbench flash --bundles bundles/
     (bundles: the centre's operator makes them, `pingjia central enrol`; or, with a
     technician's token, one at a time: pingjia workbench enrol --help)
  3. Tell it its network.               pingjia workbench network --wifi NAME
  4. Try it.                            pingjia workbench selftest
  5. Print labels.                      pingjia workbench label --out labels.pdf

A dead one:  pingjia workbench replace, then pingjia workbench rescue --help
Everything:  docs/technician.md; every command explains itself with --help
中文：       docs/technician.zh-CN.md
"""


def lead(firmware: Path, devices: Path, is_terminal: bool) -> None:
    """Shows the steps; on a terminal, does the first ones together with the person."""
    typer.echo(_TEXT)
    if not is_terminal:
        return
    release = read_release(firmware)
    typer.prompt("Plug a board in, then press Enter", default="", show_default=False)
    found = plugged()
    for port in found:
        typer.echo(f"  {port.name}  {describe(port.name)}")
    names = bench.choose_ports(None, takes_all=True)
    if not typer.confirm(f"Put firmware {release.version} on {', '.join(names)}?", default=True):
        return
    folder = typer.prompt("Folder with bundles (empty: none yet)", default="", show_default=False)
    supply = bench.from_files(Path(folder)) if folder else None
    job = bench.Job(release, supply, False, False, devices)
    failed = []
    for _, result in bench.work_on_all(names, job, lambda port, sent, total: None):
        if isinstance(result, OperatorError):
            failed.append(str(result))
        else:
            typer.echo(result)
    if failed:
        raise OperatorError("\n".join(failed))
    typer.echo("next: pingjia workbench network, selftest, label")
