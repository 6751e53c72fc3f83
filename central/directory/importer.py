"""The one importer: halls, windows, staff, matters, devices from tables, all or nothing.

central/directory/sheet.py reads the files, reading.py their rows, register.py finds what would
change; here it is done, in one transaction.
"""

import json
import os
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection

from central.directory.cells import SINCE_EVER, day_number
from central.directory.device_settings import further_of, without
from central.directory.devices import Devices
from central.directory.kinds import BY_NAME, KINDS
from central.directory.reading import FAULTS, Fault, Line
from central.directory.register import ADDED, CHANGED, Change, plan
from central.directory.roll import settle
from central.store import directory, fleet, places
from central.store.database import Database
from central.store.directory import EVER, Entry
from central.store.people import acts
from central.store.people.acts import COMMAND
from hosting.clock import day
from hosting.error import OperatorError
from hosting.listener import address

ENROLLED, MOVED, REPLACED = "enrolled", "moved", "replaced"


class Options(NamedTuple):
    """What an import may do besides adding.

    from_day: from when changes without a day hold; None for today. corrects: change what held in
    the past. moves: move devices to another window, halls to another broker. replaces: enrol
    devices of another hall, or revoked ones, anew. bundles: the folder for new bundles.
    """

    from_day: int | None = None
    corrects: bool = False
    moves: bool = False
    replaces: bool = False
    bundles: Path | None = None


class ChangedError(OperatorError):
    """What would be changed is not what was shown; nothing was."""


class FaultsError(OperatorError):
    """A table has faults; nothing was changed. faults: all of them."""

    def __init__(self, faults: list[Fault]) -> None:
        told = "\n".join(map(str, faults[:FAULTS]))
        count = "1 cell is" if len(faults) == 1 else f"{len(faults)} cells are"
        super().__init__(f"{count} wrong, nothing was changed:\n{told}")
        self.faults = faults


class Importer:
    """What `pingjia central directory import` does, and PUT /v1/directory."""

    def __init__(self, database: Database, devices: Devices, now_ms: Callable[[], int]) -> None:
        self._database = database
        self._devices = devices
        self._now_ms = now_ms

    def differences(
        self, lines: list[Line], options: Options, faults: Iterable[Fault] = ()
    ) -> list[Change]:
        """What `carry_out` would change. Raises FaultsError, of these faults and all others."""
        with self._database.read() as connection:
            today = day_number(day(self._now_ms()))
            return _Import(connection, lines, options, today, faults).changes

    def carry_out(
        self,
        lines: list[Line],
        options: Options,
        agreed: list[str] | None = None,
        faults: Iterable[Fault] = (),
        who: str = COMMAND,
    ) -> list[Change]:
        """Change the directory as these lines say, and enrol the devices that are new; what was
        changed. All of it or, if it ends early, nothing: bundles that were written for devices
        that were then not enrolled are written anew the next time. Raises FaultsError.

        agreed: the changes, as text, to which somebody has agreed; ChangedError if by now it
        would be others. faults: what is wrong in the lines' cells already. who: as acts name them.
        """
        now_ms = self._now_ms()
        today = day_number(day(now_ms))
        with self._database.write() as connection:
            found = _Import(connection, lines, options, today, faults)
            if agreed is not None and [str(one) for one in found.changes] != agreed:
                raise ChangedError("the directory was changed meanwhile: look at it again.")
            found.write(self._devices, now_ms)
            if found.changes:
                told = "\n".join(str(one) for one in found.changes)
                about = f"{len(found.changes)} rows"
                acts.add(connection, now_ms, who, "directory.change", about, told)
        return found.changes


