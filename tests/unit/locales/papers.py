"""Every document that a customer can get, in every variant of its text: what the catalogues must be able to say."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import Deduction, Section
from monthclose.domain.phrases import PHRASES
from monthclose.domain.pricing.explanation import Step
from monthclose.domain.pricing.metering.aggregation import Aggregation
from monthclose.domain.statements.receipt import PaidInvoice, Receipt
from monthclose.domain.statements.statement import Movement, MovementKind, Statement
from monthclose.ports.documents import Paper
from tests.unit.any import OCTOBER, TODAY
from tests.unit.documents.samples import POLE, SELLER, credit_note, credit_note_for, sample

_FILLED = {
    "day": "1 November 2026",
    "period": "2026-09",
    "description": "Droplet",
    "numbers": "INV-00000007, the amount that 2026-08 carried over",
    "name": "cpu",
    "number": "INV-00000007",
}
OWN_PHRASES = [phrase.format_map(_FILLED) for phrase in PHRASES]
"""Each phrase of the product's own, as documents store it."""


def _amounts(**numbers: str) -> Step:
    return {"amount": "12.5", **numbers}


_DAY, _MONTH = 86_400, 31 * 86_400
_TERM = {"earlier": "5", "first": "2026-07", "last": "2026-09"}
STEPS: tuple[Step, ...] = (
    *(_amounts(kind="measured", how=how.replace("_", "-"), quantity="1234.5") for how in Aggregation),
    _amounts(kind="shared", how="max", whole="20", quantity="5"),
    *(
        _amounts(kind="buckets", bucket=bucket, within="max", how="sum", quantity="744")
        for bucket in ("minute", "5_minutes", "15_minutes", "hour", "day")
    ),
    _amounts(kind="percentile", bucket="hour", within="sum", percentile="95", quantity="433"),
    _amounts(kind="opening", size="20"),
    _amounts(kind="allowance", free="10", quantity="12.5", billable="2.5"),
    _amounts(kind="units", quantity="1234.5", unit_price="0.01"),
    _amounts(kind="tier", **{"from": "0"}, up_to="1000", quantity="1000", unit_price="0.01"),
    _amounts(kind="tier", **{"from": "1000"}, up_to="any", quantity="5", unit_price="0.01", flat="3"),
    _amounts(kind="packages", quantity="5", size="2", package_price="3"),
    _amounts(kind="whole_packages", quantity="5", size="2", package_price="3"),
    *(
        _amounts(kind=kind, **{"from": "0"}, up_to="10", quantity="5", size="2", package_price="3")
        for kind in ("tier_packages", "tier_whole_packages")
    ),
    _amounts(kind="held", quantity="12.5"),
    _amounts(kind="divided", measured="1000", divided_by="1024", quantity="12.5"),
    _amounts(kind="multiplied", measured="1000", multiplied_by="2", quantity="2000"),
    *(
        _amounts(kind=kind, measured="12.5", multiple="5", quantity="15")
        for kind in ("rounded_up", "rounded_down", "rounded_nearest")
    ),
    _amounts(kind="each_event", multiple="5", minimum="10", quantity="15"),
    _amounts(kind="minimum", measured="2", minimum="5"),
    _amounts(kind="free_transactions", count="3", of="400"),
    _amounts(kind="transactions", percent="1.2", of="500", count="2", fixed_fee="0.1"),
    _amounts(kind="transactions_at_minimum", count="3", fee="0.5"),
    _amounts(kind="transactions_at_maximum", count="1", fee="5"),
    *(
        _amounts(kind="prorated", fee="10", seconds=str(seconds), of_seconds=str(_MONTH))
        for seconds in (_DAY, 3600, 60, 1)
    ),
    _amounts(kind="percent", percent="2.5", of="500"),
    _amounts(kind="cap", cap="10"),
    _amounts(kind="discount", percent="10", of="125"),
    _amounts(kind="discount_amount", off="5", of="125"),
    _amounts(kind="true_up", committed="100", reached="87.5"),
    _amounts(kind="term_true_up", committed="100", reached="87.5", **_TERM),
    _amounts(kind="term_part", whole="300", seconds=str(_DAY), of_seconds=str(_MONTH), part="9.68"),
    _amounts(kind="overage", committed="80", reached="87.5", factor="1.2"),
    _amounts(kind="term_overage", committed="80", reached="87.5", factor="1.2", **_TERM),
    _amounts(kind="maximum", limit="80", reached="87.5"),
    _amounts(kind="term_maximum", limit="80", reached="87.5", **_TERM),
    _amounts(kind="maximum_part", limit="80", reached="87.5", off="2.5"),
    _amounts(kind="term_maximum_part", limit="80", reached="87.5", off="2.5", **_TERM),
    _amounts(kind="priced_again", value="12.5", period="2026-09"),
    _amounts(kind="fee_due", value="12.5", period="2026-09"),
    _amounts(kind="billed", value="12.5", invoice="INV-00000007"),
    _amounts(kind="carried", value="12.5", period="earlier months"),
    _amounts(kind="tax_share", share="12.5"),
)
"""A step of each kind, in each of its wordings."""


