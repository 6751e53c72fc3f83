"""`pingjia gateway backup` and `restore`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.opened import GATEWAY_TOML, ConfigFile
from gateway.config import load_config
from gateway.gateway import DATABASE
from gateway.keep.folder_lock import LOCK, FolderLock
from gateway.store import books, halls
from gateway.store.database import Database
from hosting.clock import now_ms
from hosting.copies.sqlite import copy_database, restore_database
from hosting.error import OperatorError
from protocol.hall import decode_hall

_TABLE = "envelope"  # no other program's database has it


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    file: Annotated[Path, typer.Argument(help="A new file, for its owner only.")],
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Copy the database, also of a running gateway, to a file that `restore` takes.

    Example: pingjia gateway backup /mnt/copies/gateway-2026-11-30.db
    """
    chosen = load_config(config)
    path = chosen.data_dir / DATABASE
    size = copy_database(path, file)
    typer.echo(f"copied {path} to {file}: {size} bytes, checked")
    apart = [chosen.centre_token_file, chosen.centre_key, chosen.secure_dir, chosen.tls_key]
    names = ", ".join(str(one) for one in apart if one is not None)
    typer.echo(f"not in it, keep them apart: {names}")
    typer.echo(f"and {config}. Of tokens and devices' passwords it has the hashes only")


def restore(
    file: Annotated[Path, typer.Argument(help="What `backup` made.")],
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Put a copy into a data folder that is empty. What it lacks the devices offer again."""
    chosen = load_config(config)
    folder = chosen.data_dir
    there = [one.name for one in folder.iterdir() if one.name != LOCK] if folder.exists() else []
    if there:
        raise OperatorError(
            f"{folder} is not empty ({', '.join(sorted(there)[:3])}): a copy is restored into an "
            "empty data folder. Move it away, and keep it until the devices have offered again."
        )
    owner = (folder if folder.exists() else folder.parent).stat()
    lock = FolderLock(folder)
    try:
        if os.geteuid() == 0:  # what root makes is for the service's user
            for path in (folder, folder / LOCK):
                os.chown(path, owner.st_uid, owner.st_gid)
        restore_database(
            *(file, folder / DATABASE, _TABLE), lambda new: _begin_anew(new, chosen.hall)
        )
    finally:
        lock.release()
    typer.echo(f"restored {folder / DATABASE} from {file}")
    typer.echo("what came after the copy the devices offer again when the gateway runs;")
    typer.echo("`pingjia gateway status` tells when all is there")
    if not chosen.centre_token_file.exists():
        typer.echo(f"put {chosen.centre_token_file} in its place before it runs, or a new token")


def _begin_anew(path: Path, hall: str) -> None:
    database = Database(path)
    try:
        with database.write() as connection:
            row = halls.get(connection)
            of_hall = hall if row is None else decode_hall(row.document).hall
            if of_hall != hall:
                raise OperatorError(f"the copy is of the hall {of_hall}, and not of {hall}.")
            books.begin_anew(connection, now_ms())
    finally:
        database.close(is_last=True)
