"""A day at a touchscreen: the firmware in a page of a real browser, at a real hall.

One hall and one device for all of it; the oracle judges at the end of each part. What citizens
see is in the page, so that is where it is looked at.
"""

import asyncio
import json
import re
from contextlib import suppress

import httpx2
import pytest
from kiosk_parts import PIN, Kiosk, at_work, is_fit_for_all
from playwright.async_api import Error, expect

pytestmark = pytest.mark.needs("chromium")

DEVICE, WINDOW = "kiosk-0001", "k1"
CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ɐqɔpǝɟƃɥᴉɾʞןɯuodbɹsʇnʌʍxʎz")


def test_a_day_at_a_touchscreen(journey, firmware):
    async def day(it):
        async with at_work(it, DEVICE, WINDOW, looks=True) as kiosk:
            await runs_the_firmware_as_built(kiosk, firmware)
            for way in (by_touch, by_keyboard):
                await walk(kiosk, way)
            await try_every_key(kiosk)
            await in_english(kiosk)
            await reload_in_each_state(kiosk)
            await open_it_twice(kiosk)
        verdict = await kiosk.verdict()
        assert verdict.holds(), verdict.explanations
        assert verdict.thanked == verdict.in_centre == len(kiosk.presses)
        await offline_and_killed(it, kiosk)
        await a_new_version_in_the_middle(it, kiosk)

    journey(day, timeout_s=170)


async def runs_the_firmware_as_built(kiosk, firmware):
    """What the interpreter has imported, hashed by itself, is what the manifest says."""
    worker = next(one for one in kiosk.page.workers if one.url.endswith("device.js"))
    asked = "new Promise((done) => { const post = self.postMessage; self.postMessage = (said) => \
        said.number === -1 ? (self.postMessage = post, done(said.told)) : post.call(self, said); \
        self.onmessage({ data: { ask: 'hashes', number: -1 } }); })"
    told = await worker.evaluate(asked)
    manifest = json.loads((firmware / "manifest.json").read_text())
    built = {name: about["sha256"] for name, about in manifest["files"].items()}
    assert told["imported"].items() <= built.items()
    assert {"main.py", "lib/firmware/journal.mpy", "lib/firmware/boards/kiosk/board.mpy"} <= set(
        told["imported"]
    )
    await open_corner(kiosk, "9999")
    await expect(
        kiosk.page.get_by_text(f"{len(told['imported'])} 个文件与清单一致")
    ).to_be_visible()
    await expect(kiosk.page.get_by_text("已连接大厅")).to_be_visible()
    await is_fit_for_all(kiosk)
    await kiosk.page.get_by_role("button", name="关闭").tap()


async def open_corner(kiosk, wrong=""):
    for _ in range(5):
        await kiosk.page.locator("#brand").tap()
    for pin in filter(None, (wrong, PIN)):
        for digit in (*pin, "确定"):
            await kiosk.page.locator(".pad button", has_text=digit).tap()
        told = "密码不对" if pin == wrong else "Maintenance"
        await expect(kiosk.page.locator("#panel").get_by_text(told)).to_be_visible()


class by_touch:
    press, chord, name = Kiosk.touch, Kiosk.touch_both, "touch"

    @staticmethod
    async def choose(kiosk, *places):
        for place in places:
            await kiosk.page.locator(".reason").nth(place).tap()
        await kiosk.page.locator("#submit").tap()

    @staticmethod
    async def skip(kiosk):
        await kiosk.page.locator("#skip").tap()


class by_keyboard:
    press, chord, name = Kiosk.type, Kiosk.type_both, "keyboard"

    @staticmethod
    async def choose(kiosk, *places):
        for place in places:
            await kiosk.page.keyboard.press(str(place + 1))
        await kiosk.page.keyboard.press("Enter")

    @staticmethod
    async def skip(kiosk):
        await kiosk.page.keyboard.press("Escape")


async def says(kiosk, text):
    await expect(kiosk.page.locator("#notice")).to_contain_text(text)
    await kiosk.page.evaluate("document.getElementById('notice').textContent = ''")
    await kiosk.page.wait_for_timeout(120)  # fingers leave, and no two presses come sooner