class _Import:
    """One import against one state of the database."""

    def __init__(
        self,
        connection: Connection,
        lines: list[Line],
        options: Options,
        today: int,
        faults: Iterable[Fault],
    ) -> None:
        self._connection = connection
        self._options = options
        self._today = today
        stored = directory.entries(connection)
        self._plan = plan(lines, stored, options.from_day or today, options.corrects)
        self._faults = [*faults, *self._plan.faults]
        self._windows = {entry.id for entry in stored if entry.kind == "window"}
        self._windows |= {line.id for line in lines if line.kind.kind == "window"}
        self._brokers: dict[str, dict[str, Any]] = {}
        self._to_enrol: list[Line] = []
        self._to_move: list[Line] = []
        self.changes = self._plan.changes
        gateways = [line for line in lines if line.kind.kind == "gateway"]
        self._halls = {row.hall: row for row in directory.hall_rows(connection)}
        for line in gateways:
            if line.id and {"host", "port"} <= line.values.keys():
                self._compare_gateway(line)
        devices = [line for line in lines if line.kind.kind == "device"]
        current = places.newest_enrolments(connection, [line.id for line in devices])
        equipped = set(self._halls) | {line.id for line in gateways}
        for line in devices:
            if line.id and {"up", "window"} <= line.values.keys():
                self._compare_device(line, current.get(line.id), equipped)
        if self._faults:
            raise FaultsError(self._faults)

    def write(self, devices: Devices, now_ms: int) -> None:
        """Carry it out within the transaction."""
        connection = self._connection
        directory.save(connection, self._plan.entries, now_ms)
        for hall, broker in self._brokers.items():
            directory.put_broker(connection, hall, broker)
        settle(connection, self._today)
        touched = set(self._brokers)
        for line in self._to_move:
            moved = places.newest_enrolments(connection, [line.id])[line.id]
            places.move(connection, moved, line.values["window"])
            touched.add(line.values["up"])
        places.bump_versions(connection, touched)
        for line in self._to_enrol:
            self._enrol(devices, line)

    def _enrol(self, devices: Devices, line: Line) -> None:
        hall, window = line.values["up"], line.values["window"]
        assert self._options.bundles is not None
        folder = self._options.bundles
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = folder / f"{line.id}.json"
        _remove_stale(self._connection, target, line.id)
        part = target.with_suffix(".part")  # a name is for what is whole
        part.unlink(missing_ok=True)
        devices.enrol_within(self._connection, line.id, hall, window, part)
        part.rename(target)

    def _compare_gateway(self, line: Line) -> None:
        row = self._halls.get(line.id)
        host, port = line.values["host"], line.values["port"]
        if row is not None and (row.mqtt_host, row.mqtt_port) == (host, port):
            return
        before = address(row.mqtt_host, row.mqtt_port) if row is not None else None
        broker = {"mqtt_host": host, "mqtt_port": port}
        if row is not None and (host, port) == further_of(row)[:2]:
            broker["mqtt_ca"] = further_of(row)[2]
        is_known = row is not None and not without(self._connection, row, broker)
        if row is not None and not is_known and not self._options.moves:
            self._fault(
                *(line, "host"),
                f"大厅“{line.id}”的评价器连 {before}：请写 {before}；确要搬到别处，"
                "请先用 hall set --broker-next 告知评价器，或加 --move",
                f"the devices of {line.id} connect to {before}: write that; to move it elsewhere "
                "tell them with hall set --broker-next first, or add --move",
            )
            return
        differences = (("消息服务器", before, address(host, port)),) if before else ()
        what = CHANGED if before else ADDED
        self.changes.append(Change(what, line.kind, line.id, self._today, differences))
        self._brokers[line.id] = broker

    def _compare_device(self, line: Line, row: Any, equipped: set[str]) -> None:
        hall, window = line.values["up"], line.values["window"]
        here = f"{hall}/{window}"
        if here not in self._windows and "" not in self._windows:
            told = f"大厅“{hall}”没有窗口“{window}”", f"the hall {hall} has no window {window}"
            self._fault(line, "window", *told)
        elif hall not in equipped and "" not in equipped:
            told = f"大厅“{hall}”没有网关", f"the hall {hall} has no gateway"
            self._fault(line, "up", *told, "请填“网关”表", "fill in the sheet 网关 (gateways)")
        elif row is None:
            self._to_enrol.append(self._with_bundle(line))
            self.changes.append(Change(ENROLLED, line.kind, line.id, self._today))
        elif row.hall != hall or row.revoked_at_ms is not None:
            at = f"{row.hall}/{row.window}"
            if not self._options.replaces:
                state = ("已吊销", "revoked") if row.hall == hall else ("在用", "in use")
                self._fault(
                    *(line, "id"),
                    f"评价器“{line.id}”已登记在 {at}（{state[0]}）；换个编号，或确要在此重新登记，"
                    "请加 --replace",
                    f"{line.id} is enrolled at {at} ({state[1]}); choose another id, or add "
                    "--replace to enrol it here anew",
                )
                return
            self._to_enrol.append(self._with_bundle(line))
            self._moved(REPLACED, line, at, here)
        elif row.window != window:
            at = f"{row.hall}/{row.window}"
            if not self._options.moves:
                self._fault(
                    *(line, "window"),
                    f"评价器“{line.id}”在 {at}；若属实请把表改为 {row.window}，"
                    f"确要移到 {here}，请加 --move",
                    f"{line.id} stands at {at}: write {row.window} if that is so, or add --move "
                    f"to move it to {here}",
                )
                return
            self._to_move.append(line)
            self._moved(MOVED, line, at, here)

    def _with_bundle(self, line: Line) -> Line:
        if self._options.bundles is None:
            self._fault(
                *(line, "id"),
                f"评价器“{line.id}”是新的：请用 pingjia central directory import --bundles "
                "指定存放开通文件的文件夹，或由技术员登记",
                f"{line.id} is new: name a folder for its bundle with `pingjia central directory "
                "import --bundles`, or let a technician enrol it",
            )
        return line

    def _moved(self, what: str, line: Line, before: str, after: str) -> None:
        differences = (("位置", before, after),)
        self.changes.append(Change(what, line.kind, line.id, self._today, differences))

    def _fault(self, line: Line, name: str, chinese: str, english: str, *remedy: str) -> None:
        if remedy:
            chinese, english = f"{chinese}，{remedy[0]}", f"{english}: {remedy[1]}"
        self._faults.append(Fault(line.cells[name], chinese, english))


