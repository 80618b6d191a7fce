"""The preview in a real browser: it counts by the live index, says what is wrong, and keeps to the owner's budget."""

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages_visitor import DESKTOP, LANGUAGES, NARROW, PHONE, visiting
from tests.e2e.pages_world import World, json_of

PATH = "/admin/preview"
HTML = {"accept": "text/html", "accept-language": "en"}


def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.locator(f".preview-form [name={name}]").fill(value)


def count(page: Page) -> None:
    page.locator(".preview-form button.btn-primary").click()


@pytest.fixture
def client(world: World) -> Iterator[httpx.Client]:
    """A client with the session of a key that may read dispatches."""
    with httpx.Client(base_url=world.url, headers=HTML | {"origin": world.url}) as client:
        assert client.post("/sign-in", data={"api_key": world.owner_key}).status_code == 303
        yield client


def token_of(client: httpx.Client) -> str:
    return client.get(PATH).text.split('name="csrf_token" value="')[1].split('"')[0]


def test_it_counts_both_tiers_and_what_each_key_costs(browser: Browser, world: World) -> None:
    with visiting(browser, world, language="en") as visitor:
        page = visitor.page
        visitor.sign_in(key=world.owner_key)
        page.get_by_role("link", name="Preview").click()
        fill(page, keywords="氩弧焊工\n焊接", industries="33", regions="浦东新区")
        page.locator("[name=keyword_rule][value=any]").check()
        count(page)
        result = page.locator("#result")
        expect(result.locator("[data-tier=full]")).to_contain_text("40")
        expect(result.locator("[data-tier=partial]")).to_contain_text("40")
        rows = json_of(result.locator("quanwang-chart").get_attribute("rows"))
        assert {"label": "Without 上海市 浦东新区", "value": 40, "text": "+40", "tone": "full"} in rows
        expect(result.locator("quanwang-chart canvas")).to_be_visible()
        result.get_by_text("As a table").click()
        expect(result.locator("tbody tr").first).to_contain_text("80")
        expect(result).to_contain_text("310115")
        assert page.locator("[name=keywords]").input_value() == "氩弧焊工\n焊接"
        assert page.locator("[name=regions]").input_value() == "浦东新区"


def test_few_are_not_counted_and_nobody_is_warned_about(browser: Browser, world: World) -> None:
    with visiting(browser, world, language="en") as visitor:
        page = visitor.page
        visitor.sign_in()
        visitor.open(PATH)
        fill(page, keywords="会计", regions="310115")
        count(page)
        full = page.locator("#result [data-tier=full]")
        expect(full).to_contain_text("<10")
        expect(page.locator("#result").get_by_role("alert")).to_contain_text("No user satisfies all of it")
        fill(page, keywords="绝无此技能", regions="西藏自治区")
        count(page)
        expect(page.locator("#result").get_by_role("alert")).to_contain_text("It would reach nobody")