async def walk(kiosk, way):
    """The rows of the session's table that a hall at peace and a citizen can bring about."""
    await kiosk.face("standby")
    await way.press(kiosk, 3)  # too late or too early
    await says(kiosk, "现在不是评价的时候")
    await way.chord(kiosk, 1, 5)
    await says(kiosk, "现在不是评价的时候")
    await kiosk.serve()  # standby, serve
    await kiosk.face("serving")
    await way.press(kiosk, 5)
    await says(kiosk, "现在不是评价的时候")
    await way.chord(kiosk, 2, 3)
    await says(kiosk, "现在不是评价的时候")
    await kiosk.serve()  # serving, serve
    await expect(kiosk.page.locator("#ticket b")).to_have_text(kiosk.ticket_no)
    await kiosk.close()
    await kiosk.face("standby")
    await kiosk.welcome()
    await way.chord(kiosk, 1, 2)
    await says(kiosk, "请只按一个键")
    await kiosk.close()
    await kiosk.face("standby")
    await kiosk.welcome()
    await kiosk.serve()  # inviting, serve
    await kiosk.face("serving")
    await kiosk.invite()
    await kiosk.rate(2, lambda level: way.press(kiosk, level))
    await way.press(kiosk, 5)  # a second press changes nothing
    await way.chord(kiosk, 4, 5)
    await kiosk.face("asking")
    await way.choose(kiosk, 0, 7)  # 没有提供材料样本, 服务态度生硬
    await says(kiosk, "已记录")
    await kiosk.face("standby")
    await kiosk.welcome()
    await kiosk.rate(5, lambda level: way.press(kiosk, level))
    await kiosk.face("asking")
    await way.skip(kiosk)
    await kiosk.face("standby")
    await kiosk.welcome()
    await kiosk.rate(1, lambda level: way.press(kiosk, level))
    await kiosk.face("asking")
    await kiosk.serve()  # the next citizen ends the question
    await kiosk.face("serving")
    assert await kiosk.page.locator(".reason span").all_inner_texts() == [""] * 8
    await held_before_the_invitation(kiosk)
    await kiosk.face("asking")
    await kiosk.face("standby")  # silence is an answer, too


async def held_before_the_invitation(kiosk):
    await kiosk.hold(4)
    await says(kiosk, "现在不是评价的时候")
    await kiosk.invite()
    await kiosk.page.wait_for_timeout(150)
    assert await kiosk.now() == "inviting"
    await kiosk.let_go()
    await kiosk.rate(4)


async def try_every_key(kiosk):
    """The technician's test, from the corner: each key is tried once."""
    await open_corner(kiosk)
    await kiosk.page.get_by_role("button", name="逐键检测").tap()
    await kiosk.face("technician")
    await kiosk.page.wait_for_timeout(200)
    await kiosk.touch_both(1, 2)
    await says(kiosk, "请只按一个键")
    for level in (1, 2, 3, 4, 5):
        await kiosk.touch(level)
        if level < 5:
            await says(kiosk, "好")
    await kiosk.face("standby")
    await kiosk.online()


async def in_english(kiosk):
    """A language is one citizen's; so is the size of print."""
    await is_fit_for_all(kiosk)
    await kiosk.serve()
    await kiosk.face("serving")
    await kiosk.page.get_by_role("button", name="English").tap()
    await kiosk.page.get_by_role("button", name="Large print").tap()
    await kiosk.invite()
    await is_fit_for_all(kiosk)
    await expect(kiosk.page.get_by_role("heading")).to_have_text("How was this service?")
    await kiosk.page.keyboard.press("Tab")
    await kiosk.page.keyboard.press("Tab")
    await expect(kiosk.page.get_by_role("button", name="Satisfied", exact=True)).to_be_focused()
    await kiosk.rate(4, lambda _: kiosk.page.keyboard.press("Enter"))
    await expect(kiosk.page.get_by_role("heading")).to_have_text("Thank you for your rating")
    await kiosk.face("asking")
    await expect(kiosk.page.locator(".reason").first).to_have_text("One form was enough")
    await kiosk.page.locator(".reason").nth(1).tap()
    await is_fit_for_all(kiosk)
    await kiosk.page.locator("#skip").tap()
    await kiosk.face("standby")
    assert await kiosk.page.evaluate("document.documentElement.lang") == "zh"
    assert await kiosk.page.locator("html.elder").count() == 0


async def reload_in_each_state(kiosk):
    """Never asked twice, never lost; an invitation goes on for what is left of it."""
    await kiosk.serve()
    await kiosk.face("serving")
    await reload(kiosk)
    await kiosk.face("serving")
    await kiosk.invite()
    await reload(kiosk)
    await kiosk.face("inviting")
    await kiosk.rate(3)
    await reload(kiosk)
    await kiosk.face("standby")
    await kiosk.welcome()
    await kiosk.rate(1)
    await kiosk.face("asking")
    await reload(kiosk)
    await kiosk.face("standby")


async def reload(kiosk):
    await kiosk.page.reload()
    await kiosk.page.wait_for_selector("body:not([data-face='starting'])")
    await kiosk.online()


