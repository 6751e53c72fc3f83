"""`pingjia central token …`."""

from pathlib import Path
from typing import Annotated

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_database, time_of
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
            "counts, records:read for one that wants records, devices:approve for whoever "
            "approves what technicians enrolled, hall:<hall> for a gateway, enrol:<hall> for a "
            "technician's bench, services:read:<division> for a supervisor's program that opens "
            "figures into services, services:write:<place> for a business system, "
            "rehearsal:write for who runs a rehearsal."
        ),
    ],
    out: Annotated[Path, typer.Option(help="A new file for the token.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=366, help="How long enrol:<hall> is good; 1.")
    ] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="What enrol:<hall> may enrol; 200.")
    ] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Make a token, and write it to a file."""
    with opened_database(config) as database:
        Tokens(database, time_of(database)).add(scope, out, days, devices)
    print(f"made a token with the scope {scope} in {out}")


def list_tokens(config: ConfigFile = CENTRAL_TOML) -> None:
    """List the tokens: the id that stands in each after `pj_`, its scope, since when, and of a
    technician's what is left.
    """
    with opened_database(config) as database:
        now_ms = time_of(database)
        for token in Tokens(database, now_ms).every():
            left = ""
            if token.ends_at_ms is not None:
                word = "ended" if now_ms() >= token.ends_at_ms else "until"
                left = f", {word} {written(token.ends_at_ms)}, devices left: {token.devices_left}"
            until = f", revoked {written(token.revoked_at_ms)}" if token.revoked_at_ms else ""
            since = written(token.created_at_ms)
            print(f"{token.id}  {token.scopes}, since {since}{left}{until}")


def revoke_token(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `list` gives it.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Take a token back: the running centre refuses it from now on."""
    with opened_database(config) as database:
        Tokens(database, time_of(database)).revoke(token_id)
    print(f"revoked the token {token_id}")
