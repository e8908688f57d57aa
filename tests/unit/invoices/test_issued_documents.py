"""Issued documents: invoices found by number, shown as they were issued or not at all, their PDFs made once."""

import hashlib
import json
from dataclasses import replace

import pytest

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document import amounts_of
from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.period import Period
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import Taxation
from monthclose.errors import ConflictError
from monthclose.ports.documents import Paper
from monthclose.settings import CloseSettings
from monthclose.use_cases.invoices.company_logo import current_logo, import_logo
from monthclose.use_cases.invoices.issued_documents import DocumentAlteredError, IssuedDocuments
from tests.unit.documents.samples import SELLER, VAT
from tests.world import OCTOBER, World

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.fixture
def world() -> World:
    """Five customers, billed in batches of two, twice: ten invoices."""
    world = World(close_settings=CloseSettings(max_batches=3)).at(OCTOBER.next.end)
    for name in "abcde":
        world.use(world.add_customer(name), "10.50")
        world.use(name, "20", period=OCTOBER.next)
    world.close(OCTOBER)
    world.close(OCTOBER.next, "execution-2")
    return world


def of(world: World, customer_id: str, period: Period = OCTOBER) -> Invoice:
    invoice = world.month(customer_id, period).invoice
    assert invoice
    return invoice


def test_every_invoice_is_found_by_its_number(world: World) -> None:
    for period in (OCTOBER, OCTOBER.next):
        for name in "abcde":
            invoice = of(world, name, period)
            assert world.issued.find(invoice.number) == invoice
            assert world.issued.find(f" {invoice.number.lower()} ") == invoice
            assert world.issued.document(invoice).customer.customer_id == name


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("INV-00000011", "that number has not been used"),
        ("INV-00000000", "that number has not been used"),
        ("11", "'11' is not the number of any invoice; they look like INV-00000042"),
        ("", "is not the number of any invoice"),
        ("INV-1'; drop", "is not the number of any invoice"),
        ("CN-00000001", "is not the number of any invoice; they look like INV-00000042"),
    ],
)
def test_a_number_without_an_invoice_says_so(world: World, number: str, message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        world.issued.find(number)


def test_a_number_that_is_only_reserved_says_what_to_do() -> None:
    world = World()
    world.closes.reserve(OCTOBER, 0, 0, "drafts/key", 3)
    with pytest.raises(UserMistakeError, match=r"INV-00000002 is reserved, .* close 2026-10 again"):
        world.issued.find("INV-00000002")


def test_a_document_is_shown_byte_for_byte_with_its_hash(world: World) -> None:
    invoice = of(world, "a")
    content = world.issued.content(invoice)
    assert hashlib.sha256(content).hexdigest() == invoice.document.sha256
    assert json.loads(content)["number"] == invoice.number
    assert world.issued.document(invoice).canonical() == content


def test_a_document_that_was_changed_in_the_store_is_never_shown(world: World) -> None:
    invoice = of(world, "a")
    key = invoice.document.key
    world.documents.objects[key] = world.documents.objects[key].replace(b"1050", b"9050")
    for look in (
        world.issued.content,
        world.issued.document,
        world.issued.pdf,
        world.issued.xml,
    ):
        with pytest.raises(DocumentAlteredError, match=f"document of {invoice.number} was changed after it was issued"):
            look(invoice)
    assert not world.renderer.rendered


def test_an_issued_document_cannot_be_written_again(world: World) -> None:
    invoice = of(world, "a")
    before = world.documents.get(invoice.document.key)
    assert not world.documents.put_new(invoice.document.key, b"something else")
    assert world.documents.get(invoice.document.key) == before


@pytest.mark.parametrize(
    "change", [{"total_minor": 1}, {"number": "INV-00000099"}, {"currency": "EUR"}, {"document": "sha256"}]
)
def test_what_an_issued_invoice_says_cannot_be_written_again(world: World, change: dict[str, object]) -> None:
    invoice = of(world, "a")
    if "document" in change:
        change = {"document": replace(invoice.document, sha256="0" * 64)}
    with pytest.raises(ConflictError):
        world.books.commit(replace(invoice, **change))  # type: ignore[arg-type]
    assert of(world, "a") == invoice


def test_closing_again_changes_no_document(world: World) -> None:
    before = {key: content for key, content in world.documents.objects.items() if key.startswith("invoices/")}
    world.close(OCTOBER, "execution-3")
    assert {key: content for key, content in world.documents.objects.items() if key.startswith("invoices/")} == before


def test_a_pdf_is_made_when_first_asked_for_and_kept(world: World) -> None:
    invoice = of(world, "a")
    assert not [key for key in world.documents.objects if key.startswith("pdf/")]
    first, second = world.issued.pdf(invoice), world.issued.pdf(invoice)
    assert first == second
    assert len(world.renderer.rendered) == 1
    assert [key for key in world.documents.objects if key.startswith("pdf/")] == [world.issued.pdf_key(invoice)]


def test_two_makers_of_a_pdf_at_once_both_get_the_first_one(world: World) -> None:
    invoice = of(world, "a")
    key = world.issued.pdf_key(invoice)
    kept = world.documents.objects.pop(key)

    def render_meanwhile(document: Paper, logo: bytes | None = None) -> bytes:
        world.documents.objects[key] = kept  # somebody else is faster
        return b"%PDF of a slower maker"

    world.renderer.render = render_meanwhile  # type: ignore[method-assign]
    assert world.issued.pdf(invoice) == kept


def test_an_older_document_shows_the_companys_details_of_today_on_its_page(world: World) -> None:
    key = import_logo(SVG, documents=world.documents)
    issued = replace(world.issued, company=Company(SELLER))
    issued.pdf(of(world, "a"))
    [shown] = world.renderer.documents
    assert shown.seller == replace(SELLER, name="Example Cloud", logo=key)


def with_document(world: World, company: Company, **changes: object) -> tuple[IssuedDocuments, Invoice]:
    """An invoice whose document says more than today's do."""
    invoice = of(world, "a")
    document = replace(world.issued.document(invoice), **changes)  # type: ignore[arg-type]
    content = document.canonical()
    world.documents.objects["full"] = content
    place = replace(invoice.document, key="full", offset=0, length=len(content), sha256=document.sha256)
    return replace(world.issued, company=company), replace(invoice, document=place)


def test_a_document_keeps_the_company_and_the_logo_that_it_was_issued_with(world: World) -> None:
    key = import_logo(SVG, documents=world.documents)
    shelf, invoice = with_document(world, Company(Seller("Renamed AG", country="CH")), seller=replace(SELLER, logo=key))
    import_logo(b"\x89PNG\r\n\x1a\n another", documents=world.documents)
    pdf = shelf.pdf(invoice)
    assert world.renderer.rendered[-1].seller == replace(SELLER, logo=key)
    assert pdf.endswith(SVG)


def test_with_e_invoices_the_pdf_carries_the_xml_where_the_standard_can_express_it(world: World) -> None:
    company = Company(SELLER, e_invoice=True)
    plain = replace(world.issued, company=company).pdf(of(world, "b"))
    assert b"<invoice>" not in plain  # no tax line: not one of the norm's

    document = world.issued.document(of(world, "a"))
    sums = taxed(amounts_of(document.lines, (), "USD"), Taxation((VAT,)), "USD")
    shelf, invoice = with_document(world, company, taxes=sums.lines, total_minor=sums.total.minor)
    assert shelf.pdf(invoice).endswith(b"<invoice>" + invoice.number.encode() + b"</invoice>")


def test_without_an_import_there_is_no_logo(world: World) -> None:
    assert current_logo(world.documents) == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GIF89a", "the logo is not a PNG, JPEG or SVG file"),
        (b"", "the logo is not a PNG, JPEG or SVG file"),
        (b"<html>", "the logo is not a PNG, JPEG or SVG file"),
        (SVG + b" " * 200_001, "the logo has 200,042 bytes; at most 200,000 are allowed"),
    ],
)
def test_a_file_that_is_not_a_logo_is_refused(world: World, content: bytes, message: str) -> None:
    with pytest.raises(UserMistakeError, match=message):
        import_logo(content, documents=world.documents)
