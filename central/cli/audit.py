"""`pingjia central export` and `verify`."""

import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from central.audit.export import open_export, write_export
from central.audit.verify import Range, audit
from central.centre import rules_of
from central.cli.opened import (
    CENTRAL_TOML,
    ConfigFile,
    device_keys,
    keys_in,
    opened_database,
    opened_url,
    time_of,
)
from central.config import load_config
from central.ratings.judge import Judge
from central.steady import PlainClock
from central.store.people import acts
from hosting.clock import start_of, written
from hosting.error import OperatorError
from hosting.log import harmless


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(export)
    app.command()(verify)


def export(
    out: Annotated[Path, typer.Option(help="A new file, .jsonl.gz.")],
    hashes: Annotated[
        bool,
        typer.Option("--hashes", help="Also those of tokens and devices' passwords, to move."),
    ] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Write all that is kept to a file, which can be kept elsewhere, verified later, imported."""
    with opened_database(config) as database:
        count = write_export(database, out, time_of(database), hashes)
    print(f"wrote {count} rows to {out}")


def verify(
    file: Annotated[
        Path | None, typer.Argument(help="An export to verify; without it, the database.")
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Stored since.")
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Stored until.")
    ] = None,
    act: Annotated[
        str | None,
        typer.Option(metavar="N:HEX", help="An act that was written down, and must be there."),
    ] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Hold every record, chain, receipt and count against the signed envelopes, and every act
    against the one before it.
    """
    chosen = load_config(config)
    keys, rules = device_keys(chosen), rules_of(chosen)
    wanted = _range(first, last)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        records = progress.add_task("verified records", total=None)
        opened = opened_url(chosen) if file is None else open_export(file)
        with opened as database, database.read() as connection:
            count, names = 0, Counter[str]()

            def read(more: int) -> None:
                nonlocal count
                count += more
                progress.update(records, description=f"verified {count} records")

            judge = Judge(database, rules, PlainClock())
            own, known = keys_in(keys, database), None if act is None else _act(act)
            told = (own.key, wanted, read, judge, own.acts_key(), known)
            for fault in audit(connection, *told):
                names[fault.name] += 1
                print(harmless(f"{fault.name}: {fault.where}: {fault.sentence}"))
            newest = acts.head(connection)
    if newest is not None and newest.n:
        typer.echo(f"newest act {newest.n}:{newest.mac[:16]}", err=True)
    if wanted != Range():
        days = [
            f"{word} {written(at_ms)}"
            for word, at_ms in (("from", wanted.first_ms), ("before", wanted.end_ms))
            if at_ms is not None
        ]
        print(f"looked at what was stored {', '.join(days)} (Asia/Shanghai)")
    if names:
        told = ", ".join(f"{name} {number}" for name, number in sorted(names.items()))
        print(f"verified {count} records; what does not hold: {told}")
        raise typer.Exit(1)
    if count == 0:
        what = "the database" if file is None else f"{file}"
        raise OperatorError(
            f"verified 0 records: there was NOTHING to verify in {harmless(what)}. If devices "
            "have rated, this is the wrong file or an empty database."
        )
    print(f"verified {count} records: everything holds")


def _act(told: str) -> tuple[int, str]:
    n, _, mac16 = told.partition(":")
    if not n.isdecimal() or re.fullmatch("[0-9a-f]{16}", mac16) is None:
        raise OperatorError(f"--act {told} is no N:HEX, as `verify` prints the newest act.")
    return int(n), mac16


def _range(first: datetime | None, last: datetime | None) -> Range:
    """Days in China, both included. Raises OperatorError for what no day can be."""
    for name, at in (("--from", first), ("--to", last)):
        if at is not None and not 2000 <= at.year < 3000:
            raise OperatorError(f"{name} {at.date()}: nothing can have been stored on that day.")
    if first is not None and last is not None and last < first:
        raise OperatorError(f"--to {last.date()} lies before --from {first.date()}.")
    end = None if last is None else last + timedelta(days=1)
    return Range(*(None if at is None else start_of(at.date()) for at in (first, end)))
