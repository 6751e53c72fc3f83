"""A touchscreen at a window: Debian's Chromium with a profile of its own, and who touches it."""

import asyncio
import os
import shutil
import signal
import time
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path

from browser import FLAGS
from playwright.async_api import async_playwright, expect

from simulator.check.oracle import Press, judge
from simulator.parts.hall import HALL
from simulator.parts.part import pingjia

PIN = "2580"
SETTINGS = Path(__file__).parents[2] / "deploy" / "settings.toml"
AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
SMALL = """[...document.querySelectorAll('button, input')].filter((one) => {
    const { width, height } = one.getBoundingClientRect();
    return one.checkVisibility() && Math.min(width, height) < 64;
}).map((one) => one.outerHTML)"""
# Lines of a browser that say what it could not reach: the gateway is away when a test says so.
AWAY = ("ERR_CONNECTION_REFUSED", "WebSocket connection", "Failed to fetch", "service worker")


class Kiosk:
    """The device of one window; `presses` is the oracle's log of it."""

    def __init__(self, it, device, window):
        self.it = it
        self.device = device
        self.window = window
        self.profile = it.hall.folder / f"{device}.profile"
        self.presses: list[Press] = []
        self.faults: list[str] = []
        self.service = self.ticket_no = ""
        self.looks = False  # whether axe-core looks at the faces that are come by

    @property
    def url(self):
        return f"{self.it.hall.gateway.url}/kiosk"

    @asynccontextmanager
    async def browser(self, quota=None, **options):
        """Chromium on the device's profile, at its page; what the page complains of is a fault.
        quota: bytes that it may keep.
        """
        async with async_playwright() as playwright:
            self.context = await playwright.chromium.launch_persistent_context(
                str(self.profile),
                executable_path=shutil.which("chromium"),
                args=list(FLAGS),
                **{"has_touch": True, "viewport": {"width": 1920, "height": 1080}, **options},
            )
            try:
                if quota is not None:
                    first = await self.context.new_cdp_session(self.context.pages[0])
                    origin = {"origin": self.it.hall.gateway.url, "quotaSize": quota}
                    await first.send("Storage.overrideQuotaForOrigin", origin)
                self.page = await self.visit(self.context.pages[0])
                yield self.page
            finally:
                await self.context.close()

    async def visit(self, page):
        """The kiosk in a page of the browser."""
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("console", self._hear)
        await page.goto(self.url)
        self.cdp = await page.context.new_cdp_session(page)
        return page

    def _hear(self, said):
        if said.type == "error" and not any(one in said.text for one in AWAY):
            self.faults.append(said.text)

    async def enrol(self, bundle):
        """As the technician does it: the file, and a PIN."""
        await self.face("unenrolled")
        if self.looks:
            await is_fit_for_all(self)
        await self.page.set_input_files("#bundle", bundle)
        await self.page.fill("#pin", PIN)
        await self.page.fill("#pin-again", PIN)
        await self.page.get_by_role("button", name="登记").click()
        await self.face("standby")
        await self.online()

    async def be_quick(self, thanks_ms=500, why_ms=2500):
        """The centre's settings, with shorter times; returns when the device has them."""
        text = SETTINGS.read_text().replace("6000", str(why_ms)).replace("2000", str(thanks_ms))
        file = self.it.hall.folder / f"{self.device}.settings.toml"
        file.write_text(text)
        place = ("--hall", HALL, "--window", self.window, "--config", "central.toml")
        folder = self.it.hall.folder
        told = await pingjia("central", "settings", "set", file, *place, folder=folder)
        version = int(told.split("version ")[1].split()[0])
        await self.state(lambda view: (view["said"] or {}).get("settings") == version)

    async def state(self, is_true, timeout_s=20):
        """The hall's view of the device, once it is as wanted."""
        async with asyncio.timeout(timeout_s):
            while True:
                for view in await self.it.queue.devices():
                    if view["device"] == self.device and is_true(view):
                        return view
                await asyncio.sleep(0.05)

    async def online(self):
        """Returns when the hall sees the device and has told it the time."""
        return await self.state(
            lambda view: view["online"] and (view["said"] or {}).get("clock") == "good"
        )

    async def face(self, name, timeout_s=15.0):
        """Waits until the page shows a face."""
        body = self.page.locator("body")
        await expect(body).to_have_attribute("data-face", name, timeout=timeout_s * 1000)

    async def now(self):
        """The face that the page shows."""
        return await self.page.locator("body").get_attribute("data-face")

    async def serve(self, ticket_no=None):
        self.ticket_no = ticket_no or f"{self.window}-{len(self.presses)}-{time.time_ns() % 10**6}"
        matter = {"project_no": f"370100-{self.ticket_no}", "task_name": "身份证换领"}
        opening = {"ticket_no": self.ticket_no, "matters": [matter]}
        self.service = (await self.it.queue.open(self.window, opening))["service"]

    async def invite(self):
        await self.it.queue.invite(self.service)
        await self.face("inviting")

    async def close(self):
        await self.it.queue.close(self.service)

    async def welcome(self, ticket_no=None):
        """The next citizen, served and invited."""
        await self.serve(ticket_no)
        await self.face("serving")
        await self.invite()

    def key(self, level):
        return self.page.locator(f".key[data-level='{level}']")

    async def touch(self, level):
        await self.key(level).tap(force=True)

    async def type(self, level):
        await self.page.keyboard.press(str(level))

    async def touch_both(self, one, other):
        """Two fingers at once."""
        points = []
        for number, level in enumerate((one, other)):
            box = await self.key(level).bounding_box()
            points.append({"x": box["x"] + 40, "y": box["y"] + 40, "id": number})
        await self._fingers("touchStart", points)
        await self._fingers("touchEnd", [])

    async def hold(self, level):
        box = await self.key(level).bounding_box()
        await self._fingers("touchStart", [{"x": box["x"] + 40, "y": box["y"] + 40, "id": 0}])

    async def let_go(self):
        await self._fingers("touchEnd", [])
        await self.page.wait_for_timeout(150)  # no finger is back sooner

    async def type_both(self, one, other):
        await self.page.keyboard.down(str(one))
        await self.page.keyboard.down(str(other))
        await self.page.keyboard.up(str(one))
        await self.page.keyboard.up(str(other))

    async def _fingers(self, kind, points):
        await self.cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    async def rate(self, level, press=None, timeout_s=15.0):
        """One press until the thanks, noted as the oracle's log has it."""
        began_ms = time.time_ns() // 10**6
        try:
            await (press or self.touch)(level)
            await self.face("thanking", timeout_s)
        except BaseException:
            self._note(level, began_ms, None)
            raise
        self._note(level, began_ms, time.time_ns() // 10**6)

    def _note(self, level, began_ms, thanked_ms):
        self.presses.append(Press(self.device, self.ticket_no, level, began_ms, thanked_ms))

    async def kill(self):
        """`kill -9` of the whole browser."""
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
                if str(self.profile).encode() in command:
                    os.kill(int(folder.name), signal.SIGKILL)
            except OSError:
                continue  # it has ended meanwhile
        for lock in self.profile.glob("Singleton*"):  # a browser that was killed leaves it
            lock.unlink()

    async def verdict(self, timeout_s=30):
        """The oracle's, once nothing that was thanked for is on its way any more."""
        end = time.monotonic() + timeout_s
        while True:
            ratings = [one for one in await self.it.ratings() if one["device"] == self.device]
            verdict = judge(self.presses, ratings)
            if not verdict.lost or time.monotonic() > end:
                return verdict
            await asyncio.sleep(0.2)


async def is_fit_for_all(kiosk):
    """axe-core finds nothing, contrast included, and no target is below 64 px; by what it is."""
    await kiosk.page.evaluate(AXE)
    found = await kiosk.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    told = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]]
    assert told == [], told
    assert len(found["passes"]) > 10
    small = await kiosk.page.evaluate(SMALL)
    assert small == []


@asynccontextmanager
async def at_work(it, device, window, looks=False, **times):
    """A kiosk that is enrolled and has quick settings, online in its browser."""
    bundle = await it.enrol(device, window)
    kiosk = Kiosk(it, device, window)
    kiosk.looks = looks
    async with kiosk.browser():
        await kiosk.enrol(bundle)
        await kiosk.be_quick(**times)
        yield kiosk
    assert kiosk.faults == []