def _remove_stale(connection: Connection, target: Path, device: str) -> None:
    """Remove a bundle that an interrupted import left: nobody was enrolled with it."""
    try:
        members = json.loads(target.read_bytes())
        is_stale = all(one.epoch != members["epoch"] for one in places.epochs(connection, device))
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError):
        is_stale = False
    if not is_stale:
        raise OperatorError(f"{target} is there already: move it away, or name another folder.")
    os.unlink(target)


def exported(connection: Connection) -> dict[str, list[dict[str, Any]]]:
    """All that an import could have brought, by kind: rows by field, as they would be read."""
    found: dict[str, list[dict[str, Any]]] = {kind.kind: [] for kind in KINDS}
    for one, versions in groupby(directory.entries(connection), lambda entry: entry.what):
        found[one[0]] += [values_of(entry) for entry in since_ever(versions)]
    found["gateway"] = gateways(connection)
    found["device"] = devices(connection)
    return found


def since_ever(versions: Iterable[Entry]) -> list[Any]:
    """The versions of one thing. If there are several, the first says so where it holds since
    ever: an empty day would be read as today's.
    """
    first, *others = versions
    if others and first.first_day == EVER:
        return [first._replace(first_day=SINCE_EVER), *others]
    return [first, *others]


def values_of(entry: Any) -> dict[str, Any]:
    """A row of the directory by the fields of its kind's columns."""
    kind = BY_NAME[entry.kind]
    values = entry._asdict()
    values[kind.keys[-1]] = entry.id.split("/")[-1]
    return {one.field: values[one.field] for one in kind.columns}


def gateways(connection: Connection) -> list[dict[str, Any]]:
    """The halls' brokers, by the same fields."""
    rows = directory.hall_rows(connection)
    return [{"id": row.hall, "host": row.mqtt_host, "port": row.mqtt_port} for row in rows]


def devices(connection: Connection) -> list[dict[str, Any]]:
    """The devices where they stand, by the same fields."""
    rows = fleet.standing(connection)
    return [{"id": row.device, "up": row.hall, "window": row.window} for row in rows]
