"""Months that are closed, as those see them who are rated; what has changed in any."""

from sqlalchemy import BigInteger
from sqlmodel import Field

from central.store.tables.table import Table


class ClosedMonth(Table, table=True):
    """The ratings of a window in a month, 202610, as they were at frozen_at_ms
    (central/figures/closed.py). window: empty for what has none in its hall. institution: that had
    it all month, as the directory said when it was frozen first; empty for none. good: those of
    good levels, each by the version of the policy that judged it.
    """

    __tablename__ = "closed_month"  # pyright: ignore[reportAssignmentType]

    month: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    hall: str = Field(primary_key=True, max_length=32)
    window: str = Field(primary_key=True, max_length=32)
    institution: str = Field(max_length=32)
    level_5: int
    level_4: int
    level_3: int
    level_2: int
    level_1: int
    good: int
    frozen_at_ms: int = Field(sa_type=BigInteger)


class SpanChange(Table, table=True):
    """How often counts under a day or a month (`figure.span`) have changed: what was read of them
    is true as long as this is the same (central/figures/columns.py).
    """

    __tablename__ = "span_change"  # pyright: ignore[reportAssignmentType]

    span: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    changes: int = Field(sa_type=BigInteger)
