"""Pictures of the pages, from a living hall: `python docs/screenshots.py [NAME …]`.

Writes docs/images/NAME.png for the shots named, all of SHOTS without a name. Needs the built
firmware (`make firmware`) and Debian's chromium and fonts-noto-cjk.
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import httpx2
from playwright.async_api import Browser

from simulator.parts.hall import Hall
from simulator.parts.run import Run
from simulator.web import read_token

ROOT = Path(__file__).resolve().parents[1]
# For tests/browser.py; behind the root, because folders of tests/ have the names of packages.
sys.path[:] = [str(ROOT), *sys.path, str(ROOT / "tests")]

from browser import chromium  # noqa: E402

IMAGES = Path(__file__).with_name("images")
DESKTOP = (1280, 860)
PHONE = (390, 844)


class Shot(NamedTuple):
    """One picture: whose page (`gateway` or `centre`), in which size, language and colours.

    token: a file in the hall's folder that opens the page; one named .account has a login and a
    password, a line each. is_whole: also what is below the fold.
    """

    name: str
    part: str
    path: str
    token: str
    size: tuple[int, int] = DESKTOP
    language: str = "zh"
    colours: str = "light"
    is_whole: bool = True


SHOTS = (
    Shot("gateway-overview", "gateway", "/", "pages.token"),
    Shot("gateway-overview-en", "gateway", "/", "pages.token", language="en"),
    Shot("gateway-overview-phone", "gateway", "/", "pages.token", PHONE, colours="dark"),
    Shot("gateway-console", "gateway", "/windows/w2", "w2.token", (900, 720), is_whole=False),
    Shot("gateway-console-en", "gateway", "/windows/w3", "w3.token", (900, 720), "en"),
    Shot("gateway-console-phone", "gateway", "/windows/w1", "w1.token", PHONE, is_whole=False),
    Shot("gateway-sign-in", "gateway", "/windows/w7", "w7.token", (900, 720), is_whole=False),
    Shot("gateway-device", "gateway", "/devices/demo-0006", "pages.token"),
    Shot(
        "gateway-device-phone",
        "gateway",
        "/devices/demo-0006",
        "pages.token",
        PHONE,
        language="en",
        colours="dark",
    ),
    Shot("gateway-system", "gateway", "/system", "pages.token"),
    Shot("gateway-login", "gateway", "/login", "none", (900, 620), is_whole=False),
)

_TIMERS = {"invite_ms": 600_000}  # an invitation stands until its picture is taken
CLERKS = ("王芳", "李强", "张敏", "刘洋", "陈静", "杨帆", "赵磊", "黄婷")


async def set_the_scene(run: Run) -> None:
    """A hall in the middle of its day: most windows serve, one device is unplugged, one pauses."""
    hall = run.hall
    for name, options in {
        "pages": ("--scope", "pages:read"),
        **{w: ("--scope", "console", "--window", w) for w in ("w1", "w2", "w3", "w7")},
    }.items():
        await hall.gateway_token(name, *options)
    headers = {"Authorization": f"Bearer {hall.queue_token()}"}
    async with httpx2.AsyncClient(
        base_url=hall.gateway.url, headers=headers, trust_env=False
    ) as api:
        for number, (window, name) in enumerate(zip(hall.windows, CLERKS, strict=True), start=1):
            staff = {"staff_no": f"02{30 + number}", "name": name, "presence": "in"}
            if number == len(CLERKS):
                staff["presence"] = "pause"
            await api.put(f"/api/v1/windows/{window}/staff", json=staff)
        await _serve(run, tuple(hall.windows))
        await api.put("/api/v1/windows/w7/staff", json={"presence": "out"})
    await run.fleet.kill(hall.windows["w6"])
    await asyncio.sleep(5)  # until the broker has published the last will


async def _serve(run: Run, windows: tuple[str, ...]) -> None:
    """w1 is about to invite, w2 invites, w3 has been rated, the others are being served."""
    levels = random.Random(4)
    for number, window in enumerate(windows, start=1):
        device = run.hall.windows[window]
        for ticket in range(3):
            ticket_no = f"A{10 * number + ticket:03d}"
            service = await run.queue.open(window, {"ticket_no": ticket_no})
            if number > 5 and ticket == 1:
                await run.queue.close(service["service"])
                break
            if ticket == 2 and window not in ("w2", "w3"):
                break
            asking = run.fleet.event(
                lambda e, d=device, t=ticket_no: (
                    e["device"] == d and e.get("face") == "inviting" and e["ticket_no"] == t
                )
            )
            await run.queue.invite(service["service"])
            await asking
            if ticket == 2 and window == "w2":
                break
            thanked = run.fleet.event(
                lambda e, d=device: e["device"] == d and e["event"] == "thanked"
            )
            run.fleet.press(device, levels.choice((3, 4, 5, 5)), ticket_no)
            await thanked
            if ticket < 2:
                await run.queue.close(service["service"])


async def take(browser: Browser, hall: Hall, shot: Shot) -> None:
    """Write the picture of one page."""
    url = {"gateway": hall.gateway.url, "centre": hall.centre.url}[shot.part]
    width, height = shot.size
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=1.5,
        has_touch=shot.size == PHONE,
        is_mobile=shot.size == PHONE,
        color_scheme="dark" if shot.colours == "dark" else "light",
    )
    language = {"name": "pingjia_language", "value": shot.language, "url": url}
    await context.add_cookies([language])  # pyright: ignore[reportArgumentType]
    page = await context.new_page()
    if shot.token.endswith(".account"):
        await page.goto(f"{url}/login")
        login, password = (hall.folder / shot.token).read_text().split()
        await page.fill("#account", login)
        await page.fill("#password", password)
        await page.click("#sign-in button")
        await page.wait_for_url(lambda now: "/login" not in now)
    elif (hall.folder / shot.token).exists():
        await page.goto(f"{url}/login#{read_token(hall.folder / shot.token)}")
        await page.wait_for_url(lambda now: "/login" not in now)
    await page.goto(url + shot.path)
    await page.evaluate("document.fonts.ready")
    await page.wait_for_timeout(700)  # the first news of the live part
    await page.screenshot(path=IMAGES / f"{shot.name}.png", full_page=shot.is_whole)
    await context.close()


async def main(names: list[str]) -> None:
    """Take the shots of these names, or all."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        hall = Hall(Path(folder) / "hall", ROOT / "build" / "firmware", len(CLERKS), _TIMERS)
        hall.folder.mkdir()
        async with Run(hall, seed=1) as run, chromium() as browser:
            await set_the_scene(run)
            for shot in SHOTS:
                if not names or shot.name in names:
                    await take(browser, hall, shot)
                    print(IMAGES / f"{shot.name}.png")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
