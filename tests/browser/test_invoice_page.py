"""The customer's page of an invoice in a browser: readable for everybody, on a telephone, and its buttons lead on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from monthclose.handlers import show_invoice
from monthclose.use_cases.invoices.invoice_links import LinkWriter
from tests.browser.visiting import TELEPHONE, WIDE, barriers_of
from tests.unit.test_handlers import FakeContext
from tests.world import SETTINGS, World


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(links=SETTINGS.links)
    for name, method in {"acme": "ok", "initech": "declined", "umbrella": "authenticate"}.items():
        world.use(world.add_customer(name, method=method), "1234.50")
    world.close()
    monkeypatch.setattr(show_invoice, "use_cases", lambda: world.use_cases)
    monkeypatch.setattr(show_invoice, "_customer_function", world.use_cases.customer_desk.serve)
    return world


def link(world: World, customer_id: str) -> str:
    invoice = world.month(customer_id).invoice
    assert invoice
    return LinkWriter(world.link_secrets, world.clock, "https://invoices.example.com/", 400)(invoice)


def _answer(route: Route) -> None:
    """Answer as the function behind the links does."""
    request, parts = route.request, urlsplit(route.request.url)
    event = {
        "rawPath": parts.path,
        "rawQueryString": parts.query,
        "requestContext": {"http": {"method": request.method, "path": parts.path}},
        "body": request.post_data or "",
    }
    answer: dict[str, Any] = show_invoice.handler(event, FakeContext())  # type: ignore[arg-type]
    route.fulfill(status=answer["statusCode"], headers=answer["headers"], body=answer["body"])


@contextmanager
def opened(browser: Browser, address: str, size: tuple[int, int] = TELEPHONE, scheme: str = "light") -> Iterator[Page]:
    width, height = size
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    context.route("**/*", _answer)
    try:
        page = context.new_page()
        page.goto(address)
        yield page
    finally:
        context.close()


@pytest.mark.parametrize("customer_id", ["acme", "initech", "umbrella"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_meets_wcag_aa_and_fits_a_telephone(
    browser: Browser, world: World, customer_id: str, scheme: str
) -> None:
    for size in (TELEPHONE, WIDE):
        with opened(browser, link(world, customer_id), size, scheme) as page:
            assert barriers_of(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize(
    ("customer_id", "button", "address"),
    [
        ("initech", "Update your payment details", "https://pages.example.com/page_1"),
        ("umbrella", "Confirm the payment", "https://bank.example.com/2026-10/umbrella"),
    ],
)
def test_a_button_leads_to_the_providers_page_by_keyboard_and_no_policy_of_ours_stops_it(
    browser: Browser, world: World, customer_id: str, button: str, address: str
) -> None:
    """The browser is let go there; what is there is not in this test's world."""
    with opened(browser, link(world, customer_id)) as page, page.expect_event("requestfailed") as left:
        page.get_by_role("button", name=button).focus()
        page.keyboard.press("Enter")
    assert left.value.url == address


def test_paying_leads_back_to_the_page_which_says_so(browser: Browser, world: World) -> None:
    world.add_customer("initech", method="ok")
    address = link(world, "initech")
    with opened(browser, address) as page, page.expect_event("requestfailed") as left:
        page.get_by_role("button", name="Pay 1,234.50 USD now").click()
    assert left.value.url == f"{address}?said=paid"
    with opened(browser, left.value.url) as page:
        assert page.get_by_text("Paid on 1 November 2026").is_visible()
        assert page.get_by_role("button", name="Pay 1,234.50 USD now").count() == 0
