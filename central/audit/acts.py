"""Does the chain of acts hold? What was edited, inserted, deleted or cut off is found."""

import hmac
from collections.abc import Iterator

from sqlalchemy import Connection

from central.store.people import acts

Found = Iterator[tuple[str, str, str]]


def differences(connection: Connection, key: bytes, known: tuple[int, str] | None = None) -> Found:
    """(name, where, sentence) of what does not hold. known: the number and the first 16 digits of
    an act that somebody wrote down.
    """
    last, prev16, is_known = 0, acts.ZEROS, known is None
    for row in acts.every(connection):
        where = f"act {row['n']}"
        if row["n"] != last + 1:
            missing = f"{last + 1}" if row["n"] == last + 2 else f"{last + 1} to {row['n'] - 1}"
            yield "act_deleted", f"act {missing}", "it is not there any more"
        elif row["prev16"] != prev16:
            yield "act_chain_broken", where, f"it names {row['prev16']} as the one before"
        if not hmac.compare_digest(acts.mac_of(key, row), row["mac"]):
            yield "act_forged", where, "the centre never signed what stands there"
        last, prev16 = row["n"], row["mac"][:16]
        is_known |= known is not None and known == (last, prev16)
    head = acts.whole_head(connection)
    if head is None:
        if last:
            yield "act_head_missing", f"act {last}", "the head of the acts was deleted"
    elif head["n"]:
        where = f"act {head['n']}"
        if not hmac.compare_digest(acts.seal_of(key, head["n"], head["mac"]), head["seal"]):
            yield "act_head_forged", where, "the centre never signed this as the newest act"
        if last < head["n"]:
            yield "act_deleted", f"act {last + 1} to {head['n']}", "the tail was cut off"
        elif last > head["n"] or head["mac"][:16] != prev16:
            yield "act_head_differs", where, f"the newest act is {last}, {prev16}"
    if not is_known:
        assert known is not None
        sentence = f"the act {known[0]}:{known[1]}, which was written down, is not there"
        yield "act_deleted", f"act {known[0]}", sentence
