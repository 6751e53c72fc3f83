"""Builds the offline bundles, one for each architecture: `make bundle`.

A bundle has everything that a hall or a centre needs but Python and systemd: our wheel, the wheels
it stands on, install.sh with the units, the licences, and checksums that the builder has signed.
Which wheels these are, and their hashes, stands in requirements.lock, which `make lock` makes from
constraints.txt; what is downloaded later has these hashes or is refused.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

try:
    from build_wheel import ROOT, build
except ImportError:
    from deploy.build_wheel import ROOT, build

ARCHITECTURES = ("x86_64", "aarch64")
PYTHONS = ("3.11", "3.13")
LOCK = ROOT / "deploy" / "requirements.lock"
EXTRAS = ("postgresql",)
PARTS = ("install.sh", "pingjia", "answers-hall.toml", "answers-centre.toml")
# Of the C library: 2.17 is CentOS 7's, 2.28 is Kylin V10's; pip takes no tag that is not named.
_GLIBC = ("1", "2010", "2014", "_2_5", "_2_12", "_2_17", "_2_24", "_2_26", "_2_27", "_2_28")
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-qq")
_IN_OUR_WHEEL = "node_modules/"


def lock(root: Path = ROOT) -> str:
    """The text of requirements.lock: each wheel that a bundle takes, with the hashes of all
    architectures' and Pythons' files. Asks the package index. Raises SystemExit.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], "pip"]
    for extra in EXTRAS:
        wanted += project["optional-dependencies"][extra]
    found: dict[str, set[str]] = {}
    for architecture in ARCHITECTURES:
        for version in PYTHONS:
            with tempfile.TemporaryDirectory() as folder:
                report = Path(folder) / "report.json"
                _pip(
                    *("install", "--dry-run", "--ignore-installed", "--target", folder),
                    *("--report", str(report), "-c", str(root / "constraints.txt")),
                    *(*_tags(architecture, version), *wanted),
                )
                for one in json.loads(report.read_text())["install"]:
                    meta, archive = one["metadata"], one["download_info"]["archive_info"]
                    name = f"{meta['name'].lower()}=={meta['version']}"
                    found.setdefault(name, set()).add(archive["hashes"]["sha256"])
    lines = [
        f"{name}{''.join(f' --hash=sha256:{one}' for one in sorted(found[name]))}"
        for name in sorted(found)
    ]
    return "\n".join(
        ["# Made by `make lock` from constraints.txt: what the bundles take.", *lines, ""]
    )


def bundle(
    target: Path,
    wheel: Path,
    key: Path,
    architecture: str = platform.machine(),
    pythons: tuple[str, ...] = PYTHONS,
    root: Path = ROOT,
) -> Path:
    """The archive for one architecture, in the folder `target`. Downloads what pip has not kept.

    wheel: ours. key: the builder's, made if there is none (PEM, 0600). Raises SystemExit.
    """
    version = wheel.name.split("-")[1]
    name = f"pingjia-{version}-{architecture}"
    with tempfile.TemporaryDirectory(prefix="pingjia-bundle-") as temporary:
        folder = Path(temporary) / name
        wheels = folder / "wheels"
        wheels.mkdir(parents=True)
        for one in pythons:
            _pip(
                *("download", "--no-deps", "--require-hashes", "--dest", str(wheels)),
                *("-r", str(root / "deploy" / LOCK.name), *_tags(architecture, one)),
            )
        shutil.copyfile(wheel, wheels / wheel.name)
        ours = f"pingjia=={version} --hash=sha256:{_sha256(wheel)}\n"
        (folder / "requirements.txt").write_text((root / "deploy" / LOCK.name).read_text() + ours)
        (folder / "LICENCES").write_text(licences(wheels), "utf-8")
        (folder / "VERSION").write_text(f"{version} {architecture} {' '.join(pythons)}\n")
        for part in PARTS:
            shutil.copy(root / "deploy" / part, folder / part)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / "deploy" / "installer", folder / "installer", ignore=ignored)
        (folder / "units").mkdir()
        for unit in (root / "deploy").glob("*.service"):
            shutil.copyfile(unit, folder / "units" / unit.name)
        _sign(folder, key)
        target.mkdir(parents=True, exist_ok=True)
        archive = target / f"{name}.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(folder, name, filter=_anybodys)
        return archive


