"""Electronic invoices by EN 16931: the document as a Cross Industry Invoice (XML), alone or inside its PDF (Factur-X).

factur-x writes the XML from the standard's business terms (BT-…), checks it against the official schema and embeds it.
Nothing here uses the network.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monthclose.adapters.documents.legible import MISSING, everywhere
from monthclose.adapters.documents.view import HEADINGS
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument, amounts_of
from monthclose.domain.invoices.document_parts import Buyer, DocumentLine, Seller
from monthclose.domain.money import EXACT, Money, exponent
from monthclose.domain.tax.tax import EU, Taxation, TaxCategory, TaxLine, net_amounts
from monthclose.locales import ENGLISH, locale_for

_LEVEL = "en16931"
_TYPE_CODES = {DocumentKind.INVOICE: "380", DocumentKind.CREDIT_NOTE: "381"}  # UNTDID 1001
_UNITS = {
    "second": "SEC",
    "minute": "MIN",
    "hour": "HUR",
    "day": "DAY",
    "month": "MON",
    "kWh": "KWH",
    "GB": "E34",
    "TB": "E35",
}
_PIECE = "C62"
"""UN/ECE Recommendation 20: a piece, for every other unit."""
_CREDIT_TRANSFER = "30"  # UNTDID 4461
_MOST_DECIMALS = 2
"""Of amounts, by BR-DEC-01 and the rules after it."""
_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class FacturX:
    """`EInvoices` on factur-x."""

    def xml(self, document: InvoiceDocument) -> bytes:
        """Write a document as a Cross Industry Invoice, checked against its schema.

        Raises
        ------
        UserMistakeError
            EN 16931 cannot express the document; the message says why.
        """
        from facturx import generate_xml  # noqa: PLC0415

        # factur-x would send the document to a server for the schematron check; the tests run it locally.
        options = {"flavor": "factur-x", "level": _LEVEL, "check_xsd": True, "check_schematron": False}
        terms = everywhere(_terms(document), _for_xml)
        try:
            xml: bytes = generate_xml(terms, **options)
        except Exception as error:  # factur-x raises bare ones, too
            raise UserMistakeError(f"{document.number} cannot be written as an EN 16931 invoice: {error}") from error
        return xml

    def embed(self, pdf: bytes, document: InvoiceDocument) -> bytes:
        """Put a document's XML into its PDF/A-3.

        Raises
        ------
        UserMistakeError
            EN 16931 cannot express the document.
        """
        from facturx import generate_from_binary  # noqa: PLC0415

        locale = locale_for(document.language)
        heading = f"{locale.text(HEADINGS[document.kind])} {document.number}"
        metadata = {
            "author": document.seller.name,
            "keywords": "Factur-X, invoice",
            "title": heading,
            "subject": locale.text(
                "{title} of {day} from {name}", title=heading, day=document.issued_on, name=document.seller.name
            ),
        }
        embedded: bytes = generate_from_binary(
            pdf,
            self.xml(document),
            flavor="factur-x",
            level=_LEVEL,
            check_xsd=False,
            pdf_metadata=everywhere(metadata, _for_xml),
            lang="en-US" if locale.language == ENGLISH else locale.language,
            afrelationship="alternative",
        )
        return embedded


def _for_xml(text: str) -> str:
    """Replace what XML 1.0 (2.2, Char) forbids: most controls, lone surrogates, U+FFFE and U+FFFF."""
    return _NOT_IN_XML.sub(MISSING, text)


def _terms(document: InvoiceDocument) -> dict[str, Any]:
    """Fill in the standard's business terms. A credit note's amounts are positive."""
    tax = _the_tax(document)
    _check_parties(document, tax)
    sign = -1 if document.kind is DocumentKind.CREDIT_NOTE else 1
    taxation = Taxation(tuple(line.rate for line in document.taxes), document.prices_include_tax)
    amounts = amounts_of(document.lines, document.discounts, document.currency)
    nets = [sign * money.minor for money in net_amounts(amounts, taxation, document.currency)]
    line_nets, deductions = nets[: len(document.lines)], nets[len(document.lines) :]
    charges = list(zip(document.discounts, deductions, strict=True))
    period = document.period
    last_day = (period.end - timedelta(days=1)).date()  # a month's services are delivered at its end

    def amount(minor: int) -> str:
        return _amount(minor, document.currency)

    terms = {
        "BT-1": document.number,
        "BT-2": document.issued_on,
        "BT-3": _TYPE_CODES[document.kind],
        "BT-5": document.currency,
        "BT-9": document.due_on,
        "BT-13": document.customer.purchase_order,
        "BT-19": document.customer.cost_centre,
        "BT-20": document.terms or ("" if document.due_on else "On receipt"),
        "BT-72": last_day,
        "BT-73": period.start.date(),
        "BT-74": last_day,
        "BT-106": amount(sum(line_nets)),
        "BT-107": amount(-sum(minor for minor in deductions if minor < 0)),
        "BT-108": amount(sum(minor for minor in deductions if minor > 0)),
        "BT-109": amount(sign * document.net_minor),
        "BT-110": amount(sign * document.tax_minor),
        "BT-112": amount(sign * document.total_minor),
        "BT-113": amount(sign * (document.total_minor - document.due_minor)),
        "BT-115": amount(sign * document.due_minor),
        "BG-1": [{"BT-22": note} for note in document.notes],
        "BG-3": [{"BT-25": number} for number in (document.corrects, document.replaces) if number],
        "BG-4": _seller(document.seller, tax),
        "BG-7": _buyer(document.customer, tax),
        "BG-20": [_charge(d.description, amount(-minor), tax) for d, minor in charges if minor < 0],
        "BG-21": [_charge(d.description, amount(minor), tax) for d, minor in charges if minor > 0],
        "BG-23": [_breakdown(tax, amount(sign * tax.base.minor), amount(sign * tax.amount.minor))],
        "BG-25": [
            _line(str(number), line, net, document, tax, sign)
            for number, (line, net) in enumerate(zip(document.lines, line_nets, strict=True), 1)
        ],
    }
    if document.seller.iban and sign * document.due_minor > 0:
        terms |= {"BT-81": _CREDIT_TRANSFER, "BT-83": document.number, "BT-84": document.seller.iban.replace(" ", "")}
        terms |= {"BT-85": document.seller.name, "BT-86": document.seller.bic}
    return {name: value for name, value in terms.items() if value not in ("", None, [])}


def _line(
    number: str, line: DocumentLine, net_minor: int, document: InvoiceDocument, tax: TaxLine, sign: int
) -> dict[str, Any]:
    """Write a line. If quantity x price isn't its net amount (tiers, gross prices), it is one piece at that amount."""
    exact = _is_product(line, document)
    if exact:
        assert line.unit_price is not None
        quantity, unit, price = line.quantity * sign, _UNITS.get(line.unit, _PIECE), _plain(line.unit_price)
    else:
        quantity = Decimal(-1 if net_minor < 0 else 1)
        unit, price = _PIECE, _amount(abs(net_minor), document.currency)
    quantity_note = "" if exact else f"Quantity: {_plain(line.quantity)} {line.unit}".strip()
    section = next((one for one in document.sections if one.customer_id == line.customer_id), None)
    whose = f"{section.name} ({section.customer_id})" if section else ""
    notes = [note for note in (whose, quantity_note, line.resource, line.period, *line.explanation) if note]
    terms = {
        "BT-126": number,
        "BT-127-00": [{"BT-127": note} for note in notes],
        "BT-129": _plain(quantity),
        "BT-130": unit,
        "BT-131": _amount(net_minor, document.currency),
        "BT-133": section.cost_centre if section else "",
        "BT-146": price,
        "BT-151": tax.rate.category.value,
        "BT-152": _rate(tax),
        "BT-153": line.description or line.sku,
        "BT-155": line.sku,
    }
    return {name: value for name, value in terms.items() if value not in ("", None)}


