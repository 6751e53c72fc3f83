"""Who may what: one table, verb by role and by scope of a token, which every route asks (RULES 9).

A word tells how far: `yes` everywhere; `place` of what lies in the holder's own place; `month`
closed months of it; `own` of the token's own hall. What is not in a row is refused. Tests walk
ROUTES, and hold docs/scopes.md against both tables.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

KINDS_OF_PLACE = ("region", "institution", "hall")
# Each with the places that it can be of; `all` is the whole.
ROLES = {
    "supervisor": ("all", "region"),
    "officer": ("institution",),
    "entry": ("hall",),
    "auditor": ("all", "region"),
    "admin": ("all",),
}
ROLE_NAMES = {
    "supervisor": "主管部门",
    "officer": "差评处置负责人",
    "entry": "评价录入员",
    "auditor": "监督人员",
    "admin": "系统管理员",
}
FIRST = "first"  # an account of any role whose password somebody else set
_ROLE = "role:"
_BY_PLACE = ("pages:read", "figures:read", "cases")
_OF_ONE = {
    "services:read": "services:read:<division>",
    "services:write": "services:write:<place>",
    "hall": "hall:<hall>",
    "enrol": "enrol:<hall>",
}


class Place(NamedTuple):
    """Of whom somebody reads: one of KINDS_OF_PLACE and its id, or PROVINCE."""

    kind: str
    id: str


class Reach(NamedTuple):
    """How far somebody may: the table's word, and their place."""

    word: str
    place: Place


class Scoped(Protocol):
    """What has scopes: of a token, or of an account as `scope_of_account` writes it."""

    @property
    def scopes(self) -> tuple[str, ...]: ...


PROVINCE = Place("province", "")


def _row(text: str) -> dict[str, str]:
    """`supervisor:place admin pages:read:hall=month`: who, `=` and the word, `yes` if none."""
    found = {}
    for one in text.split():
        who, _, word = one.partition("=")
        found[who] = word or "yes"
    return found


_LIVE = "supervisor=place auditor=place pages:read pages:read:region=place"
_LOOKS = f"{_LIVE} admin"
_DIRECTORY = (
    "supervisor=place officer=place auditor=place admin pages:read pages:read:region=place "
    "pages:read:institution=place pages:read:hall=place directory:read directory:write"
)
VERBS = {
    # pages
    "look at own figures": _row(
        f"{_LIVE} officer=month pages:read:institution=month pages:read:hall=month"
    ),
    "look at a hall": _row(f"{_LIVE} pages:read:hall=month"),
    "look at figures": _row(_LIVE),
    "look at tables": _row("supervisor auditor pages:read pages:read:region"),
    "take a table as a file": _row("supervisor auditor pages:read pages:read:region"),
    "look at marks": _row(_LOOKS),
    "answer marks": _row(_LIVE),
    "look at devices": _row(_LOOKS),
    "open services": _row("supervisor=place auditor=place"),
    "look at the directory": _row(_DIRECTORY),
    "change the directory": _row("admin directory:write"),
    "approve devices": _row("admin devices:approve"),
    "look at acts": _row("auditor=place"),
    "manage accounts": _row("admin"),
    "manage own account": _row("supervisor officer entry auditor admin"),
    "change own password": _row("supervisor officer entry auditor admin first"),
    # cases, RULES 8
    "look at cases": _row("supervisor=place officer=place auditor=place"),
    "direct cases": _row("supervisor=place"),  # classify, assign, release, urge, refer, publish
    "decide cases": _row("supervisor=place"),  # exclude, restore, appeals
    "handle cases": _row("officer=place"),  # verify, fix, reply, call back, appeal for a clerk
    "open a contact": _row("officer=place"),
    "open a project": _row("officer=place"),
    "enter ratings": _row("entry=place"),
    "enter a bad rating with its fix": _row("officer=place"),
    "write findings": _row("auditor=place"),
    "take samples": _row("supervisor=place auditor=place"),
    # programs
    "read figures": _row(
        "figures:read figures:read:region=place figures:read:institution=month "
        "figures:read:hall=month"
    ),
    "read tables": _row("figures:read figures:read:region"),
    "read marks": _row("figures:read figures:read:region=place"),
    "read policies": _row("figures:read"),
    "read records": _row("records:read"),
    "read the directory": _row("directory:read"),
    "write the directory": _row("directory:write"),
    "read services": _row("services:read:<division>"),
    "read a service": _row("services:read:<division>=place"),
    "read cases": _row("cases cases:region cases:institution"),
    "open a case": _row("cases cases:region"),
    "draw a spot check": _row("cases cases:region"),
    "take a step": _row("cases cases:region cases:institution"),
    "tell of services": _row("services:write:<place>"),
    "send batches": _row("hall:<hall>=own"),
    "enrol devices": _row("enrol:<hall>=own"),
    "rehearse": _row("rehearsal:write"),
}
_FREE = ""  # everybody's
ROUTES = {
    "GET /": "look at own figures",
    "GET /live": "look at figures",
    "GET /halls": "look at devices",
    "GET /halls/{hall}": "look at a hall",
    "GET /halls/{hall}/live": "look at figures",
    "GET /halls/{hall}/windows": "look at devices",
    "GET /halls/{hall}/windows/{window}": "look at figures",
    "GET /halls/{hall}/windows/{window}/live": "look at figures",
    "GET /marks": "look at marks",
    "GET /marks/live": "look at marks",
    "POST /marks": "answer marks",
    "GET /tables": "look at tables",
    "GET /tables/{table}/{dim}": "look at tables",
    "GET /tables/{table}/{dim}/file.{form}": "take a table as a file",
    "GET /hours/{hall}": "look at figures",
    "GET /summary/{profile}/{region}": "look at figures",
    "GET /units/{dim}/{what}": "look at figures",
    "GET /counts/{key}": "open services",
    "GET /directory": "look at the directory",
    "GET /directory/{kind}": "look at the directory",
    "GET /directory/{kind}/{what}": "look at the directory",
    "POST /directory/{kind}/{what}": "change the directory",
    "GET /fleet": "look at devices",
    "GET /fleet/live": "look at devices",
    "GET /devices": "approve devices",
    "GET /devices/live": "approve devices",
    "POST /devices": "approve devices",
    "GET /acts": "look at acts",
    "GET /accounts": "manage accounts",
    "POST /accounts": "manage accounts",
    "GET /account": "change own password",
    "POST /account/password": "change own password",
    "POST /account/sessions": "manage own account",
    "GET /v1/figures": "read figures",
    "GET /v1/tables/{table}/{dim}": "read tables",
    "GET /v1/marks": "read marks",
    "GET /v1/fleet": "read marks",
    "GET /v1/records": "read records",
    "GET /v1/rejections": "read records",
    "GET /v1/feed": "read records",
    "GET /v1/directory/{kind}": "read the directory",
    "PUT /v1/directory/{kind}": "write the directory",
    "GET /v1/halls/{hall}": "send batches",
    "POST /v1/batches": "send batches",
    "GET /v1/halls/{hall}/devices": "enrol devices",
    "POST /v1/halls/{hall}/devices": "enrol devices",
    "DELETE /v1/halls/{hall}/devices/{device}": "enrol devices",
    "POST /v1/halls/{hall}/rescued": "enrol devices",
    "GET /v1/halls/{hall}/devices/{device}/epochs/{epoch}": "enrol devices",
    "GET /v1/policies": "read policies",
    "GET /v1/quota/{profile}/{region}": "read policies",
    "GET /v1/figures/{key}/services": "read services",
    "GET /v1/projects/{no}": "read services",
    "GET /v1/services/{hall}/{service}": "read a service",
    "GET /v1/cases": "read cases",
    "POST /v1/cases": "open a case",
    "GET /v1/cases/samples": "draw a spot check",
    "POST /v1/cases/samples": "draw a spot check",
    "GET /v1/cases/rates": "read cases",
    "GET /v1/cases/{no}": "read cases",
    "POST /v1/cases/{no}/steps": "take a step",
    "POST /v1/services": "tell of services",
    "POST /v1/services/{service}/progress": "tell of services",
    "GET /v1/rehearsal/clock": "rehearse",
    "PUT /v1/rehearsal/clock": "rehearse",
    "POST /v1/rehearsal/facts": "rehearse",
    "GET /healthz": _FREE,
    "GET /metrics": _FREE,
    "GET /openapi.json": _FREE,
    "GET /policies": _FREE,
    "GET /login": _FREE,
    "POST /login": _FREE,
    "POST /logout": _FREE,
    "GET /language/{language}": _FREE,
    "GET /static/{digest}/{name}": _FREE,
}


