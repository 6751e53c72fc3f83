"""A clerk chooses who they are and what is dealt with, by the keyboard alone, in a browser."""

import asyncio

import pytest
from axe import QUICK, WHOLE, Followed, faults
from browser import chromium
from gateway_hall import Pen, until
from playwright.async_api import Page, expect
from test_gateway_chosen import ADVICE, MATTERS, STAFF

from gateway.desk.callers import CONSOLE, PAGES
from gateway.desk.codes import new_code
from gateway.store import services, states, tokens
from hosting.clock import now_ms
from hosting.tokens import digest, new_secret
from pages import live
from protocol.batch import decode_document

TOKEN, HALL_IT = new_secret(), new_secret()


@pytest.fixture
def chosen(gateway, centre):
    """A gateway whose hall lists staff and matters, and a console's token."""
    centre.change_hall(staff=STAFF, matters=MATTERS)
    gateway.hall_watch.wake()
    until(lambda: gateway.book.staff, "the list")
    with gateway.database.write() as connection:
        tokens.put(connection, "counter", digest(TOKEN), now_ms(), CONSOLE, "w1")
    return gateway


@pytest.mark.needs("chromium")
def test_a_clerk_signs_in_and_names_a_matter_by_the_keyboard_alone(chosen):
    async def walk():
        async with chromium() as browser:
            context = await browser.new_context(locale="zh-CN")
            page = await context.new_page()
            faults: list[str] = []
            page.on("pageerror", lambda error: faults.append(str(error)))
            await page.goto(f"{chosen.api_url}/login#{TOKEN}")
            await sign_in(page)
            await start(page)
            assert faults == []

    asyncio.run(walk())
    with chosen.database.read() as connection:
        first, second = reversed(services.newest_of(connection, "w1", 9))
    matters = [decode_document(row.document).matters for row in (first, second)]
    assert [(one.task_code, one.task_name) for one in matters[0]] == [
        (MATTERS[2].task_code, "营业执照注销")
    ]
    assert matters[1] == ()
    assert (first.staff_no, first.staff_name) == ("0250", "王敏")


async def sign_in(page: Page):
    """Whoever is not listed is told so; then by some of the name, down, down, Enter."""
    field = page.get_by_label("工号或姓名", exact=True).first
    await expect(page.get_by_role("radio")).to_have_count(3)
    await field.fill("9999")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").first).to_contain_text("请从名单中选择")
    await field.fill("王")
    await expect(page.get_by_role("radio")).to_have_count(2)
    await field.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("王敏 0250")).to_be_visible()


async def start(page: Page):
    """Two services: one with a matter that was looked for, one without any."""
    field = page.get_by_label("办理事项（可不选）", exact=True).first
    await expect(page.get_by_role("radio")).to_have_count(2)
    await expect(page.get_by_text(ADVICE)).to_be_hidden()  # it may not be rated
    await field.fill("注销")
    await expect(page.get_by_role("radio")).to_have_count(1)
    await asyncio.sleep(1.2)  # the live part comes again meanwhile, and takes nothing away
    await expect(field).to_have_value("注销")
    await expect(page.get_by_role("radio")).to_have_count(1)
    await field.press("ArrowDown")
    await page.keyboard.press("F2")
    await expect(page.get_by_text("营业执照注销")).to_be_visible()
    await expect(page.get_by_text("001", exact=True)).to_be_visible()
    await page.keyboard.press("F8")
    await expect(page.get_by_label("下一位的排队号")).to_have_value("002")
    await expect(page.get_by_role("radio").first).to_have_value(MATTERS[2].task_code)
    await page.keyboard.press("F2")
    await expect(page.get_by_text("002", exact=True)).to_be_visible()


@pytest.mark.needs("chromium")
def test_a_press_that_meets_a_login_that_is_over_is_done_after_the_next(chosen, monkeypatch):
    """A PC that a code bound; then its session goes, and another code binds it again."""

    async def walk():
        async with chromium() as browser:
            page = await (await browser.new_context(locale="zh-CN")).new_page()
            await page.goto(f"{chosen.api_url}/login#{code_of(chosen)}")
            await expect(page.get_by_label("工号或姓名", exact=True).first).to_be_focused()
            await page.keyboard.type("0231")
            await expect(page.get_by_role("radio")).to_have_count(1)
            await page.keyboard.press("F2")
            await expect(page.get_by_text("王芳 0231")).to_be_visible()
            await expect(page.get_by_role("radio")).to_have_count(2)  # nothing else is asked for
            with chosen.database.write() as connection:
                connection.exec_driver_sql("DELETE FROM session")
            await page.keyboard.press("F2")
            await expect(page.get_by_label("登录码或访问令牌")).to_be_focused()
            assert not served(chosen)
            await page.keyboard.type(code_of(chosen))
            await page.keyboard.press("Enter")
            await expect(page.get_by_text("正在办理")).to_be_visible()
            assert [row.ticket_no for row in served(chosen)] == ["001"]
            await page.reload()  # it is done once
            await page.keyboard.press("F8")
            await expect(page.get_by_label("下一位的排队号")).to_have_value("002")
            assert len(served(chosen)) == 1
            await sees_too_many(page, chosen)
            monkeypatch.setattr(live, "_ASK_S", 1.0)
            with chosen.database.write() as connection:
                connection.exec_driver_sql("DELETE FROM token")
            await expect(page.get_by_label("登录码或访问令牌")).to_be_visible(timeout=9000)

    asyncio.run(walk())


