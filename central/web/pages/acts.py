"""The page of acts: who did what. For auditors, of those whose place lies in their own."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Query, Request, Response

from central.directory.sight import Sight
from central.people.callers import Holder
from central.people.deeds import DEEDS
from central.people.roles import PROVINCE, Place
from central.store import tokens
from central.store.database import Database
from central.store.people import accounts, acts
from central.web.pages.looker import Looker, place_for
from hosting.clock import start_of
from pages import Site

_ROWS = 100


class Wanted(NamedTuple):
    """What is looked for. who: a login, the id of an account or token, or `command`."""

    who: str
    what: str
    about: str
    first: date | None
    last: date | None
    before: int | None


def _wanted(
    who: Annotated[str, Query(max_length=40)] = "",
    what: Annotated[str, Query(max_length=32)] = "",
    about: Annotated[str, Query(max_length=200)] = "",
    first: Annotated[date | None, Query(alias="from")] = None,
    last: Annotated[date | None, Query(alias="to")] = None,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> Wanted:
    return Wanted(who.strip(), what, about.strip(), first, last, before)


class ActsView:
    """The values of acts.html."""

    def __init__(self, database: Database, looker: Looker) -> None:
        self._database = database
        self._looker = looker

    def show(self, place: Place, wanted: Wanted) -> Any:
        """The newest acts that are wanted."""
        with self._database.read() as connection:
            sight = self._looker.sight(connection, place)
            people = {f"account:{row.id}": row for row in accounts.every(connection)}
            names = {f"token:{row.id}": row.name for row in tokens.every(connection)}
            span = None
            if wanted.first or wanted.last:
                first = start_of(wanted.first) if wanted.first else 0
                end = wanted.last or self._looker.today()
                span = (first, start_of(end + timedelta(days=1)))
            rows = acts.page(
                connection,
                wanted.before,
                _ROWS + 1,
                None if place == PROVINCE else _places(sight, place),
                _who(wanted.who, people),
                wanted.what or None,
                wanted.about or None,
                span,
            )
            head = acts.head(connection) if place == PROVINCE else None
        return {
            "rows": rows[:_ROWS],
            "next": rows[_ROWS - 1].n if len(rows) > _ROWS else None,
            "people": people,
            "tokens": names,
            "deeds": DEEDS,
            "wanted": wanted,
            "own_name": sight.name,
            "head": head,
        }


def _who(told: str, people: Mapping[str, Any]) -> str | None:
    """As acts name them; one that is nobody finds nothing."""
    if not told:
        return None
    known = {row.login: who for who, row in people.items()}
    if told in known:
        return known[told]
    return told if ":" in told or told == acts.COMMAND else f"token:{told}"


def _places(sight: Sight, place: Place) -> frozenset[str]:
    """The places of those whose acts somebody of this region sees."""
    halls = {f"hall:{hall}" for hall in sight.halls or ()}
    regions = {f"region:{one}" for one in sight.regions}
    divisions = sight.regions | (sight.halls or frozenset())
    return frozenset({f"{place.kind}:{place.id}", *halls, *regions, *divisions})


def add_to(site: Site[Holder], view: ActsView) -> None:
    """Add the page."""

    @site.router.get("/acts")
    async def show(request: Request, wanted: Annotated[Wanted, Depends(_wanted)]) -> Response:
        place = await place_for(site, request, "look at acts")
        return await site.page(request, "acts.html", lambda: view.show(place, wanted))
