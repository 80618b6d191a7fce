"""A browser window that remembers everything that went wrong in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.e2e.pages_world import World, violations_script

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE, NARROW, DESKTOP = (390, 844), (320, 640), (1440, 900)
SPILLS = """
[...document.querySelectorAll('.panel *')]
  .filter(element => element.checkVisibility() && !element.closest('.sr-only, .loading'))
  .filter(element => element.getBoundingClientRect().right
    > element.closest('.panel').getBoundingClientRect().right + 1)
  .map(element => element.outerHTML.slice(0, 120))
"""
LANGUAGES = ("zh-CN", "en")


@dataclass
class Visitor:
    """One window of one size in one language; ``faults`` must stay empty."""

    world: World
    context: BrowserContext
    page: Page
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Go to a page of the product."""
        self.page.goto(self.world.url + path)

    def sign_in(self, *, kind: str = "admin", key: str | None = None, user: int | None = None) -> None:
        """Sign in by the form, as a person does."""
        self.open(f"/sign-in?kind={kind}")
        self.page.locator("[name=api_key]").fill(
            key or (self.world.inbox_key if kind == "inbox" else self.world.admin_key)
        )
        if user is not None:
            self.page.locator("[name=user_id]").fill(str(user))
        self.page.locator("form[action='/sign-in'] button").click()

    def open_inbox(self, user: int) -> None:
        """Sign in to a user's inbox and wait until it is live."""
        self.sign_in(kind="inbox", user=user)
        self.wait_live()

    def wait_live(self) -> None:
        """Wait until the event stream is open."""
        expect(self.page.locator("quanwang-stream")).to_have_attribute("data-state", "live")

    def check(self) -> None:
        """Assert that there was no script error, no violation of the policy, and that nothing is too wide."""
        self.faults += self.page.evaluate("window.violations ?? []")
        width = self.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert width[0] <= width[1], f"{self.page.url} is {width[0]} px wide in a window of {width[1]} px"
        assert self.page.evaluate(SPILLS) == [], f"{self.page.url}: something sticks out of its panel"
        unexpected = [fault for fault in self.faults if not any(text in fault for text in self.expected)]
        assert not unexpected, f"{self.page.url}: {unexpected}"


@contextmanager
def visiting(
    browser: Browser, world: World, *, size: tuple[int, int] = DESKTOP, language: str = "zh-CN"
) -> Iterator[Visitor]:
    """Open a window; at the end nothing may have gone wrong in it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        locale=language,
        timezone_id="Asia/Shanghai",
        has_touch=size[0] < 500,
        reduced_motion="reduce",
    )
    context.set_default_timeout(10_000)
    context.add_init_script(violations_script())
    visitor = Visitor(world, context, context.new_page())

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visitor.faults.append(message.text)

    visitor.page.on("console", note)
    visitor.page.on("pageerror", lambda error: visitor.faults.append(str(error)))
    try:
        yield visitor
        visitor.check()
    finally:
        context.close()
