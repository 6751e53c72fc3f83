"""Policies: a region's rules as data, a file per version, each value with its article (RULES 5).

`profiles/NAME/YYYY-MM-DD.toml` is a version of the profile NAME; a province puts its own beside
them in a folder of the same form. A lower level details single keys by a file
`YYYY-MM-DD.PLACE.toml` (R97).
"""

import copy
import hashlib
import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from central.rules.calendar import day_of, number_of
from central.rules.sections import Limit, Part, Text, Value
from central.rules.version import (
    PLACE,
    SECTIONS,
    File,
    Policy,
    policy_of,
    read_policy,
    sha256_of,
)
from hosting.error import OperatorError
from hosting.log import harmless
from hosting.toml import checked, load_toml, meant

__all__ = ["ALIASES", "Limit", "Policies", "Policy", "Value", "load_policies", "read_policy"]

SHIPPED = Path(__file__).with_name("profiles")
ALIASES = {"ezhou": "ezhou-norm"}  # the name before there were versions


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


class _Source(Part):
    source: Text


class Policies:
    """All policies there are. Made by `load_policies`."""

    def __init__(
        self,
        versions: dict[str, list[Policy]],
        detailed: dict[str, list[tuple[Policy, Policy]]],
    ) -> None:
        self._versions = versions
        self._detailed = detailed  # (base, with details) of a profile

    def bad_levels(self) -> frozenset[int]:
        """The levels that any version calls bad."""
        versions = [one for profile in self.profiles() for one in self.versions(profile)]
        return frozenset([level for one in versions for level in one.levels.bad.value])

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
            if of is base and policy.valid_from <= day <= (policy.valid_to or day)
        ]
        return _nearest(found, regions) or base

    def version(self, profile: str, first_day: int, regions: tuple[str, ...]) -> Policy | None:
        """The version that begins on a day, with the details of the nearest region that has some
        from that day on; None if none does. regions: as of `of_place`.
        """
        versions = [one for one in self.versions(profile) if one.valid_from == first_day]
        base = next((one for one in versions if one.base is None), None)
        return _nearest([one for one in versions if one.base is not None], regions) or base


def load_policies(folder: Path | None = None, overrides: Path | None = None) -> Policies:
    """The profiles that are shipped, with those of `folder` (NAME/YYYY-MM-DD.toml), and the
    details that lower levels set in `overrides` (YYYY-MM-DD.PLACE.toml).

    Raises OperatorError that names the file, the key and the nearest right word.
    """
    return _load(_versions_in(folder), _files_in(overrides, "*.toml"))


def check_file(
    path: Path, folder: Path | None = None, overrides: Path | None = None
) -> tuple[Policy, ...]:
    """What one file would add to the profiles that are shipped, those of `folder` and the details
    of `overrides`: a version, the name of whose profile is that of the file's folder; or details,
    a policy for each version that they meet. Raises OperatorError as `load_policies`, with all
    that is wrong in it.
    """
    files, details = _versions_in(folder), _files_in(overrides, "*.toml")
    if len(path.name.split(".")) == 3:
        policies = _load(files, [*(one for one in details if one.name != path.name), path])
    else:
        profile = path.resolve().parent.name
        same = [one for one, of in files if of == profile and one.name == path.name]
        policies = _load([*(one for one in files if one[0] not in same), (path, profile)], details)
    return tuple(
        one
        for profile in policies.profiles()
        for one in policies.versions(profile)
        if one.files[-1] in (path.name, f"{path.resolve().parent.name}/{path.name}")
    )


def _versions_in(folder: Path | None) -> list[tuple[Path, str]]:
    """The files of all versions, each with its profile's name."""
    files = [*_files_in(SHIPPED, "*/*.toml"), *_files_in(folder, "*/*.toml")]
    return [(path, path.parent.name) for path in files]


def _files_in(folder: Path | None, pattern: str) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        raise OperatorError(f"{folder} is no folder: policies stand in one, {pattern} in it.")
    found = sorted(folder.glob(pattern))
    around = [*folder.glob("*"), *(folder.glob("*/*") if "/" in pattern else [])]
    for path in around:
        if path.suffix.lower() == ".toml" and path not in found:
            raise OperatorError(
                f"{path}: it is not read: policies stand in {folder} as {pattern}."
            )
    return found


