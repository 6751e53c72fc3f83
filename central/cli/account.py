"""`pingjia central account …`: who signs in to the pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_database, time_of
from central.people.accounts import Accounts
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
    """Add the group."""
    group = typer.Typer(help="Accounts (账号) of people.", no_args_is_help=True)
    group.command("add")(add)
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


def add(
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
