"""Operations in a real browser: kill switches that pause, dead work that is due again, and who may do so."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from playwright.sync_api import Browser, expect

from kit.clock import now_ms
from kit.work import NewWork, claim, count_work, enqueue, fail
from marketplace import dispatch, operations
from marketplace.settings import read_switches, set_switch
from tests.e2e.pages_visitor import DESKTOP, LANGUAGES, NARROW, PHONE, visiting
from tests.e2e.pages_world import OWNER, World

HTML = {"accept": "text/html", "accept-language": "en"}
HEALTH, LETTERS = "/admin/operations", "/admin/operations/dead-letters"
PAGES = [HEALTH, LETTERS]


@pytest.fixture
def running(world: World) -> Iterator[World]:
    """Whatever a test pauses, runs again after it."""
    yield world
    with world.database.read() as session:
        state = read_switches(session)
    for switch in ("dispatch", "deliveries", "payouts"):
        if getattr(state, f"{switch}_paused"):
            pause(world, switch, paused=False)


def pause(world: World, switch: str, *, paused: bool = True, reason: str = "a drill") -> None:
    world.database.run(
        lambda session: set_switch(
            session, switch=switch, paused=paused, set_by="root (key 1)", reason=reason, now_ms=now_ms()
        )
    )


def bury(world: World, kind: str, subjects: range, error: str = "the receiver hangs") -> None:
    """Let work of a kind that no loop takes fail for good."""
    with world.database.transaction() as session:
        enqueue(session, world.ids, [NewWork(kind, subject, 1) for subject in subjects], now_ms())
    with world.database.transaction() as session:
        claims = claim(session, [kind], len(subjects), now_ms(), 60_000)
    with world.database.transaction() as session:
        fail(session, claims, error, now_ms(), max_attempts=1)


def counted(world: World, kind: str) -> dict[str, int]:
    """How much work of a kind there is in each state."""
    with world.database.read() as session:
        return {found.state: found.count for found in count_work(session) if found.kind == kind}


@contextmanager
def signed_in(world: World, key: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=world.url, headers=HTML) as client:
        answer = client.post("/sign-in", data={"api_key": key}, headers={"origin": world.url})
        assert answer.status_code == 303, answer.text
        yield client


def token_of(client: httpx.Client) -> str:
    return client.get(HEALTH).text.split('name="csrf_token" value="')[1].split('"')[0]


@pytest.mark.parametrize("path", PAGES)
def test_strangers_sign_in_and_keys_without_the_scope_are_refused(world: World, path: str) -> None:
    stranger = httpx.get(world.url + path, headers=HTML)
    assert stranger.status_code == 303
    assert stranger.headers["location"] == "/sign-in?kind=admin&then=" + path.replace("/", "%2F")
    with signed_in(world, world.owner_key) as client:
        refused = client.get(path)
        assert refused.status_code == 403
        assert "lacks the scope" in refused.text
        assert f'href="{HEALTH}"' not in client.get("/admin/dispatches").text


def test_forms_of_others_change_nothing(running: World) -> None:
    kind = "left-alone"
    bury(running, kind, range(1, 2))
    with running.database.read() as session:
        letter = operations.list_letters(session, kind=kind).items[0].id
    forms = [
        (f"{HEALTH}/switches/payouts", {"paused": "true", "reason": "x", "confirmed": "true"}),
        (f"{LETTERS}/{letter}", {"action": "dismiss", "reason": "x"}),
    ]
    with signed_in(running, running.admin_key) as admin, signed_in(running, running.owner_key) as other:
        token = token_of(admin)
        for path, form in forms:
            for sender, origin, sent in (
                (admin, running.url, ""),
                (admin, running.url, "guessed"),
                (admin, "https://evil.example", token),
                (other, running.url, token),
            ):
                answer = sender.post(path, data=form | {"csrf_token": sent}, headers={"origin": origin})
                assert answer.status_code == 403
    with running.database.read() as session:
        assert not read_switches(session).payouts_paused
    assert counted(running, kind) == {"dead": 1}


def test_pausing_dispatch_stops_waves_until_it_is_resumed(browser: Browser, running: World) -> None:
    with visiting(browser, running, size=PHONE, language="en") as visitor:
        page = visitor.page
        visitor.sign_in()
        visitor.open(HEALTH)
        switch = page.locator("#switch-dispatch")
        switch.locator("summary").click()
        switch.locator("[name=reason]").fill("Moving Redis, ticket 4711")
        switch.locator("[name=confirmed]").check()
        switch.get_by_role("button", name="Pause").click()
        expect(switch).to_contain_text("Paused")
        expect(switch).to_contain_text(f"{OWNER} (key ")
        expect(page.locator("section[aria-labelledby=changes-title]")).to_contain_text("Moving Redis, ticket 4711")
        dispatch_id = running.submit()
        visitor.open(f"/admin/dispatches/{dispatch_id}")
        expect(page.locator(".pause-banner")).to_contain_text("Moving Redis, ticket 4711")
        visitor.open("/admin/dispatches")
        expect(page.locator(".pause-banner")).to_contain_text("Matching and waves")
        with running.database.read() as session:
            assert dispatch.list_waves(session, dispatch_id=dispatch_id).items == ()
        visitor.open(HEALTH)
        switch.locator("summary").click()
        switch.locator("[name=reason]").fill("It is moved")
        switch.locator("[name=confirmed]").check()
        switch.get_by_role("button", name="Resume").click()
        expect(switch).to_contain_text("Running")
        running.wait_delivered(dispatch_id)
        visitor.open("/admin/dispatches")
        expect(page.locator(".pause-banner")).to_have_count(0)


def test_owners_see_that_it_is_paused_and_not_who_did_it_or_why(running: World) -> None:
    pause(running, "deliveries", reason="a matter of our own")
    with signed_in(running, running.owner_key) as client:
        text = client.get("/admin/dispatches").text
    assert "Deliveries into inboxes" in text
    assert "a matter of our own" not in text
    assert "root (key 1)" not in text


@pytest.mark.parametrize("form", [{"confirmed": "true", "reason": " "}, {"reason": "typed before"}])
def test_a_switch_needs_a_reason_and_a_confirmation(running: World, form: dict[str, str]) -> None:
    with signed_in(running, running.admin_key) as client:
        answer = client.post(
            f"{HEALTH}/switches/payouts",
            data=form | {"paused": "true", "csrf_token": token_of(client)},
            headers={"origin": running.url},
        )
        assert answer.status_code == 422
        part = answer.text.split('id="switch-payouts"')[1].split("</li>")[0]
        assert 'role="alert"' in part
        assert form["reason"] in part
        unknown = client.post(
            f"{HEALTH}/switches/everything",
            data={"paused": "true", "reason": "x", "confirmed": "true", "csrf_token": token_of(client)},
            headers={"origin": running.url},
        )
        assert unknown.status_code == 404
    with running.database.read() as session:
        assert not read_switches(session).payouts_paused


def test_dead_letters_are_paged_and_retrying_makes_the_work_due(browser: Browser, world: World) -> None:
    kind = "paged-kind"
    bury(world, kind, range(1, 31))
    with visiting(browser, world, language="en") as visitor:
        page = visitor.page
        visitor.sign_in()
        visitor.open(HEALTH)
        page.locator(f"#queue-{kind} a").click()
        letters = page.locator("li[id^=letter-]")
        expect(letters).to_have_count(25)
        page.locator("[rel=next]").click()
        expect(letters).to_have_count(5)
        expect(letters.first).to_contain_text("the receiver hangs")
        letters.first.locator("summary").click()
        letters.first.locator("[name=reason]").fill("it answers again")
        letters.first.get_by_role("button", name="Try again").click()
        expect(page.get_by_role("status")).to_contain_text("due again")
        expect(letters).to_have_count(4)
        assert counted(world, kind) == {"dead": 29, "pending": 1}
        letters.first.locator("summary").click()
        letters.first.locator("[name=reason]").fill("the receiver is gone")
        letters.first.get_by_role("button", name="Give up for good").click()
        expect(letters).to_have_count(3)
        assert counted(world, kind) == {"dead": 28, "pending": 1}
        decided = page.locator("section[aria-labelledby=decisions-title] li")
        expect(decided.nth(0)).to_contain_text("the receiver is gone")
        expect(decided.nth(1)).to_contain_text("it answers again")


def test_a_letter_that_somebody_else_decided_about_is_told_so(world: World) -> None:
    kind = "twice-kind"
    bury(world, kind, range(1, 3))
    with signed_in(world, world.admin_key) as client:
        form = {"action": "retry", "reason": "again", "csrf_token": token_of(client)}
        with world.database.read() as session:
            first, second = (letter.id for letter in operations.list_letters(session, kind=kind).items)
        path = f"{LETTERS}/{first}?kind={kind}"
        assert client.post(path, data=form, headers={"origin": world.url}).status_code == 303
        late = client.post(path, data=form, headers={"origin": world.url})
        assert (late.status_code, "somebody decided about it meanwhile" in late.text) == (404, True)
        empty = client.post(f"{LETTERS}/{second}", data=form | {"reason": ""}, headers={"origin": world.url})
        assert (empty.status_code, "Say why" in empty.text) == (422, True)
    assert counted(world, kind) == {"dead": 1, "pending": 1}


def test_while_the_shards_are_away_the_page_says_why(browser: Browser, world: World) -> None:
    world.matching.stop()
    try:
        with visiting(browser, world, language="en") as visitor:
            visitor.sign_in()
            visitor.open(HEALTH)
            shards = visitor.page.locator("section[aria-labelledby=shards-title]")
            expect(shards).to_contain_text("Matching is paused")
            expect(shards.get_by_role("alert")).to_contain_text("Orders are still taken")
            world.matching.start()
            expect(shards).to_contain_text("Matching is ready")
            expect(visitor.page.locator("#shard-0")).to_contain_text("120")
    finally:
        world.matching.stop()
        world.matching.start()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [NARROW, PHONE, DESKTOP], ids=["320", "390", "1440"])
def test_operations_fit_every_width_in_both_languages(
    browser: Browser, running: World, size: tuple[int, int], language: str
) -> None:
    bury(running, f"wide-{language}-{size[0]}", range(1, 3), "https://hooks.example/" + "x" * 400)
    pause(running, "deliveries", reason="w" * 300)
    with visiting(browser, running, size=size, language=language) as visitor:
        visitor.sign_in()
        for path in PAGES:
            visitor.open(path)
            for summary in visitor.page.locator("main summary").all():
                summary.click()
            visitor.check()
        visitor.open("/admin/dispatches")
        visitor.check()
