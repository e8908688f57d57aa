"""One customer, their e-mails, an invoice, and the prices: read in a browser, on a telephone, in the dark."""

import re
from collections.abc import Callable

import httpx
import pytest

from monthclose.domain.accounts.customer import Profile
from tests.browser.visiting import TELEPHONE, WIDE, Served, Visitor
from tests.unit.dashboard.test_sent_mails import usd
from tests.unit.invoices.test_taxed_invoices import TAXES
from tests.world import World

type Visit = Callable[..., Visitor]
EVIL = "<script>alert(1)</script>\u202etxt"
PRICES = """
[[prices]]
sku = "vm"
currency = "USD"
description = "Virtual machine"
unit = "h"
model = "hourly"
unit_price = "0.00893"
monthly_cap = "6"
[[overrides]]
customers = ["late"]
sku = "vm"
currency = "USD"
unit_price = "0.005"
per_resource = true
[[fees]]
id = "support"
currency = "USD"
monthly_fee = "99"
[[discounts]]
id = "launch"
percent = 20
from = "2026-10"
periods = 3
[[commitments]]
id = "least"
currency = "USD"
amount = "50"
customers = ["acme"]
[[commitments]]
id = "year"
currency = "USD"
amount = "600"
overage = "1.2"
customers = ["acme"]
term = "year"
from = "2026-03"
[[limits]]
id = "machine"
currency = "USD"
maximum = "5"
skus = ["vm"]
per_resource = true
before_discounts = true
[[limits]]
id = "most"
currency = "USD"
maximum = "900"
term = "quarter"
calendar = true
"""


@pytest.fixture
def world() -> World:
    """A company whose October is closed: one customer has paid, one was declined, one has an evil name and a slash."""
    world = World()
    world.tax_tables.put(TAXES)
    for name, method, amount in (("acme", "ok", "1234.50"), ("late", "declined", "100"), ("e/vil", "ok", "7")):
        profile = Profile(
            EVIL if name == "e/vil" else f"{name} Ltd", f"{name[0]}@x.example", "USD", "stripe", method, "DE"
        )
        world.directory.put_profiles([(name, profile)])
        world.use(name, amount)
    world.close()
    world.clock.pass_time(days=1)
    world.collect()
    world.teller.tell(world.corrector.credit("INV-00000001", usd(10_000), "an outage"))
    world.clock.pass_time(days=1)
    return world


