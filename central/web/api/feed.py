"""GET /v1/feed: what was stored and judged, in order, for those who pass it on (R41)."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from central.people.callers import Holder
from central.people.deeds import Readings
from central.store import ledger, services
from central.store.database import Database
from central.store.judged import facts, standings
from central.web.api.bearer import HolderOf, require

_MOST = 2**62


class FeedRating(BaseModel):
    """The rating that counts since then, or is excluded. envelope: what its device signed; null
    for one of another origin. codes: the reasons that were given for it, until now.
    """

    id: str
    level: int
    origin: str
    rated_by: str
    named: bool
    rated_at_ms: int | None
    rated_error_ms: int
    received_at_ms: int
    codes: list[int]
    envelope: str | None


class FeedItem(BaseModel):
    """What changed for a service under a profile. at_ms: since when it is so by the rules;
    noted_ms: when the judge saw it. what: active, default, unrated, excluded, waiting, out for
    what it counts as now; late, second for a rating that came beside; remind. level: that which
    counts; of a default, the default's.
    """

    n: int
    profile: str
    hall: str
    service: str
    at_ms: int
    noted_ms: int
    what: str
    level: int | None
    rating: FeedRating | None


class Feed(BaseModel):
    """`next` goes into `after`, always; nothing new is no end."""

    items: list[FeedItem]
    next: int


def create_router(database: Database, holder_in: HolderOf, now_ms: Callable[[], int]) -> APIRouter:
    """The route; it needs a token with the scope records:read."""
    router = APIRouter(prefix="/v1")
    readings = Readings(database, now_ms)

    @router.get("/feed")
    def get_feed(
        holder: Annotated[Holder, Depends(holder_in)],
        after: Annotated[int, Query(ge=0, le=_MOST)] = 0,
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> Feed:
        """What changed behind `after`, in the order in which it was judged. Scope records:read."""
        require(holder.scopes, "read records")
        readings.note_daily(holder, "records.read", "/v1/feed")
        with database.read() as connection:
            rows = standings.judged(connection, after, limit)
            named = {row.rating for row in rows if row.rating}
            ratings = services.ratings_by_id(connection, named)
            reasons = facts.reasons(connection, ratings)
            keys = {
                key: one.id
                for one in ratings.values()
                if (key := services.key_of_rating(one)) is not None
            }
            records = ledger.rows(connection, keys)
        envelopes = {keys[key]: row.envelope.decode() for key, row in records.items()}
        items = []
        for row in rows:
            rating = None
            if row.rating in ratings:
                codes = reasons.get(row.rating, (None,))[0]
                rating = _rating(ratings[row.rating], codes, envelopes.get(row.rating))
            values: dict[str, Any] = {**row._mapping, "rating": rating}
            items.append(FeedItem(**values))
        return Feed(items=items, next=items[-1].n if items else after)

    return router


def _rating(row: Any, codes: list[int] | None, envelope: str | None) -> FeedRating:
    names = [name for name in FeedRating.model_fields if name not in ("codes", "envelope")]
    return FeedRating(
        codes=json.loads(row.reasons) if codes is None else codes,
        envelope=envelope,
        **{name: getattr(row, name) for name in names},
    )