async def sees_too_many(page: Page, gateway):
    """Beyond the limit of viewers a page asks now and then, and says so; then it listens again."""
    most, gateway.site._live._most = gateway.site._live._most, 0
    await page.clock.install()
    await page.reload()
    polling = page.get_by_text("同时查看的人较多")
    await expect(polling).to_be_visible()
    await expect(page.get_by_text("连接已断开")).to_be_hidden()
    gateway.site._live._most = most
    for _ in range(2):  # it asks once more, then it listens
        await page.clock.fast_forward(10_000)
        await asyncio.sleep(0.3)
    await expect(polling).to_be_hidden()


def code_of(gateway) -> str:
    return new_code(gateway.database, "w1", now_ms())[0]


def served(gateway):
    with gateway.database.read() as connection:
        return services.newest_of(connection, "w1", 9)


@pytest.mark.needs("chromium")
def test_hall_it_finds_a_window_by_some_words(gateway):
    with gateway.database.write() as connection:
        tokens.put(connection, "it", digest(TOKEN), now_ms(), PAGES)

    async def walk():
        async with chromium() as browser:
            page = await (await browser.new_context(locale="en")).new_page()
            await page.goto(f"{gateway.api_url}/login#{TOKEN}")
            rows = page.locator("[data-find]:visible")
            most = await rows.count()
            assert most > 3
            await page.get_by_role("searchbox").fill("dev-2")
            await expect(rows).to_have_count(1)
            await asyncio.sleep(1.2)  # the live part comes again meanwhile
            await expect(rows).to_have_count(1)
            await page.get_by_role("searchbox").fill("dev-2 nobody")
            await expect(page.get_by_text("Nothing fits.")).to_be_visible()
            await page.get_by_role("searchbox").fill("")
            await expect(rows).to_have_count(most)
            await page.get_by_label("Only what has a problem").check()
            assert 0 < await rows.count() < most, "devices that were never there are none"

    asyncio.run(walk())


@pytest.mark.needs("chromium")
@pytest.mark.parametrize("looks", [QUICK, pytest.param(WHOLE, marks=pytest.mark.long)])
def test_anybody_can_use_every_page(chosen, connect, looks):
    """By axe-core; no page is wider than the screen, and none asks another server."""
    device, pen = connect(chosen, "dev-1").enter(), Pen("dev-1")
    device.send(pen.boot(1))
    device.tell(pen.state(problems=("stuck_key",)))
    chosen.alarms.set("disk_low", "There is little room.")
    with chosen.database.write() as connection:
        tokens.put(connection, "it", digest(HALL_IT), now_ms(), PAGES)
    until(lambda: is_told(chosen), "the problem")
    chosen.history.look()

    async def walk() -> list[str]:
        found = []
        async with chromium() as browser:
            for language in ("zh-CN", "en"):
                page = await (await browser.new_context(locale=language)).new_page()
                followed = Followed(page, chosen.api_url)
                await page.goto(f"{chosen.api_url}/login")
                found += await faults(page, looks)
                await page.goto(f"{chosen.api_url}/login#{HALL_IT}")
                for path in ("/", "/devices/dev-1", "/system", "/nowhere"):
                    await page.goto(chosen.api_url + path)
                    found += await faults(page, looks)
                await page.goto(f"{chosen.api_url}/login#{TOKEN}")
                await page.goto(f"{chosen.api_url}/windows/w1")
                found += await faults(page, looks)
                if language == "zh-CN":
                    await page.keyboard.type("0231")
                    await page.keyboard.press("F2")
                await expect(page.locator("#ticket_no")).to_be_visible()
                found += await faults(page, looks)
                found += followed.faults
        return found

    assert asyncio.run(walk()) == []


def is_told(gateway) -> bool:
    with gateway.database.read() as connection:
        row = states.get(connection, "dev-1")
    return row is not None and "stuck_key" in row.problems


@pytest.mark.needs("chromium")
def test_a_small_window_above_all_others_holds_the_console(chosen):
    """Pressed there, it is done, and the page below follows."""

    async def walk():
        async with chromium() as browser:
            context = await browser.new_context(locale="zh-CN")
            page = await context.new_page()
            await page.goto(f"{chosen.api_url}/login#{TOKEN}")
            await page.get_by_role("button", name="小窗置顶").click()
            async with asyncio.timeout(10):
                while len(page.frames) < 2 and len(context.pages) < 2:
                    await asyncio.sleep(0.1)
            small = context.pages[-1] if len(context.pages) > 1 else page
            frame = small.frames[-1]
            await expect(frame.locator(".top")).to_be_hidden()
            await frame.get_by_label("工号或姓名", exact=True).first.fill("0231")
            await expect(frame.get_by_role("radio")).to_have_count(1)
            await frame.get_by_role("button", name="签到").first.click()
            await expect(frame.get_by_text("王芳 0231")).to_be_visible()
            await expect(page.get_by_text("王芳 0231")).to_be_visible()

    asyncio.run(walk())
