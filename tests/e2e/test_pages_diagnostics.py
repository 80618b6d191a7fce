"""Diagnostics in a real browser: the list, one dispatch, why a user is in it and why another is not."""

import re

import pytest
from playwright.sync_api import Browser, expect

from api.pages import dispatch_reading
from marketplace import dispatch
from tests.e2e.pages_visitor import DESKTOP, LANGUAGES, NARROW, PHONE, visiting
from tests.e2e.pages_world import FAR_WELDERS, LOCAL_WELDERS, OTHERS, World, json_of

FUNNEL = "[aria-labelledby=funnel-title] quanwang-chart"


@pytest.fixture(scope="module")
def offered(world: World) -> int:
    """A dispatch in the full tier: forty users told."""
    dispatch_id = world.submit()
    world.wait_delivered(dispatch_id)
    return dispatch_id


def test_the_list_finds_filters_and_counts(browser: Browser, world: World, offered: int) -> None:
    with visiting(browser, world) as visitor:
        page = visitor.page
        visitor.sign_in()
        expect(page.locator(f"#dispatch-{offered}")).to_contain_text("氩弧焊工")
        page.locator("[name=search]").fill("氩弧焊")
        page.keyboard.press("Enter")
        expect(page.locator(f"#dispatch-{offered}")).to_be_visible()
        page.locator("[name=search]").fill("没有这样的订单%")
        page.keyboard.press("Enter")
        expect(page.get_by_text("没有符合条件的分发")).to_be_visible()
        visitor.open("/admin/dispatches?state=offering_full")
        expect(page.locator("a.filter[aria-current]")).to_contain_text("分发中：全部满足")
        expect(page.locator(f"#dispatch-{offered} td").nth(3)).to_have_text("40")


def test_a_new_dispatch_appears_in_the_open_list_by_itself(browser: Browser, world: World) -> None:
    with visiting(browser, world, language="en") as visitor:
        visitor.sign_in()
        visitor.page.evaluate("window.sameDocument = true")
        added = world.submit(title="Night shift welder, Pudong")
        expect(visitor.page.locator(f"#dispatch-{added}")).to_contain_text("Night shift welder")
        assert visitor.page.evaluate("window.sameDocument"), "the page was loaded again"


def test_one_dispatch_shows_key_information_funnel_waves_and_certificate(
    browser: Browser, world: World, offered: int
) -> None:
    with visiting(browser, world, language="en") as visitor:
        page = visitor.page
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{offered}")
        expect(page.locator("[aria-labelledby=funnel-title] canvas")).to_be_visible()
        rows = {row["label"]: row["value"] for row in json_of(page.locator(FUNNEL).get_attribute("rows"))}
        assert rows["All users"] == 120
        assert rows["Full match"] == rows["Told"] == rows["Delivered"] == 40
        page.locator("[aria-labelledby=funnel-title]").get_by_text("As a table").click()
        expect(page.locator("[aria-labelledby=funnel-title] tbody tr").first).to_contain_text("120")
        keys = page.locator("section[aria-labelledby=keys-title]")
        expect(keys).to_contain_text("氩弧焊suffix 90")
        expect(keys).to_contain_text("Manufacture of Metal Products 33")
        page.get_by_text("Certificate: nobody was left out").click()
        expect(page.locator("details .certificate")).to_contain_text("120")
        expect(page.locator("#recipients tbody tr")).to_have_count(25)
        page.locator("#recipients [rel=next]").click()
        expect(page.locator("#recipients tbody tr")).to_have_count(15)


def test_the_open_page_follows_the_dispatch_into_the_partial_tier(browser: Browser, world: World) -> None:
    dispatch_id = world.submit(policy="quick")
    with visiting(browser, world, language="en") as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}")
        visitor.page.evaluate("window.sameDocument = true")
        visitor.page.locator("[aria-labelledby=funnel-title]").get_by_text("As a table").click()
        expect(visitor.page.locator("h1 + span")).to_have_text("Offering: partial tier")
        expect(visitor.page.locator("section[aria-labelledby=waves-title]")).to_contain_text("Wave 2")
        rows = {row["label"]: row["value"] for row in json_of(visitor.page.locator(FUNNEL).get_attribute("rows"))}
        expect(visitor.page.locator("#recipients")).to_contain_text("Full match")
        expect(visitor.page.locator("details[open] table")).to_contain_text("Region")
        assert rows["Told"] == rows["Industry"] == 80
        assert rows["Region"] == rows["Full match"] == rows["Partial match"] == 40
        assert visitor.page.evaluate("window.sameDocument"), "the page was loaded again"


