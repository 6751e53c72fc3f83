"""Pictures of the kiosk's faces, from a living hall: `python docs/kiosk_screenshots.py`.

Writes docs/images/kiosk-NAME.png. Needs the built firmware (`make firmware`) and Debian's chromium
and fonts-noto-cjk.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from simulator.parts.hall import KIOSK, KIOSK_BUNDLE, KIOSK_WINDOW, Hall

ROOT = Path(__file__).resolve().parents[1]
sys.path[:] = [str(ROOT), *sys.path, str(ROOT / "tests"), str(ROOT / "tests" / "journey")]

from kiosk_parts import PIN, Kiosk  # noqa: E402

IMAGES = Path(__file__).with_name("images")
LANDSCAPE, PORTRAIT = (1920, 1080), (1080, 1920)
TABLET = (1280, 800)
SHOW_TEST_LANGUAGE = """shown => document.querySelectorAll('#languages button').forEach(one => {
    if (one.textContent.startsWith('⟦')) one.hidden = !shown;
})"""
BACKWARDS = {"language": "qps", "name": "⟦RTL⟧", "direction": "rtl", "reasons": {}}


async def picture(kiosk: Kiosk, name: str, size=LANDSCAPE) -> None:
    """The page as it is now, in docs/images."""
    await kiosk.page.set_viewport_size({"width": size[0], "height": size[1]})
    await kiosk.page.evaluate("document.body.classList.remove('noticed')")
    await kiosk.page.evaluate(SHOW_TEST_LANGUAGE, "rtl" in name)
    await kiosk.page.wait_for_timeout(150)
    await kiosk.page.screenshot(path=IMAGES / f"kiosk-{name}.png", animations="disabled")
    await kiosk.page.evaluate(SHOW_TEST_LANGUAGE, True)
    print(f"kiosk-{name}.png")


async def look(kiosk: Kiosk, bundle: Path) -> None:
    """A service from the blank machine to the reasons, and what a technician sees."""
    async with kiosk.browser(locale="zh-CN"):
        await kiosk.face("unenrolled")
        await picture(kiosk, "unenrolled")
        await kiosk.enrol(bundle)
        await kiosk.be_quick(5000, 15000)
        await picture(kiosk, "standby")
        await kiosk.it.queue.set_staff(KIOSK_WINDOW, "in", "0231", "王芳")
        await kiosk.serve("A017")
        await kiosk.face("serving")
        await picture(kiosk, "serving")
        await kiosk.invite()
        for name, size in (("inviting", LANDSCAPE), ("inviting-portrait", PORTRAIT)):
            await picture(kiosk, name, size)
        await picture(kiosk, "inviting-tablet", TABLET)
        await kiosk.page.locator("#elder").tap()
        await picture(kiosk, "inviting-elder")
        await kiosk.page.get_by_role("button", name="English").tap()
        await picture(kiosk, "inviting-elder-en", TABLET)
        await kiosk.page.locator("#elder").tap()
        await picture(kiosk, "inviting-en")
        await kiosk.page.get_by_role("button", name="⟦RTL⟧").tap()
        await picture(kiosk, "inviting-rtl")
        await kiosk.page.get_by_role("button", name="中文").tap()
        await kiosk.rate(2)
        await picture(kiosk, "thanking")
        await kiosk.face("asking")
        await kiosk.page.locator(".reason").nth(2).tap()
        await picture(kiosk, "asking")
        await picture(kiosk, "asking-portrait", PORTRAIT)
        await kiosk.page.locator("#elder").tap()
        await picture(kiosk, "asking-elder", TABLET)
        await kiosk.page.get_by_role("button", name="English").tap()
        await picture(kiosk, "asking-elder-en")
        await kiosk.page.locator("#skip").tap()
        await kiosk.face("standby")
        await kiosk.page.set_viewport_size({"width": LANDSCAPE[0], "height": LANDSCAPE[1]})
        for _ in range(5):
            await kiosk.page.locator("#brand").tap()
        await picture(kiosk, "pin")
        for digit in (*PIN, "确定"):
            await kiosk.page.locator(".pad button", has_text=digit).tap()
        await kiosk.page.get_by_text("Maintenance").wait_for()
        await picture(kiosk, "corner")


async def take() -> None:
    """Makes a hall with one kiosk, and looks at it."""
    with tempfile.TemporaryDirectory(prefix="pingjia-kiosk-") as name:
        folder = Path(name).resolve()
        timers = {"invite_ms": 600_000, "hall_poll_s": 0.2, "kiosk_languages": '"languages"'}
        hall = Hall(folder, ROOT / "build" / "firmware", 1, timers, has_kiosk=True)
        await hall.make()
        (folder / "languages").mkdir()
        english = json.loads((ROOT / "gateway/web/kiosk_page/language.en.json").read_text())
        words = {key: f"⟦{word}⟧" for key, word in english["words"].items()}
        pack = {**BACKWARDS, "words": words}
        (folder / "languages" / "qps.json").write_text(json.dumps(pack))
        try:
            await hall.start()
            it = SimpleNamespace(hall=hall, queue=hall.queue_system())
            await look(Kiosk(it, KIOSK, KIOSK_WINDOW), folder / KIOSK_BUNDLE)
            await it.queue.aclose()
        finally:
            await hall.stop()


if __name__ == "__main__":
    asyncio.run(take())
