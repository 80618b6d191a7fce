"""Who gets in, and what keeps others out: sessions, scopes, forged forms, errors as pages."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.pages_visitor import PHONE, visiting
from tests.e2e.pages_world import LOCAL_WELDERS, World

HTML = {"accept": "text/html", "accept-language": "en"}


@pytest.mark.parametrize("path", ["/admin/dispatches", "/admin/dispatches/1", "/me/inbox", "/me/inbox/1/why"])
def test_a_stranger_is_sent_to_sign_in(world: World, path: str) -> None:
    answer = httpx.get(world.url + path, headers=HTML)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?kind=")
    partial = httpx.get(world.url + path, headers=HTML | {"hx-request": "true"})
    assert partial.headers["hx-redirect"].startswith("/sign-in?kind=")


def test_signing_in_leads_back_to_the_wanted_page_and_out_again(browser: Browser, world: World) -> None:
    with visiting(browser, world, size=PHONE, language="en") as visitor:
        visitor.open("/admin/dispatches?state=cancelled")
        visitor.page.locator("[name=api_key]").fill(world.admin_key)
        visitor.page.get_by_role("button", name="Sign in").click()
        expect(visitor.page).to_have_url(world.url + "/admin/dispatches?state=cancelled")
        cookie = next(each for each in visitor.context.cookies() if each["name"] == "quanwang_session")
        assert cookie["httpOnly"]
        assert cookie["sameSite"] == "Lax"
        assert world.admin_key not in cookie["value"]
        visitor.page.get_by_role("button", name="Sign out").click()
        expect(visitor.page).to_have_url(world.url + "/sign-in")
        visitor.open("/admin/dispatches")
        expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()
        signed_out = httpx.get(
            world.url + "/admin/dispatches", headers=HTML, cookies={"quanwang_session": cookie["value"]}
        )
        assert signed_out.status_code == 303, "the old cookie is worth nothing"


@pytest.mark.parametrize(
    ("key", "kind", "user", "sentence"),
    [
        ("wrong", "admin", None, "此 API 密钥无效"),
        ("reader", "admin", None, "缺少此页面所需的权限"),
        ("inbox", "inbox", 424242, "没有该编号的用户"),
    ],
)
def test_a_refused_sign_in_says_why(
    browser: Browser, world: World, key: str, kind: str, user: int | None, sentence: str
) -> None:
    keys = {"wrong": "qw_1_wrong", "reader": world.reader_key, "inbox": world.inbox_key}
    with visiting(browser, world) as visitor:
        visitor.expected.append("401")
        visitor.sign_in(kind=kind, key=keys[key], user=user)
        expect(visitor.page.get_by_role("alert")).to_contain_text(sentence)


def test_an_inbox_session_opens_no_diagnostics(browser: Browser, world: World) -> None:
    with visiting(browser, world, language="en") as visitor:
        visitor.open_inbox(LOCAL_WELDERS[0])
        visitor.open("/admin/dispatches")
        expect(visitor.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_language_is_kept_and_switched(browser: Browser, world: World) -> None:
    with visiting(browser, world, language="en") as visitor:
        visitor.open("/sign-in?kind=inbox")
        visitor.page.get_by_role("link", name="中文").click()
        expect(visitor.page.get_by_role("heading", name="登录")).to_be_visible()
        assert visitor.page.url.endswith("/sign-in?kind=inbox")
        visitor.open("/")
        expect(visitor.page.locator("html")).to_have_attribute("lang", "zh-CN")


@pytest.fixture
def signed_in(world: World) -> Iterator[httpx.Client]:
    """A client with the cookie of an inbox."""
    with httpx.Client(base_url=world.url, headers=HTML) as client:
        form = {"api_key": world.inbox_key, "kind": "inbox", "user_id": str(LOCAL_WELDERS[0])}
        answer = client.post("/sign-in", data=form, headers={"origin": world.url})
        assert answer.status_code == 303, answer.text
        yield client


def test_a_form_without_the_sessions_token_is_refused(world: World, signed_in: httpx.Client) -> None:
    dispatch_id = world.submit()
    world.wait_delivered(dispatch_id)
    for token in ("", "guessed"):
        answer = signed_in.post(
            f"/me/inbox/{dispatch_id}/acceptance", data={"csrf_token": token}, headers={"origin": world.url}
        )
        assert answer.status_code == 403
        assert "reload the page" in answer.text
    page = signed_in.get("/me/inbox").text
    token = page.split('name="csrf_token" value="')[1].split('"')[0]
    foreign = signed_in.post(
        f"/me/inbox/{dispatch_id}/acceptance", data={"csrf_token": token}, headers={"origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    good = signed_in.post(
        f"/me/inbox/{dispatch_id}/acceptance", data={"csrf_token": token}, headers={"origin": world.url}
    )
    assert good.status_code == 303


def test_another_site_cannot_sign_a_reader_in(world: World) -> None:
    answer = httpx.post(
        world.url + "/sign-in", data={"api_key": world.admin_key}, headers=HTML | {"origin": "https://evil.example"}
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_signing_in_never_leads_to_another_site(world: World) -> None:
    for then in ("https://evil.example/", "//evil.example", "/\\evil.example", "/me/inbox"):
        answer = httpx.post(
            world.url + "/sign-in", data={"api_key": world.admin_key, "then": then}, headers={"origin": world.url}
        )
        assert answer.headers["location"] == "/admin/dispatches"


@pytest.mark.parametrize(("language", "title"), [("zh-CN", "这里什么也没有"), ("en", "Nothing is here")])
def test_dead_ends_are_pages_for_people_and_problems_for_programs(
    browser: Browser, world: World, language: str, title: str
) -> None:
    with visiting(browser, world, size=PHONE, language=language) as visitor:
        visitor.expected.append("404")
        visitor.open("/nowhere")
        expect(visitor.page.get_by_role("heading", name=title)).to_be_visible()
        visitor.sign_in()
        visitor.open("/admin/dispatches/1")
        expect(visitor.page.get_by_role("heading", name=title)).to_be_visible()
        visitor.open("/admin/dispatches/abc")
        expect(visitor.page.get_by_role("alert")).to_be_visible()
        visitor.expected.append("422")
    program = httpx.get(world.url + "/v1/nowhere", headers=HTML)
    assert program.status_code == 404
    assert program.headers["content-type"].startswith("application/problem+json")


def test_every_page_carries_the_strict_policy_and_is_not_stored(world: World) -> None:
    for path in ("/", "/sign-in", "/nowhere"):
        answer = httpx.get(world.url + path, headers=HTML)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert "<script>" not in answer.text
        assert " style=" not in answer.text
        assert "http://" not in answer.text.replace(world.url, "").replace("http://www.w3.org/2000/svg", "")


def test_assets_are_kept_for_a_year_under_their_version(world: World) -> None:
    page = httpx.get(world.url + "/", headers=HTML).text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    answer = httpx.get(world.url + address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
