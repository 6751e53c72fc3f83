"""`pingjia central policy …`: a region's rules, a file per version."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from central.cli.judged import rules_of, still_judge
from central.cli.opened import CENTRAL_TOML, ConfigFile, opened_url
from central.config import Config, load_config
from central.ratings.preview import preview
from central.ratings.versions import accept
from central.rules.calendar import day_of, number_of
from central.rules.definitions import Mean, Share
from central.rules.policy import Policy, check_file, load_policies
from central.store import directory, places
from hosting import clock
from hosting.error import OperatorError
from hosting.toml import meant

Folder = Annotated[
    Path | None,
    typer.Option(help="The province's own profiles, NAME/YYYY-MM-DD.toml; those of the settings."),
]
Overrides = Annotated[
    Path | None,
    typer.Option(help="What lower levels detail, YYYY-MM-DD.PLACE.toml; that of the settings."),
]
Settings = Annotated[
    Path | None,
    typer.Option("--config", help="The settings file; central.toml if it is there."),
]
File = Annotated[Path, typer.Argument(help="A version, or a lower level's details.")]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(help="The rules (规则) of a region.", no_args_is_help=True)
    group.command("list")(list_policies)
    group.command("check")(check)
    group.command("preview")(preview_draft)
    group.command("accept")(accept_edited)
    app.add_typer(group, name="policy")


def list_policies(
    folder: Folder = None, overrides: Overrides = None, config: Settings = None
) -> None:
    """List the profiles, each with its versions; * marks what is in force today."""
    chosen = _settings(config)
    folder, overrides = _folders(chosen, folder, overrides)
    policies = load_policies(folder, overrides)
    today = clock.day(clock.now_ms())
    number = today.year * 10_000 + today.month * 100 + today.day
    for profile in policies.profiles():
        print(profile)
        for policy in policies.versions(profile):
            in_force = policy.valid_from <= number <= (policy.valid_to or number)
            print(f"  {'*' if in_force else ' '} {_said(policy)}")


def check(
    file: File, folder: Folder = None, overrides: Overrides = None, config: Settings = None
) -> None:
    """Check a file before it is put in its place: every key, word and number in it, and with the
    settings of a centre that its directory has the place.
    """
    chosen = _settings(config)
    policies = check_file(file, *_folders(chosen, folder, overrides))
    details = next((one for one in policies if one.base is not None), None)
    if details is not None and chosen is None:
        print(f"no central.toml here: whether there is a place {details.place} was not looked for")
    elif details is not None and chosen is not None:
        with opened_url(chosen) as database, database.read() as connection:
            _require_place(connection, details)
    for policy in policies:
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


def preview_draft(
    file: File,
    month: Annotated[datetime, typer.Option(formats=["%Y-%m"], help="The month, 2026-10.")],
    profile: Annotated[
        str | None, typer.Option(help="In whose place; that of the file's own name.")
    ] = None,
    hall: Annotated[str | None, typer.Option(help="Only this hall.")] = None,
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """What the figures of a month would have been under a draft, beside those in force.

    The draft counts as if it had been valid then. Nothing is written, and the centre may run.
    """
    chosen = load_config(config)
    rules = rules_of(chosen)
    draft = check_file(file, chosen.profiles, chosen.overrides)[-1]
    is_known = draft.profile in rules.policies.profiles()
    name = profile or (draft.profile if is_known else rules.default)
    name = rules.policies.named(name)
    with (
        opened_url(chosen) as database,
        still_judge(database, rules) as judge,
        database.read() as connection,
    ):
        known = judge.hall_names(connection, number_of(clock.day(clock.now_ms())))
        if hall is not None and hall not in known:
            raise OperatorError(f"no hall or platform is named {hall}.{meant(hall, known)}")
        if draft.base is not None:
            _require_place(connection, draft)
        found = preview(connection, judge, draft, name, month.date(), hall)
    for policy in found.in_force:
        print(f"in force: {_said(policy)}")
    print(f"draft:    {_said(draft)}")
    services, drafted = found.services
    print(
        f"{month:%Y-%m}: {services} services in force, {drafted} under the draft; "
        f"{found.changed} stand otherwise\n"
    )
    for line in found.lines:
        figure = line.shown.figure
        excluded = "，含不予采纳的" if line.shown.with_excluded else ""
        marked = "*" if line.before != line.after else " "
        print(f"{marked} {figure.zh}{excluded} ({figure.en})")
        print(f"    {_value(line.before)}  ->  {_value(line.after)}")


def accept_edited(
    profile: Annotated[str, typer.Argument(help="The profile whose files were edited.")],
    config: ConfigFile = CENTRAL_TOML,
) -> None:
    """Let versions that were edited in use hold as they are now: all that they judged is judged
    again at the next start.
    """
    chosen = load_config(config)
    rules = rules_of(chosen)
    with opened_url(chosen) as database:
        accepted = accept(database, rules, rules.policies.named(profile), clock.now_ms())
    for name, first_day, place in accepted:
        where = f" for {place}" if place else ""
        print(f"accepted the version of {name} from {day_of(first_day)}{where}")
    if accepted:
        print("start the centre again, if it runs: it judges again by the new text")
    else:
        print(f"nothing to accept: no version of {profile} that is in use was edited")


def _settings(config: Path | None) -> Config | None:
    """The settings named, else those of central.toml, if it is there."""
    is_there = config is not None or CENTRAL_TOML.exists()
    return load_config(config or CENTRAL_TOML) if is_there else None


def _folders(
    chosen: Config | None, folder: Path | None, overrides: Path | None
) -> tuple[Path | None, Path | None]:
    if chosen is None:
        return folder, overrides
    return folder or chosen.profiles, overrides or chosen.overrides


def _require_place(connection: Connection, details: Policy) -> None:
    """Raises OperatorError unless the place of details is a hall, a platform or a region of the
    directory, or the first digits of one.
    """
    known = {row.hall for row in places.halls(connection)}
    known |= {
        entry.id
        for entry in directory.entries(connection)
        if entry.kind in ("region", "hall", "platform")
    }
    place = details.place
    is_code = place.isdecimal() and any(one.startswith(place) for one in known)
    if place not in known and not is_code:
        raise OperatorError(
            f"{details.files[-1]}: the directory has no hall and no region {place}."
            f"{meant(place, known)} Import it first, or name the file by another place."
        )


def _value(value: Share | Mean | None) -> str:
    if value is None:
        return "not shown"
    if isinstance(value, Share):
        share = value.percent()
        return f"{value.num}/{value.den}" + (f" = {share} %" if share else "")
    mean = value.mean()
    return f"{value.sum}/{value.n}" + (f" = {mean}" if mean else "")


def _said(policy: Policy) -> str:
    last = f" to {day_of(policy.valid_to)}" if policy.valid_to else ""
    return (
        f"{policy.files[-1]}: {policy.source}; place {policy.place}; from "
        f"{day_of(policy.valid_from)}{last}; SHA-256 {policy.sha256[:16]}"
    )
