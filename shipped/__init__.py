"""What is shipped beside the code: the built firmware, and the examples of settings.

In a checkout these are links to where they are made and kept (build/firmware, deploy/); in a wheel
they are the files themselves.
"""

from pathlib import Path

_HERE = Path(__file__).parent
_IS_CHECKOUT = (_HERE.parent / "Makefile").is_file()

FIRMWARE = _HERE / "firmware"


def example(name: str) -> str:
    """An annotated example: gateway.toml, central.toml or settings.toml."""
    return (_HERE / name).read_text("utf-8")


def without_firmware(folder: Path) -> str:
    """What to do where there is no built firmware in `folder`."""
    if folder.resolve() == FIRMWARE.resolve():
        return remedy("firmware")
    return "name another folder with --firmware, or leave it out: one comes with pingjia"


def remedy(target: str) -> str:
    """How what is missing of Pingjia itself is made, for the one who has it before him: a make
    target in a checkout, elsewhere the wheel again.
    """
    if _IS_CHECKOUT:
        return f"run `make {target}`"
    return (
        "this installation is not whole: install the wheel again (pip install --force-reinstall)"
    )
