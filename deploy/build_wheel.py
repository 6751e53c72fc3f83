"""Builds the wheel, which has everything in it: `make wheel`.

Not from the checkout itself, where setuptools takes what an earlier build has left, but from a
copy of what is tracked and of the three things that are made: catalogues, firmware, node_modules.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parent.parent
_TIERS = ("protocol", "quick", "hosting", "shipped", "pages", "gateway", "central")
_TIERS += ("simulator", "workbench")
_FILES = ("pyproject.toml", "README.md", "LICENSE", "pingjia.py")
_MADE = (  # a file of each part that is made, not written
    "pages/locale/en.mo",
    "shipped/firmware/manifest.json",
    "node_modules/aedes/package.json",
    "node_modules/@micropython/micropython-webassembly-pyscript/micropython.wasm",
)
_UNUSED = {".po", ".md", ".mako"}  # read by whoever builds, not by what runs


def build(target: Path, root: Path = ROOT) -> Path:
    """The wheel of the checkout at `root`, in the folder `target`. Raises SystemExit that names
    what is missing in it.
    """
    with tempfile.TemporaryDirectory(prefix="pingjia-wheel-") as name:
        source, made = Path(name) / "source", Path(name) / "made"
        _copy(root, source)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet")
        options = ("--no-deps", "--no-build-isolation", "--wheel-dir", str(made))
        if subprocess.run([*pip, *options, str(source)]).returncode != 0:
            raise SystemExit("the wheel cannot be built: see the lines above")
        (wheel,) = made.glob("*.whl")
        missing = {*_MADE, *_wanted(source)} - set(ZipFile(wheel).namelist())
        if missing:
            raise SystemExit(
                f"the wheel lacks {', '.join(sorted(missing))}: `make setup firmware` makes what "
                "is made, package-data in pyproject.toml names what is taken along"
            )
        target.mkdir(parents=True, exist_ok=True)
        return Path(shutil.move(wheel, target / wheel.name))


def _copy(root: Path, source: Path) -> None:
    source.mkdir()
    for folder in (*_TIERS, "node_modules"):
        if (root / folder).exists():
            shutil.copytree(root / folder, source / folder, ignore=_unwanted)
    for file in _FILES:
        shutil.copyfile(root / file, source / file)


def _unwanted(folder: str, names: list[str]) -> set[str]:
    """Also a link to what was not made; what it should be is missed in the wheel."""
    return {one for one in names if one == "__pycache__" or not Path(folder, one).exists()}


def _wanted(source: Path) -> set[str]:
    """Every file of the tiers that something may read when it runs."""
    found = [path for tier in _TIERS for path in (source / tier).rglob("*") if path.is_file()]
    return {path.relative_to(source).as_posix() for path in found if path.suffix not in _UNUSED}


if __name__ == "__main__":
    built = build(ROOT / "build")
    print(f"{built.relative_to(ROOT)}: {built.stat().st_size // 1024} KB")
