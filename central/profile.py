"""The rules of a region, as data: central/profiles/*.toml, each value with its article."""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from central.error import CentralError

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
    """The profile of that name. Raises CentralError that names the ones there are."""
    known = sorted(path.stem for path in _FOLDER.glob("*.toml"))
    if name not in known:
        raise CentralError(f"no profile is named {name}: there are {', '.join(known)}.")
    path = _FOLDER / f"{name}.toml"
    try:
        return Profile(**tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, TypeError, ValidationError) as error:
        raise CentralError(f"the profile {path} cannot be read: {error}.") from None
