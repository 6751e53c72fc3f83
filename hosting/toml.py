"""Settings files in TOML: a typo is an error with the name that was meant."""

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from hosting.error import OperatorError
from hosting.log import harmless
from hosting.text_file import read_text

INSTALLED = Path("/etc/pingjia")  # by a bundle's install.sh
_BYTES = 1 << 20
Model = TypeVar("Model", bound=BaseModel)


def load_toml(path: Path, mend: str) -> dict[str, Any]:
    """What a TOML file says. Raises OperatorError with the line that is wrong.

    mend: where to get a file that is missing, a sentence.
    """
    try:
        return tomllib.loads(read_text(path, _BYTES, mend))
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits: a ValueError
        raise OperatorError(f"{path} is not TOML: {harmless(f'{error}')}.") from None


def load_config(model: type[Model], path: Path, mend: str) -> Model:
    """A settings file as `model`, whose fields are all the keys there are.

    Raises OperatorError, a line for each key that is wrong, with what a mistyped one may have
    meant.
    """
    return checked(model, load_toml(path, mend), path)


def checked(model: type[Model], members: dict[str, Any], path: Path) -> Model:
    """What the file at `path` says, as `model`. Raises OperatorError as `load_config` does."""
    try:
        return model(**members)
    except ValidationError as error:
        lines = [harmless(f"{path}: {_sentence(model, fault)}") for fault in error.errors()]
        raise OperatorError("\n".join(lines)) from None


def found(name: str) -> Path:
    """The settings file to use if none is named: the one in this folder, or else the one of the
    installed service, if there is one.
    """
    installed = INSTALLED / name
    return installed if not Path(name).exists() and installed.exists() else Path(name)


def meant(word: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest right word, if one is near; begins with a blank."""
    near = difflib.get_close_matches(word, list(known), 1)
    return f" Did you mean {near[0]}?" if near else ""


def _sentence(model: type[BaseModel], fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"no setting is named {key}.{meant(str(fault['loc'][-1]), _keys(model, fault))}"
    if fault["type"] == "missing":
        return f"{key} is missing."
    sentence = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "literal_error" and isinstance(fault["input"], str):
        words = re.findall(r"'([^']*)'", fault["ctx"]["expected"])
        return f"{key}: {sentence}, not '{fault['input']}'.{meant(fault['input'], words)}"
    return f"{key}: {sentence}." if key else f"{sentence}."


def _keys(model: type[BaseModel], fault: Any) -> list[str]:
    """The keys there are where the fault's last one stands."""
    at: type[BaseModel] | None = model
    for part in fault["loc"][:-1]:
        if at is not None and part in (names := _by_key(at)):
            at = _model_in(names[part])
    return list(_by_key(at)) if at else []


def _by_key(model: type[BaseModel]) -> dict[str, Any]:
    fields = model.model_fields.items()
    return {field.alias or name: field.annotation for name, field in fields}


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field of this type holds, in a list too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_model_in(part) for part in get_args(annotation))
    return next((one for one in found if one is not None), None)
