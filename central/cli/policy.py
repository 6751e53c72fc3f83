"""`pingjia central policy …`: a region's rules, a file per version."""

from pathlib import Path
from typing import Annotated

import typer

from central.rules.calendar import day_of
from central.rules.policy import Policy, check_file, load_policies
from hosting import clock

Folder = Annotated[
    Path | None, typer.Option(help="The province's own profiles, NAME/YYYY-MM-DD.toml.")
]
Overrides = Annotated[
    Path | None, typer.Option(help="What lower levels detail, YYYY-MM-DD.PLACE.toml.")
]
File = Annotated[Path, typer.Argument(help="A version, or a lower level's details.")]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="The rules (规则) of a region.", no_args_is_help=True)
    group.command("list")(list_policies)
    group.command("check")(check)
    app.add_typer(group, name="policy")


def list_policies(folder: Folder = None, overrides: Overrides = None) -> None:
    """List the profiles, each with its versions; * marks what is in force today."""
    policies = load_policies(folder, overrides)
    today = clock.day(clock.now_ms())
    number = today.year * 10_000 + today.month * 100 + today.day
    for profile in policies.profiles():
        print(profile)
        for policy in policies.versions(profile):
            in_force = policy.valid_from <= number <= (policy.valid_to or number)
            print(f"  {'*' if in_force else ' '} {_said(policy)}")


def check(file: File, folder: Folder = None) -> None:
    """Check a file before it is put in its place: every key, word and number in it."""
    for policy in check_file(file, folder):
        print(f"{file} is right: {_said(policy)}")
        if policy.base is not None:
            before = dict(policy.base.values())
            for key, value in policy.values():
                if key in policy.changed:
                    print(f"  {key}: {before[key].value} ({before[key].source})")
                    print(f"    becomes {value.value} ({value.source})")
            continue
        values = [value for _, value in policy.values()]
        by_article = sum(value.article is not None for value in values)
        print(
            f"  {by_article} values stand on an article, {len(values) - by_article} are ours "
            "(本系统约定)"
        )
        for key, value in policy.values():
            if value.because is not None:
                print(f"  {key}: {value.because}")


def _said(policy: Policy) -> str:
    last = f" to {day_of(policy.valid_to)}" if policy.valid_to else ""
    return (
        f"{policy.files[-1]}: {policy.source}; place {policy.place}; from "
        f"{day_of(policy.valid_from)}{last}; SHA-256 {policy.sha256[:16]}"
    )