def _is_product(line: DocumentLine, document: InvoiceDocument) -> bool:
    """Whether quantity x unit price is the line's net amount; the standard has no negative prices (BR-27)."""
    if line.unit_price is None or line.unit_price < 0 or document.prices_include_tax:
        return False
    product = EXACT.multiply(line.quantity, line.unit_price)
    return Money.rounded(product, document.currency).minor == line.amount_minor


def _breakdown(tax: TaxLine, base: str, amount: str) -> dict[str, Any]:
    terms = {
        "BT-116": base,
        "BT-117": amount,
        "BT-118": tax.rate.category.value,
        "BT-119": _rate(tax),
        "BT-120": tax.rate.note,
    }
    return {name: value for name, value in terms.items() if value not in ("", None)}


def _charge(reason: str, amount: str, tax: TaxLine) -> dict[str, Any]:
    terms = {
        "amount": amount,
        "reason": reason,
        "vat_category_code": tax.rate.category.value,
        "vat_rate": _rate(tax),
    }
    return {name: value for name, value in terms.items() if value is not None}


def _seller(seller: Seller, tax: TaxLine) -> dict[str, Any]:
    contact = {"name": seller.name, "phone": seller.phone, "email": seller.email}
    return _party(
        name=seller.name,
        address=seller.address,
        country_code=seller.country,
        postcode=seller.postcode,
        city=seller.city,
        vat_identifier=_vat_id(seller.tax_id, tax),
        legal_identifier=seller.registration or seller.tax_id,
        contacts=[{name: value for name, value in contact.items() if value}],
    )


