"""What the tests of the dashboard have in common: the dashboard over a world in memory, and a visitor in a browser."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Response

from cli.dashboard.access import Access
from cli.dashboard.app import create_app
from cli.dashboard.context import Dashboard
from cli.dashboard.serving import listen, server_of
from cli.system import System
from tests.browser.chromium import ROOT

WIDE, TELEPHONE = (1280, 900), (390, 844)
_AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
_PATIENCE_MILLISECONDS = 8_000
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass(frozen=True)
class Served:
    """A dashboard that is being served.

    Parameters
    ----------
    address : str
        Without a path.
    """

    address: str
    access: Access

    @property
    def entrance(self) -> str:
        """The address that lets a browser in."""
        return self.address + self.access.entrance


@contextmanager
def served(system: System, *, operate: bool = False, by: str = "ada") -> Iterator[Served]:
    """Serve the dashboard on a free port, from a thread."""
    access = Access()
    server = server_of(create_app(Dashboard(system, by=by, operate=operate, shortest_look=0.0), access))
    with listen(0) as sock:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        try:
            yield Served(f"http://127.0.0.1:{sock.getsockname()[1]}", access)
        finally:
            server.should_exit = True
            thread.join(10)


@dataclass
class Visitor:
    """Somebody who has opened the dashboard in a browser. What the browser complains about fails the test."""

    page: Page
    served: Served
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(self.served.entrance)

    def open(self, path: str) -> Response:
        """Open a page; one with an error is what some tests expect."""
        found = self.page.goto(self.served.address + path)
        assert found
        return found

    def text(self, selector: str = "main") -> str:
        """Read what a part of the page says, in one line."""
        return " ".join(self.page.inner_text(selector).split())

    def barriers(self) -> list[str]:
        """Have axe check the page: see `barriers_of`."""
        return barriers_of(self.page)

    def overflows(self) -> bool:
        """Whether the page is wider than the window: it would have to be moved sideways."""
        wider: bool = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
        return wider

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "the server responded with a status of" not in message.text:
            self.complaints.append(message.text)


def barriers_of(page: Page) -> list[str]:
    """Have axe check a page by WCAG 2.2 AA; returns what it finds, an entry for each element."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run(document, {runOnly: rules, iframes: false, resultTypes: ['violations']})", _RULES
    )
    return [
        f"{violation['id']}: {node['html']} ({node['failureSummary']})"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@contextmanager
def visiting(
    browser: Browser, served: Served, size: tuple[int, int] = WIDE, scheme: str = "light", **more: Any
) -> Iterator[Visitor]:
    """Open the dashboard in a window of its own."""
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        **more,
    )
    context.set_default_timeout(_PATIENCE_MILLISECONDS)
    try:
        visitor = Visitor(context.new_page(), served)
        yield visitor
        assert not visitor.complaints
    finally:
        context.close()
