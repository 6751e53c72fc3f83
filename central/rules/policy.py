"""Policies: a region's rules as data, a file per version, each value with its article (RULES 5).

`profiles/NAME/YYYY-MM-DD.toml` is a version of the profile NAME; a province puts its own beside
them in a folder of the same form. A lower level details single keys by a file
`YYYY-MM-DD.PLACE.toml` (R97). What a file may say stands in central/rules/sections.py.
"""

import copy
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from central.rules import sections
from central.rules.calendar import day_of, number_of
from central.rules.sections import Limit, Part, Text, Value
from hosting.error import OperatorError
from hosting.toml import checked, load_toml, meant

__all__ = ["ALIASES", "Limit", "Policies", "Policy", "Value", "load_policies", "read_policy"]

SHIPPED = Path(__file__).with_name("profiles")
ALIASES = {"ezhou": "ezhou-norm"}  # the name before there were versions
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
_PLACE = r"all|[0-9]{2,12}|[a-z0-9-]{1,32}"


class _File(Part):
    """A version of a profile, as its file says it.

    place: "all", a prefix of a division's code (2 to 12 digits), or a directory region's id.
    valid_because: why it holds from that day, where its text names none.
    """

    source: Text
    place: Annotated[str, Field(pattern=f"^({_PLACE})$")]
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
    case: sections.Case = sections.Case()
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
    case: sections.Case
    publication: sections.Publication
    base: "Policy | None" = None
    changed: tuple[str, ...] = ()

    def values(self) -> Iterator[tuple[str, Value[Any]]]:
        """Each key that is there, `time.limit`, with its value, in the order of RULES 5."""
        for section in SECTIONS:
            for name, value in getattr(self, section):
                if value is not None:
                    yield f"{section}.{name}", value


@dataclass(frozen=True, slots=True)
class _Details:
    """A lower level's file: which keys of `profile` it changes, from when and where."""

    profile: str
    place: str
    valid_from: int
    source: str
    sha256: str
    path: Path
    members: dict[str, Any]


class Policies:
    """All policies there are. Made by `load_policies`."""

    def __init__(
        self,
        versions: dict[str, list[Policy]],
        detailed: dict[str, list[tuple[Policy, Policy]]],
    ) -> None:
        self._versions = versions
        self._detailed = detailed  # (base, with details) of a profile

    def profiles(self) -> tuple[str, ...]:
        """The names of all profiles."""
        return tuple(sorted(self._versions))

    def versions(self, profile: str) -> tuple[Policy, ...]:
        """All of a profile, with and without details, by their first day."""
        name = self.named(profile)
        found = [*self._versions[name], *(policy for _, policy in self._detailed.get(name, ()))]
        return tuple(sorted(found, key=lambda one: (one.valid_from, len(one.files), one.place)))

    def named(self, profile: str) -> str:
        """The profile of that name, an old name included. Raises OperatorError that names the ones
        there are.
        """
        name = ALIASES.get(profile, profile)
        if name not in self._versions:
            raise OperatorError(
                f"no profile is named {profile}: there are {', '.join(self.profiles())}."
                f"{meant(profile, self.profiles())}"
            )
        return name

    def of(self, profile: str, day: int) -> Policy | None:
        """The version in force on a day; None if none was. Raises OperatorError as `named`."""
        for policy in reversed(self._versions[self.named(profile)]):
            if policy.valid_from <= day:
                return policy if policy.valid_to is None or day <= policy.valid_to else None
        return None

    def of_place(self, profile: str, day: int, regions: tuple[str, ...]) -> Policy | None:
        """The version in force on a day in a place, with the details of the nearest region that
        has some. regions: ids or division codes, the nearest one first.
        """
        base = self.of(profile, day)
        if base is None:
            return None
        found = [
            policy
            for of, policy in self._detailed.get(base.profile, ())
            if of is base and policy.valid_from <= day
        ]
        for region in regions:
            near = [one for one in found if _covers(one.place, region)]
            if near:
                return max(near, key=lambda one: (len(one.place), one.valid_from))
        return base


def load_policies(folder: Path | None = None, overrides: Path | None = None) -> Policies:
    """The profiles that are shipped, with those of `folder` (NAME/YYYY-MM-DD.toml), and the
    details that lower levels set in `overrides` (YYYY-MM-DD.PLACE.toml).

    Raises OperatorError that names the file, the key and the nearest right word.
    """
    versions: dict[str, list[Policy]] = {}
    members: dict[str, dict[str, Any]] = {}
    for root in (SHIPPED, folder) if folder else (SHIPPED,):
        if not root.is_dir():
            raise OperatorError(
                f"{root} is no folder: profiles stand in one, NAME/YYYY-MM-DD.toml."
            )
        for path in sorted(root.glob("*/*.toml")):
            policy = read_policy(path, path.parent.name)
            versions.setdefault(policy.profile, []).append(policy)
            members[policy.sha256] = load_toml(path, "it was there a moment ago.")
    for name in versions:
        versions[name] = _in_a_row(versions[name])
    detailed: dict[str, list[tuple[Policy, Policy]]] = {}
    if overrides:
        if not overrides.is_dir():
            raise OperatorError(f"{overrides} is no folder: details stand in one, a file a place.")
        known = Policies(versions, {})
        for path in sorted(overrides.glob("*.toml")):
            details = _read_details(path, known)
            bases = [one for one in versions[details.profile] if _meet(one, details)]
            if not bases:
                raise OperatorError(f"{path}: no version of {details.profile} is in force then.")
            merged = [(base, _detail(base, members[base.sha256], details)) for base in bases]
            detailed.setdefault(details.profile, []).extend(merged)
    return Policies(versions, detailed)


