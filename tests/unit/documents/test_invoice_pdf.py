"""Invoice pages: what is on them, that no letter is missing, and that the same document is the same bytes."""

import io
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from pypdf import PdfReader

from monthclose.adapters.documents.sheet import MINUS
from monthclose.adapters.documents.typst import TypstRenderer
from monthclose.adapters.documents.view import invoice_view
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import Buyer, Deduction, DocumentLine, Section, Seller
from monthclose.domain.pricing.exact import exact_text
from monthclose.domain.tax.tax import TaxRate
from tests.unit.documents.samples import POLE, REVERSE, SELLER, credit_note, credit_note_for, sample

RENDERER = TypstRenderer()


def pages(document: InvoiceDocument, logo: bytes | None = None) -> list[str]:
    reader = PdfReader(io.BytesIO(RENDERER.render(document, logo)))
    return [" ".join(page.extract_text().split()) for page in reader.pages]


def test_a_page_says_who_what_when_and_how_much() -> None:
    [page] = pages(sample())
    for text in (
        "Invoice",
        "INV-00000042",
        "1 November 2026",
        "1\u201331 October 2026",
        "15 November 2026",
        "Example Cloud GmbH",
        "DE136695976",
        "Zażółć Gęślą Jaźń Sp. z o.o.",
        "ul. Świętokrzyska 1",
        "PL5260001246",
        "672 hour",
        "0.00893",
        "79.20",
        "Net total 79.21 EUR",
        "15.05 EUR",
        "Amount due 94.26 EUR",
        "DE89 3704 0044 0532 0130 00",
        "Page 1 / 1",
        "Managing director: Erika Mustermann",
    ):
        assert text in page, text
    assert "forward" not in page


@pytest.mark.long
def test_the_same_document_is_the_same_bytes_in_another_process() -> None:
    program = (
        "import hashlib; from tests.unit.documents.samples import sample;"
        "from monthclose.adapters.documents.typst import TypstRenderer;"
        "print(hashlib.sha256(TypstRenderer().render(sample(40))).hexdigest())"
    )
    command = [sys.executable, "-c", program]
    hashes = {subprocess.run(command, check=True, capture_output=True, text=True).stdout for _ in range(2)}
    assert len(hashes) == 1


def test_a_different_document_is_different_bytes() -> None:
    assert RENDERER.render(sample()) != RENDERER.render(replace(sample(), number="INV-00000043"))


@pytest.mark.long
def test_each_page_says_what_it_carries_forward_and_the_next_one_starts_with_it() -> None:
    document = sample(200)
    texts = pages(document)
    assert len(texts) > 4
    shown = [f"{sum(line.amount_minor for line in document.lines[:n]) / 100:,.2f}" for n in range(1, 200)]
    for before, after in pairwise(texts):
        carried = before.partition("Carried forward ")[2].split()[0]
        assert after.partition("Brought forward ")[2].split()[0] == carried
        last = before.partition("Carried forward")[0].rpartition("Droplet ")[2].split()[0]
        first = after.partition("Droplet ")[2].split()[0]
        assert int(first) == int(last) + 1 or f"Droplet {int(last) + 1}" in after
        assert carried in shown
    assert "Brought forward" not in texts[0]
    assert "Carried forward" not in texts[-1]
    assert all(f"Page {n} / {len(texts)}" in text for n, text in enumerate(texts, 1))
    assert all("INV-00000042" in text for text in texts)
    found = " ".join(texts)
    assert all(f"Droplet {n} " in found for n in range(200))


@pytest.mark.parametrize(
    "name",
    [
        "Łódź Źrebię Ćma Sp. z o.o.",
        "Ελληνική Εταιρεία Νέφους",
        "\u041e\u041e\u041e Ромашка и Ёлка",
        "株式会社日本語テスト",
        "주식회사 한국어",
        "上海云计算有限公司",
        "Công ty Đám mây",
        "Þórður Ægisson ehf.",
    ],
)
def test_a_name_in_any_script_is_printed_and_its_fonts_are_in_the_file(name: str) -> None:
    document = replace(sample(), customer=replace(POLE, name=name))
    pdf = RENDERER.render(document)
    reader = PdfReader(io.BytesIO(pdf))
    text = reader.pages[0].extract_text()
    assert "".join(name.split()) in "".join(text.split())
    assert "\ufffd" not in text
    fonts = [font.get_object() for font in reader.pages[0]["/Resources"]["/Font"].values()]  # type: ignore[index]
    assert fonts
    assert all("Noto" in str(font["/BaseFont"]) for font in fonts), "a letter is set in a font of last resort"


