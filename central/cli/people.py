"""`pingjia central account …` and `token …`: who signs in, and what calls."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_database, time_of
from central.directory.cells import day_of
from central.people.accounts import Accounts
from central.people.tokens import Tokens
from hosting.clock import written

Login = Annotated[str, typer.Argument(metavar="LOGIN")]
Role = Annotated[
    str,
    typer.Option(
        help="supervisor 主管部门 or auditor 监督人员, of all or a region; officer "
        "差评处置负责人, of an institution; entry 评价录入员, of a hall; admin 系统管理员, of all."
    ),
]
Scope = Annotated[
    str, typer.Option(help="all, or the id of the region, institution or hall, in the directory.")
]


def add_to(app: typer.Typer) -> None:
    """Add the groups."""
    _add_accounts(app)
    _add_tokens(app)


def _add_tokens(app: typer.Typer) -> None:
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


def _add_accounts(app: typer.Typer) -> None:
    group = typer.Typer(help="Accounts (账号) of people.", no_args_is_help=True)
    group.command("add")(add_account)
    group.command("list")(list_accounts)
    group.command("role")(role)
    group.command("password")(password)
    group.command("lock")(lock)
    group.command("unlock")(unlock)
    group.command("end-sessions")(end_sessions)
    group.command("remove")(remove)
    app.add_typer(group, name="account")


@contextmanager
def _accounts(config: Path) -> Iterator[Accounts]:
    with opened_database(config) as database:
        yield Accounts(database, time_of(database))


def add_account(
    login: Login,
    role: Role,
    name: Annotated[str, typer.Option(help="The person's name.")],
    scope: Scope = "all",
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Make an account, and print the password for its first sign-in, which is good for 7 days.

    Example: pingjia central account add wangfang --name 王芳 --role supervisor --scope 6501
    """
    with _accounts(config) as accounts:
        made = accounts.add(login, name, role, scope)
    print(f"made the account {login}, {role} of {scope}")
    _print_password(made)


def list_accounts(config: ConfigFile = CENTRAL_TOML) -> None:
    """List the accounts: login, name, role, scope, and where each is signed in."""
    with _accounts(config) as accounts:
        rows = accounts.every()
    if not rows:
        print("there is no account yet: `pingjia central account add`")
    for row, sessions in rows:
        parts = [f"{row.login}  {row.name}  {row.role} of {row.scope}"]
        parts.append(f"since {written(row.created_at_ms)}")
        if row.removed_at_ms is not None:
            parts.append(f"removed {written(row.removed_at_ms)}")
        elif row.locked_at_ms is not None:
            parts.append(f"locked {written(row.locked_at_ms)}")
        elif row.is_first:
            parts.append(f"has not changed the first password of {written(row.password_at_ms)}")
        print(", ".join(parts))
        for one in sessions:
            since, seen = written(one.began_ms), written(one.seen_ms)
            print(f"    session {one.id} from {one.address or '?'}, since {since}, used {seen}")


def role(
    login: Login, role: Role, scope: Scope = "all", config: ConfigFile = CENTRAL_TOML
) -> None:
    """Give an account another role or place; its sessions end."""
    with _accounts(config) as accounts:
        kept = accounts.set_role(login, role, scope)
    print(f"{login} is {role} of {kept} now; its sessions are ended")


def password(login: Login, config: ConfigFile = CENTRAL_TOML) -> None:
    """Print a new password for a first sign-in; the account's sessions end."""
    with _accounts(config) as accounts:
        made = accounts.reset_password(login)
    _print_password(made)


def lock(login: Login, config: ConfigFile = CENTRAL_TOML) -> None:
    """Let nobody in by an account, until it is unlocked; its sessions end."""
    with _accounts(config) as accounts:
        accounts.lock(login)
    print(f"locked {login}; its sessions are ended")


def unlock(login: Login, config: ConfigFile = CENTRAL_TOML) -> None:
    """Let an account in again; who mistyped too often need not wait any more."""
    with _accounts(config) as accounts:
        accounts.unlock(login)
    print(f"unlocked {login}")


def end_sessions(
    login: Login,
    session: Annotated[str | None, typer.Option(help="Only this one, as `list` gives it.")] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """End the sessions of an account, wherever it is signed in."""
    with _accounts(config) as accounts:
        count = accounts.end_sessions(login, session)
    print(f"ended {count} sessions of {login}")


def remove(login: Login, config: ConfigFile = CENTRAL_TOML) -> None:
    """End an account for ever: what it did stays, and its login is never given again."""
    with _accounts(config) as accounts:
        accounts.remove(login)
    print(f"removed {login}")


def _print_password(made: str) -> None:
    print(f"password for the first sign-in, good for 7 days, shown only here: {made}")
