"""The page of a replay in a real browser: every wave again, and the same users under another policy."""

import re

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import update

from kit.clock import now_ms
from marketplace import dispatch
from marketplace.dispatch.tables import wave
from tests.e2e.pages_visitor import DESKTOP, LANGUAGES, NARROW, PHONE, visiting
from tests.e2e.pages_world import LOCAL_WELDERS, World


@pytest.fixture(scope="module")
def told(world: World) -> int:
    """A dispatch whose full tier was told in one wave, with one acceptance."""
    small = dispatch.Policy("small-waves", wave_size=10, wave_interval_ms=1)
    world.database.run(lambda session: dispatch.publish_policy(session, world.ids, policy=small, now_ms=now_ms()))
    dispatch_id = world.submit()
    world.wait_delivered(dispatch_id)
    return dispatch_id


def test_every_wave_comes_out_again_and_another_policy_is_set_beside_it(
    browser: Browser, world: World, told: int
) -> None:
    with visiting(browser, world, language="en") as visitor:
        page = visitor.page
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{told}")
        page.get_by_role("link", name="Replay this dispatch").click()
        expect(page.locator("#again")).to_contain_text("Yes")
        expect(page.locator("#again")).to_contain_text("1 wave, byte for byte")
        page.locator("select[name=with_policy]").select_option("small-waves:1")
        page.get_by_role("button", name="Compare").click()
        expect(page.locator("#plan thead")).to_contain_text("small-waves:1")
        rows = page.locator("#plan tbody tr")
        expect(rows.filter(has_text="Waves").locator("td").first).to_have_text("1")
        expect(rows.filter(has_text="Waves").locator("td").last).to_have_text("4")
        expect(rows.filter(has_text="Last notice after").locator("td").last).to_have_text("3 ms")
        expect(page.locator("select[name=with_policy]")).to_have_value("small-waves:1")
        expect(page.locator("main")).to_contain_text("The partial tier was never opened")


def test_a_wave_that_was_tampered_with_is_named(browser: Browser, world: World) -> None:
    dispatch_id = world.submit()
    world.wait_delivered(dispatch_id)
    world.database.run(
        lambda session: session.execute(
            update(wave).where(wave.c.dispatch_id == dispatch_id).values(expires_at_ms=wave.c.expires_at_ms + 1)
        )
    )
    with visiting(browser, world) as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}/replay")
        expect(visitor.page.locator("#again")).to_contain_text("不能")
        expect(visitor.page.locator("#again")).to_contain_text("1 波中有 1 波不同")
        remarks = visitor.page.locator(".remarks").first
        expect(remarks).to_contain_text("第 1 波")
        assert not re.search("[a-z]", remarks.inner_text())


def test_a_policy_that_is_not_there_is_told_beside_its_field(browser: Browser, world: World, told: int) -> None:
    with visiting(browser, world) as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{told}/replay?with_policy=nowhere:7")
        expect(visitor.page.locator("#policy-failure")).to_contain_text("没有这样的策略")
        expect(visitor.page.locator("#again")).to_contain_text("能")


def test_a_replay_is_shown_to_those_alone_who_see_the_dispatch(browser: Browser, world: World, told: int) -> None:
    with visiting(browser, world) as visitor:
        visitor.open(f"/admin/dispatches/{told}/replay")
        assert "/sign-in?kind=admin" in visitor.page.url
        visitor.sign_in(kind="inbox", user=LOCAL_WELDERS[0])
        visitor.open(f"/admin/dispatches/{told}/replay")
        assert "/sign-in?kind=admin" in visitor.page.url


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [NARROW, PHONE, DESKTOP], ids=["320", "390", "1440"])
def test_the_replay_fits_every_width(
    browser: Browser, world: World, told: int, size: tuple[int, int], language: str
) -> None:
    with visiting(browser, world, size=size, language=language) as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{told}/replay?with_policy=small-waves:1")
        for summary in visitor.page.locator("summary").all():
            summary.click()
        visitor.check()
