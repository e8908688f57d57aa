"""What a link to an invoice answers: the invoice's page and its PDF if it is valid, else the same page without data."""

from base64 import b64decode, b64encode
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from monthclose.domain.invoices.link import InvoiceLink, LinkKeys, sign
from monthclose.domain.money import Money
from monthclose.domain.statements.receipt import Receipt
from monthclose.errors import BrokeOffError, TryLaterError
from monthclose.handlers import show_invoice
from monthclose.ports import Collected
from monthclose.use_cases.invoices.invoice_links import LinkWriter
from tests.unit.test_handlers import FakeContext
from tests.world import OCTOBER, SETTINGS, World


@dataclass
class Site:
    """The function behind the links, over a world with two invoices."""

    world: World
    writer: LinkWriter

    def get(self, address: str, method: str = "GET", **more: Any) -> dict[str, Any]:
        parts = urlsplit(address)
        path = "/" + parts.path.rpartition("/")[2]
        http = {"method": method, "path": path}
        event = {"version": "2.0", "rawPath": path, "rawQueryString": parts.query, "requestContext": {"http": http}}
        return show_invoice.handler({**event, **more}, FakeContext())  # type: ignore[arg-type]

    def post(self, address: str, asked: str) -> dict[str, Any]:
        """Press a button: browsers' forms reach a function in base64."""
        return self.get(address, "POST", body=b64encode(f"asked={asked}".encode()).decode(), isBase64Encoded=True)

    def page(self, customer_id: str) -> str:
        answer = self.get(self.link(customer_id))
        assert answer["statusCode"] == 200
        return str(answer["body"])

    def link(self, customer_id: str) -> str:
        invoice = self.world.month(customer_id).invoice
        assert invoice
        return self.writer(invoice)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    world = World(links=SETTINGS.links)
    for name, method in {"acme": "ok", "globex": "ok", "initech": "declined", "umbrella": "authenticate"}.items():
        world.use(world.add_customer(name, method=method), "10")
    world.close()
    monkeypatch.setattr(show_invoice, "use_cases", lambda: world.use_cases)
    monkeypatch.setattr(show_invoice, "_customer_function", world.use_cases.customer_desk.serve)
    return Site(world, LinkWriter(world.link_secrets, world.clock, "https://invoices.example.com/", 400))


def test_a_valid_link_redirects_to_the_customers_own_pdf_for_a_minute(site: Site) -> None:
    link = site.link("acme")
    assert link.startswith("https://invoices.example.com/v1.k1.")
    answer = site.get(link + "?pdf")
    assert answer["statusCode"] == 302
    invoice = site.world.month("acme").invoice
    assert invoice
    key = site.world.issued.pdf_key(invoice)
    assert answer["headers"]["Location"] == f"https://documents.example.com/{key}?name={invoice.number}.pdf&seconds=60"
    assert [document.customer.customer_id for document in site.world.renderer.documents] == ["acme"]


def test_whoever_has_paid_gets_their_receipt_by_the_same_link(site: Site) -> None:
    assert 'href="?receipt"' in site.page("acme")
    answer = site.get(site.link("acme") + "?receipt")
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "application/pdf")
    assert (answer["isBase64Encoded"], answer["headers"]["Cache-Control"]) == (True, "no-store")
    receipt = site.world.renderer.rendered[-1]
    assert isinstance(receipt, Receipt)
    assert (receipt.buyer.customer_id, receipt.payment_id) == ("acme", "2026-10/acme")
    assert b64decode(answer["body"]) == site.world.renderer.render(receipt)


def test_whoever_has_paid_nothing_gets_no_receipt(site: Site) -> None:
    assert "receipt" not in site.page("initech")
    assert site.get(site.link("initech") + "?receipt")["statusCode"] == 404


def test_a_link_to_a_credit_note_opens_its_pdf_and_only_for_its_own_customer(site: Site) -> None:
    invoice = site.world.month("acme").invoice
    assert invoice
    note = site.world.corrector.void(invoice.number, "billed twice")
    location = site.get(site.writer(note))["headers"]["Location"]
    assert location.endswith("?name=CN-00000001.pdf&seconds=60")
    assert site.get(site.writer(replace(note, customer_id="globex")))["statusCode"] == 403
    assert site.get(site.writer(replace(note, number="CN-00000002")))["statusCode"] == 403


