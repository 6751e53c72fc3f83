"""The centre's parts, put together."""

import logging
from collections.abc import Callable

from central.audit import restoring
from central.audit.restoring import Restoring
from central.cases import deadlines
from central.cases.deadlines import Deadlines
from central.cases.desk import Desk
from central.cases.spot_checks import SpotChecks
from central.clockwork import SHARES_EVERY_S, Alarms, Limits, note_running
from central.config import Config, Role
from central.custody.intake import Intake
from central.directory.approval import Approval
from central.directory.cells import day_number
from central.directory.devices import Devices
from central.directory.endings import Endings
from central.directory.importer import Importer
from central.directory.roll import is_settled, settle
from central.figures.closed import ClosedMonths
from central.figures.columns import Columns
from central.figures.report import FiguresReader
from central.figures.tables.reader import TablesReader
from central.keys import DeviceKeys, Participants, read_master_secret, rehearsal_secret
from central.people.accounts import Accounts
from central.people.callers import Callers
from central.people.passwords import Passwords
from central.people.raters import Raters, open_raters
from central.people.sessions import PageSessions
from central.people.sign_in import SignIn
from central.ratings import backfill, judge
from central.ratings.entry import Entry
from central.ratings.judge import Judge
from central.ratings.rehearsal import Rehearsal, RehearsalClock, clock_of, mark, require_real
from central.ratings.versions import Rules, begin, load_rules, not_in_force, require_accepted
from central.steady import PlainClock
from central.store import clocks
from central.store.database import Database, open_database
from central.store.judged import standings
from central.store.judged.changes import Changes
from central.timekeeper import EVERY_S, Timekeeper
from central.web.api import (
    bench,
    directory,
    entry,
    feed,
    figures,
    halls,
    policies,
    records,
    rehearsal,
    services,
    tables,
)
from central.web.api.app import create_app
from central.web.api.bearer import bearer_of, holder_in_of
from central.web.api.cases import board, spot_checks
from central.web.api.health import LOOK_EVERY_S, StoreWatch
from central.web.pages.people import People
from central.web.pages.site import create_site
from hosting.clock import day, now_ms
from hosting.error import OperatorError
from hosting.worker import Ticker

log = logging.getLogger(__name__)

DIRECTORY_EVERY_S = 600.0
RULES_EVERY_S, KEEP_EVERY_S = 10.0, 60.0
_AFTER_FAILURE_S = 10.0


