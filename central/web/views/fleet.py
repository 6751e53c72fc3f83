"""The fleet: of each hall its devices, what runs on them, which are silent or pending, and the
windows that have none, where nobody can rate by one (R2). GET /v1/fleet and the page give it.
"""

from collections import Counter, defaultdict

from pydantic import BaseModel
from sqlalchemy import Connection

from central.clockwork import Alarms
from central.custody.marks import OPEN_EPOCH, SILENT_DEVICE
from central.directory.sight import Sight
from central.store import directory, fleet
from central.store.alarms import MOST

ONLINE_MS = 4 * 3_600_000  # after so long a device is no longer said to be online


class HallFleet(BaseModel):
    """A hall's devices, those that are neither revoked nor replaced. online: proven to be fresh
    within the last `online_ms`, and two of the files that the hall carries; silent: with that
    alarm; pending: that nobody has approved. firmware: version -> devices, "" for those of which
    no boot has come. bare: names of windows that are open, not at rest, and without a device.
    heard_at_ms: when something new came from the hall last; null for never.
    """

    hall: str
    name: str
    devices: int
    online: int
    silent: int
    pending: int
    open_epochs: int
    firmware: dict[str, int]
    bare: list[str]
    heard_at_ms: int | None


class Fleet(BaseModel):
    """Halls with something amiss first. firmware: of all, the most devices first. is_more_silent:
    more are silent than the alarm counts. halls: a part of `found`; next: where the next begins.
    """

    now_ms: int
    online_ms: int = ONLINE_MS
    devices: int
    online: int
    silent: int
    is_more_silent: bool
    pending: int
    open_epochs: int
    bare: int
    firmware: dict[str, int]
    found: int
    next: int | None
    halls: list[HallFleet]


def fleet_of(
    connection: Connection,
    alarms: Alarms,
    sight: Sight,
    now_ms: int,
    firmware: str | None,
    after: int,
    limit: int,
) -> Fleet:
    """What somebody sees, of one firmware or all; `limit` of its halls behind `after`."""
    rows = [row for row in directory.hall_rows(connection) if sight.sees_hall(row.hall)]
    carried = {row.hall: 2 * (row.carry_ms or 0) for row in rows}
    found = alarms.find(connection, sight.halls)
    silent = Counter(one.hall for one in found if one.mark == SILENT_DEVICE)
    ended = Counter(one.hall for one in found if one.mark == OPEN_EPOCH)
    devices, online, pending = Counter[str](), Counter[str](), Counter[str]()
    versions: dict[str, Counter[str]] = defaultdict(Counter)
    equipped = set()
    for one in fleet.standing(connection):
        hall = one.hall
        if hall not in carried:
            continue
        equipped.add((hall, one.window))
        devices[hall] += 1
        versions[hall][one.firmware or ""] += 1
        pending[hall] += one.approved_at_ms is None and one.refused_at_ms is None
        since_ms = now_ms - (one.proven_at_ms or 0)
        online[hall] += since_ms <= ONLINE_MS + carried[hall]
    bare: dict[str, list[str]] = defaultdict(list)
    for one in directory.all_windows(connection):
        rests = one.is_closed or one.rest_until_ms is not None
        if not rests and (one.hall, one.window) not in equipped:
            bare[one.hall].append(one.name)
    halls = [
        HallFleet(
            hall=row.hall,
            name=row.name,
            devices=devices[row.hall],
            online=online[row.hall],
            silent=silent[row.hall],
            pending=pending[row.hall],
            open_epochs=ended[row.hall],
            firmware=dict(versions[row.hall].most_common()),
            bare=bare[row.hall],
            heard_at_ms=row.heard_at_ms,
        )
        for row in rows
        if not row.is_closed
    ]
    all_versions = sum((versions[one.hall] for one in halls), Counter[str]())
    listed = [one for one in halls if firmware is None or firmware in one.firmware]
    listed.sort(key=lambda one: (-(one.silent + one.pending + len(one.bare)), one.hall))
    return Fleet(
        now_ms=now_ms,
        devices=sum(one.devices for one in halls),
        online=sum(one.online for one in halls),
        silent=sum(one.silent for one in halls),
        is_more_silent=silent.total() >= MOST,
        pending=sum(one.pending for one in halls),
        open_epochs=sum(one.open_epochs for one in halls),
        bare=sum(len(one.bare) for one in halls),
        firmware=dict(all_versions.most_common()),
        found=len(listed),
        next=after + limit if after + limit < len(listed) else None,
        halls=listed[after : after + limit],
    )
