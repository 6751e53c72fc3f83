"""`pingjia central token …`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_database, time_of
from central.directory.cells import day_of
from central.people.tokens import Tokens
from hosting.clock import written


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="Tokens of callers.", no_args_is_help=True)
    group.command("add")(add_token)
    group.command("list")(list_tokens)
    group.command("revoke")(revoke_token)
    app.add_typer(group, name="token")


def add_token(
    scope: Annotated[
        str,
        typer.Option(
            help="pages:read for a supervisor's browser, figures:read for a program that wants "
            "counts, each alone or of a place, pages:read:<region, institution or hall>; "
            "records:read for a program that wants records; directory:read and directory:write; "
            "devices:approve for whoever approves what technicians enrolled; hall:<hall> for a "
            "gateway, enrol:<hall> for a technician's bench; services:read:<division> for a "
            "supervisor's program that opens figures into services, services:write:<place> for a "
            "business system, rehearsal:write for who runs a rehearsal. docs/scopes.md says what "
            "each opens."
        ),
    ],
    out: Annotated[Path, typer.Option(help="A new file for the token.")],
    name: Annotated[str | None, typer.Option(help="Who it is for; else the file's name.")] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=3660, help="How long it is good: enrol:<hall> 1 day, others for ever."
        ),
    ] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="What enrol:<hall> may enrol; 200.")
    ] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Make a token, and write it to a file.

    Example: pingjia central token add --scope pages:read:xj-01 --name 王芳 --days 365 --out w
    """
    with opened_database(config) as database:
        scope = Tokens(database, time_of(database)).add(scope, out, days, devices, name)
    print(f"made a token with the scope {scope} in {out}")


def list_tokens(config: ConfigFile = CENTRAL_TOML) -> None:
    """List the tokens: the id that stands in each after `pj_`, who it is for, its scope, since
    when and until when it is good, the day on which it was used last, and of a technician's how
    many devices are left.
    """
    with opened_database(config) as database:
        now_ms = time_of(database)
        for token in Tokens(database, now_ms).every():
            print(_told(token, now_ms()))


def _told(token: Any, now_ms: int) -> str:
    parts = [f"{token.id}  {token.name}  {token.scopes}", f"since {written(token.created_at_ms)}"]
    used = "never used" if token.used_day is None else f"used last {day_of(token.used_day)}"
    parts.append(used)
    if token.ends_at_ms is not None:
        word = "ended" if now_ms >= token.ends_at_ms else "until"
        parts.append(f"{word} {written(token.ends_at_ms)}")
    if token.devices_left is not None:
        parts.append(f"devices left: {token.devices_left}")
    if token.revoked_at_ms is not None:
        parts.append(f"revoked {written(token.revoked_at_ms)}")
    return ", ".join(parts)


def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` gives it.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Take a token back: the running centre refuses it from now on."""
    with opened_database(config) as database:
        Tokens(database, time_of(database)).revoke(token_id)
    print(f"revoked the token {token_id}")