class Centre:
    """One centre over an open database: `app` answers gateways, benches, readers and browsers,
    or those of its role (docs/processes.md). `start` begins what goes on beside requests: the
    judge and all that time does belong to the intake, whoever shows figures only reads.

    keys: of devices and halls. rules: by which services are judged. limits: after how long
    something missing is an alarm. time: the clock of a rehearsal, or what keeps the centre's own.
    is_direct: what technicians enrol needs no approval. passwords: how people's are hashed.
    raters: seals what citizens tell about themselves; None where nobody made its key yet.
    participants: who was served, as figures
    know them; None where business systems may not tell it.
    """

    def __init__(
        self,
        database: Database,
        keys: DeviceKeys,
        rules: Rules,
        limits: Limits,
        time: PlainClock | Timekeeper,
        is_direct: bool = False,
        participants: Participants | None = None,
        passwords: Passwords | None = None,
        role: Role = Role.ALL,
        raters: Raters | None = None,
    ) -> None:
        clock = time.clock if isinstance(time, Timekeeper) else time
        now_ms, key_of = clock.now_ms, keys.key
        self.database, self.role = database, role
        database.sign_acts(keys.acts_key())
        self.raters = raters
        self.callers = Callers(database, now_ms)
        passwords = Passwords() if passwords is None else passwords
        sign_in = SignIn(database, keys.acts_key(), now_ms, passwords)
        self.accounts = Accounts(database, now_ms, passwords)
        self.people = People(self.accounts, sign_in)
        self.sessions = PageSessions(database, self.callers, sign_in, now_ms)
        self.intake = Intake(database, key_of, clock, self.callers)
        self.devices = Devices(database, key_of, now_ms, is_direct)
        self.approval = Approval(database, now_ms)
        self.endings = Endings(database, now_ms)
        self.judge = Judge(database, rules, clock)
        self.desk = Desk(database, self.judge, now_ms)
        self.deadlines = Deadlines(database, self.judge, clock)
        self.columns = Columns(lambda: day_number(day(now_ms())))
        self.figures = FiguresReader(self.judge, now_ms, self.columns)
        self.tables = TablesReader(self.judge, now_ms, self.columns)
        self.alarms = Alarms(clock, limits)
        self.closed = ClosedMonths(database, self.judge, now_ms)
        self.importer = Importer(database, self.devices, now_ms)
        self.changes = Changes(database)
        self.site = create_site(
            database,
            self.sessions,
            self.people,
            self.figures,
            self.tables,
            self.closed,
            self.alarms,
            self.approval,
            self.endings,
            self.importer,
            self.changes,
            is_rehearsal=isinstance(time, RehearsalClock),
        )
        self.restoring = Restoring(database, now_ms)
        self.store_watch = StoreWatch(database, self.note_running, self.alarms.judge_late_ms)
        # Called where what is shown could be wrong: the rules in force are others now.
        self.on_other_rules: Callable[[], None] = lambda: None
        self.store_watch.offered_again = lambda: self.restoring.told
        self.alarms.trouble = lambda: self.store_watch.trouble
        bearer = bearer_of(self.callers)
        holder_in = holder_in_of(self.callers)
        taking = [
            halls.create_router(database, keys, self.callers, now_ms),
            entry.create_router(
                *(database, self.judge, Entry(database, now_ms), participants),
                *(holder_in, now_ms),
                is_rehearsal=isinstance(time, RehearsalClock),
            ),
            bench.create_router(database, self.devices, self.intake, holder_in),
        ]
        if isinstance(time, RehearsalClock):
            self.rehearsal = Rehearsal(
                database, self.judge, time, self.settle_directory, self.deadlines
            )
            taking.append(
                rehearsal.create_router(self.rehearsal, rules.policies, participants, bearer)
            )
        showing = [
            records.create_router(database, key_of, holder_in, now_ms),
            figures.create_router(database, self.figures, self.closed, self.alarms, bearer),
            tables.create_router(database, self.tables, bearer),
            services.create_router(database, self.judge, holder_in, now_ms),
            policies.create_router(database, self.judge, bearer, now_ms),
            feed.create_router(database, holder_in, now_ms),
            directory.create_router(database, self.importer, holder_in, self.figures.now_ms),
            spot_checks.create_router(
                *(database, SpotChecks(database, now_ms), holder_in, now_ms)
            ),
            board.create_router(
                *(database, self.judge, self.desk, holder_in, now_ms),
                is_rehearsal=isinstance(time, RehearsalClock),
            ),
            self.site,
        ]
        self.app = create_app(
            database,
            None if role is Role.PAGES else self.intake,
            bearer,
            clock,
            self.store_watch,
            *([] if role is Role.PAGES else taking),
            *([] if role is Role.INTAKE else showing),
        )
        self._now_ms = now_ms
        self._is_over = False
        shown = [("shares", SHARES_EVERY_S, self._count_shares)]
        taken = [
            ("restoring", restoring.EVERY_S, self.restoring.look),
            ("directory", DIRECTORY_EVERY_S, self.settle_directory),
            ("judge", judge.EVERY_S, self.judge.settle),
            ("cases", deadlines.EVERY_S, self.deadlines.settle),
            ("backfill", backfill.EVERY_S, backfill.Backfill(database, key_of).step),
        ]
        actions = [("running", LOOK_EVERY_S, self.store_watch.look)]
        actions += [] if role is Role.INTAKE else shown
        own = [("rules", RULES_EVERY_S, self._look_at_rules), ("keep", KEEP_EVERY_S, self.keep)]
        actions += own if role is Role.PAGES else taken
        self._keeper = time if isinstance(time, Timekeeper) else None
        if self._keeper is not None:
            actions.append(("clock", EVERY_S, self._keeper.keep))
        self._tickers = [Ticker(*one, at_once=True, pause_s=_AFTER_FAILURE_S) for one in actions]

    def begin(self) -> None:
        """Let its rules be those in force. Not before it listens: one that cannot is no centre.
        Raises OperatorError as `begin` of versions; of one that only shows, which begins nothing,
        if others are in force.
        """
        if self.role is not Role.PAGES:
            begin(self.database, self.judge.rules, self._now_ms())
        elif (why := self._other_rules()) is not None:
            raise OperatorError(
                f"{why}: the process that judges is to be started with these first."
            )

    def start(self) -> None:
        """Begin, and look now and then for what is too much work inside a request."""
        self.begin()
        if self.role is not Role.INTAKE:
            self.changes.start()
        for ticker in self._tickers:
            ticker.start()

    def close(self) -> None:
        """File what has come, end what goes on beside it, and let go of the database."""
        self._is_over = True
        for ticker in self._tickers:
            ticker.ask_to_stop()
        self.intake.close()
        for ticker in self._tickers:
            ticker.join()
        self.changes.close()
        try:
            self.callers.note_used()
        except Exception:  # the day on which a token was used is worth no failure at the end
            log.warning("which tokens were used today is not noted", exc_info=True)
        self.database.close(is_last=self.role is not Role.PAGES)

    def note_running(self) -> None:
        """Note that the centre runs, so that its own downtime is nobody's silence, and which
        tokens were used. Who only shows notes nothing, but tries whether a write is taken.
        """
        with self.database.write() as connection:
            if self.role is Role.PAGES:
                clocks.write_again(connection)
            else:
                note_running(connection, self._now_ms())
        self.callers.note_used()

    def keep(self) -> None:
        """Have in memory what pages read of the days and months that are over, so that nobody who
        looks waits for that; a part at a time, so that nothing else does.
        """
        with self.database.read() as connection:
            profiles = self.tables.profiles(connection)
        for profile, dim, spans in self.tables.worth_keeping(profiles):
            if self._is_over:
                return
            with self.database.read() as connection:
                self.columns.keep(connection, profile, dim, spans)

    def settle_directory(self) -> None:
        """Let what the directory says from today on be so: names, staff, windows that begin."""
        today = day_number(day(self._now_ms()))
        with self.database.read() as connection:  # so that no rating waits while it is looked up
            if is_settled(connection, today):
                return
        with self.database.write() as connection:
            settle(connection, today)

    def _other_rules(self) -> str | None:
        with self.database.read() as connection:
            state = standings.state(connection)
            is_other = not_in_force(connection, self.judge.rules, state) is not None
        return (
            "services are judged by other rules than those of this process" if is_other else None
        )

    def _look_at_rules(self) -> None:
        if (why := self._other_rules()) is not None:
            log.error("%s: it ends, and shows them when it is started again", why)
            self.on_other_rules()

    def _count_shares(self) -> None:
        with self.database.read() as connection:
            self.alarms.count_shares(connection)


