"""What GET /v1/figures and /v1/marks give."""

from datetime import date

from pydantic import BaseModel, Field

from central.web.views.shown import FigureSetView


class PlaceFigures(BaseModel):
    """Ratings that count, one for each service.

    levels: level -> ratings. good: those of good levels. good_rate_per_mille: good * 1000 / total,
    rounded down; null below `enough` ratings. defaults, unrated, waiting, excluded: services that
    count as such, beside them. For a hall's and an institution's token all but the rate are null
    where they would tell of fewer than `enough`.
    """

    id: str
    name: str
    levels: dict[int, int] | None
    good: int | None
    total: int | None
    good_rate_per_mille: int | None
    defaults: int | None
    unrated: int | None
    waiting: int | None
    excluded: int | None


class FiguresAnswer(BaseModel):
    """Figures of the province, a region, an institution, a hall or a window, and of the halls or
    windows in it.

    from, to: days in Asia/Shanghai, both included; null for all. profile: the policy of the place
    on the last of them; good_levels come from the article of its source, null where that is silent
    and the system's own agreement holds. settled_to_ms: up to when time is judged; pending:
    services that the judge has still to look at. frozen_at_ms: of a closed month for a hall or an
    institution, as of when its newest part is; null for others.

    dim, id: a part of the place, of which `sets` are; hall and null for the place itself. sets:
    the figures that the policies of the place show, a set for each of them.
    """

    first: date | None = Field(serialization_alias="from")
    last: date | None = Field(serialization_alias="to")
    good_levels: list[int]
    profile: str
    source: str
    article: str | None
    settled_to_ms: int
    pending: int
    enough: int
    hall: str | None
    window: str | None
    dim: str
    id: str | None
    whole: PlaceFigures
    parts: list[PlaceFigures]
    sets: list[FigureSetView] = []
    frozen_at_ms: int | None = None


class Mark(BaseModel):
    """An alarm, a mark of integrity, or a reason for refusal, in one place.

    window: empty if it is not known. device, epoch, seq: the newest record with the mark; null for
    what was refused. title, meaning, advice: the words of the page. severity: security, fault or
    notice. is_counted: whether ratings with this mark count. An alarm is about what is
    missing or silent now: since first_at_ms, the records from seq to last_seq. services: of an
    epoch that ended open, how many its window had between the last proof and the end.
    """

    mark: str
    hall: str
    window: str
    count: int
    first_at_ms: int | None
    last_at_ms: int
    device: str | None
    epoch: int | None
    seq: int | None
    last_seq: int | None
    services: int | None
    title: str
    meaning: str
    advice: str
    severity: str
    is_counted: bool


class Marks(BaseModel):
    """Alarms and marks, the newest first. others: how many more there are.

    now_ms: the centre's time, wall_ms: that of its machine; they differ while `centre_clock` is an
    alarm.
    seldom_rated_at_ms: when it was looked last for windows that are seldom rated, which happens
    every ten minutes; null if it was not since the start.
    """

    marks: list[Mark]
    others: int
    now_ms: int
    wall_ms: int
    seldom_rated_at_ms: int | None
