"""A user's inbox in a real browser: live, answerable, and true after the line was down."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from kit.clock import now_ms
from marketplace import dispatch
from tests.e2e.pages_visitor import DESKTOP, LANGUAGES, NARROW, PHONE, visiting
from tests.e2e.pages_world import FAR_WELDERS, LOCAL_WELDERS, OTHERS, World


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_new_order_appears_without_reloading(browser: Browser, world: World, language: str) -> None:
    with visiting(browser, world, size=PHONE, language=language) as visitor:
        visitor.open_inbox(LOCAL_WELDERS[0])
        visitor.page.evaluate("window.sameDocument = true")
        dispatch_id = world.submit(title=f"现场到达的新订单 {language}")
        entry = visitor.page.locator(f"#entry-{dispatch_id}")
        expect(entry).to_contain_text(f"现场到达的新订单 {language}")
        expect(entry).to_contain_text({"zh-CN": "全部满足", "en": "Full match"}[language])
        expect(entry.locator(".unread-dot")).to_be_visible()
        assert visitor.page.evaluate("window.sameDocument"), "the page was loaded again"


def test_accept_withdraw_and_decline(browser: Browser, world: World) -> None:
    user = LOCAL_WELDERS[1]
    first, second = world.submit(title="第一单"), world.submit(title="第二单")
    world.wait_delivered(first)
    world.wait_delivered(second)
    with visiting(browser, world, size=PHONE) as visitor:
        visitor.open_inbox(user)
        entry = visitor.page.locator(f"#entry-{first}")
        entry.get_by_role("button", name="接单: 第一单", exact=True).click()
        expect(entry).to_contain_text("您排在第 1 位")
        expect(entry.locator(".unread-dot")).to_have_count(0)
        with world.database.read() as session:
            queue = dispatch.get_dispatch(session, dispatch_id=first).acceptances
        assert [(each.user_id, each.position) for each in queue] == [(user, 1)]
        entry.get_by_role("button", name="撤回接单").click()
        expect(entry).to_contain_text("已撤回")
        visitor.page.locator(f"#entry-{second}").get_by_role("button", name="谢绝").click()
        expect(visitor.page.locator(f"#entry-{second}")).to_contain_text("已谢绝")


def test_details_say_why_it_came_and_mark_it_read(browser: Browser, world: World) -> None:
    dispatch_id = world.submit(title="为什么是我")
    world.wait_delivered(dispatch_id)
    with visiting(browser, world, size=PHONE) as visitor:
        visitor.open_inbox(LOCAL_WELDERS[3])
        entry = visitor.page.locator(f"#entry-{dispatch_id}")
        entry.locator("summary").click()
        expect(entry.locator(".why")).to_contain_text("不锈钢管道焊接")
        expect(entry.locator(".why")).to_contain_text("双方均为")
        another = world.submit(title="看的时候又来一单")
        expect(visitor.page.locator(f"#entry-{another}")).to_be_visible()
        expect(entry.locator(".why")).to_be_visible()
        expect(entry.locator(".why")).to_contain_text("双方均为")
        visitor.page.reload()
        expect(visitor.page.locator(f"#entry-{dispatch_id}")).to_be_visible()
        expect(visitor.page.locator(f"#entry-{dispatch_id} .unread-dot")).to_have_count(0)


def test_marking_all_as_read(browser: Browser, world: World) -> None:
    world.wait_delivered(world.submit(title="未读的订单"))
    with visiting(browser, world, language="en") as visitor:
        visitor.open_inbox(LOCAL_WELDERS[5])
        visitor.page.get_by_role("button", name="Mark these as read").click()
        expect(visitor.page.locator(".unread-dot")).to_have_count(0)
        expect(visitor.page.get_by_text("All read")).to_be_visible()


def test_what_came_while_the_line_was_down_is_there_after_it(browser: Browser, world: World) -> None:
    with visiting(browser, world, size=PHONE) as visitor:
        visitor.expected += ["ERR_INTERNET_DISCONNECTED", "Failed to fetch"]
        visitor.open_inbox(LOCAL_WELDERS[7])
        visitor.page.evaluate("window.sameDocument = true")
        visitor.context.set_offline(True)
        # An open stream is not cut by going offline; the page connects again and fails.
        visitor.page.evaluate("document.querySelector('quanwang-stream').setAttribute('src', '/me/inbox/stream?again')")
        visitor.page.evaluate("dispatchEvent(new Event('online'))")
        expect(visitor.page.get_by_text("已断开，正在重连")).to_be_visible()
        dispatch_id = world.submit(title="断线时到达的订单")
        world.wait_delivered(dispatch_id)
        visitor.context.set_offline(False)
        expect(visitor.page.locator(f"#entry-{dispatch_id}")).to_be_visible()
        visitor.wait_live()
        assert visitor.page.evaluate("window.sameDocument"), "the page was loaded again"


def test_an_order_taken_by_another_is_shown_as_taken_at_once(browser: Browser, world: World) -> None:
    dispatch_id = world.submit(title="别人先接了")
    world.wait_delivered(dispatch_id)
    with visiting(browser, world, size=PHONE) as visitor:
        visitor.open_inbox(LOCAL_WELDERS[9])
        expect(visitor.page.locator(f"#entry-{dispatch_id} button").first).to_be_visible()
        _assign(world, dispatch_id, LOCAL_WELDERS[10])
        entry = visitor.page.locator(f"#entry-{dispatch_id}")
        expect(entry).to_contain_text("已被他人接单")
        expect(entry.locator("button")).to_have_count(0)


def test_a_selected_user_reads_by_when_to_confirm_and_confirms(browser: Browser, world: World) -> None:
    user = LOCAL_WELDERS[13]
    dispatch_id = world.submit(title="选定了我")
    world.wait_delivered(dispatch_id)
    _assign(world, dispatch_id, user)
    with visiting(browser, world, size=NARROW) as visitor:
        visitor.open_inbox(user)
        entry = visitor.page.locator(f"#entry-{dispatch_id}")
        expect(entry).to_contain_text("请确认，截止")
        expect(entry.locator("time")).to_have_count(2)
        expect(entry.get_by_role("button", name="撤回接单")).to_be_visible()
        visitor.check()
        entry.get_by_role("button", name="确认接单").click()
        expect(entry).to_contain_text("订单归您")
        expect(entry.locator("button")).to_have_count(0)
        with world.database.read() as session:
            assignment = dispatch.get_dispatch(session, dispatch_id=dispatch_id).assignment
        assert assignment is not None
        assert (assignment.user_id, assignment.state) == (user, "confirmed")


def test_nobody_confirms_somebody_elses_hold(browser: Browser, world: World) -> None:
    dispatch_id = world.submit(title="别人的确认")
    world.wait_delivered(dispatch_id)
    _assign(world, dispatch_id, LOCAL_WELDERS[14])
    with visiting(browser, world) as visitor:
        visitor.open_inbox(LOCAL_WELDERS[15])
        token = visitor.page.locator("form[action='/sign-out'] [name=csrf_token]").get_attribute("value")
        answer = visitor.context.request.post(
            f"{world.url}/me/inbox/{dispatch_id}/confirmation",
            form={"csrf_token": token or "", "hold": "1"},
            headers={"origin": world.url},
        )
        assert "确认时间已过" in answer.text()
        with world.database.read() as session:
            assignment = dispatch.get_dispatch(session, dispatch_id=dispatch_id).assignment
        assert assignment is not None
        assert assignment.state == "active"


def test_an_acceptance_that_comes_too_late_says_why(browser: Browser, world: World) -> None:
    dispatch_id = world.submit(title="来晚了一步")
    world.wait_delivered(dispatch_id)
    with visiting(browser, world, size=PHONE) as visitor:
        visitor.expected += ["ERR_FAILED", "Failed to fetch"]
        visitor.open_inbox(LOCAL_WELDERS[11])
        button = visitor.page.locator(f"#entry-{dispatch_id} button").first
        expect(button).to_be_visible()
        # Without live events the page still shows the order as open.
        visitor.page.route(
            "**/me/inbox", lambda route: route.abort() if route.request.method == "GET" else route.continue_()
        )
        _assign(world, dispatch_id, LOCAL_WELDERS[12])
        button.click()
        expect(visitor.page.locator("#entries").get_by_role("alert")).to_contain_text("订单已指派给他人")


def test_an_empty_inbox_and_a_partial_match(browser: Browser, world: World) -> None:
    with visiting(browser, world, size=NARROW, language="en") as visitor:
        visitor.open_inbox(OTHERS[0])
        expect(visitor.page.get_by_text("No order yet")).to_be_visible()
        visitor.check()
    dispatch_id = world.submit(policy="quick", title="部分满足的订单")
    with visiting(browser, world, size=NARROW) as visitor:
        visitor.open_inbox(FAR_WELDERS[0])
        expect(visitor.page.locator(f"#entry-{dispatch_id}")).to_contain_text("部分满足")


def test_a_publisher_reads_why_his_order_could_not_be_matched(browser: Browser, world: World) -> None:
    nothing: dict[str, Any] = {name: [] for name in ("keywords", "industries", "regions", "crowds")}
    dispatch_id = world.submit(
        title="没有人懂的订单", text="谁来帮忙", publisher=str(OTHERS[2]), near=None, keyword_rule="all", **nothing
    )

    def refused() -> bool:
        with world.database.read() as session:
            return dispatch.get_dispatch(session, dispatch_id=dispatch_id).summary.state == "unmatchable"

    world.wait_until(refused, "the order was not refused")
    with visiting(browser, world, size=NARROW) as visitor:
        visitor.open_inbox(OTHERS[2])
        entries = visitor.page.locator("#entries")
        expect(entries).to_contain_text("您的订单无法匹配: 没有人懂的订单")
        expect(entries).to_contain_text("names no known keyword, region or industry; name some in the order")
        visitor.check()


@pytest.mark.parametrize("size", [NARROW, DESKTOP], ids=["320", "1440"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_full_inbox_fits(browser: Browser, world: World, size: tuple[int, int], language: str) -> None:
    with visiting(browser, world, size=size, language=language) as visitor:
        visitor.open_inbox(LOCAL_WELDERS[0])
        visitor.page.locator("summary").first.click()
        expect(visitor.page.locator(".why .findings").first).to_be_visible()
        visitor.check()


def _assign(world: World, dispatch_id: int, user: int) -> None:
    """Let another user accept and the publisher select that one."""
    world.accept(dispatch_id, user)
    world.database.run(
        lambda session: dispatch.select_acceptor(
            session, world.ids, dispatch_id=dispatch_id, user_id=user, owner=None, actor="test", now_ms=now_ms()
        )
    )
    world.wake.notify([dispatch.LABEL_WORK])
