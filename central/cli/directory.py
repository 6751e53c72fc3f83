"""`pingjia central directory …`."""

from pathlib import Path
from typing import Annotated

import typer

from central.cli.opened import (
    CENTRAL_TOML,
    ConfigFile,
    FromDay,
    device_keys,
    keys_in,
    opened_database,
    opened_url,
    time_of,
)
from central.config import load_config
from central.directory.book import workbook
from central.directory.cells import day_number
from central.directory.devices import Devices
from central.directory.importer import (
    ENROLLED,
    REPLACED,
    Importer,
    Options,
    exported,
)
from central.directory.reading import read_lines
from central.directory.sheet import read_tables
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.error import OperatorError
from hosting.secret_file import write_new

_SHOWN = 200  # changes that are listed; the rest is counted


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        help="The directory (名录): regions, halls, windows, staff, matters, devices.",
        no_args_is_help=True,
    )
    group.command("import")(import_files)
    group.command("export")(export)
    group.command("template")(template)
    app.add_typer(group, name="directory")


def import_files(
    files: Annotated[list[Path], typer.Argument(help="Workbooks (.xlsx), or one .csv a sheet.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; change nothing.")
    ] = False,
    bundles: Annotated[
        Path | None, typer.Option(help="The folder for the bundles of new devices.")
    ] = None,
    from_day: FromDay = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Change what held in the past, too.")
    ] = False,
    move: Annotated[
        bool, typer.Option("--move", help="Move devices to other windows, halls to brokers.")
    ] = False,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Enrol anew what another hall has, or what was revoked."),
    ] = False,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Bring the directory up to what tables say: all of it, or nothing if a cell is wrong.

    It can be repeated: what is there already stays as it is, and no device is enrolled twice.

    Example: pingjia central directory import 名录.xlsx --dry-run
    """
    chosen = load_config(config)
    keys = device_keys(chosen)
    lines, faults = read_lines([table for file in files for table in read_tables(file)])
    if not lines and not faults:
        raise OperatorError("the tables have no rows: nothing was changed.")
    day = None if from_day is None else day_number(from_day.date())
    folder = bundles or (Path() if dry_run else None)  # nothing is written while it is shown
    options = Options(day, correct, move, replace, folder)
    with opened_url(chosen) as database:
        time = time_of(database)
        devices = Devices(database, keys_in(keys, database).key, time)
        importer = Importer(database, devices, time)
        do = importer.differences if dry_run else importer.carry_out
        changes = do(lines, options, faults=faults)
    for change in changes[:_SHOWN]:
        print(change)
    if len(changes) > _SHOWN:
        print(f"… and {len(changes) - _SHOWN} more")
    done = "would change" if dry_run else "changed"
    new = sum(change.what in (ENROLLED, REPLACED) for change in changes)
    if new and dry_run and bundles is None:
        print(f"{new} bundles would be written: the import needs a folder for them, --bundles")
    if new and not dry_run:
        print(f"{new} bundles are in {bundles}: they hold keys, carry them to the bench like keys")
    print(f"{len(changes)} of {len(lines)} rows {done}" if changes else "nothing changes")


def export(
    out: Annotated[Path, typer.Option(help="A new .xlsx, which an import reads back.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Write the whole directory as a workbook."""
    with opened_database(config) as database:
        with database.read() as connection:
            rows = exported(connection)
        with database.write() as connection:
            acts.add(connection, time_of(database)(), COMMAND, "directory.export", out.name)
    write_new(out, workbook(rows))
    print(f"wrote {sum(map(len, rows.values()))} rows to {out}")


def template(
    out: Annotated[Path, typer.Option(help="A new .xlsx to fill in.")],
) -> None:
    """Write an empty workbook with all sheets, and what each column means."""
    write_new(out, workbook({}), 0o644)
    print(f"wrote the template {out}")
