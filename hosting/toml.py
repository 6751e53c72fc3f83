"""Settings files in TOML: a typo is an error with the name that was meant."""

import difflib
import tomllib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hosting.error import OperatorError
from hosting.text_file import read_text

_BYTES = 1 << 20
Model = TypeVar("Model", bound=BaseModel)


def load_toml(path: Path, mend: str) -> dict[str, Any]:
    """What a TOML file says. Raises OperatorError with the line that is wrong.

    mend: where to get a file that is missing, a sentence.
    """
    try:
        return tomllib.loads(read_text(path, _BYTES, mend))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise OperatorError(f"{path} is not TOML: {error}.") from None


def load_config(model: type[Model], path: Path, mend: str) -> Model:
    """A settings file as `model`, whose fields are all the keys there are.

    Raises OperatorError, a line for each key that is wrong, with what a mistyped one may have
    meant.
    """
    members = load_toml(path, mend)
    try:
        return model(**members)
    except ValidationError as error:
        lines = [f"{path}: {_sentence(model, fault)}" for fault in error.errors()]
        raise OperatorError("\n".join(lines)) from None


def meant(word: str, known: Any) -> str:
    """A sentence that names the nearest right word, if one is near; begins with a blank."""
    near = difflib.get_close_matches(word, known, 1)
    return f" Did you mean {near[0]}?" if near else ""


def _sentence(model: type[BaseModel], fault: Any) -> str:
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"no setting is named {key}.{meant(key, model.model_fields)}"
    if fault["type"] == "missing":
        return f"{key} is missing."
    sentence = fault["msg"].removeprefix("Value error, ")
    return f"{key}: {sentence}." if key else f"{sentence}."
