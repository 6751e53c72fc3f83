"""Pictures of the centre's pages: `python docs/centre_screenshots.py [NAME …]`.

A province of seven halls and forty days of ratings, signed as devices sign them and taken in as
the centre takes them in; then the centre is run, and its pages are opened. Needs Debian's chromium
and fonts-noto-cjk.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

from screenshots import CLERKS, IMAGES, PHONE, Shot, chromium, take

from central.custody.intake import Intake
from central.directory.devices import Devices
from central.directory.halls import Halls
from central.keys import DeviceKeys, create_master_secret, read_master_secret
from central.people.accounts import Accounts
from central.people.passwords import Passwords
from central.people.sign_in import SignIn
from central.people.tokens import Tokens
from central.steady import PlainClock
from central.store import directory
from central.store.database import Database, open_database
from central.store.directory import EVER, Entry
from hosting.clock import china, day, start_of
from hosting.tokens import digest
from protocol.batch import (
    EnvelopeItem,
    FactsItem,
    HeadItem,
    Matter,
    ServiceDocument,
    decode_batch,
    encode_batch,
    encode_document,
)
from protocol.mac import sha256_hex
from simulator.parts.part import Part
from simulator.pen import Pen

SHOTS = (
    Shot("centre-province", "centre", "/?period=30d", "pages.token"),
    Shot("centre-hall", "centre", "/halls/chengdong?period=7d", "pages.token"),
    Shot("centre-hall-en", "centre", "/halls/chengdong?period=7d", "pages.token", language="en"),
    Shot("centre-hall-phone", "centre", "/halls/chengdong", "pages.token", PHONE),
    Shot("centre-window-dark", "centre", "/halls/gaoxin/windows/w2?period=all", "pages.token",
         colours="dark"),
    Shot("centre-tables", "centre", "/tables/rates/institution?period=year", "pages.token"),
    Shot("centre-tables-phone", "centre", "/tables/rates/window?period=year&in=chengdong",
         "pages.token", PHONE, colours="dark"),
    Shot("centre-reasons-en", "centre", "/tables/reasons/hall?period=year", "pages.token",
         language="en"),
    Shot("centre-unit", "centre", "/units/hall/chengdong?period=year", "pages.token"),
    Shot("centre-unit-phone", "centre", "/units/staff/chengdong/0231?period=year", "pages.token",
         PHONE, colours="dark"),
    Shot("centre-count", "centre",
         "/counts/national.0.*.hall.*.per_visit.active-1?by=hall", "supervisor.account"),
    Shot("centre-hours", "centre", "/hours/chengdong?period=year", "pages.token"),
    Shot("centre-hours-phone", "centre", "/hours/chengdong?period=year&show=active_good_rate",
         "pages.token", PHONE, colours="dark"),
    Shot("centre-halls", "centre", "/halls", "pages.token"),
    Shot("centre-windows", "centre", "/halls/chengdong/windows", "pages.token"),
    Shot("centre-windows-phone", "centre", "/halls/chengdong/windows", "pages.token", PHONE,
         language="en", colours="dark"),
    Shot("centre-fleet", "centre", "/fleet", "pages.token"),
    Shot("centre-policies", "centre", "/policies?profile=qinnan", "pages.token"),
    Shot("centre-marks", "centre", "/marks", "pages.token"),
    Shot("centre-closed", "centre", "/", "hall.pages"),
    Shot("centre-closed-phone", "centre", "/", "hall.pages", PHONE, colours="dark"),
    Shot("centre-directory", "centre", "/directory/staff", "pages.token"),
    Shot("centre-directory-phone", "centre", "/directory/window?q=chengdong", "pages.token", PHONE,
         colours="dark"),
    Shot("centre-directory-row", "centre", "/directory/staff/chengdong/0231", "write.token"),
    Shot("centre-directory-row-phone", "centre", "/directory/staff/chengdong/0231", "write.token",
         PHONE, language="en"),
    Shot("centre-login", "centre", "/login", "none"),
    Shot("centre-account", "centre", "/account", "supervisor.account", PHONE),
    Shot("centre-accounts", "centre", "/accounts", "admin.account"),
    Shot("centre-acts", "centre", "/acts", "auditor.account", is_whole=False),
    Shot("centre-acts-phone", "centre", "/acts", "auditor.account", PHONE, "en", "dark",
         is_whole=False),
    Shot("centre-marks-phone", "centre", "/marks", "pages.token", PHONE, colours="dark"),
)  # fmt: skip

HALLS = (  # id, name, windows, ratings, weight of the two best levels
    ("chengdong", "城东政务服务大厅", 8, 640, 0.97),
    ("chengxi", "城西政务服务大厅", 6, 420, 0.95),
    ("gaoxin", "高新区企业服务大厅", 5, 380, 0.98),
    ("kaifaqu", "开发区政务服务大厅", 4, 260, 0.93),
    ("binjiang", "滨江便民服务中心", 3, 120, 0.96),
    ("nanshan", "南山街道便民服务站", 2, 13, 0.9),
    ("xincheng", "新城政务服务大厅", 4, 0, 1.0),
)
WINDOWS = (
    "综合受理", "企业开办", "不动产登记", "医保社保", "公安户政", "税务", "消防", "公积金",
)  # fmt: skip
MATTERS = (
    "营业执照设立登记", "不动产转移登记", "医保参保登记", "身份证换领", "社保卡补换",
    "住房公积金提取", "发票领用", "公众聚集场所消防安全检查",
)  # fmt: skip
DAY_MS = 86_400_000
MASTER = "master.secret"


class Window:
    """A window whose device rates: what a batch holds of it."""

    def __init__(self, bundle: Path, hall: str, window: str):
        self.pen, self.hall, self.window = Pen.of_bundle(bundle), hall, window
        self.services = 0

    def rate(self, level: int, at: int, matter: str, ticket_no: str, again: str = "") -> list:
        """A service and its rating, as items of a batch. again: a service rated before."""
        service = again or f"{self.pen.device}-{self.pen.seq + 1}"
        matters = (Matter(None, None, None, matter),)
        book = sha256_hex(self.pen.device.encode())[:16]
        self.services += 1
        place = (service, book, self.services, self.hall, self.window, "single")
        facts = encode_document(ServiceDocument(*place, ticket_no, "0231", matters, at - 300_000))
        told = {"service": service, "ticket_no": ticket_no, "facts": sha256_hex(facts)}
        envelope = self.pen.rating(**told, level=level, at=at, took_ms=4200).decode()
        item = EnvelopeItem(envelope, at, self.window, service, ())
        return [FactsItem(facts.decode()), item]

    def start(self, at: int, firmware: str) -> EnvelopeItem:
        """What a device says when it starts."""
        boot = self.pen.boot(at=at, firmware=firmware).decode()
        return EnvelopeItem(boot, at, self.window, None, ())

    def head(self, heard: int) -> str:
        """The device's word that it is alive, after it has heard a receipt signed at `heard`."""
        told = {"seq": self.pen.seq, "mac16": self.pen.prev, "heard": heard, "up_ms": 9}
        return self.pen.head(**told, shown=self.services, invited=self.services)


