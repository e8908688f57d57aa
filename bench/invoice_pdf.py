"""Measures making the PDF of an invoice: of two lines and of two thousand, plain and as an electronic invoice.

Each is made in a process of its own, as the first one of a cold function is, and then again in that process.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from decimal import Decimal

from rich.console import Console
from rich.table import Table

from monthclose.adapters.documents.e_invoice import FacturX
from monthclose.adapters.documents.typst import TypstRenderer
from monthclose.domain.invoices.document import InvoiceDocument, amounts_of
from monthclose.domain.invoices.document_parts import Buyer, DocumentLine, Seller
from monthclose.domain.period import Period
from monthclose.domain.tax.computing import taxed
from monthclose.domain.tax.tax import Taxation, TaxRate

SIZES = (2, 200, 2000)
_AGAIN = 5
_SELLER = Seller("Example Cloud GmbH", ("Lindenallee 12",), "10115", "Berlin", "DE", "DE136695976")
_BUYER = Buyer("C-1001", "Zażółć Gęślą Jaźń Sp. z o.o.", country="PL", address=("ul. Świętokrzyska 1", "Warszawa"))

_TIERS = (
    {"kind": "tier", "from": "0", "up_to": "500", "quantity": "500", "unit_price": "0.01", "amount": "5"},
    {"kind": "tier", "from": "500", "up_to": "1000", "quantity": "172", "unit_price": "0.008", "amount": "1.376"},
)


def document(count: int) -> InvoiceDocument:
    """Make an invoice of so many lines: descriptions, resources, and tiers explained in every fourth."""
    lines = tuple(
        DocumentLine(
            f"sku-{number % 40}",
            f"Virtual machine {number}, 4 vCPU, 8 GB",
            Decimal(672),
            600 + number % 1000,
            "hour",
            None if number % 4 == 3 else Decimal("0.00893"),
            resource=f"web-{number:05}.fra1",
            model="graduated" if number % 4 == 3 else "per_unit",
            steps=_TIERS if number % 4 == 3 else (),
        )
        for number in range(count)
    )
    rates = (TaxRate("VAT", Decimal(19)),)
    sums = taxed(amounts_of(lines, (), "EUR"), Taxation(rates), "EUR")
    return InvoiceDocument(
        "INV-00000042",
        Period(2026, 10),
        date(2026, 11, 1),
        "EUR",
        _SELLER,
        _BUYER,
        lines,
        sums.total.minor,
        taxes=sums.lines,
        due_on=date(2026, 11, 15),
    )


def measure(count: int) -> dict[str, float]:
    """Make the PDFs in this process; seconds, bytes, and MB at the peak."""
    import resource  # noqa: PLC0415

    subject, renderer = document(count), TypstRenderer()
    first, pdf = _timed(lambda: renderer.render(subject))
    # Typst remembers what it has set: each further invoice differs.
    others = [_timed(lambda n=n: renderer.render(replace(subject, number=f"INV-{n:08}")))[0] for n in range(_AGAIN)]  # type: ignore[misc]
    _timed(lambda: FacturX().embed(pdf, subject))  # imports
    embedding, embedded = _timed(lambda: FacturX().embed(pdf, subject))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "first": first,
        "next": min(others),
        "size": len(pdf),
        "embedding": embedding,
        "embedded": len(embedded),
        "peak": peak,
    }


def _timed(make: Callable[[], bytes]) -> tuple[float, bytes]:
    began = time.perf_counter()
    made = make()
    return time.perf_counter() - began, made


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]))))
        return
    table = Table("lines", "first PDF", "next PDF", "size", "XML into it", "size with XML", "peak memory")
    for count in SIZES:
        command = [sys.executable, "-m", "bench.invoice_pdf", str(count)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        table.add_row(
            f"{count:,}",
            f"{found['first']:.2f} s",
            f"{found['next']:.2f} s",
            f"{found['size'] / 1024:,.0f} KB",
            f"{found['embedding']:.2f} s",
            f"{found['embedded'] / 1024:,.0f} KB",
            f"{found['peak']:,.0f} MB",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
