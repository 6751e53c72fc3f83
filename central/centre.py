"""The centre's parts, put together."""

from central.clockwork import SHARES_EVERY_S, Alarms, Limits, note_running
from central.config import Config
from central.custody.intake import Intake
from central.custody.open import KeyOf
from central.directory.approval import Approval
from central.directory.cells import day_number
from central.directory.devices import Devices
from central.directory.endings import Endings
from central.directory.roll import settle
from central.figures.report import FiguresReader
from central.keys import DeviceKeys, read_master_secret
from central.rules.profile import Profile, load_profile
from central.steady import PlainClock
from central.store.database import Database, open_database
from central.timekeeper import EVERY_S, Timekeeper
from central.web.api import bench, figures, halls, records
from central.web.api.app import create_app
from central.web.api.bearer import bearer_of, holder_in_of
from central.web.api.health import LOOK_EVERY_S, StoreWatch
from central.web.pages.site import create_site
from hosting.clock import day
from hosting.worker import Ticker

DIRECTORY_EVERY_S = 600.0
_AFTER_FAILURE_S = 10.0


class Centre:
    """One centre over an open database: `app` answers gateways, benches, readers and browsers.
    `start` begins what goes on beside requests.

    key_of: the key of (device, epoch). limits: after how long something missing is an alarm.
    time: the clock of a rehearsal, or what keeps the centre's own. is_direct: what technicians
    enrol needs no approval.
    """

    def __init__(
        self,
        database: Database,
        key_of: KeyOf,
        profile: Profile,
        limits: Limits,
        time: PlainClock | Timekeeper,
        is_direct: bool = False,
    ) -> None:
        clock = time.clock if isinstance(time, Timekeeper) else time
        now_ms = clock.now_ms
        self.database = database
        self.intake = Intake(database, key_of, clock)
        self.devices = Devices(database, key_of, now_ms, is_direct)
        self.approval = Approval(database, now_ms)
        self.endings = Endings(database, now_ms)
        self.figures = FiguresReader(profile, now_ms)
        self.alarms = Alarms(clock, limits)
        self.site = create_site(database, self.figures, self.alarms, self.approval, self.endings)
        self.store_watch = StoreWatch(database, self.note_running)
        self.alarms.trouble = lambda: self.store_watch.trouble
        bearer = bearer_of(database)
        self.app = create_app(
            database,
            self.intake,
            bearer,
            clock,
            self.store_watch,
            halls.create_router(database, key_of),
            records.create_router(database, key_of, bearer),
            figures.create_router(database, self.figures, self.alarms, bearer),
            bench.create_router(
                database, self.devices, self.intake, holder_in_of(database), now_ms
            ),
            self.site,
        )
        self._now_ms = now_ms
        actions = [
            ("shares", SHARES_EVERY_S, self._count_shares),
            ("running", LOOK_EVERY_S, self.store_watch.look),
            ("directory", DIRECTORY_EVERY_S, self.settle_directory),
        ]
        self._keeper = time if isinstance(time, Timekeeper) else None
        if self._keeper is not None:
            actions.append(("clock", EVERY_S, self._keeper.keep))
        self._tickers = [Ticker(*one, at_once=True, pause_s=_AFTER_FAILURE_S) for one in actions]

    def start(self) -> None:
        """Begin to look now and then for what is too much work inside a request."""
        for ticker in self._tickers:
            ticker.start()

    def close(self) -> None:
        """File what has come, end what goes on beside it, and let go of the database."""
        for ticker in self._tickers:
            ticker.ask_to_stop()
        self.intake.close()
        for ticker in self._tickers:
            ticker.join()
        self.database.close()

    def note_running(self) -> None:
        """Note that the centre runs, so that its own downtime is nobody's silence."""
        with self.database.write() as connection:
            note_running(connection, self._now_ms())

    def settle_directory(self) -> None:
        """Let what the directory says from today on be so: names, windows that begin and end."""
        with self.database.write() as connection:
            settle(connection, day_number(day(self._now_ms())))

    def _count_shares(self) -> None:
        with self.database.read() as connection:
            self.alarms.count_shares(connection)


def limits_of(config: Config) -> Limits:
    """After how long something missing is an alarm, as a configuration says it."""
    return Limits(
        gap_ms=config.gap_alarm_s * 1000,
        device_ms=config.silent_device_s * 1000,
        hall_ms=config.silent_hall_s * 1000,
    )


def open_centre(config: Config) -> Centre:
    """The centre that a configuration describes. Raises OperatorError if it cannot be opened."""
    keys = DeviceKeys(read_master_secret(config.master_secret_file))
    profile = load_profile(config.profile)
    limits = limits_of(config)
    database = open_database(config.database_url)
    is_direct = config.enrolment == "direct"
    return Centre(database, keys.key, profile, limits, Timekeeper(database), is_direct)