def test_a_link_works_repeatedly_for_months_and_then_expires(site: Site) -> None:
    link = site.link("acme")
    for _ in range(3):
        site.world.clock.pass_time(days=133)
        assert site.get(link)["statusCode"] == 200
        assert site.get(link + "?pdf")["statusCode"] == 302
    site.world.clock.pass_time(days=1)
    assert site.get(link)["statusCode"] == 410
    assert len(site.world.renderer.rendered) == 1


def test_forged_altered_and_expired_links_get_one_and_the_same_page_without_data(site: Site) -> None:
    acme, globex = site.link("acme"), site.link("globex")
    claims, signature = globex.rpartition(".")[0], acme.rpartition(".")[2]
    other_keys = LinkKeys("k1", {"k1": "the-key-of-somebody-who-would-like-to"})
    invoice = site.world.month("acme").invoice
    assert invoice
    own = sign(InvoiceLink.to(invoice, site.world.clock(), 400), other_keys)
    long_ago = sign(
        InvoiceLink.to(invoice, site.world.clock() - timedelta(days=500), 400), site.world.link_secrets.keys
    )
    tried = {
        "https://x/" + own: 403,
        f"{claims}.{signature}": 403,
        acme[:-1]: 403,
        acme + "A": 403,
        acme.replace(".k1.", ".k2."): 403,
        "https://x/": 403,
        "https://x/favicon.ico": 403,
        "https://x/" + "A" * 8000: 403,
        "https://x/" + long_ago: 410,
    }
    answers = {link: site.get(link) for link in tried}
    assert {link: answer["statusCode"] for link, answer in answers.items()} == tried
    assert len({answer["body"] for answer in answers.values()}) == 1
    page = next(iter(answers.values()))["body"]
    for word in ("acme", "globex", invoice.number, "Example Cloud", "10.00"):
        assert word not in page
    assert not site.world.renderer.rendered