def _load(files: list[tuple[Path, str]], details_files: list[Path]) -> Policies:
    versions: dict[str, list[Policy]] = {}
    members: dict[str, dict[str, Any]] = {}
    for path, profile in files:
        policy = read_policy(path, profile)
        versions.setdefault(profile, []).append(policy)
        members[policy.sha256] = load_toml(path, "it was there a moment ago.")
    for name in versions:
        versions[name] = _in_a_row(versions[name])
    known = Policies(versions, {})
    all_details = [_read_details(path, known) for path in details_files]
    detailed: dict[str, list[tuple[Policy, Policy]]] = {}
    for details in all_details:
        end = min((one.valid_from for one in all_details if _replaces(one, details)), default=None)
        bases = [one for one in versions[details.profile] if _meet(one, details, end)]
        if not bases:
            raise OperatorError(
                f"{details.path}: no version of {details.profile} is in force then."
            )
        merged = [(base, _detail(base, members[base.sha256], details, end)) for base in bases]
        detailed.setdefault(details.profile, []).extend(merged)
    return Policies(versions, detailed)


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
    named = re.fullmatch(rf"(\d{{4}}-\d\d-\d\d)\.({PLACE})\.toml", path.name)
    try:
        first = date.fromisoformat(named[1]) if named else None
    except ValueError:
        first = None
    if named is None or first is None or named[2] == "all":
        raise OperatorError(
            f"{path}: name it by its first day and its place, 2026-01-01.450702.toml."
        )
    members = load_toml(path, "it was there a moment ago.")
    faults = [
        f"{path}: {key} is missing: the name of {what}."
        for key, what in _WHAT.items()
        if not isinstance(members.get(key), str)
    ]
    if faults:
        raise OperatorError("\n".join(faults))
    try:
        profile = known.named(members.pop("extends"))
    except OperatorError as error:
        raise OperatorError(harmless(f"{path}: extends: {error}")) from None
    source = checked(_Source, {"source": members.pop("source")}, path).source
    return _Details(profile, named[2], number_of(first), source, sha256_of(path), path, members)


_WHAT = {"extends": "the profile that it details", "source": "the document that says so"}


def _detail(base: Policy, members: dict[str, Any], details: _Details, end: int | None) -> Policy:
    """The base with the keys that `details` changes, all of them marked `local = true`. end: the
    first day on which other details of the place take their place.
    """
    are_codes = base.place.isdecimal() and details.place.isdecimal()
    if are_codes and not details.place.startswith(base.place):
        raise OperatorError(
            f"{details.path}: {details.place} is no place within {base.place}, that of "
            f"{base.profile}."
        )
    open_keys = [key for key, value in base.values() if value.local]
    members, changed, faults = copy.deepcopy(members), [], []
    for section, values in details.members.items():
        if not isinstance(values, dict):
            faults.append(
                harmless(f"{details.path}: no setting is named {section}.")
                + meant(section, SECTIONS)
            )
            continue
        for name, value in values.items():
            key = f"{section}.{name}"
            if key not in open_keys:
                faults.append(
                    f"{details.path}: {base.profile} does not let a lower level change "
                    f"{harmless(key)}; it may change {', '.join(open_keys) or 'nothing'}."
                    f"{meant(key, open_keys)}"
                )
                continue
            members[section][name] = value
            changed.append(key)
    try:
        found = checked(File, members, details.path)
    except OperatorError as error:
        raise OperatorError("\n".join([*faults, f"{error}"])) from None
    if faults:
        raise OperatorError("\n".join(faults))
    merged = policy_of(found, base.profile, base.sha256, base.files[0])
    _require_floors(base, merged, details.path)
    last = [base.valid_to] if base.valid_to else []
    if end is not None:
        last.append(number_of(day_of(end) - timedelta(days=1)))
    both = f"{base.sha256}\n{details.sha256}\n".encode()
    return replace(
        merged,
        source=details.source,
        place=details.place,
        valid_from=max(base.valid_from, details.valid_from),
        valid_to=min(last, default=None),
        valid_because=None,
        sha256=hashlib.sha256(both).hexdigest(),
        files=(*base.files, details.path.name),
        base=base,
        changed=tuple(changed),
    )


def _require_floors(base: Policy, merged: Policy, path: Path) -> None:
    """A quota is a floor (新疆消防 第十二条 不得低于): a lower level may ask for more only."""
    asked = _floors(merged)
    for key, least in _floors(base).items():
        if asked.get(key, 0) < least:
            raise OperatorError(f"{path}: {key} is at least {least}, as {base.profile} has it.")


def _floors(policy: Policy) -> dict[str, int]:
    quota = policy.quota
    shares = quota.share.value if quota.share else {}
    found = {f"quota.share.{tier}": percent for tier, percent in shares.items()}
    return found | ({"quota.ways": quota.ways.value} if quota.ways else {})


def _meet(base: Policy, details: _Details, end: int | None) -> bool:
    has_begun = end is None or base.valid_from < end
    return has_begun and (base.valid_to is None or details.valid_from <= base.valid_to)


def _replaces(later: _Details, details: _Details) -> bool:
    same = (later.profile, later.place) == (details.profile, details.place)
    return same and later.valid_from > details.valid_from


def _nearest(details: list[Policy], regions: tuple[str, ...]) -> Policy | None:
    for region in regions:
        near = [one for one in details if _covers(one.place, region)]
        if near:
            return max(near, key=lambda one: len(one.place))
    return None


def _covers(place: str, region: str) -> bool:
    return region == place or (place.isdecimal() and region.startswith(place))