@pytest.mark.parametrize(
    ("currency", "total"), [("JPY", "7,921 JPY"), ("KWD", "7.921 KWD"), ("CLF", "0.7921 CLF"), ("EUR", "79.21 EUR")]
)
def test_amounts_have_their_currencys_decimals(currency: str, total: str) -> None:
    [page] = pages(sample(currency=currency, rates=()))
    assert f"Amount due {total}" in page


def test_many_taxes_discounts_and_credits_are_all_in_the_totals() -> None:
    document = sample(
        40,
        rates=tuple(TaxRate(f"Levy of the {n}th district", Decimal(n)) for n in range(1, 9)),
        discounts=(Deduction("Partner discount, 10 %", -1234),),
        credits=(Deduction("Promotional credit", -500),),
    )
    text = pages(document)[-1]
    for n in range(1, 9):
        assert f"Levy of the {n}th district {n}" in text
    assert "Partner discount, 10 % \u221212.34 EUR" in text
    assert "Promotional credit \u22125.00 EUR" in text


def test_tax_inclusive_prices_say_so() -> None:
    [page] = pages(sample(inclusive=True))
    assert "Total 79.21 EUR" in page
    assert "Net, excluding tax 66.56 EUR" in page
    assert "Includes VAT 19" in page


def test_a_reverse_charge_is_explained_once() -> None:
    [page] = pages(sample(rates=(REVERSE,)))
    assert page.count("Reverse charge: the recipient owes the VAT.") == 1


def test_a_credit_note_is_labelled_as_one_and_names_its_invoice() -> None:
    [page] = pages(credit_note())
    assert "Credit note" in page
    assert "Corrects invoice INV-00000007" in page
    assert "Credited to you 94.26 EUR" in page
    assert "IBAN" not in page


def test_a_customers_name_is_never_taken_for_markup() -> None:
    nasty = '#set page(width: 1pt) *bold* $x$ @ref <label> `raw` \\ "quoted" // comment [x] _u_'
    document = replace(sample(), customer=Buyer("C-1", nasty), notes=("#panic()",))
    [page] = pages(document)
    assert '#set page(width: 1pt) *bold* $x$ @ref <label> `raw` \\ "quoted"' in page
    assert "#panic()" in page


def test_words_too_long_for_their_column_are_broken() -> None:
    word = "x" * 256
    lines = (DocumentLine(word, word, Decimal(1), 100, "u" * 60, Decimal("0.12345678901234567890123456"), word),)
    document = replace(
        sample(rates=()), lines=lines, total_minor=100, customer=replace(POLE, name="W" * 256, customer_id=word)
    )
    reader = PdfReader(io.BytesIO(RENDERER.render(document)))
    width = float(reader.pages[0].mediabox.width)
    positions: list[float] = []
    for page in reader.pages:
        page.extract_text(
            visitor_text=lambda text, cm, tm, *_: positions.append(tm[4] * cm[0] + cm[4]) if text.strip() else None
        )
    assert len(positions) > 20
    assert min(positions) > 50
    assert max(positions) < width - 50


STEP = {"kind": "measured", "quantity": "1", "amount": "0"}


def _part(seconds: str) -> dict[str, str]:
    amount = exact_text(Fraction(99) * Fraction(seconds) / 2_592_000)
    return {"kind": "prorated", "fee": "99", "seconds": seconds, "of_seconds": "2592000", "amount": amount}