def _buyer(buyer: Buyer, tax: TaxLine) -> dict[str, Any]:
    return _party(
        name=buyer.name,
        address=buyer.address,
        country_code=buyer.country.upper(),
        country_subdivision=buyer.region,
        vat_identifier=_vat_id(buyer.tax_id, tax) if buyer.country.upper() in EU else "",
        identifiers={None: buyer.customer_id},
        contacts=[{"name": buyer.contact}] if buyer.contact else [],
    )


def _party(*, address: tuple[str, ...], **values: Any) -> dict[str, Any]:
    """Write a party: the standard has three address lines, so further ones are joined to the third."""
    lines = [*address[:2], ", ".join(address[2:])]
    values |= {f"addr_l{n}": line for n, line in enumerate(lines, 1)}
    return {name: value for name, value in values.items() if value}


def _vat_id(tax_id: str, tax: TaxLine) -> str:
    return "" if tax.rate.category is TaxCategory.OUTSIDE_SCOPE else tax_id  # BR-O-02 forbids it


def _the_tax(document: InvoiceDocument) -> TaxLine:
    if len(document.taxes) != 1:
        count = f"{len(document.taxes)} taxes" if document.taxes else "no tax line (is there a tax table?)"
        raise UserMistakeError(
            f"{document.number} has {count}; an EN 16931 invoice has exactly one VAT rate, or one reason for charging "
            "none"
        )
    if exponent(document.currency) > _MOST_DECIMALS:
        raise UserMistakeError(
            f"{document.number} is in {document.currency}; EN 16931 writes amounts with two decimals"
        )
    return document.taxes[0]


def _check_parties(document: InvoiceDocument, tax: TaxLine) -> None:
    seller, buyer = document.seller, document.customer
    missing = {
        "the company's country (cdk.json: company.country)": len(seller.country) == 2,
        "the company's tax_id or registration (cdk.json: company)": seller.tax_id or seller.registration,
        "the customer's country as two letters (ISO 3166)": len(buyer.country) == 2,
    }
    if tax.rate.category is not TaxCategory.OUTSIDE_SCOPE:
        missing["the company's tax_id (cdk.json: company.tax_id)"] = seller.tax_id
    if tax.rate.category is TaxCategory.REVERSE_CHARGE:
        missing["the customer's tax_id"] = buyer.tax_id
    for what, there in missing.items():
        if not there:
            raise UserMistakeError(f"to write {document.number} as an EN 16931 invoice, add {what}")


def _rate(tax: TaxLine) -> str | None:
    return None if tax.rate.category is TaxCategory.OUTSIDE_SCOPE else _plain(tax.rate.percent)


def _amount(minor: int, currency: str) -> str:
    return Money(minor, currency).figures.replace(",", "")


def _plain(number: Decimal) -> str:
    return f"{number.normalize(EXACT):f}"