def fill(folder: Path) -> None:
    """Make the centre's files in `folder`: halls, devices, ratings, and a token for its pages."""
    rng = random.Random(8)
    now_ms = time.time_ns() // 1_000_000
    (folder / "central.toml").write_text("listen_port = 0\n")
    create_master_secret(folder / MASTER)
    keys = DeviceKeys(read_master_secret(folder / MASTER))
    database = open_database(f"sqlite:///{folder}/central.db")
    database.sign_acts(keys.acts_key())
    halls = Halls(database, lambda: now_ms - 40 * DAY_MS)
    devices = Devices(database, keys.key, lambda: now_ms - 40 * DAY_MS)
    tokens = Tokens(database, lambda: now_ms)
    tokens.add("pages:read", folder / "pages.token")
    tokens.add("directory:write", folder / "write.token")
    sign_in = SignIn(database, keys.acts_key(), lambda: now_ms, Passwords())
    accounts = Accounts(database, lambda: now_ms), sign_in
    for role, name in (("supervisor", "王芳"), ("auditor", "李明"), ("admin", "赵强")):
        _sign_up(*accounts, role, name, folder / f"{role}.account")
    intake = Intake(database, keys.key, PlainClock(lambda: now_ms))
    for hall, name, windows, ratings, goodness in HALLS:
        halls.add(hall, name, "localhost", 8883, None, folder / f"{hall}.token")
        places = []
        for number, what in enumerate(WINDOWS[:windows], start=1):
            window, bundle = f"w{number}", folder / f"{hall}-{number}.json"
            halls.add_window(hall, window, f"{number}号 {what}")
            devices.enrol(f"{hall}-{number:02d}", hall, window, bundle)
            places.append(Window(bundle, hall, window))
        began = [now_ms - 40 * DAY_MS if ratings else now_ms] * len(places)
        runs = ["0.1.0" if hall == "binjiang" else "0.2.0"] * len(places)
        items = [*map(Window.start, places, began, runs)]
        for at in sorted(_times(rng, now_ms, ratings)):
            items += rng.choice(places).rate(
                _level(rng, goodness), at, rng.choice(MATTERS), f"A{rng.randrange(1, 300):03d}"
            )
        items += _oddities(places, now_ms) if ratings > 400 else []
        for start in range(0, len(items), 500):
            intake.take((hall,), *decode_batch(encode_batch(items[start : start + 500])))
        heads = [HeadItem(place.head(now_ms), None, None) for place in places]
        intake.take((hall,), *decode_batch(encode_batch(heads)))
    _fill_directory(database, now_ms)
    tokens.add("pages:read:chengdong", folder / "hall.pages")
    database.close()


