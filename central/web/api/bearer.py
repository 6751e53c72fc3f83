"""Who calls, by token, and what the token opens: each scope one kind of door, and no other."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, HTTPException

from central.people.callers import Callers, Holder, UnknownTokenError
from central.people.roles import Place, is_own, reach, tokens_for
from hosting.tokens import EndedTokenError

Scopes = tuple[str, ...]
Bearer = Callable[[str], Scopes]
HolderOf = Callable[[str], Holder]


def bearer_of(callers: Callers) -> Bearer:
    """The dependency that gives the scopes of a request's bearer token, or answers 401."""
    holder_in = holder_in_of(callers)

    def bearer(authorization: Annotated[str, Header()] = "") -> Scopes:
        return holder_in(authorization).scopes

    return bearer


def holder_in_of(callers: Callers) -> HolderOf:
    """The same for routes that ask who it is: the dependency gives the holder."""

    def holder_in(authorization: Annotated[str, Header()] = "") -> Holder:
        try:
            return callers.holder(token_in(authorization))
        except (UnknownTokenError, EndedTokenError) as error:
            raise refused(error) from None

    return holder_in


def token_in(authorization: str) -> str:
    """The token of this header; a word that is none if it has none."""
    scheme, _, text = authorization.partition(" ")
    return text.strip() or "none" if scheme.lower() == "bearer" else "none"


def refused(error: UnknownTokenError | EndedTokenError) -> HTTPException:
    """The 401 that says what is needed, or since when the token is good no more."""
    needed = "a token is needed: Authorization: Bearer pj_…"
    sentence = f"{error}" if isinstance(error, EndedTokenError) else needed
    return HTTPException(401, sentence, {"WWW-Authenticate": "Bearer"})


def require(scopes: Scopes, verb: str, hall: str | None = None) -> Place:
    """The place for which these scopes open a verb of central/people/roles.py, else the 403 that
    names what would. hall: the one that it must be opened for.
    """
    found = reach(scopes, verb)
    if found is None or (hall is not None and not is_own(scopes, verb, hall)):
        needed = " or ".join(tokens_for(verb))
        needed = needed if hall is None else needed.replace("<hall>", hall)
        raise HTTPException(403, f"this token has not the scope {needed}")
    return found.place
