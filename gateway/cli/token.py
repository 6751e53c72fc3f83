"""`pingjia gateway token …`."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from gateway.cli.opened import GATEWAY_TOML, ConfigFile, opened_database
from gateway.cli.pages import Address, pages_address, require_windows
from gateway.config import load_config
from gateway.desk import callers
from gateway.store import tokens
from hosting.clock import now_ms, written
from hosting.error import OperatorError
from hosting.secret_file import write_new
from hosting.tokens import digest, new_secret

_DAY_MS = 86_400_000


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help="Tokens of those who call the API or open pages."
    )
    group.command("add")(token_add)
    group.command("list")(token_list)
    group.command("revoke")(token_revoke)
    app.add_typer(group, name="token")


def token_add(
    name: Annotated[str, typer.Argument(help="Who calls, e.g. queue-system.")],
    out: Annotated[Path, typer.Option("--out", help="A new file for the token.")],
    scope: Annotated[
        Literal["api", "pages:read", "console"],
        typer.Option(help="The HTTP API, the overview's page, or one window's console."),
    ] = "api",
    window: Annotated[
        list[str] | None,
        typer.Option(
            help="The console's window, e.g. w1; for the API those that it may touch, one option "
            "each, all without any."
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3660, help="How long it is good; for ever.")
    ] = None,
    address: Address = None,
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Write a new token for a caller into a file; only its hash is stored.

    Example: pingjia gateway token add counter-1 --scope console --window w1 --out w1.token
    """
    windows = window or []
    if not (0 < len(name) <= 64 and name.isprintable()):
        raise OperatorError("The name of a caller has 1 to 64 printable characters.")
    if scope == callers.CONSOLE and len(windows) != 1:
        raise OperatorError("A console's token names its window: --window w1.")
    if scope == callers.PAGES and windows:
        raise OperatorError("The overview shows the whole hall: its token names no --window.")
    with opened_database(config, may_be_new=True) as database:
        require_windows(database, windows)
        at_ms, secret = now_ms(), new_secret()
        ends_at_ms = None if days is None else at_ms + days * _DAY_MS
        write_new(out, f"{secret}\n".encode())
        with database.write() as connection:
            tokens.put(
                *(connection, name, digest(secret), at_ms, scope),
                *(" ".join(windows) or None, ends_at_ms),
            )
    typer.echo(f"made a token for {name} in {out}")
    if scope != callers.API:
        with suppress(OperatorError):  # nobody knows how browsers get here
            typer.echo(f"it opens {pages_address(load_config(config), address)}/login")


def token_list(config: ConfigFile = GATEWAY_TOML) -> None:
    """List who may call, with what, since when and until when, and the day of the last use."""
    with opened_database(config) as database, database.read() as connection:
        rows = tokens.everyone(connection)
    for row in rows:
        what = f"{row.scope} {row.window}" if row.window else row.scope
        parts = [f"{row.name}  {what}", f"since {written(row.created_at_ms)}"]
        day = f"{row.used_day}"
        used = f"used last {day[:4]}-{day[4:6]}-{day[6:]}" if row.used_day else "never used"
        parts.append(used)
        if row.ends_at_ms is not None:
            word = "ended" if now_ms() >= row.ends_at_ms else "until"
            parts.append(f"{word} {written(row.ends_at_ms)}")
        typer.echo(", ".join(parts))


def token_revoke(
    name: Annotated[str, typer.Argument(help="As `list` gives it.")],
    config: ConfigFile = GATEWAY_TOML,
) -> None:
    """Take a caller's token back: the running gateway refuses it from now on."""
    with opened_database(config) as database, database.write() as connection:
        was_there = tokens.revoke(connection, name)
    if not was_there:
        raise OperatorError(f"No token is named {name}: see `pingjia gateway token list`.")
    typer.echo(f"revoked the token of {name}")
