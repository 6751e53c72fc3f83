"""A clerk chooses who they are and what is dealt with, by the keyboard alone, in a browser."""

import asyncio

import pytest
from browser import chromium
from gateway_hall import until
from playwright.async_api import Page, expect
from test_gateway_chosen import ADVICE, MATTERS, STAFF

from gateway.desk.callers import CONSOLE
from gateway.store import services, tokens
from hosting.clock import now_ms
from hosting.tokens import digest, new_secret
from protocol.batch import decode_document

TOKEN = new_secret()


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
    await expect(page.get_by_label("下一位的票号")).to_have_value("002")
    await expect(page.get_by_role("radio").first).to_have_value(MATTERS[2].task_code)
    await page.keyboard.press("F2")
    await expect(page.get_by_text("002", exact=True)).to_be_visible()