def rules_of(config: Config) -> Rules:
    """The rules that a configuration names. Raises OperatorError."""
    return load_rules(config.profile, config.profiles, config.overrides, config.calendar)


def limits_of(config: Config) -> Limits:
    """After how long something missing is an alarm, as a configuration says it."""
    return Limits(
        gap_ms=config.gap_alarm_s * 1000,
        device_ms=config.silent_device_s * 1000,
        hall_ms=config.silent_hall_s * 1000,
    )


def open_centre(config: Config, role: Role = Role.ALL) -> Centre:
    """The centre that a configuration describes, or the part of it that has this role. Raises
    OperatorError if it cannot be opened.
    """
    return _open(config, _real_time, role)


def open_rehearsal(config: Config, at_ms: int | None = None) -> Centre:
    """A rehearsal on the database that a configuration names, which is marked as one for ever.
    at_ms: where the clock of a new one begins; None: now. Raises OperatorError for a database
    that was ever real.
    """

    def time_of(database: Database) -> RehearsalClock:
        mark(database)
        return clock_of(database, now_ms(), at_ms)

    return _open(config, time_of)


def _real_time(database: Database) -> Timekeeper:
    require_real(database)
    return Timekeeper(database)


def _open(
    config: Config,
    time_of: Callable[[Database], Timekeeper | RehearsalClock],
    role: Role = Role.ALL,
) -> Centre:
    secret = read_master_secret(config.master_secret_file)
    rules, limits = rules_of(config), limits_of(config)
    database = open_database(config.database_url)
    raters = open_raters(config.personal_key_file, database)
    is_direct = config.enrolment == "direct"
    time = time_of(database)
    secret = rehearsal_secret(secret) if isinstance(time, RehearsalClock) else secret
    with database.read() as connection:
        settled_ms = standings.state(connection).settled_ms
        now = (time.clock if isinstance(time, Timekeeper) else time).now_ms()
        require_accepted(connection, rules, max(now, settled_ms))
    told = (rules, limits, time, is_direct, Participants(secret))
    return Centre(database, DeviceKeys(secret), *told, role=role, raters=raters)
