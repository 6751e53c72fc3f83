"""`pingjia central backup`, `restore` and `import`."""

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import URL, make_url

from central.audit.export import fill
from central.audit.restoring import note_restored, require_its_secret
from central.cli.opened import CENTRAL_TOML, ConfigFile, device_keys, make_settings, opened_url
from central.config import Config, load_config
from central.store import transfer
from central.store.database import open_database
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.clock import now_ms
from hosting.copies.sqlite import copy_database, restore_database
from hosting.error import OperatorError

_TABLE = "centre_clock"  # no other program's database has it


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)
    app.command("import")(import_export)


def backup(
    file: Annotated[Path, typer.Argument(help="A new file, for its owner only.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Copy the database, also of a running centre, to a file that `restore` takes.

    Example: pingjia central backup /mnt/copies/central-2026-11-30.db
    """
    chosen = load_config(config)
    path = _sqlite_of(chosen)
    if path is None:
        raise OperatorError(
            "the database is PostgreSQL: it is copied by its own pg_basebackup, with WAL "
            "archiving, for which docs/copies.md has the commands. A file for another database, "
            "or to verify elsewhere: `pingjia central export`."
        )
    _note(chosen, "copy.make", file.name)
    size = copy_database(path, file)
    print(f"copied {path} to {file}: {size} bytes, checked")
    apart = [chosen.master_secret_file, chosen.personal_key_file, chosen.tls_key]
    print(f"not in it, keep them apart: {', '.join(str(one) for one in apart if one)}")
    print(f"and {config}. Of tokens and devices' passwords it has the hashes only")


def restore(
    file: Annotated[
        Path | None, typer.Argument(help="What `backup` made; for PostgreSQL none.")
    ] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Put a copy where no database is. What it lacks is then offered again by the halls.

    For PostgreSQL, restored by its own means, without a file: only notes that it was.
    """
    make_settings(config)
    chosen = load_config(config)
    path = _sqlite_of(chosen)
    if (file is None) != (path is None):
        raise OperatorError(
            "name the copy: pingjia central restore FILE"
            if path is not None
            else "the database is PostgreSQL: restore it by its own means (docs/copies.md), then "
            "run this without a file."
        )
    if file is None or path is None:
        with opened_url(chosen) as database:
            devices = note_restored(database, now_ms())
    else:
        noted = []

        def prepare(new: Path) -> None:
            database = open_database(URL.create("sqlite", database=str(new)))
            try:
                noted.append(note_restored(database, now_ms()))
            finally:
                database.close(is_last=True)

        restore_database(file, path, _TABLE, prepare)
        print(f"restored {path} from {file}")
        (devices,) = noted
    _note(chosen, "copy.restore", "" if file is None else file.name)
    print(f"what {devices} devices said after the copy is offered again when the centre runs:")
    print("`pingjia central doctor` and the page /marks tell when all is there")
    _require_secret(chosen)


def import_export(
    file: Annotated[Path, typer.Argument(help="What `export` wrote, .jsonl.gz.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Take in what `export` wrote, into a database that holds nothing yet.

    Also from SQLite to PostgreSQL, and back. With `export --hashes` tokens and devices stay good.
    """
    chosen = load_config(config)
    with opened_url(chosen) as database:
        with database.read() as connection:
            held = transfer.first_held(connection)
        if held is not None:
            raise OperatorError(
                f"the database holds something already (table {held}): an export is taken in by "
                "a new one. Name another in database_url."
            )
        count = fill(database, file)
        with database.read() as connection:
            locked_out = transfer.without_password(connection)
        devices = note_restored(database, now_ms())
    _note(chosen, "copy.import", file.name)
    print(f"took in {count} rows of {file}; {devices} devices are waited for")
    if locked_out:
        print(
            f"{locked_out} devices have no password in it and must be enrolled again, and halls "
            "need new tokens: `export --hashes` writes both"
        )
    _require_secret(chosen)


def _note(config: Config, what: str, about: str) -> None:
    """The act, where there is a secret to sign it with: a copy is never refused for want of it."""
    if config.master_secret_file.exists():
        with opened_url(config) as database, database.write() as connection:
            acts.add(connection, now_ms(), COMMAND, what, about)


def _sqlite_of(config: Config) -> Path | None:
    url = make_url(config.database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _require_secret(config: Config) -> None:
    if config.master_secret_file.exists():
        with opened_url(config) as database:
            require_its_secret(database, device_keys(config).key)
        return
    print(
        f"put {config.master_secret_file} in its place before it runs: without the secret that "
        "belongs to this database nothing is verified"
    )