@pytest.fixture
def priced(world: World, tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.unit.cli.driving import Command, FakeMachine  # noqa: PLC0415 - only for the prices

    path = tmp_path_factory.mktemp("prices") / "prices.toml"
    path.write_text(PRICES)
    Command(world, FakeMachine(world))("import", "prices", path)


def test_a_customers_page_says_how_they_stand_and_what_support_may_say(visitor: Visitor) -> None:
    visitor.open("/customers/late")
    said = visitor.text()
    assert "late Ltd ■ On hold" in said
    assert "You owe 119.00 USD." in said
    assert re.search(r"119\.00 USD of invoice INV-\d+ for October 2026 is open\. The payment was declined\.", said)
    assert "Why it is on hold" in said
    assert "There was not enough money in the account. (insufficient_funds)" in visitor.text("section:has(#payments)")


def test_the_balance_is_drawn_and_read_aloud(visitor: Visitor) -> None:
    visitor.open("/customers/late")
    (aloud,) = visitor.page.locator("section:has(#balance) [role=img]").all()
    assert aloud.get_attribute("aria-label") == (
        "Balance in USD: above zero is owed, below zero is credit: Balance from 0 to 119"
    )


def test_from_a_customer_to_their_invoice_and_back(visitor: Visitor) -> None:
    visitor.open("/customers/acme")
    visitor.page.get_by_role("link", name="INV-00000001").first.click()
    said = visitor.text()
    assert "INV-00000001 ✓ Paid" in said
    assert "Droplet 1 1,234.5 1,234.50 VAT 19% of 1,234.50 234.56 Total 1,469.06 USD" in said
    assert "Corrected by CN-00000001 for 100.00 USD: an outage" in said
    visitor.page.get_by_role("link", name="CN-00000001").click()
    assert "Credit note for acme Ltd for 2026-10" in visitor.text()
    visitor.page.get_by_role("link", name="acme Ltd").click()
    assert "acme Ltd ✓ 100.00 USD of credit" in visitor.text()


def test_what_stands_of_an_invoice_adds_up_to_what_was_invoiced(visitor: Visitor) -> None:
    visitor.open("/invoices/INV-00000001")
    rows = visitor.text("section:has(#now) table")
    assert "Collected 1,369.06 USD Credited 100.00 USD Written off 0.00 USD Open 0.00 USD Invoiced 1,469.06 USD" in rows


def test_the_usage_behind_each_line_is_shown_when_asked_for(visitor: Visitor) -> None:
    visitor.open("/invoices/INV-00000001")
    assert "event-0" not in visitor.text()
    visitor.page.get_by_role("link", name="With the usage behind each line").click()
    assert "2026-10-01 00:00:00 event-0 1" in visitor.text()


def test_the_pdf_is_the_one_that_the_customer_has(dashboard: Served, world: World) -> None:
    with httpx.Client(base_url=dashboard.address, follow_redirects=False) as client:
        client.get(dashboard.access.entrance)
        answer = client.get("/invoices/INV-00000001/pdf")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content == world.issued.pdf(world.issued.find("INV-00000001"))


def test_an_email_is_shown_as_it_was_sent_in_a_frame_that_can_do_nothing(
    visitor: Visitor, dashboard: Served, world: World
) -> None:
    visitor.open("/customers/late")
    visitor.page.get_by_role("link", name="Declined").click()
    assert "Subject Payment declined" in visitor.text()
    frame = visitor.page.frame_locator("iframe.letter")
    assert "We could not collect 119.00 USD" in frame.locator("body").inner_text()
    with httpx.Client(base_url=dashboard.address) as client:
        client.get(dashboard.access.entrance)
        answer = client.get("/mail/html", params={"customer": "late", "period": "2026-10", "step": ""})
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.text == next(mail.html for mail in world.mailer.sent if "declined" in mail.subject.lower())


def test_a_name_with_a_script_and_an_override_of_direction_is_harmless(visitor: Visitor, world: World) -> None:
    assert visitor.open("/customers/e%2Fvil").status == 200
    assert "<script>alert(1)</script>" in visitor.page.inner_text("h1")
    assert "\u202e" not in visitor.page.content()
    number = world.month("e/vil").invoice
    assert number
    assert visitor.open(f"/invoices/{number.number}").status == 200
    visitor.page.get_by_role("link", name=re.compile("Receipt")).click()
    assert visitor.barriers() == []


@pytest.mark.usefixtures("priced")
def test_prices_fees_discounts_commitments_and_taxes_of_a_month_are_said_in_words(visitor: Visitor) -> None:
    visitor.open("/prices?month=2026-11")
    said = visitor.text()
    assert "Virtual machine vm 0.00893 per h at most 6.00 a month each USD everybody always" in said
    assert "0.005 per unit USD late always" in said
    assert "support 99.00 a month USD everybody always" in said
    assert "launch 20% off the whole invoice any everybody from 2026-10 to 2026-12" in said
    assert "least at least 50.00 a month for everything USD acme always" in said
    assert (
        "year at least 600.00 a year for everything; what is above it costs 1.2 times as much USD acme from 2026-03"
        in said
    )
    assert "machine at most 5.00 a month for vm for each resource, before discounts USD everybody always" in said
    assert "most at most 900.00 a quarter of the calendar for everything USD everybody always" in said
    assert "DE VAT VAT 20% everybody from 2026-11-01" in said


@pytest.mark.usefixtures("priced")
def test_a_customers_prices_are_what_they_would_be_billed_with(visitor: Visitor) -> None:
    visitor.open("/customers/late")
    visitor.page.get_by_role("link", name="their prices and taxes").click()
    said = visitor.text()
    assert "What holds for late Ltd, in USD." in said
    assert "0.005 per unit USD late the whole month" in said
    assert "0.00893" not in said
    assert "least" not in said


@pytest.mark.usefixtures("priced")
def test_prices_are_found_by_sku_and_place(visitor: Visitor) -> None:
    visitor.open("/prices?month=2026-11")
    visitor.page.get_by_label("Search").fill("de")
    visitor.page.get_by_role("button", name="Show").click()
    assert "No price is found." in visitor.text()
    assert "DE VAT VAT 20%" in visitor.text()


@pytest.mark.parametrize(
    "path", ["/customers/nobody", "/invoices/INV-99999999", "/mail?customer=acme", "/prices?month=x"]
)
def test_what_does_not_exist_says_so(visitor: Visitor, path: str) -> None:
    assert visitor.open(path).status == 404


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (TELEPHONE, "dark")])
def test_the_pages_have_no_barriers_and_fit_into_the_window(visit: Visit, size: tuple[int, int], scheme: str) -> None:
    visitor = visit(size, scheme)
    for path in (
        "/customers/late",
        "/customers/acme",
        "/invoices/INV-00000001?events",
        "/invoices/CN-00000001",
        "/mail?customer=late&period=2026-10&step=",
        "/prices?month=2026-11",
    ):
        assert visitor.open(path).status == 200
        assert visitor.barriers() == []
        assert not visitor.overflows(), path
