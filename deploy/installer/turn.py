"""The way to a newer release and back, and the end."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from .machine import (
    ASIDE,
    COMMAND,
    COPIES,
    ETC,
    OPT,
    UNITS,
    USER,
    VAR,
    InstallError,
    folder,
    install_units,
    is_enabled_or_active,
    remove_user,
    run,
    say,
    start,
    systemctl,
)
from .release import current, remove_unused, use
from .tiers import CENTRE, HALL, TIERS, Tier

_OFFERED_S, _LOOK_S = 900, 5


def upgrade(release: Path, is_copied: bool) -> None:
    """Each tier that is here: stopped, copied, started with `release`; back again if that does
    not start. is_copied: whoever calls has copied PostgreSQL. Raises InstallError.
    """
    here = [(tier, old) for tier in TIERS.values() if (old := current(tier.name)) is not None]
    if not here:
        raise InstallError("nothing is installed here: ./install.sh hall, or centre")
    for tier, old in here:
        if old == release:
            say(f"the {tier.word} runs {release.name} already")
            continue
        is_file = _is_file(tier)
        if not is_file and not is_copied:
            raise InstallError(
                "the centre's database is PostgreSQL: copy it by pg_basebackup (docs/copies.md), "
                "which is the way back, and say so: ./install.sh upgrade --copied"
            )
        say(f"the {tier.word}: {old.name} -> {release.name}")
        services = services_of(tier)
        systemctl("stop", *services)
        copy = None
        try:
            if is_file and tier.database.exists():
                stamp = time.strftime("%Y%m%d-%H%M%S")
                copy = COPIES / f"{tier.name}-{old.name}-{stamp}.db"
                tier.command(old, "backup", copy)
                say(f"  copied to {copy}")
        except InstallError:
            start_all(services)  # as it was
            raise
        _remember(tier, old, copy)
        use(tier.name, release)
        install_units(release, tier.units)
        try:
            start_all(services)
        except InstallError as error:
            say(f"{error}\nso the {tier.word} goes back to {old.name}")
            systemctl("stop", *services)
            _go_back(tier, services, old, copy)
            raise InstallError(
                f"the {tier.word} stays at {old.name}; see the lines above"
            ) from None
        say(f"  {', '.join(services)} runs")
    COMMAND.write_bytes((release / "bundle" / "pingjia").read_bytes())
    remove_unused()


def rollback(word: str | None) -> None:
    """Back to the release before, and to its tables. Raises InstallError.

    A centre first: what came after its copy its halls offer again, and only they have it; a hall
    goes back when that is over.
    """
    chosen = [tier for tier in TIERS.values() if word in (None, tier.word)]
    known = [(tier, back) for tier in chosen if (back := _before(tier)) is not None]
    if not known:
        raise InstallError("there is no upgrade to go back from")
    for tier, (old, copy) in known:
        if tier is HALL and CENTRE in [one for one, _ in known]:
            _wait_until_offered()
        say(f"the {tier.word}: back to {old.name}")
        services = services_of(tier)
        systemctl("stop", *services)
        _go_back(tier, services, old, copy)
        say(f"  {', '.join(services)} runs")
    remove_unused()


def services_of(tier: Tier) -> list[str]:
    """What runs, or would: one service, or several processes of a centre, and its pages apart
    (docs/processes.md).
    """
    several = tier.units[1].replace("@.", "@*.")
    listed = run("systemctl", "list-units", "--all", "--plain", "--no-legend", several)
    found = [line.split()[0] for line in listed.splitlines() if "@" in line]
    return (found or [tier.unit]) + [one for one in tier.units[2:] if is_enabled_or_active(one)]


def start_all(services: list[str]) -> None:
    """One after the other: the first changes the tables. Raises InstallError."""
    for service in services:
        start(service)


def uninstall(is_purged: bool) -> None:
    """Everything but settings, secrets and databases; with `is_purged` these, too."""
    for tier in TIERS.values():
        for unit in (*tier.units, "pingjia-central@*.service"):
            if (UNITS / unit).exists() or "*" in unit:
                run("sh", "-c", f"systemctl disable --now '{unit}' 2>&1 || true")
                run("sh", "-c", f"systemctl stop '{unit}' 2>&1 || true")
    for tier in TIERS.values():
        for unit in tier.units:
            (UNITS / unit).unlink(missing_ok=True)
            shutil.rmtree(UNITS / f"{unit}.d", ignore_errors=True)
    systemctl("daemon-reload")
    COMMAND.unlink(missing_ok=True)
    shutil.rmtree(OPT, ignore_errors=True)
    if not is_purged:
        say(f"removed. Kept: {ETC}, {VAR} (settings, secrets, ratings), the user {USER}")
        return
    for path in (ETC, VAR):
        shutil.rmtree(path, ignore_errors=True)
    remove_user()
    say("removed, with settings, secrets and all ratings")


def _go_back(tier: Tier, services: list[str], old: Path, copy: Path | None) -> None:
    """Let a stopped tier run `old`; if its tables were changed, on the copy from before."""
    use(tier.name, old)
    install_units(old, tier.units)
    if copy is not None and _tables(tier.database) != _tables(copy):
        aside = ASIDE / f"{tier.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        folder(aside, 0o700, USER)
        for name in tier.data:
            if (VAR / name).exists():
                shutil.move(VAR / name, aside / name)
        tier.command(old, "restore", copy)
        say(f"  the tables had changed: restored {copy.name}; what came after it is offered again")
        say(f"  the newer database is kept in {aside}")
    start_all(services)
    _forget(tier)


def _wait_until_offered() -> None:
    """Until the centre has again what came after its copy."""
    say("  waiting until the halls have offered the centre again what its copy lacks …")
    until = time.monotonic() + _OFFERED_S
    release = current(CENTRE.name)
    while release is not None and time.monotonic() < until:
        try:
            if "restored" not in CENTRE.command(release, "doctor"):
                return
        except InstallError as error:  # it ends with 1 while anything is to be looked at
            if "restored" not in str(error):
                return
        time.sleep(_LOOK_S)
    raise InstallError(
        "devices are still waited for (pingjia central doctor): when none is, or if those are "
        "switched off for good, ./install.sh rollback hall"
    )


def _is_file(tier: Tier) -> bool:
    return tier is HALL or "postgresql" not in _database_url(tier.settings)


def _database_url(settings: Path) -> str:
    lines = settings.read_text("utf-8").splitlines()
    return next((line for line in lines if line.startswith("database_url")), "")


def _tables(database: Path) -> str | None:
    """The shape of a database's tables, None if it has none."""
    if not database.exists():
        return None
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
        try:
            return connection.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        except (sqlite3.Error, TypeError):
            return None


def _remember(tier: Tier, old: Path, copy: Path | None) -> None:
    _forget(tier)
    (OPT / f"{tier.name}.before").symlink_to(old)
    if copy is not None:
        (COPIES / f"{tier.name}.before").symlink_to(copy.name)


def _before(tier: Tier) -> tuple[Path, Path | None] | None:
    link, copy = OPT / f"{tier.name}.before", COPIES / f"{tier.name}.before"
    if not link.is_symlink():
        return None
    return link.resolve(), copy.resolve() if copy.is_symlink() else None


def _forget(tier: Tier) -> None:
    for link in (OPT / f"{tier.name}.before", COPIES / f"{tier.name}.before"):
        link.unlink(missing_ok=True)