def test_tiers_and_parts_of_a_month_are_explained() -> None:
    line = replace(sample(4).lines[3], starts="2026-10-10T12:00:00+00:00", ends="2026-10-21T00:00:00+00:00")
    [page] = pages(replace(sample(rates=()), lines=(line,), total_minor=line.amount_minor))
    assert "from 10 October 2026" in page
    assert "until 20 October 2026" in page
    assert "tier 0 to 500: 500 x 0.01 = 5" in page


def test_a_self_explanatory_price_is_not_explained_again() -> None:
    steps = ({"kind": "units", "quantity": "672", "unit_price": "0.00893", "amount": "6.00096"},)
    line = replace(sample().lines[0], steps=steps)
    [page] = pages(replace(sample(rates=()), lines=(line,), total_minor=line.amount_minor))
    assert "6.00096" not in page


BIG_TIER = {
    "kind": "tier",
    "from": "0",
    "up_to": "10000000",
    "quantity": "1000000",
    "unit_price": "0.00001",
    "amount": "10",
}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([BIG_TIER], "tier 0 to 10,000,000: 1,000,000 x 0.00001 = 10"),
        ([BIG_TIER | {"from": "10000000", "up_to": "any"}], "tier 10,000,000 to any: 1,000,000 x 0.00001 = 10"),
        ([STEP | {"how": "sum"}, {"kind": "cap", "cap": "6", "amount": "-0.251"}], f"capped at 6: {MINUS}0.251"),
        ([_part("1296000")], "99 x 15 of 30 days = 49.5"),
        ([_part("1299600")], "99 x 361 of 720 hours = 49.6375"),
        ([_part("1/3")], "99 x 0.333333333 of 2,592,000 seconds = 0.000012731"),
    ],
)
def test_arithmetic_is_written_for_people(steps: list[dict[str, str]], said: str) -> None:
    line = DocumentLine("sku", "Service", Decimal(1), 100, steps=tuple(steps))
    [page] = pages(replace(sample(rates=()), lines=(line,), total_minor=100))
    assert said in page


def test_a_fee_for_a_whole_month_needs_no_arithmetic() -> None:
    measured = {"kind": "measured", "how": "time-weighted", "quantity": "1", "amount": "0"}
    for steps in ((_part("2592000"),), (measured, _part("2592000"))):
        line = DocumentLine("sku", "Support plan", Decimal(1), 9900, "month", steps=steps)
        [page] = pages(replace(sample(rates=()), lines=(line,), total_minor=9900))
        assert "99.00" in page
        assert "99 x" not in page
        assert "time-weighted" not in page


def test_an_invoice_with_nothing_to_pay_does_not_say_how_and_when_to_pay() -> None:
    document = replace(sample(), customer=replace(POLE, name="Acme"))
    covered = replace(document, credits=(Deduction("Your credit on 1 November 2026", -document.total_minor),))
    [owing], [nothing] = pages(document), pages(covered)
    for text in (SELLER.terms, "IBAN", "Due 15 November 2026"):
        assert text in owing
        assert text not in nothing
    assert "Amount due 0.00 EUR" in nothing


def test_the_reason_for_a_correction_is_labelled_as_one() -> None:
    for document in (credit_note_for(sample()), replace(sample(), replaces="INV-00000007", notes=("Billed twice.",))):
        [page] = pages(document)
        assert "Reason: Billed twice." in page
    [page] = pages(replace(sample(), notes=("Thank you.",)))
    assert "Thank you." in page
    assert "Reason" not in page


def test_a_line_with_more_steps_than_a_page_holds_continues_on_the_next() -> None:
    line = DocumentLine("sku", "Storage", Decimal(1), 100, steps=tuple(STEP | {"how": f"Step {n}"} for n in range(150)))
    text = " ".join(pages(replace(sample(rates=()), lines=(line,), total_minor=100)))
    assert all(f"Step {n}" in text for n in range(150))


def test_the_longest_description_continues_on_the_next_page() -> None:
    words = [f"word{n}" for n in range(600)]
    line = DocumentLine("sku", " ".join(words), Decimal(1), 100)
    text = " ".join(pages(replace(sample(rates=()), lines=(line,), total_minor=100)))
    assert all(word in text for word in words)


