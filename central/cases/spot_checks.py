"""Spot checks of cases (抽查, R57; S2 第十六条, S3 第二十七条): drawn by a random seed that is
kept with what was drawn, so that anybody can draw the same again.
"""

import secrets
from collections.abc import Callable

from sqlalchemy import Connection

from central.rules.calendar import day_of, end_of_day
from central.rules.cases.samples import sample
from central.store.cases import cases, spot_checks
from central.store.cases.cases import Scope
from central.store.cases.spot_checks import SpotCheck
from central.store.database import Database
from central.store.people import acts
from hosting.clock import start_of


class SpotChecks:
    """now_ms: the centre's time."""

    def __init__(self, database: Database, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._now_ms = now_ms

    def draw(
        self,
        place: str,
        scope: Scope,
        days: tuple[int, int],
        percent: int,
        actor: str,
        who: tuple[str, str],
    ) -> SpotCheck:
        """Draw `percent` of the cases of a scope that came on these days, first and last, and
        keep it. place: the scope's name. who: as acts name them, and their place. Raises
        ValueError as of `sample`.
        """
        seed = secrets.token_hex(16)
        with self._database.write() as connection:
            names = _names(connection, scope, days)
            found = sample(names, seed, percent)
            made = SpotCheck(
                *(secrets.token_hex(8), place, *days, percent, seed),
                *(found.of, found.sha256, " ".join(found.drawn), actor, self._now_ms()),
            )
            spot_checks.add(connection, made)
            told = (who[0], "case.sample", made.id, f"{percent} % of {found.of}", who[1])
            acts.add(connection, self._now_ms(), *told)
        return made

    def is_same(self, connection: Connection, scope: Scope, made: SpotCheck) -> bool:
        """Whether its seed draws the same again from what is there now."""
        names = _names(connection, scope, (made.first_day, made.last_day))
        found = sample(names, made.seed, made.percent)
        return (" ".join(found.drawn), found.sha256) == (made.drawn, made.sha256)


def _names(connection: Connection, scope: Scope, days: tuple[int, int]) -> list[str]:
    span = (start_of(day_of(days[0])), end_of_day(days[1]))
    return cases.numbers_between(connection, scope, span)
