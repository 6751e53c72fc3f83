"""One version of a policy, from its file. What a file may say stands in
central/rules/sections.py and case_section.py.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from central.rules import sections
from central.rules.calendar import number_of
from central.rules.case_section import Case
from central.rules.sections import Part, Text, Value
from hosting.error import OperatorError
from hosting.toml import checked, load_toml

SECTIONS = (
    "levels",
    "scope",
    "counting",
    "time",
    "reasons",
    "identity",
    "figures",
    "quota",
    "case",
    "publication",
)
PLACE = r"all|[0-9]{2,12}|[a-z0-9-]{1,32}"


class File(Part):
    """A version of a profile, as its file says it.

    place: "all", a prefix of a division's code (2 to 12 digits), or a directory region's id.
    valid_because: why it holds from that day, where its text names none.
    """

    source: Text
    place: Annotated[str, Field(pattern=f"^({PLACE})$")]
    valid_from: date
    valid_to: date | None = None
    valid_because: Text | None = None
    levels: sections.Levels
    scope: sections.Scope = sections.Scope()
    counting: sections.Counting
    time: sections.Time = sections.Time()
    reasons: sections.Reasons = sections.Reasons()
    identity: sections.Identity = sections.Identity()
    figures: sections.Figures
    quota: sections.Quota = sections.Quota()
    case: Case = Case()
    publication: sections.Publication = sections.Publication()


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """One version of a profile, with a lower level's details where it has some.

    valid_from, valid_to: its first and last day, numbers as 20220607; valid_to None: until now no
    later version is known. sha256: of the file's bytes; with details, of both files' hashes.
    files: their names. base: what the details stand on, whose articles stay readable there;
    changed: the keys that they change.
    """

    profile: str
    source: str
    place: str
    valid_from: int
    valid_to: int | None
    valid_because: str | None
    sha256: str
    files: tuple[str, ...]
    levels: sections.Levels
    scope: sections.Scope
    counting: sections.Counting
    time: sections.Time
    reasons: sections.Reasons
    identity: sections.Identity
    figures: sections.Figures
    quota: sections.Quota
    case: Case
    publication: sections.Publication
    base: "Policy | None" = None
    changed: tuple[str, ...] = ()

    def values(self) -> Iterator[tuple[str, Value[Any]]]:
        """Each key that is there, `time.limit`, with its value, in the order of RULES 5."""
        for section in SECTIONS:
            for name, value in getattr(self, section):
                if value is not None:
                    yield f"{section}.{name}", value


def read_policy(path: Path, profile: str) -> Policy:
    """One version, from its file. Raises OperatorError as `load_policies`."""
    if not re.fullmatch(r"[a-z0-9-]{1,32}", profile):
        raise OperatorError(
            f"{path}: {profile} is no name of a profile: a-z, 0-9 and -, up to 32."
        )
    members, faults, found = load_toml(path, "give the path of a policy's file."), [], None
    try:
        found = checked(File, members, path)
    except OperatorError as error:
        faults.append(f"{error}")
    first, last = members.get("valid_from"), members.get("valid_to")
    if isinstance(first, date) and path.name != f"{first}.toml":
        faults.append(f"{path}: valid_from is {first}, so name the file {first}.toml.")
    if isinstance(first, date) and isinstance(last, date) and f"{last}" < f"{first}":
        faults.append(f"{path}: valid_to is before valid_from.")
    if found is None or faults:
        raise OperatorError("\n".join(faults))
    return policy_of(found, profile, sha256_of(path), f"{profile}/{path.name}")


def policy_of(found: File, profile: str, sha256: str, name: str) -> Policy:
    return Policy(
        profile,
        found.source,
        found.place,
        number_of(found.valid_from),
        number_of(found.valid_to) if found.valid_to else None,
        found.valid_because,
        sha256,
        (name,),
        *(getattr(found, section) for section in SECTIONS),
    )


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