def test_acceptances_stand_in_the_order_of_arrival_with_their_places(browser: Browser, world: World) -> None:
    dispatch_id = world.submit()
    world.wait_delivered(dispatch_id)
    users = LOCAL_WELDERS[20:23]
    for user in users:
        world.accept(dispatch_id, user)
    world.withdraw(dispatch_id, users[0])
    with visiting(browser, world, language="en") as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}")
        rows = visitor.page.locator("section[aria-labelledby=waves-title] ol:not(.waves) > li")
        expect(rows).to_have_count(3)
        for row, (user, state) in enumerate(
            zip(users, ("Withdrawn", "Number 1 in the queue", "Number 2 in the queue"), strict=True)
        ):
            expect(rows.nth(row)).to_contain_text(f"{user}{state}")
        funnel = {row["label"]: row["value"] for row in json_of(visitor.page.locator(FUNNEL).get_attribute("rows"))}
        assert funnel["Accepted"] == 2, "whoever withdrew does not count"


@pytest.mark.parametrize("language", LANGUAGES)
def test_why_this_user_and_why_not_that_one(browser: Browser, world: World, offered: int, language: str) -> None:
    words = {
        "zh-CN": (
            "第 1 波通知",
            "怎样才能全部满足",
            "服务 上海市 浦东新区",
            "没有这样的",
            "同时接受 北京市 朝阳区",
            "用户具备 会计、税务",
        ),
        "en": (
            "Told in wave 1",
            "What would have made a full match",
            "Serve",
            "There is no user",
            "too",
            "the user holds 会计, 税务",
        ),
    }[language]
    with visiting(browser, world, language=language) as visitor:
        page = visitor.page
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{offered}")
        found = page.locator("#explanation")
        page.locator("#recipients tbody tr").first.locator("a").click()
        expect(found).to_contain_text(words[0])
        expect(found).not_to_contain_text(words[1])
        page.locator("[name=user_id]").fill(str(FAR_WELDERS[0]))
        page.locator("form:has([name=user_id]) button").click()
        expect(found).to_contain_text(words[1])
        expect(found).to_contain_text(words[2])
        page.locator("[name=user_id]").fill(str(OTHERS[0]))
        page.keyboard.press("Enter")
        expect(found.locator(".changes > li")).to_have_count(3)
        # The smallest change of the order: his own region beside it, and not the whole country.
        expect(found.locator(".changes > li").nth(2)).to_contain_text(words[4])
        expect(found.locator(".changes")).not_to_contain_text("100000")
        expect(found.locator(".findings > li").first).to_contain_text(words[5])
        page.locator("[name=user_id]").fill("nobody-7")
        page.keyboard.press("Enter")
        expect(found.get_by_role("alert")).to_contain_text("nobody-7")
        assert re.search(r"/admin/dispatches/\d+$", page.url), "the explanation came without another page"


def test_who_was_passed_over_is_counted_with_the_reason_and_told_why(browser: Browser, world: World) -> None:
    world.wait_delivered(world.submit())
    dispatch_id = world.submit(policy="sparing")

    def passed_over() -> bool:
        with world.database.read() as session:
            return bool(dispatch.suppression_counts(session, dispatch_id))

    world.wait_until(passed_over, "nobody was passed over")
    with visiting(browser, world, language="en") as visitor:
        page = visitor.page
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}?user_id={LOCAL_WELDERS[0]}")
        row = page.locator("[aria-labelledby=passed-title] tbody tr").first
        expect(row).to_contain_text("offered enough within a day")
        expect(row.locator("td").last).to_have_text("40")
        expect(page.locator("#explanation")).to_contain_text("Passed over in wave 1: offered enough within a day")
        funnel = {row["label"]: row["value"] for row in json_of(page.locator(FUNNEL).get_attribute("rows"))}
        assert funnel["Passed over: offered enough within a day"] == 40
        visitor.open(f"/admin/dispatches/{dispatch_id}/replay")
        expect(page.get_by_role("alert")).to_contain_text("passed users over")