def test_what_is_found_in_the_text_is_shown_in_the_readers_language(browser: Browser, world: World) -> None:
    with visiting(browser, world) as visitor:
        visitor.sign_in()
        visitor.open(PATH)
        fill(visitor.page, text="上海市浦东新区招焊接、电工，全国可报名")
        count(visitor.page)
        found = visitor.page.locator("section[aria-labelledby=understood-title]")
        for words in ("焊接", "上海市 浦东新区", "全国等于不限地区"):
            expect(found).to_contain_text(words)


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("regions", {"regions": "浦东新区, 亚特兰蒂斯"}, "Nothing is known by the name 亚特兰蒂斯"),
        ("regions", {"regions": "鼓楼区"}, "Several are called 鼓楼区"),
        ("industries", {"industries": "33,99999"}, "Nothing is known by the name 99999"),
        ("near", {"lat": "31.2", "lon": "east", "radius_km": "5"}, "all three as numbers"),
        ("near", {"lat": "91", "lon": "121", "radius_km": "5"}, "all three as numbers"),
        ("near", {"lat": "nan", "lon": "121", "radius_km": "5"}, "all three as numbers"),
        ("keyword_rule", {"keywords": "焊接", "keyword_rule": "at_least", "at_least": "2"}, "A whole number from 1"),
        ("keyword_rule", {"keywords": "焊接", "keyword_rule": "at_least", "at_least": "two"}, "A whole number from 1"),
        ("keywords", {"keywords": "长" * 65}, "at most 64 characters"),
        ("crowds", {"crowds": "c" * 65}, "at most 64 characters"),
        ("text", {"text": "字" * 20_001}, "At most 20,000 characters"),
        ("text", {"text": "你好"}, "Nothing in the text is known"),
        ("order", {}, "Name something"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_what_was_typed_stays(
    client: httpx.Client, field: str, typed: dict[str, str], said: str
) -> None:
    answer = client.post(PATH, data=typed | {"csrf_token": token_of(client)})
    assert answer.status_code == 422
    told = answer.text.split(f'id="{field}-wrong"')[1].split("</p>")[0]
    assert said in told
    assert all(value in answer.text for value in typed.values())


def test_forms_of_others_and_strangers_count_nothing(world: World, client: httpx.Client) -> None:
    assert httpx.get(world.url + PATH, headers=HTML).status_code == 303
    form = {"keywords": "焊接"}
    assert client.post(PATH, data=form).status_code == 403
    assert client.post(PATH, data=form | {"csrf_token": "guessed"}).status_code == 403
    token = token_of(client)
    foreign = client.post(PATH, data=form | {"csrf_token": token}, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_while_matching_is_away_it_says_so_and_keeps_what_was_typed(world: World, client: httpx.Client) -> None:
    form = {"keywords": "焊接", "csrf_token": token_of(client)}
    world.matching.stop()
    try:
        away = client.post(PATH, data=form)
    finally:
        world.matching.start()
    assert (away.status_code, "焊接" in away.text) == (503, True)
    assert client.post(PATH, data=form).status_code == 200


def test_pages_and_rest_share_one_budget(world: World, client: httpx.Client) -> None:
    """Sixty a minute together, whatever asks; the sixty-first is answered with a sentence."""
    form = {"keywords": "焊接", "csrf_token": token_of(client)}

    def statuses() -> list[int]:
        asked = [
            httpx.post(
                world.url + "/v1/dispatches:preview",
                json={"keywords": ["焊接"]},
                headers={"authorization": f"Bearer {world.owner_key}"},
            ).status_code
            for _ in range(60)
        ]
        return [*asked, client.post(PATH, data=form).status_code]

    # A minute may begin in between: then the next sixty are all of that minute.
    found = statuses()
    if found[-1] != 429:
        found = statuses()
    assert found[-1] == 429, found
    refused = client.post(PATH, data=form)
    assert "The previews of this minute are used up" in refused.text
    assert int(refused.headers["retry-after"]) >= 1
    assert "焊接" in refused.text
    world.forget_previews()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [NARROW, PHONE, DESKTOP], ids=["320", "390", "1440"])
def test_the_preview_fits_every_width_in_both_languages(
    browser: Browser, world: World, size: tuple[int, int], language: str
) -> None:
    with visiting(browser, world, size=size, language=language) as visitor:
        visitor.expected.append("422")
        visitor.sign_in()
        visitor.open(PATH)
        visitor.check()
        fill(visitor.page, keywords="氩弧焊工 / 电焊工\n" + "焊" * 60, regions="310115, 440305", crowds="c" * 64)
        count(visitor.page)
        expect(visitor.page.locator("#result quanwang-chart canvas")).to_be_visible()
        for summary in visitor.page.locator("main summary").all():
            summary.click()
        visitor.check()
        fill(visitor.page, regions="x" * 60)
        count(visitor.page)
        expect(visitor.page.locator("#regions-wrong")).to_be_visible()
        visitor.check()