def read_policy(path: Path, profile: str) -> Policy:
    """One version, from its file. Raises OperatorError as `load_policies`."""
    if not re.fullmatch(r"[a-z0-9-]{1,32}", profile):
        raise OperatorError(
            f"{path}: {profile} is no name of a profile: a-z, 0-9 and -, up to 32."
        )
    found = checked(_File, load_toml(path, "give the path of a policy's file."), path)
    if path.name != f"{found.valid_from}.toml":
        raise OperatorError(
            f"{path}: valid_from is {found.valid_from}, so name the file {found.valid_from}.toml."
        )
    if found.valid_to is not None and found.valid_to < found.valid_from:
        raise OperatorError(f"{path}: valid_to is before valid_from.")
    return _policy(found, profile, _sha256(path), f"{profile}/{path.name}")


def _policy(found: _File, profile: str, sha256: str, name: str) -> Policy:
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


def _in_a_row(versions: list[Policy]) -> list[Policy]:
    """By their first day; each ends at the latest on the day before the next one begins."""
    versions = sorted(versions, key=lambda one: one.valid_from)
    row = []
    for policy, following in zip(versions, [*versions[1:], None]):
        if following is not None:
            if following.valid_from == policy.valid_from:
                raise OperatorError(
                    f"two files of {policy.profile} begin on {day_of(policy.valid_from)}: "
                    f"{policy.files[0]} and {following.files[0]}; keep one."
                )
            if policy.valid_to is not None and policy.valid_to >= following.valid_from:
                raise OperatorError(
                    f"{policy.files[0]}: valid_to is not before {following.files[0]} begins."
                )
            if policy.valid_to is None:
                last = day_of(following.valid_from) - timedelta(days=1)
                policy = replace(policy, valid_to=number_of(last))
        row.append(policy)
    return row


def _read_details(path: Path, known: Policies) -> _Details:
    named = re.fullmatch(rf"(\d{{4}}-\d\d-\d\d)\.({_PLACE})\.toml", path.name)
    try:
        first = date.fromisoformat(named[1]) if named else None
    except ValueError:
        first = None
    if named is None or first is None:
        raise OperatorError(
            f"{path}: name it by its first day and its place, 2026-01-01.450702.toml."
        )
    members = load_toml(path, "it was there a moment ago.")
    for key in ("extends", "source"):
        if not isinstance(members.get(key), str):
            raise OperatorError(f"{path}: {key} is missing: the name of {_WHAT[key]}.")
    try:
        profile = known.named(members.pop("extends"))
    except OperatorError as error:
        raise OperatorError(f"{path}: extends: {error}") from None
    source = members.pop("source")
    return _Details(profile, named[2], number_of(first), source, _sha256(path), path, members)


_WHAT = {"extends": "the profile that it details", "source": "the document that says so"}


def _detail(base: Policy, members: dict[str, Any], details: _Details) -> Policy:
    """The base with the keys that `details` changes, all of them marked `local = true`."""
    open_keys = [key for key, value in base.values() if value.local]
    members, changed = copy.deepcopy(members), []
    for section, values in details.members.items():
        if not isinstance(values, dict):
            raise OperatorError(
                f"{details.path}: no setting is named {section}.{meant(section, SECTIONS)}"
            )
        for name, value in values.items():
            key = f"{section}.{name}"
            if key not in open_keys:
                raise OperatorError(
                    f"{details.path}: {base.profile} does not let a lower level change {key}; "
                    f"it may change {', '.join(open_keys) or 'nothing'}.{meant(key, open_keys)}"
                )
            members[section][name] = value
            changed.append(key)
    found = checked(_File, members, details.path)
    merged = _policy(found, base.profile, base.sha256, base.files[0])
    both = f"{base.sha256}\n{details.sha256}\n".encode()
    return replace(
        merged,
        source=details.source,
        place=details.place,
        valid_from=max(base.valid_from, details.valid_from),
        valid_to=base.valid_to,
        valid_because=None,
        sha256=hashlib.sha256(both).hexdigest(),
        files=(*base.files, details.path.name),
        base=base,
        changed=tuple(changed),
    )


def _meet(base: Policy, details: _Details) -> bool:
    return base.valid_to is None or details.valid_from <= base.valid_to


def _covers(place: str, region: str) -> bool:
    return region == place or (place.isdecimal() and region.startswith(place))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
