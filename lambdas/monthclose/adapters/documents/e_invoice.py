"""Electronic invoices by EN 16931: the document as a Cross Industry Invoice (XML), alone or inside its PDF (Factur-X).

factur-x writes the XML from the standard's business terms (BT-…), checks it against the official schema and embeds it.
Nothing here uses the network.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from monthclose.adapters.documents.legible import MISSING, everywhere
from monthclose.adapters.documents.view import HEADINGS
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.document import DocumentKind, InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.money import EXACT, Money, exponent
from monthclose.domain.tax.tax import EU, TaxCategory, TaxLine
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


class _Vat(NamedTuple):
    """A category of VAT and its rate in percent; outside the scope there is none."""

    category: TaxCategory
    rate: str | None

    @classmethod
    def of(cls, tax: TaxLine) -> _Vat:
        outside = tax.rate.category is TaxCategory.OUTSIDE_SCOPE
        return cls(tax.rate.category, None if outside else _plain(tax.rate.percent))


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
    vats = _vats(document)
    _check_parties(document)
    sign = -1 if document.kind is DocumentKind.CREDIT_NOTE else 1
    nets = [sign * net for net in document.net_items]
    line_nets, deductions = nets[: len(document.lines)], nets[len(document.lines) :]
    charges = list(zip(document.discounts, deductions, vats[len(document.lines) :], strict=True))
    first, end = document.served(document.period)
    last_day = (end - timedelta(days=1)).date()  # a month's services are delivered at its end

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
        "BT-73": first.date(),
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
        "BG-4": _seller(document),
        "BG-7": _buyer(document),
        "BG-20": [_charge(d.description, amount(-minor), vat) for d, minor, vat in charges if minor < 0],
        "BG-21": [_charge(d.description, amount(minor), vat) for d, minor, vat in charges if minor > 0],
        "BG-23": [_breakdown(vat, taxes, document, sign) for vat, taxes in _by_vat(document).items()],
        "BG-25": [
            _line(str(number), line, net, document, vat, sign)
            for number, (line, net, vat) in enumerate(zip(document.lines, line_nets, vats, strict=False), 1)
        ],
    }
    if document.seller.iban and sign * document.due_minor > 0:
        terms |= {"BT-81": _CREDIT_TRANSFER, "BT-83": document.number, "BT-84": document.seller.iban.replace(" ", "")}
        terms |= {"BT-85": document.seller.name, "BT-86": document.seller.bic}
    return {name: value for name, value in terms.items() if value not in ("", None, [])}


def _line(
    number: str, line: DocumentLine, net_minor: int, document: InvoiceDocument, vat: _Vat, sign: int
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
        "BT-151": vat.category.value,
        "BT-152": vat.rate,
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


def _breakdown(vat: _Vat, taxes: Sequence[TaxLine], document: InvoiceDocument, sign: int) -> dict[str, Any]:
    """Put together what has the same category and rate: the standard has one breakdown for them."""
    notes = dict.fromkeys(tax.rate.note for tax in taxes if tax.rate.note)
    terms = {
        "BT-116": _amount(sign * sum(tax.base.minor for tax in taxes), document.currency),
        "BT-117": _amount(sign * sum(tax.amount.minor for tax in taxes), document.currency),
        "BT-118": vat.category.value,
        "BT-119": vat.rate,
        "BT-120": " ".join(notes),
    }
    return {name: value for name, value in terms.items() if value not in ("", None)}


def _charge(reason: str, amount: str, vat: _Vat) -> dict[str, Any]:
    terms = {
        "amount": amount,
        "reason": reason,
        "vat_category_code": vat.category.value,
        "vat_rate": vat.rate,
    }
    return {name: value for name, value in terms.items() if value is not None}


def _seller(document: InvoiceDocument) -> dict[str, Any]:
    seller = document.seller
    contact = {"name": seller.name, "phone": seller.phone, "email": seller.email}
    return _party(
        name=seller.name,
        address=seller.address,
        country_code=seller.country,
        postcode=seller.postcode,
        city=seller.city,
        vat_identifier=_vat_id(seller.tax_id, document),
        legal_identifier=seller.registration or seller.tax_id,
        contacts=[{name: value for name, value in contact.items() if value}],
    )


def _buyer(document: InvoiceDocument) -> dict[str, Any]:
    buyer = document.customer
    return _party(
        name=buyer.name,
        address=buyer.address,
        country_code=buyer.country.upper(),
        country_subdivision=buyer.region,
        vat_identifier=_vat_id(buyer.tax_id, document) if buyer.country.upper() in EU else "",
        identifiers={None: buyer.customer_id},
        contacts=[{"name": buyer.contact}] if buyer.contact else [],
    )


def _party(*, address: tuple[str, ...], **values: Any) -> dict[str, Any]:
    """Write a party: the standard has three address lines, so further ones are joined to the third."""
    lines = [*address[:2], ", ".join(address[2:])]
    values |= {f"addr_l{n}": line for n, line in enumerate(lines, 1)}
    return {name: value for name, value in values.items() if value}


def _vat_id(tax_id: str, document: InvoiceDocument) -> str:
    return "" if TaxCategory.OUTSIDE_SCOPE in _categories(document) else tax_id  # BR-O-02 forbids it


def _vats(document: InvoiceDocument) -> list[_Vat]:
    """Find the VAT of each line, and then of each discount.

    Raises
    ------
    UserMistakeError
        A line has none, or several.
    """
    if exponent(document.currency) > _MOST_DECIMALS:
        raise UserMistakeError(
            f"{document.number} is in {document.currency}; EN 16931 writes amounts with two decimals"
        )
    on_each = [document.taxes_on(item.tax_class) for item in document.items] or [document.taxes]
    for taxes in on_each:
        if len(taxes) != 1:
            count = f"{len(taxes)} taxes on a line" if taxes else "no tax line (is there a tax table?)"
            raise UserMistakeError(
                f"{document.number} has {count}; a line of an EN 16931 invoice has exactly one VAT rate, or one reason "
                "for charging none"
            )
    for vat, of_it in _by_vat(document).items():
        _check_sums(document, vat, of_it)
    if TaxCategory.OUTSIDE_SCOPE in (categories := _categories(document)) and len(categories) > 1:
        raise UserMistakeError(
            f"{document.number} has lines outside the scope of VAT beside others; EN 16931 (BR-O-11) has no invoice "
            "with both"
        )
    return [_Vat.of(tax) for (tax,) in on_each]


def _by_vat(document: InvoiceDocument) -> dict[_Vat, list[TaxLine]]:
    found: dict[_Vat, list[TaxLine]] = {}
    for tax in document.taxes:
        found.setdefault(_Vat.of(tax), []).append(tax)
    return found


def _categories(document: InvoiceDocument) -> set[TaxCategory]:
    return {tax.rate.category for tax in document.taxes}


def _check_sums(document: InvoiceDocument, vat: _Vat, taxes: Sequence[TaxLine]) -> None:
    """Refuse what rounding by line took too far from base x rate: BR-CO-17 is checked to one unit of the currency."""
    base, amount = sum(tax.base.major for tax in taxes), sum(tax.amount.major for tax in taxes)
    if abs(amount - base * taxes[0].rate.percent / 100) > 1:
        raise UserMistakeError(
            f"the taxes of {document.number} were rounded line by line, and the {vat.rate} % are more than 1 "
            f"{document.currency} from {vat.rate} % of their sum; EN 16931 (BR-CO-17) does not allow that"
        )


def _check_parties(document: InvoiceDocument) -> None:
    seller, buyer, categories = document.seller, document.customer, _categories(document)
    missing = {
        "the company's country (cdk.json: company.country)": len(seller.country) == 2,
        "the company's tax_id or registration (cdk.json: company)": seller.tax_id or seller.registration,
        "the customer's country as two letters (ISO 3166)": len(buyer.country) == 2,
    }
    if TaxCategory.OUTSIDE_SCOPE not in categories:
        missing["the company's tax_id (cdk.json: company.tax_id)"] = seller.tax_id
    if TaxCategory.REVERSE_CHARGE in categories:
        missing["the customer's tax_id"] = buyer.tax_id
    for what, there in missing.items():
        if not there:
            raise UserMistakeError(f"to write {document.number} as an EN 16931 invoice, add {what}")


def _amount(minor: int, currency: str) -> str:
    return Money(minor, currency).figures.replace(",", "")


def _plain(number: Decimal) -> str:
    return f"{number.normalize(EXACT):f}"