def test_a_list_that_is_cut_says_so_and_where_the_rest_is(
    browser: Browser, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch_reading, "MAX_WAVES", 2)
    monkeypatch.setattr(dispatch_reading, "MAX_LINES", 3)
    dispatch_id = world.submit(policy="small")

    def five_waves() -> bool:
        with world.database.read() as session:
            return dispatch.get_dispatch(session, dispatch_id=dispatch_id).summary.waves == 5

    world.wait_until(five_waves, "the forty users were not told in five waves")
    with visiting(browser, world, language="en") as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}")
        waves = visitor.page.locator("[aria-labelledby=waves-title]")
        expect(waves).to_contain_text(f"The first 2 of 5 waves; all of them are at /v1/dispatches/{dispatch_id}/waves.")
        expect(visitor.page.locator("[aria-labelledby=timeline-title]")).to_contain_text("and 4 more")


def test_a_dispatch_that_ended_before_its_first_wave_promises_none(browser: Browser, world: World) -> None:
    dispatch_id = world.submit(order={"title": "你好", "text": "你好，全国"})

    def ended() -> bool:
        with world.database.read() as session:
            return dispatch.get_dispatch(session, dispatch_id=dispatch_id).summary.stage == "unmatchable"

    world.wait_until(ended, "the order was matched")
    with visiting(browser, world) as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}?user_id={LOCAL_WELDERS[0]}")
        main = visitor.page.locator("main")
        expect(main.get_by_role("alert").first).to_contain_text("订单无法匹配")
        expect(visitor.page.locator("#explanation")).to_contain_text("从未查找过用户")
        expect(main).to_contain_text("在第一波之前已结束")
        text = main.inner_text()
        for promise in ("等待第一波", "还没有", "尚未冻结", "names no known"):
            assert promise not in text


def test_what_is_not_there_is_told_in_the_readers_language(browser: Browser, world: World, offered: int) -> None:
    with visiting(browser, world) as visitor:
        visitor.expected.append("404")
        visitor.sign_in()
        visitor.open("/admin/dispatches/424242")
        expect(visitor.page.locator("main")).to_contain_text("没有这样的分发")
        assert not re.search("[a-z]{3}", visitor.page.locator("main").inner_text())
        visitor.open(f"/admin/dispatches/{offered}?user_id=啊")
        alert = visitor.page.locator("#explanation").get_by_role("alert")
        expect(alert).to_contain_text("没有这样的用户")
        assert not re.search("[a-z]", alert.inner_text())


def test_the_keys_of_a_text_say_why_they_count_in_the_readers_language(browser: Browser, world: World) -> None:
    dispatch_id = world.submit(order={"title": "招人", "text": "上海市浦东新区招焊接、电工，全国可报名"})
    world.wait_delivered(dispatch_id)
    with visiting(browser, world) as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}")
        visitor.page.get_by_text("从文本中提取了").click()
        keys = visitor.page.locator("section[aria-labelledby=keys-title] details")
        for reason in ("词表中的关键词", "文中有上级地区佐证", "全国等于不限地区"):
            expect(keys).to_contain_text(reason)
        assert not re.search("[a-z]", keys.inner_text())


def test_while_matching_is_paused_the_page_stays_and_says_so(browser: Browser, world: World, offered: int) -> None:
    world.matching.stop()
    try:
        with visiting(browser, world, language="en") as visitor:
            visitor.sign_in()
            visitor.open(f"/admin/dispatches/{offered}?user_id={LOCAL_WELDERS[0]}")
            expect(visitor.page.locator("#explanation").get_by_role("alert")).to_be_visible()
            expect(visitor.page.locator("[aria-labelledby=funnel-title] canvas")).to_be_visible()
    finally:
        world.matching.start()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [NARROW, PHONE, DESKTOP], ids=["320", "390", "1440"])
def test_every_page_fits_every_width_in_both_languages(
    browser: Browser, world: World, offered: int, size: tuple[int, int], language: str
) -> None:
    with visiting(browser, world, size=size, language=language) as visitor:
        for path in ("/", "/sign-in?kind=inbox"):
            visitor.open(path)
            visitor.check()
        visitor.sign_in()
        for path in (
            "/admin/dispatches",
            "/admin/dispatches?search=nothing",
            f"/admin/dispatches/{offered}?user_id={FAR_WELDERS[0]}",
        ):
            visitor.open(path)
            expect(visitor.page.locator("html")).to_have_attribute("lang", language)
            visitor.check()
