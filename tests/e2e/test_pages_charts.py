"""The charts of a dispatch in a real browser: drawn, true, in both schemes, and alive under the refresh of the page."""

from playwright.sync_api import Browser, expect

from tests.e2e.pages_visitor import PHONE, visiting
from tests.e2e.pages_world import LOCAL_WELDERS, World, json_of

WAVES = "[aria-labelledby=waves-title] quanwang-waves"
STAGES = "[aria-labelledby=stages-title] quanwang-chart"

INK = """
element => {
  const canvas = element.querySelector('canvas');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  const found = new Set();
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels[at + 3] > 200) found.add(pixels[at] + ',' + pixels[at + 1] + ',' + pixels[at + 2]);
  }
  return found.size;
}
"""
"""How many different colours a chart is drawn in; an empty canvas has none."""


def test_the_wave_chart_grows_with_the_dispatch_and_says_the_same_as_its_table(browser: Browser, world: World) -> None:
    dispatch_id = world.submit(policy="quick")
    with visiting(browser, world, language="en") as visitor:
        page = visitor.page
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}")
        page.evaluate("window.sameDocument = true")
        section = page.locator("[aria-labelledby=waves-title]")
        expect(section).to_contain_text("Wave 2")
        world.accept(dispatch_id, LOCAL_WELDERS[5])
        expect(section.locator("table")).to_contain_text("Acceptance")
        section.get_by_text("As a table").click()
        facts = json_of(page.locator(WAVES).get_attribute("rows"))
        assert [count for _, count in facts["full"]] == [0, 40, 40, 40]
        assert [count for _, count in facts["partial"]] == [0, 0, 40, 40]
        assert [turn["label"] for turn in facts["turns"]] == ["Partial tier opened"]
        assert len(facts["accepted"]) == 1
        rows = section.locator("tbody tr")
        expect(rows).to_have_count(4)
        expect(rows.filter(has_text="Wave 2").locator("td").last).to_have_text("80")
        expect(rows.last.locator("td").nth(1)).to_have_text("Acceptance")
        assert page.locator(WAVES).evaluate(INK) > 10
        assert page.evaluate("window.sameDocument"), "the page was loaded again"


def test_the_stages_are_a_chart_and_a_table_with_the_matching_of_the_first_wave(browser: Browser, world: World) -> None:
    dispatch_id = world.submit()
    world.wait_delivered(dispatch_id)
    with visiting(browser, world) as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}")
        labels = [row["label"] for row in json_of(visitor.page.locator(STAGES).get_attribute("rows"))]
        assert labels == ["等待第一波", "送达收件箱最慢用时", "追上最新资料", "解析订单", "匹配", "分片 0"]
        section = visitor.page.locator("[aria-labelledby=stages-title]")
        section.get_by_text("以表格显示").click()
        expect(section.locator("tbody tr")).to_have_count(len(labels))
        assert visitor.page.locator(STAGES).evaluate(INK) > 3


def test_charts_are_drawn_anew_for_the_dark(browser: Browser, world: World) -> None:
    dispatch_id = world.submit()
    world.wait_delivered(dispatch_id)
    with visiting(browser, world, size=PHONE) as visitor:
        visitor.sign_in()
        visitor.open(f"/admin/dispatches/{dispatch_id}")
        charts = [visitor.page.locator(WAVES), visitor.page.locator(STAGES)]
        picture = "element => element.querySelector('canvas').toDataURL()"
        for chart in charts:
            expect(chart.locator("canvas")).to_be_visible()
        bright = [chart.evaluate(picture) for chart in charts]
        visitor.page.emulate_media(color_scheme="dark")
        for chart, before in zip(charts, bright, strict=True):
            handle = chart.element_handle()
            visitor.page.wait_for_function(
                "([element, before]) => element.querySelector('canvas').toDataURL() !== before", arg=[handle, before]
            )
