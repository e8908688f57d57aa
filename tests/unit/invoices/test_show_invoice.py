"""What a link to an invoice answers: a redirect to the PDF if it is valid, otherwise the same page without data."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from monthclose.domain.invoices.link import InvoiceLink, LinkKeys, sign
from monthclose.errors import TryLaterError
from monthclose.handlers import show_invoice
from monthclose.use_cases.invoices.invoice_links import LinkWriter
from tests.unit.test_handlers import FakeContext
from tests.world import OCTOBER, World


@dataclass
class Site:
    """The function behind the links, over a world with two invoices."""

    world: World
    writer: LinkWriter

    def get(self, address: str, method: str = "GET") -> dict[str, Any]:
        path = "/" + address.rpartition("/")[2]
        event = {"version": "2.0", "rawPath": path, "requestContext": {"http": {"method": method, "path": path}}}
        return show_invoice.handler(event, FakeContext())  # type: ignore[arg-type]

    def link(self, customer_id: str) -> str:
        invoice = self.world.month(customer_id).invoice
        assert invoice
        return self.writer(invoice)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Site:
    world = World()
    for name in ("acme", "globex"):
        world.use(world.add_customer(name), "10")
    world.close()
    monkeypatch.setattr(show_invoice, "use_cases", lambda: world.use_cases)
    return Site(world, LinkWriter(world.link_secrets, world.clock, "https://invoices.example.com/", 400))


def test_a_valid_link_redirects_to_the_customers_own_pdf_for_a_minute(site: Site) -> None:
    link = site.link("acme")
    assert link.startswith("https://invoices.example.com/v1.k1.")
    answer = site.get(link)
    assert answer["statusCode"] == 302
    invoice = site.world.month("acme").invoice
    assert invoice
    key = site.world.issued.pdf_key(invoice)
    assert answer["headers"]["Location"] == f"https://documents.example.com/{key}?name={invoice.number}.pdf&seconds=60"
    assert [document.customer.customer_id for document in site.world.renderer.documents] == ["acme"]


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
        assert site.get(link)["statusCode"] == 302
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
    assert site.get("https://x/v1.k1.e30." + "A" * 43)["statusCode"] == 403


def test_a_valid_link_to_a_missing_invoice_is_refused(site: Site) -> None:
    link = InvoiceLink("INV-00000099", "acme", OCTOBER, site.world.clock() + timedelta(days=1))
    assert site.get(sign(link, site.world.link_secrets.keys))["statusCode"] == 403


def test_after_a_rotation_old_links_work_and_new_ones_have_the_new_key(site: Site) -> None:
    old = site.link("acme")
    site.world.link_secrets.keys = LinkKeys("k2", {**site.world.link_secrets.keys.keys, "k2": "b" * 64})
    new = site.link("acme")
    assert ".k2." in new
    assert [site.get(link)["statusCode"] for link in (old, new)] == [302, 302]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(site: Site, method: str) -> None:
    answer = site.get(site.link("acme"), method)
    assert (answer["statusCode"], answer["headers"]["Allow"]) == (405, "GET, HEAD")


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
