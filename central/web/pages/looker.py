"""Who looks at a page, and what they may see."""

from collections.abc import Callable
from datetime import date

from sqlalchemy import Connection

from central.directory.cells import day_number
from central.directory.sight import Sight, is_coarse, sight_of
from central.people.callers import Holder
from central.people.tokens import PAGES_READ, Place, place_of
from hosting.clock import day
from pages import PageError


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


def reads_pages(holder: Holder) -> bool:
    """Whether a token opens pages of figures, of all or of a place."""
    return place_of(holder.scopes, PAGES_READ) is not None


def reads_all(holder: Holder) -> bool:
    """Whether it opens those with days, services and marks: of the province or a region."""
    place = place_of(holder.scopes, PAGES_READ)
    return place is not None and not is_coarse(place)


def whose_of(place: Place, leads: bool) -> str:
    """What a page depends on beside its address: who sees the same place and opens the same sees
    the same.
    """
    return ":".join((*place, str(leads)))