def test_nothing_is_read_for_a_forged_link(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def must_not_be_read(*_: object) -> None:
        raise AssertionError("a store was asked for a forged link")

    monkeypatch.setattr(site.world.books, "month", must_not_be_read)
    monkeypatch.setattr(site.world.documents, "has", must_not_be_read)
    monkeypatch.setattr(show_invoice, "_customer_function", must_not_be_read)
    forged = "https://x/v1.k1.e30." + "A" * 43
    for answer in (site.get(forged), site.get(forged + "?from=provider"), site.post(forged, "pay")):
        assert answer["statusCode"] == 403


def test_a_valid_link_to_a_missing_invoice_is_refused(site: Site) -> None:
    link = InvoiceLink("INV-00000099", "acme", OCTOBER, site.world.clock() + timedelta(days=1))
    assert site.get(sign(link, site.world.link_secrets.keys))["statusCode"] == 403


def test_after_a_rotation_old_links_work_and_new_ones_have_the_new_key(site: Site) -> None:
    old = site.link("acme")
    site.world.link_secrets.keys = LinkKeys("k2", {**site.world.link_secrets.keys.keys, "k2": "b" * 64})
    new = site.link("acme")
    assert ".k2." in new
    assert [site.get(link)["statusCode"] for link in (old, new)] == [200, 200]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(site: Site, method: str) -> None:
    answer = site.get(site.link("acme"), method)
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET, HEAD, POST")


def test_when_a_service_is_briefly_unavailable_the_page_says_to_come_back(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(*_: object) -> None:
        raise TryLaterError("DynamoDB is briefly unable")

    link = site.link("acme")
    monkeypatch.setattr(site.world.books, "month", unable)
    answer = site.get(link)
    assert (answer["statusCode"], answer["headers"]["Retry-After"]) == (503, "30")
    assert "DynamoDB" not in answer["body"]


def test_every_answer_forbids_caching_framing_and_referrers(site: Site) -> None:
    for link in (site.link("acme"), "https://x/forged"):
        headers = site.get(link)["headers"]
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Robots-Tag"].startswith("noindex")
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "max-age=" in headers["Strict-Transport-Security"]


def test_no_token_and_no_customer_reach_the_log(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    link = site.link("acme")
    site.get(link)
    site.get(link[:-1])
    logged = "".join(capfd.readouterr())
    assert link.rpartition(".")[2] not in logged
    assert "acme" not in logged


def test_the_page_says_how_the_invoice_stands_and_leads_to_the_original(site: Site) -> None:
    page = site.page("acme")
    invoice = site.world.month("acme").invoice
    assert invoice
    for shown in (f"Invoice {invoice.number}", "October 2026", "Paid on 1 November 2026", "10.00 USD", 'href="?pdf"'):
        assert shown in page
    assert "Pay 10.00 USD now" not in page
    assert not site.world.renderer.rendered  # the PDF is made when it is asked for


def test_the_page_follows_what_was_paid_credited_and_reversed_since(site: Site) -> None:
    invoice = site.world.month("initech").invoice
    assert invoice
    declined = site.page("initech")
    assert "Payment declined" in declined
    assert "There was not enough money in the account." in declined
    site.world.corrector.credit(invoice.number, Money(400, "USD"), "an outage")
    credited = site.page("initech")
    assert '<th scope="row">Credited</th><td>-4.00 USD</td>' in credited
    assert "Pay 6.00 USD now" in credited
    site.world.cashier.record("initech", Money(600, "USD"), "transfer 7")
    settled = site.page("initech")
    assert "Settled" in settled
    assert "now</button>" not in settled


def test_a_customer_pays_with_one_click_and_is_charged_once(site: Site) -> None:
    site.world.add_customer("initech", method="ok")
    before = len(site.world.gateway.money_moved)
    answer = site.post(site.link("initech"), "pay")
    assert (answer["statusCode"], answer["headers"]["Location"]) == (303, "?said=paid")
    assert "Paid on" in site.page("initech")
    site.post(site.link("initech"), "pay")
    assert len(site.world.gateway.money_moved) == before + 1
    assert [mail.subject for mail in site.world.mailer.sent if mail.to.startswith("initech")][-1].startswith("Paid:")


def test_a_payment_to_be_confirmed_leads_to_the_bank_and_back(site: Site) -> None:
    assert "Confirm the payment" in site.page("umbrella")
    answer = site.post(site.link("umbrella"), "pay")
    assert answer["headers"]["Location"] == "https://bank.example.com/2026-10/umbrella"
    [payment] = site.world.month("umbrella").payments
    order = site.world.gateway.orders[payment.provider_ref]
    site.world.gateway.settle(payment.provider_ref, Collected(order.amount))  # they have confirmed it
    page = site.get(site.link("umbrella") + "?from=provider")["body"]
    assert "Paid on" in page
    assert len([one for one, _ in site.world.gateway.money_moved if one == payment.payment_id]) == 1


def test_new_payment_details_are_asked_for_on_the_providers_page_and_charged_on_the_way_back(site: Site) -> None:
    link = site.link("initech")
    answer = site.post(link, "details")
    assert answer["headers"]["Location"] == "https://pages.example.com/page_1"
    assert urlsplit(site.world.pages.orders["page_1"].back).query == "from=provider"
    unanswered = site.get(link + "?from=provider")["body"]
    assert "Payment declined" in unanswered
    site.world.clock.pass_time(minutes=1)
    site.world.pages.give("page_1", "ok")
    assert "Paid on" in site.get(link + "?from=provider")["body"]
    assert site.world.customer("initech").payment_method == "ok"


@pytest.mark.parametrize(("asked", "status"), [("", 400), ("everything", 400), ("return", 400), ("x" * 2_000, 400)])
def test_nothing_but_the_buttons_is_done(site: Site, asked: str, status: int) -> None:
    before = dict(site.world.books.records)
    assert site.post(site.link("initech"), asked)["statusCode"] == status
    assert site.world.books.records == before


def test_looking_at_a_page_changes_nothing(site: Site) -> None:
    before = dict(site.world.books.records)
    for name in ("acme", "initech", "umbrella"):
        for method in ("GET", "HEAD"):
            site.get(site.link(name), method)
    assert site.world.books.records == before


def test_forms_may_lead_to_the_providers_and_nothing_else_may_be_loaded(site: Site) -> None:
    policy = site.get(site.link("initech"))["headers"]["Content-Security-Policy"]
    assert "form-action 'self' https:;" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'none'" in site.get("https://x/forged")["headers"]["Content-Security-Policy"]


def test_a_request_that_breaks_off_says_so_and_the_page_is_still_shown(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise BrokeOffError("no answer")

    monkeypatch.setattr(show_invoice, "_customer_function", broken)
    link = site.link("initech")
    answer = site.post(link, "pay")
    assert answer["headers"]["Location"] == "?said=later"
    assert "Reload this page in a few minutes" in site.get(f"{link}?said=later")["body"]
    assert site.get(f"{link}?from=provider")["statusCode"] == 200
