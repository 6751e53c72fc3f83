"""Who looks at a page, and what they may see."""

from collections.abc import Callable
from datetime import date

from sqlalchemy import Connection
from starlette.requests import Request

from central.directory.cells import day_number
from central.directory.sight import Sight, sight_of
from central.people.callers import Holder
from central.people.roles import Place, may, reach
from hosting.clock import day
from pages import PageError, Site


class Looker:
    """Turns the place of a token into what it sees today. now_ms: the centre's time."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms

    def today(self) -> date:
        """The day in China."""
        return day(self.now_ms())

    def sight(self, connection: Connection, place: Place) -> Sight:
        """What a place sees. Raises PageError if the directory has it no more."""
        sight = sight_of(connection, place, day_number(self.today()))
        if sight is None:
            raise PageError(404, "此令牌所属的地区、机构或大厅已不在名录中，请向系统管理员查询。")
        return sight


async def place_for(site: Site[Holder], request: Request, verb: str) -> Place:
    """The place of the one who asks and may do this; everybody else is answered by the site."""
    return place_of(await site.holder(request, may(verb)), verb)


def place_of(holder: Holder, verb: str) -> Place:
    """The place of a holder who may do this."""
    found = reach(holder.scopes, verb)
    assert found is not None
    return found.place


def whose_of(place: Place, leads: bool) -> str:
    """What a page depends on beside its address: who sees the same place and opens the same sees
    the same.
    """
    return ":".join((*place, str(leads)))
