"""The bounds of protocol's checks under the names that msgspec.Meta and pydantic.Field know.

    StaffNo = Annotated[str, Field(**bounds(Identifier(STAFF_NO_CHARS)))]
    ticket_no: str = Field(**bounds(dict(ServiceDocument.fields)["ticket_no"]))

So nothing that reads requests has a number of its own: whoever changes protocol/ changes the API.
"""

import re
from collections.abc import Callable
from typing import Any

from protocol.field import Integer, Many, Maybe, Raw, String, Text

# What protocol's Text lets pass: no character that is not seen where it stands.
READABLE = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]*$"


def bounds(check: Callable[..., Any]) -> dict[str, Any]:
    """What may be given to pydantic.Field or msgspec.Meta; empty for a check without bounds.

    Those of a Maybe are its check's, those of a Many are the list's (of its items: `check.check`).
    """
    if isinstance(check, Maybe):
        return bounds(check.check)
    if isinstance(check, Integer):
        return {"ge": check.low, "le": check.high}
    if isinstance(check, Text):
        return {"max_length": check.most, "pattern": READABLE}
    if isinstance(check, Raw):
        return {"max_length": check.most}
    if isinstance(check, String):
        pattern = f"^{letters(check.alphabet)}*$"
        return {"min_length": check.least, "max_length": check.most, "pattern": pattern}
    if isinstance(check, Many):
        return {"min_length": check.least, "max_length": check.most}
    return {}


def letters(alphabet: str) -> str:
    """A regular expression's class of the characters of an alphabet: `[\\-0-9a-z]`."""
    runs: list[list[int]] = []
    for code in sorted(map(ord, alphabet)):
        if runs and code == runs[-1][1] + 1 and chr(code).isalnum():
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return f"[{''.join(_run(chr(first), chr(last)) for first, last in runs)}]"


def _run(first: str, last: str) -> str:
    return re.escape(first) if first == last else f"{first}-{last}"
