"""The rules of a region, as data: central/rules/profiles/*.toml, each value with its article."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from hosting.error import OperatorError
from hosting.toml import load_config, meant

_FOLDER = Path(__file__).with_name("profiles")


class GoodLevels(BaseModel):
    """Which levels are good ratings (好评)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: Annotated[frozenset[Annotated[int, Field(ge=1, le=5)]], Field(min_length=1)]
    article: str


class Profile(BaseModel):
    """A region's rules. source: the document that the articles belong to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    good_levels: GoodLevels


def load_profile(name: str) -> Profile:
    """The profile of that name. Raises OperatorError that names the ones there are."""
    known = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    if name not in known:
        raise OperatorError(
            f"no profile is named {name}: there are {', '.join(known)}.{meant(name, known)}"
        )
    return load_config(Profile, _FOLDER / f"{name}.toml", "it was there a moment ago.")