def reach(scopes: Sequence[str], verb: str) -> Reach | None:
    """How far the holder of these scopes may do this; None: not at all."""
    row = VERBS[verb]
    for scope in scopes:
        column, place = column_of(scope)
        if word := row.get(column):
            return Reach(word, place)
    return None


def is_own(scopes: Sequence[str], verb: str, hall: str) -> bool:
    """Whether the holder may do this in this hall, of a verb whose words are all `own`."""
    found = [column_of(scope) for scope in scopes]
    return any(column in VERBS[verb] and place.id == hall for column, place in found)


def may(verb: str) -> Callable[[Scoped], bool]:
    """Whether a holder may do this, for the pages."""
    assert verb in VERBS, verb
    return lambda holder: reach(holder.scopes, verb) is not None


def tokens_for(verb: str) -> list[str]:
    """The scopes of tokens that open it."""
    return [column for column in VERBS[verb] if column not in ROLES and column != FIRST]


def scope_of_account(role: str, scope: str, is_first: bool) -> str:
    """What an account's holder has for a scope. scope: `all` or a place, `region:6501`."""
    return f"{_ROLE}{FIRST if is_first else role}:{scope}"


def is_account(scopes: Sequence[str]) -> bool:
    """Whether these are an account's."""
    return any(scope.startswith(_ROLE) for scope in scopes)


@lru_cache(4096)
def column_of(scope: str) -> tuple[str, Place]:
    """The column of VERBS in which a scope stands, and its place."""
    if scope.startswith(_ROLE):
        role, _, where = scope.removeprefix(_ROLE).partition(":")
        return role, _place(where)
    for reading in _BY_PLACE:
        kind, colon, name = scope.removeprefix(f"{reading}:").partition(":")
        if scope.startswith(f"{reading}:") and colon and kind in KINDS_OF_PLACE:
            return f"{reading}:{kind}", Place(kind, name)
    begin, _, name = scope.rpartition(":")
    return (_OF_ONE[begin], Place("", name)) if begin in _OF_ONE else (scope, PROVINCE)


def _place(where: str) -> Place:
    kind, _, name = where.partition(":")
    return Place(kind, name) if name else PROVINCE