def licences(wheels: Path) -> str:
    """A line for each wheel in a folder, and for what our own wheel has of others: name, version,
    licence. Raises SystemExit for one that names none.
    """
    lines = []
    for path in sorted(wheels.glob("*.whl")):
        with ZipFile(path) as archive:
            names = archive.namelist()
            (meta,) = (one for one in names if one.endswith(".dist-info/METADATA"))
            text = archive.read(meta).decode()
            lines.append(_licence_of(text))
            for one in names:
                if one.startswith(_IN_OUR_WHEEL) and one.endswith("/package.json"):
                    about = json.loads(archive.read(one))
                    if (
                        "name" in about and "version" in about
                    ):  # others say what a folder's files are
                        lines.append((about["name"], about["version"], about.get("license", "")))
    unknown = [name for name, _, licence in lines if not licence]
    if unknown:
        raise SystemExit(f"no licence is named by {', '.join(unknown)}: look it up, add it here")
    head = "Everything in this bundle, and its licence. The texts are in the wheels."
    return "\n".join([head, "", *sorted({f"{a} {b}: {c}" for a, b, c in lines}), ""])


def _licence_of(metadata: str) -> tuple[str, str, str]:
    about = HeaderParser().parsestr(metadata)
    named = [about["License-Expression"] or "", about["License"] or ""]
    named += [
        one.rsplit("::", 1)[1].strip()
        for one in about.get_all("Classifier", [])
        if one.startswith("License ::")
    ]
    # Some have their whole text there, after its name.
    licence = next((one.strip().splitlines()[0].strip() for one in named if one.strip()), "")
    return about["Name"], about["Version"], licence


def _sign(folder: Path, key: Path) -> None:
    """SHA256SUMS of all files but the examples of answers, and its signature by the builder: ECDSA
    on P-256 with SHA-256, which `openssl dgst` verifies everywhere.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if not path.match("answers-*.toml")]  # are there to be changed
    sums = "".join(f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    (folder / "SHA256SUMS").write_text(sums, "utf-8")
    signature = _builders(key).sign(sums.encode(), ec.ECDSA(hashes.SHA256()))
    (folder / "SHA256SUMS.sig").write_bytes(signature)


def _builders(key: Path) -> ec.EllipticCurvePrivateKey:
    if not key.exists():
        new = ec.generate_private_key(ec.SECP256R1())
        text = new.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
        print(f"made {key}: the builder's key. Keep it, and a copy apart")
    loaded = serialization.load_pem_private_key(key.read_bytes(), None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise SystemExit(f"{key} is no key of an elliptic curve: name another, KEY=FILE")
    public = loaded.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key.with_suffix(".pub").write_bytes(public)
    return loaded


def _tags(architecture: str, version: str) -> list[str]:
    """pip's options for wheels of another machine and Python than this one."""
    tags = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", version]
    for abi in (f"cp{version.replace('.', '')}", "abi3", "none"):
        tags += ["--abi", abi]
    for glibc in _GLIBC:
        tags += ["--platform", f"manylinux{glibc}_{architecture}"]
    return tags


def _pip(*words: str) -> None:
    if subprocess.run([*_PIP, *words]).returncode != 0:
        raise SystemExit("pip cannot get the wheels: see the lines above")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _anybodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


def main() -> None:
    """`build_bundle.py [--lock] [--key FILE] [ARCHITECTURE …]`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lock", action="store_true", help="make requirements.lock anew")
    parser.add_argument("--key", type=Path, default=Path.home() / ".pingjia" / "builder.key")
    parser.add_argument("architectures", nargs="*", default=ARCHITECTURES)
    chosen = parser.parse_args()
    if chosen.lock:
        LOCK.write_text(lock())
        return
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder))
        for architecture in chosen.architectures:
            made = bundle(ROOT / "build", wheel, chosen.key.expanduser(), architecture)
            size = made.stat().st_size // 1_000_000
            print(f"{made.relative_to(ROOT)}: {size} MB, sha256 {_sha256(made)}")
    print(f"signed; {chosen.key.with_suffix('.pub')} goes to whoever installs, by another way")


if __name__ == "__main__":
    main()
