"""Service documents go into the ledger by the hash that ratings name them with."""

from typing import NamedTuple

from sqlalchemy import Connection

from central.custody.counting import count_services
from central.custody.marks import HASH_TAKEN
from central.custody.open import Rejected, rejected
from central.store import services
from protocol.batch import DUPLICATE, STORED, ServiceDocument
from protocol.mac import hash16


class SentDocument(NamedTuple):
    """A service document that a hall sent: its exact bytes and their content."""

    content: bytes
    document: ServiceDocument


def file_documents(
    connection: Connection, sent: list[SentDocument], now_ms: int
) -> tuple[list[str | Rejected], list[str]]:
    """Store those that are new. What became of each, and the hashes of the new ones.

    The first holder of a hash keeps it: 16 hex digits are few enough for a hall to prepare two
    documents of one hash, and it must not swap them afterwards.
    """
    if not sent:
        return [], []
    hashes = [hash16(item.content) for item in sent]
    held = services.document_bytes(connection, set(hashes))
    outcomes: list[str | Rejected] = []
    new = {}
    for name, (content, document) in zip(hashes, sent):
        if name not in held:
            held[name] = content
            new[name] = {
                "hash16": name,
                "bytes": content,
                "hall": document.hall,
                "service": document.service,
                "window": document.window,
                "ticket_no": document.ticket_no,
                "staff_no": document.staff_no,
                "stored_at_ms": now_ms,
            }
            outcomes.append(STORED)
        elif held[name] == content:
            outcomes.append(DUPLICATE)
        else:
            outcomes.append(rejected(HASH_TAKEN, "another service document has this hash"))
    services.add_documents(connection, list(new.values()))
    taken = [item.document for item, outcome in zip(sent, outcomes) if outcome == STORED]
    count_services(connection, taken, now_ms)
    return outcomes, list(new)
