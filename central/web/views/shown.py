"""Figures and what they stand on, as GET /v1/figures and /v1/policies give them."""

from typing import Any

from pydantic import BaseModel

from central.figures.report import ENOUGH
from central.figures.shown import FigureSet, FigureShown
from central.rules.calendar import day_of
from central.rules.combined import Total
from central.rules.definitions import OURS, Share
from central.rules.sections import Value


class Source(BaseModel):
    """What something stands on: a key of the policy, and the article that says so; without one,
    `ours` and why. local: a lower level may set another value.
    """

    key: str
    article: str | None
    ours: str | None
    local: bool


class FigureView(BaseModel):
    """A figure: num of den, or sum over n. with_excluded: the second one of two, with excluded
    ratings counted, because no article lets them be left out.

    percent, mean: rounded down; null below `enough`, and where there is nothing to divide by.
    num_key, den_key: for `/v1/figures/{key}/services`; null where several versions count other
    levels: theirs stand with `versions`.
    """

    figure: str
    with_excluded: bool
    title: str
    title_en: str
    meaning: str
    meaning_en: str
    num: int | None
    den: int | None
    sum: int | None
    n: int | None
    percent: str | None
    mean: str | None
    sources: list[Source]
    num_key: str | None
    den_key: str | None


class VersionView(BaseModel):
    """What one version of a policy adds to a set: the services that were opened on its days, of
    which valid_to is the last, null while no later version is known; whatever day they count on.
    """

    source: str
    place: str
    valid_from: str
    valid_to: str | None
    weight: str
    figures: list[FigureView]


class TotalView(BaseModel):
    """The total of the rates that were given weights: percent, null while one is `lacking`."""

    percent: str | None
    weights: dict[str, int]
    lacking: list[str]


class FigureSetView(BaseModel):
    """The figures that one profile shows, in its order. Each service counts by the version that
    judged it; source, place, valid_from and weight are of the newest of them. weight: what is
    counted, `rating`, or `project`, each of a batch. versions: where several versions judged the
    services, what each adds, the newest first; else empty. total: null where the rules set no
    weights.
    """

    profile: str
    source: str
    place: str
    valid_from: str
    weight: str
    figures: list[FigureView]
    versions: list[VersionView]
    total: TotalView | None


def view_of(found: FigureSet) -> FigureSetView:
    """A set as it is given."""
    policy = found.policy
    return FigureSetView(
        profile=policy.profile,
        source=policy.source,
        place=policy.place,
        valid_from=str(day_of(policy.valid_from)),
        weight=policy.counting.weight.value,
        figures=[_figure(one) for one in found.figures],
        versions=[_version(one) for one in found.versions],
        total=None if found.total is None else _total(found.total),
    )


def _total(found: Total) -> TotalView:
    told = found.written()
    return TotalView(percent=told, weights={**found.weights}, lacking=[*found.lacking])


def _version(found: FigureSet) -> VersionView:
    policy = found.policy
    return VersionView(
        source=policy.source,
        place=policy.place,
        valid_from=str(day_of(policy.valid_from)),
        valid_to=None if policy.valid_to is None else str(day_of(policy.valid_to)),
        weight=policy.counting.weight.value,
        figures=[_figure(one) for one in found.figures],
    )


def source_of(key: str, value: Value[Any] | None) -> Source:
    """What a key says; None for one that the policy does not have."""
    if value is None:
        return Source(key=key, article=None, ours=OURS, local=False)
    ours = None if value.because is None else f"{OURS}: {value.because}"
    return Source(key=key, article=value.article, ours=ours, local=value.local)


def plain(value: Any) -> Any:
    """As its file says it."""
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_none=True)
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    return value


def _figure(one: FigureShown) -> FigureView:
    figure, value = one.figure, one.value
    is_share = isinstance(value, Share)
    return FigureView(
        figure=figure.key,
        with_excluded=one.with_excluded,
        title=figure.zh,
        title_en=figure.en,
        meaning=figure.meaning_zh,
        meaning_en=figure.meaning_en,
        num=value.num if is_share else None,
        den=value.den if is_share else None,
        sum=None if is_share else value.sum,
        n=None if is_share else value.n,
        percent=value.percent() if is_share and value.den >= ENOUGH else None,
        mean=None if is_share or value.n < ENOUGH else value.mean(),
        sources=[source_of(*each) for each in one.sources],
        num_key=None if one.num_key is None else str(one.num_key),
        den_key=None if one.den_key is None else str(one.den_key),
    )
