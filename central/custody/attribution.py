"""Which window, clerk and service a rating belongs to. Values in, values out."""

from typing import Any, NamedTuple

from central.store.services import Facts


class Place(NamedTuple):
    """Where a rating was given, as the centre knows it from the enrolment."""

    hall: str
    window: str | None


def do_facts_differ(facts: Facts, place: Place, rating: Any) -> bool:
    """Whether the document that a rating names tells another story than rating and enrolment."""
    told = (facts.service, facts.ticket_no, facts.staff_no)
    signed = (rating.service, rating.ticket_no, rating.staff_no)
    return told != signed or (facts.hall, facts.window) != place


def counts_before(rating: tuple[str, int, int], counted: tuple[str, int, int]) -> bool:
    """Whether `rating` takes the place of the one `counted` so far for the same service.

    Both are (device, epoch, seq). On one device the earlier counts, whatever arrived first;
    between devices, which have no common order, the one that arrived first.
    """
    return rating[0] == counted[0] and rating[1:] < counted[1:]