async def open_it_twice(kiosk):
    """One tab is the device; the other one waits, and goes on when the first is gone."""
    first = kiosk.page
    kiosk.page = await kiosk.visit(await kiosk.context.new_page())
    await kiosk.face("taken")
    await expect(kiosk.page.get_by_text("已在另一个窗口中打开")).to_be_visible()
    await kiosk.serve()
    await expect(first.locator("body")).to_have_attribute("data-face", "serving")
    assert await kiosk.now() == "taken"
    await first.close()
    await kiosk.face("serving")
    await kiosk.invite()
    await kiosk.rate(2)
    await kiosk.face("asking")
    await kiosk.page.locator("#skip").tap()
    await kiosk.face("standby")


async def offline_and_killed(it, kiosk):
    """The gateway is away: it is thanked for, the browser is killed, the page comes without a
    network, and what was thanked for is counted once.
    """
    with suppress(Exception):  # Playwright has lost its browser
        async with kiosk.browser() as page:
            await until_true(page, "Boolean(navigator.serviceWorker.controller)")
            await kiosk.online()
            await kiosk.welcome()
            await it.hall.gateway.stop()
            await kiosk.rate(1)
            await kiosk.kill()
    assert kiosk.presses[-1].thanked_at_ms is not None
    async with kiosk.browser():
        await kiosk.face("standby")
        await it.hall.gateway.start()
        await kiosk.online()
        verdict = await kiosk.verdict()
    assert verdict.holds(), verdict.explanations
    assert verdict.thanked == verdict.in_centre == len(kiosk.presses)


async def a_new_version_in_the_middle(it, kiosk):
    """The hall gets another language; the page takes the new version when nobody is there."""
    languages = it.hall.folder / "languages"
    languages.mkdir()
    english = json.loads((await text_of(it, "language.en.json")).decode())
    words = {key: f"⟦{word.translate(CAPITALS)}⟧" for key, word in english["words"].items()}
    del words["thanking"]
    pack = {"language": "qps", "name": "⟦RTL⟧", "direction": "rtl", "words": words, "reasons": {}}
    (languages / "qps.json").write_text(json.dumps(pack))
    settings = it.hall.folder / "gateway.toml"
    async with kiosk.browser() as page:
        await kiosk.online()
        await kiosk.welcome()
        await it.hall.gateway.stop()
        settings.write_text(settings.read_text() + 'kiosk_languages = "languages"\n')
        await it.hall.gateway.start()
        await kiosk.online()
        await page.evaluate("window.before = true")
        await page.evaluate(
            "navigator.serviceWorker.getRegistration('/kiosk').then((one) => one.update())"
        )
        await page.wait_for_function(
            "navigator.serviceWorker.getRegistration('/kiosk').then((one) => Boolean(one.waiting))"
        )
        await kiosk.rate(5)
        await kiosk.face("asking")
        assert await page.evaluate("window.before")  # nobody is interrupted
        await page.locator("#skip").tap()
        await until_true(page, "!window.before")
        await kiosk.online()
        await from_right_to_left(kiosk)
        verdict = await kiosk.verdict()
    assert verdict.holds(), verdict.explanations
    assert kiosk.faults == []


async def from_right_to_left(kiosk):
    await kiosk.serve()
    await kiosk.face("serving")
    await kiosk.page.get_by_role("button", name="⟦RTL⟧").tap()
    assert await kiosk.page.evaluate("document.documentElement.dir") == "rtl"
    await kiosk.invite()
    best, worst = [await kiosk.key(level).bounding_box() for level in (5, 1)]
    assert best["x"] > worst["x"]
    assert re.match("⟦.+⟧", await kiosk.key(5).inner_text())
    await kiosk.rate(3)
    headline = kiosk.page.get_by_role("heading")
    await expect(headline).to_have_text("谢谢您的评价")  # the pack lacks it: seen, and said
    await expect(headline).to_have_attribute("lang", "zh")
    await kiosk.face("asking")
    await expect(kiosk.page.locator(".reason span").first).to_have_attribute("lang", "zh")
    await kiosk.page.locator("#skip").tap()
    await kiosk.face("standby")


async def until_true(page, expression):
    """Playwright's own waiting is by `eval`, which the page's policy forbids."""
    async with asyncio.timeout(20):
        while True:
            with suppress(Error):  # it is just being loaded
                if await page.evaluate(expression):
                    return
            await asyncio.sleep(0.1)


async def text_of(it, name):
    async with httpx2.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{it.hall.gateway.url}/kiosk/{name}")).content