def every_paper(language: str) -> Iterator[tuple[str, Paper]]:
    """Make each document in a language, with a name that says which variant it is."""
    for name, document in _documents().items():
        yield name, replace(document, language=language)
    yield from _receipts(language)
    yield from _statements(language)


def _documents() -> dict[str, InvoiceDocument]:
    explained = replace(sample(1).lines[0], unit_price=None, steps=STEPS)
    part = replace(explained, starts="2026-10-03T00:00:00+00:00", ends="2026-10-10T00:00:00+00:00", period="2026-09")
    own = tuple(Deduction(phrase, -1) for phrase in OWN_PHRASES)
    section = Section("C-2", "Acme North", "PO-7", "4711")
    with_section = replace(sample(1), lines=(replace(sample(1).lines[0], customer_id="C-2"),), sections=(section,))
    return {
        "invoice": sample(4, discounts=(Deduction("Loyalty discount", -50),), credits=own),
        "prices with tax": sample(inclusive=True),
        "explained": replace(sample(1), lines=(explained,)),
        "part of a month": replace(sample(1), lines=(part,)),
        "replacement": sample(replaces="INV-00000001", notes=("the price was wrong",)),
        "with a section": with_section,
        "credit note": credit_note(),
        "credit note for a part": credit_note_for(sample(), minor=100),
    }


def _receipts(language: str) -> Iterator[tuple[str, Receipt]]:
    paid = PaidInvoice("INV-00000042", TODAY, OCTOBER, 123_456)
    receipt = Receipt("2026-10/C-1001", SELLER, POLE, "EUR", date(2026, 11, 2), (paid,), language=language)
    yield "receipt", receipt
    earlier = PaidInvoice("INV-00000007", date(2026, 10, 1), OCTOBER.previous, 30)
    more = replace(receipt, invoices=(paid, earlier), to_credit_minor=514)
    yield "receipt, returned in part", replace(more, refunded_minor=2000, reversed_minor=1500)


def _statements(language: str) -> Iterator[tuple[str, Statement]]:
    minors = dict.fromkeys(MovementKind, -5000) | {
        MovementKind.INVOICE: 123_456,
        MovementKind.REFUND: 2000,
        MovementKind.REVERSAL: 1500,
        MovementKind.WITHDRAWN: 700,
        MovementKind.EXPIRED: 300,
    }
    about = {MovementKind.CREDIT_NOTE: "CN-00000003", MovementKind.TRANSFER: "", MovementKind.GRANTED: ""}
    movements = tuple(
        Movement(date(2026, 11, 1 + place), kind, about.get(kind, "INV-00000042"), minor)
        for place, (kind, minor) in enumerate(minors.items())
    )
    other = Movement(date(2026, 11, 29), MovementKind.REFUND, "", 100)
    days = (date(2026, 11, 1), date(2026, 11, 30))
    owes = Statement(SELLER, POLE, "EUR", *days, 10_000, (*movements, other), language)
    yield "statement", owes
    yield "statement, in their favour", replace(owes, opening_minor=-500_000, last=date(2026, 11, 29))
    yield "statement, nothing", replace(owes, opening_minor=0, movements=())