def test_a_document_of_the_first_release_has_a_page_too() -> None:
    document = replace(sample(rates=()), seller=Seller("Example Cloud"), customer=Buyer("acme", "Acme"), due_on=None)
    [page] = pages(document)
    assert "Example Cloud" in page
    assert "Due" not in page.replace("Amount due", "")


def test_an_american_company_prints_on_american_paper() -> None:
    american = replace(sample(), seller=replace(SELLER, country="US"))
    reader = PdfReader(io.BytesIO(RENDERER.render(american)))
    assert [round(float(x)) for x in reader.pages[0].mediabox[2:]] == [612, 792]


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_logo_is_on_the_page(kind: str) -> None:
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 10"><rect width="40" height="10" fill="teal"/></svg>'
    )
    logo = svg if kind == "svg" else _png()
    with_logo, without = RENDERER.render(sample(), logo), RENDERER.render(sample())
    assert with_logo != without
    [page] = pages(sample(), logo)
    assert "Example Cloud GmbH" in page


def test_pages_are_for_archives_and_can_be_read_aloud() -> None:
    reader = PdfReader(io.BytesIO(RENDERER.render(sample())))
    root: Any = reader.trailer["/Root"]
    assert "/StructTreeRoot" in root
    metadata = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert reader.metadata is not None
    assert reader.metadata.title == "Invoice INV-00000042"
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.date() == sample().issued_on


def test_the_view_holds_only_what_json_can_express() -> None:
    view = invoice_view(sample(3), None)
    assert [row["running"] for row in view["rows"]] == ["0.01", "79.21", "117.60"]


def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    rows = b"".join(b"\x00" + b"\x10\x80\x80" * 4 for _ in range(4))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_purchase_order_a_cost_centre_and_a_contact_are_on_the_page() -> None:
    buyer = replace(sample().customer, contact="Ada Lovelace", purchase_order="PO 4711/26", cost_centre="CC-12")
    view = invoice_view(sample(customer=buyer), None)
    assert view["facts"][-2:] == [("Purchase order", "PO 4711/26"), ("Cost centre", "CC-12")]
    assert view["buyer"]["address"][0] == "For the attention of Ada Lovelace"
    plain = invoice_view(sample(), None)
    assert "Purchase order" not in dict(plain["facts"])


def test_each_section_has_a_heading_its_lines_and_a_subtotal() -> None:
    plain = sample(3)
    lines = tuple(replace(line, customer_id=of) for line, of in zip(plain.lines, ("", "n", "n"), strict=True))
    document = replace(plain, lines=lines, sections=(Section("n", "North Ltd", "PO 1", "CC-12"),))
    rows = invoice_view(document, None)["rows"]
    subtotal = sum(line.amount_minor for line in lines[1:])
    texts = [row["text"] for row in rows]
    assert (texts[1], rows[1]["amount"]) == (f"Subtotal for {document.customer.name}", rows[0]["amount"])
    assert (texts[2], texts[5]) == ("North Ltd", "Subtotal for North Ltd")
    assert rows[2]["details"] == ["n", "Purchase order: PO 1", "Cost centre: CC-12"]
    assert rows[5]["amount"] == f"{subtotal / 100:,.2f}"
    assert [row["running"] for row in invoice_view(plain, None)["rows"]] == [rows[n]["running"] for n in (0, 3, 4)]
    assert rows[5]["running"] == rows[4]["running"]
    assert RENDERER.render(document, None).startswith(b"%PDF")


def test_negative_amounts_in_the_arithmetic_have_a_minus_sign_and_months_keep_their_hyphens() -> None:
    plain = sample(1)
    steps = (
        {"kind": "carried", "period": "2026-10", "value": "-34", "amount": "-34"},
        {"kind": "billed", "invoice": "INV-00000001", "value": "12", "amount": "-12"},
    )
    document = replace(plain, lines=(replace(plain.lines[0], steps=steps, unit_price=None),))
    details = invoice_view(document, None)["rows"][0]["details"]
    assert any(f"2026-10: {MINUS}34" in text for text in details)
    assert any(f"INV-00000001: {MINUS}12" in text for text in details)