def _fill_directory(database: Database, now_ms: int) -> None:
    """The city, its institutions, and who serves where; one of them moved a month ago."""
    month_ago = int(f"{china(now_ms - 30 * DAY_MS):%Y%m%d}")
    city = Entry("region", "420700", EVER, name="鄂州市", tier="prefecture")
    entries = [city] + [
        Entry("institution", f"i{number}", EVER, name=f"市{what}局", up="420700")
        for number, what in enumerate(WINDOWS[:4])
    ]
    for hall, name, windows, *_ in HALLS:
        entries.append(Entry("hall", hall, EVER, name=name, up="420700", hours="09:00-17:00"))
        for number, (who, what) in enumerate(
            zip(CLERKS, WINDOWS[:windows], strict=False), start=1
        ):
            institution = f"i{(number - 1) % 4}"
            where = {"up": hall, "institution": institution}
            window = f"{hall}/w{number}"
            entries.append(Entry("window", window, EVER, name=f"{number}号 {what}", **where))
            staff = Entry("staff", f"{hall}/{230 + number:04}", EVER, name=who, **where)
            entries += [staff._replace(qualified=number % 2 == 0)]
    moved = Entry("staff", "chengdong/0231", month_ago, name="王芳", up="chengdong")
    entries.append(moved._replace(institution="i2", qualified=True))
    with database.write() as connection:
        directory.save(connection, entries, now_ms)


def _sign_up(accounts: Accounts, sign_in: SignIn, role: str, name: str, file: Path) -> None:
    """An account of the whole that has changed its first password; both go into a file."""
    login = f"{role}1"
    first = accounts.add(login, name, role, "all")
    secret = sign_in.begin(login, first, "10.1.2.3")
    account = next(row.id for row, _ in accounts.every() if row.login == login)
    session_id = digest(secret).hex()[:8]
    sign_in.change_password(account, session_id, first, f"{first}-own", "10.1.2.3")
    accounts.end_sessions(login)
    file.write_text(f"{login}\n{first}-own\n")


def _times(rng: random.Random, now_ms: int, count: int) -> list[int]:
    """A quarter of them in the last three hours, the others over forty days, from nine to five."""
    recent = count // 4
    midnight = start_of(day(now_ms))
    return [now_ms - rng.randrange(3 * 3_600_000) for _ in range(recent)] + [
        midnight - rng.randrange(1, 40) * DAY_MS + rng.randrange(9 * 3_600_000, 17 * 3_600_000)
        for _ in range(count - recent)
    ]


def _level(rng: random.Random, goodness: float) -> int:
    if rng.random() < goodness:
        return 5 if rng.random() < 0.72 else 4
    return rng.choices((3, 2, 1), (6, 3, 2))[0]


def _oddities(places: list[Window], now_ms: int) -> list:
    """What marks are for: services rated twice, a wrong ticket, a link that does not hold."""
    items = []
    for place in places[:3]:
        again = f"{place.pen.device}-2"
        items += place.rate(5, now_ms - 400_000, MATTERS[0], "A017", again)[1:]
    facts, rating = places[1].rate(4, now_ms - 300_000, MATTERS[1], "A018")
    items += [FactsItem(facts.facts.replace("A018", "B018"))]
    items += [rating, rating._replace(envelope=rating.envelope[:-8] + "0" * 8)]
    places[2].pen.prev = "f" * 16
    return items + places[2].rate(5, now_ms - 200_000, MATTERS[2], "A019")


async def main(names: list[str]) -> None:
    """Take the shots of these names, or all."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder)
        centre = Part("centre", folder, "central", "run", "--config", "central.toml")
        await centre.start()
        try:
            async with chromium() as browser:
                for shot in SHOTS:
                    if not names or shot.name in names:
                        scene = SimpleNamespace(folder=folder, centre=centre, gateway=centre)
                        await take(browser, scene, shot)
                        print(IMAGES / f"{shot.name}.png")
        finally:
            await centre.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
