"""The machine: where things lie, whom they belong to, and how programs are called."""

import grp
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

RELEASES = Path("/opt/pingjia/releases")
OPT, ETC, VAR = RELEASES.parent, Path("/etc/pingjia"), Path("/var/lib/pingjia")
COPIES, ASIDE = VAR / "copies", VAR / "aside"
UNITS = Path("/etc/systemd/system")
COMMAND = Path("/usr/local/bin/pingjia")
USER = "pingjia"
BUNDLE = Path(__file__).resolve().parent.parent
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class InstallError(Exception):
    """What went wrong, and what to do, in sentences."""


def say(text: str) -> None:
    """A line for who installs."""
    print(text, flush=True)


def run(*words: object, as_user: bool = False, is_shown: bool = False) -> str:
    """What a program printed. as_user: as the services' user. Raises InstallError with its words.

    is_shown: they are shown, too.
    """
    identity = {"user": USER, "group": USER, "extra_groups": [], "umask": 0o077}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=VAR if as_user else "/",
        env={"PATH": _PATH, "LANG": "C.UTF-8", "HOME": str(VAR)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **(identity if as_user else {}),
    )
    if done.returncode != 0:
        last = "\n".join(done.stdout.strip().splitlines()[-12:])
        raise InstallError(f"`{' '.join(str(word) for word in words)}` failed:\n{last}")
    if is_shown:
        for line in done.stdout.splitlines():
            say(f"  {line}")
    return done.stdout


def systemctl(*words: str) -> None:
    """Raises InstallError."""
    run("systemctl", *words)


def is_enabled_or_active(unit: str) -> bool:
    """Whether a service of this machine runs, or would after a boot."""
    asked = (("is-active", unit), ("is-enabled", unit))
    return any(subprocess.run(["systemctl", "--quiet", *one]).returncode == 0 for one in asked)


def start(unit: str) -> None:
    """Start it now and at every boot; returns when it says that it is ready. Raises InstallError
    with the last lines of its journal.
    """
    try:
        systemctl("enable", unit)
        systemctl("restart", unit)
    except InstallError as error:
        subprocess.run(["systemctl", "stop", unit], capture_output=True)
        last = run("journalctl", "--no-pager", "-o", "cat", "-n", "8", "-u", unit)
        raise InstallError(f"{unit} does not start: {error}\n{last}") from None


def require_machine(least_bytes: int) -> None:
    """Raises InstallError for what stands in the way of an installation."""
    if os.geteuid() != 0:
        raise InstallError("this is done as root: sudo ./install.sh …")
    if not Path("/run/systemd/system").is_dir():
        raise InstallError("systemd does not run here, and the services need it")
    if Path(sys.base_prefix).parts[1:2] in (("home",), ("root",)):
        raise InstallError(
            f"Python lies in {sys.base_prefix}, which the services may not see: name another, "
            "PINGJIA_PYTHON=/path/python3 ./install.sh …"
        )
    machine, (version, architecture, *_) = os.uname().machine, about_bundle()
    if machine != architecture:
        raise InstallError(
            f"this bundle is for {architecture}, and this machine is {machine}: take "
            f"pingjia-{version}-{machine}.tar"
        )
    OPT.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(OPT).free
    if free < least_bytes:
        raise InstallError(
            f"{OPT} has {free // 1_000_000} MB free, and {least_bytes // 1_000_000} are needed"
        )


def about_bundle() -> list[str]:
    """Version, architecture and Pythons of this bundle."""
    return (BUNDLE / "VERSION").read_text().split()


def make_user() -> None:
    """The services' user and their folders."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        run("useradd", "--system", "--user-group", "--home-dir", VAR, "--no-create-home",
            "--shell", "/usr/sbin/nologin", USER)  # fmt: skip
    folder(ETC, 0o750, "root")
    for path in (VAR, COPIES, ASIDE):
        folder(path, 0o700, USER)


def folder(path: Path, mode: int, owner: str) -> None:
    """A folder of the services' group, there and as it must be."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    shutil.chown(path, owner, USER)


def give(path: Path, mode: int = 0o600) -> None:
    """A file to the services' user."""
    shutil.chown(path, USER, USER)
    path.chmod(mode)


def take(source: Path, target: Path) -> None:
    """Copy a file that was named; it is the services' user's, and nobody else's."""
    if not source.is_file():
        raise InstallError(f"{source} is no file")
    if target.exists() and target.samefile(source):
        return give(target)
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(source.read_bytes())
    give(target)


def install_units(release: Path, names: Iterable[str]) -> None:
    """The units of a release; drop-ins of hall IT stay."""
    for name in names:
        shutil.copyfile(release / "bundle" / "units" / name, UNITS / name)
    systemctl("daemon-reload")


def remove_user() -> None:
    """Raises InstallError."""
    try:
        pwd.getpwnam(USER)
        run("userdel", USER)
        grp.getgrnam(USER)
        run("groupdel", USER)
    except KeyError:
        pass
