"""The page of one invoice or credit note: what stands now, its lines and how they came about, payments, its PDF."""

import json
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cli import acts
from cli.dashboard.addresses import customer_path, invoice_path
from cli.dashboard.context import Dashboard, NotFoundError, dashboard_of
from cli.dashboard.customer_story import MailRow, PaymentRow, invoice_state, mail_rows, payment_rows
from cli.dashboard.rendering import render
from cli.dashboard.states import Shown
from monthclose.charts import Chart, Part, parts_bar
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money, in_figures
from monthclose.domain.month import CustomerMonth
from monthclose.use_cases.invoices.explain_invoice import explain
from monthclose.use_cases.invoices.issued_documents import Issued

LINES_A_PAGE = 100
"""An invoice may have 15,000 lines."""
_MOST_EVENTS = 5
_MOST_ACTS = 100


class LineRow(NamedTuple):
    """A line, with how it came about."""

    name: str
    more: Sequence[str]
    quantity: str
    unit_price: str
    amount: str
    events: Sequence[str] = ()


class Sum(NamedTuple):
    """A row below the lines."""

    label: str
    amount: str
    total: bool = False


def show(request: Request) -> Response:
    """Show an invoice or a credit note."""
    dashboard = dashboard_of(request)
    issued = _find(dashboard, request.path_params["number"])
    documents, ports = dashboard.system.use_cases.issued, dashboard.system.ports
    document = documents.document(issued)
    month = ports.books.month(issued.customer_id, issued.period)
    customer = ports.books.customer(issued.customer_id)
    page, explained = _page(request, document), "events" in request.query_params
    return render(
        request,
        "invoice.html.j2",
        section="lists",
        issued=issued,
        document=document,
        is_note=isinstance(issued, CreditNote),
        state=_state(issued, month),
        name=customer.profile.name if customer else "",
        customer_path=customer_path(issued.customer_id),
        path=invoice_path(issued.number),
        related=[(what, number, invoice_path(number)) for what, number in _related(issued, month)],
        bar=_bar(issued) if isinstance(issued, Invoice) else None,
        settled=_settled(issued) if isinstance(issued, Invoice) else [],
        notes=[(note, invoice_path(note.number)) for note in month.notes_on(issued.number)],
        lines=_explained(dashboard, issued, page)
        if explained
        else [_line(line, document) for line in _slice(document, page)],
        explained=explained,
        page=page,
        pages=_pages(document),
        sums=_sums(document),
        payments=_payments(issued, month),
        mails=_mails(issued, month),
        acts=[
            (shown.recorded.act.time, shown.recorded.act.what, acts.who(shown.recorded), acts.in_words(shown))
            for shown in acts.with_outcomes(islice(ports.audit.find(invoice=issued.number), _MOST_ACTS))
        ],
    )


def pdf(request: Request) -> Response:
    """Send the PDF that the customer has, to be shown in the browser."""
    dashboard = dashboard_of(request)
    issued = _find(dashboard, request.path_params["number"])
    content = dashboard.system.use_cases.issued.pdf(issued)
    headers = {"Content-Disposition": f'inline; filename="{issued.number}.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


def _find(dashboard: Dashboard, number: str) -> Issued:
    try:
        return dashboard.system.use_cases.issued.find_issued(number)
    except UserMistakeError as error:
        raise NotFoundError(str(error)) from None


def _state(issued: Issued, month: CustomerMonth) -> Shown:
    return Shown("Credit note", "good", "✓") if isinstance(issued, CreditNote) else invoice_state(issued, month)


def _related(issued: Issued, month: CustomerMonth) -> list[tuple[str, str]]:
    if isinstance(issued, CreditNote):
        return [("Corrects", issued.corrects)]
    related = [("Replaces", issued.replaces), ("Replaced by", issued.replaced_by)]
    return [(what, number) for what, number in related if number and month.invoice_of(number)]


def _settled(invoice: Invoice) -> list[tuple[str, str, str]]:
    parts = (
        ("Collected", invoice.collected_minor, "collected"),
        ("Credited", invoice.credited_minor, "credited"),
        ("Written off", invoice.written_off_minor, "written_off"),
        ("Open", invoice.open.minor, "open"),
    )
    return [(label, str(Money(minor, invoice.currency)), tone) for label, minor, tone in parts]


def _bar(invoice: Invoice) -> Chart:
    minor = (invoice.collected_minor, invoice.credited_minor, invoice.written_off_minor, invoice.open.minor)
    parts = [
        Part(label, each, shown, tone) for each, (label, shown, tone) in zip(minor, _settled(invoice), strict=True)
    ]
    return parts_bar(parts, empty="nothing to pay", whole=max(invoice.total_minor, 0))


def _pages(document: InvoiceDocument) -> int:
    return max(-(-len(document.lines) // LINES_A_PAGE), 1)


def _page(request: Request, document: InvoiceDocument) -> int:
    asked = request.query_params.get("page", "1")
    return min(max(int(asked), 1), _pages(document)) if asked.isascii() and asked.isdigit() else 1


def _slice(document: InvoiceDocument, page: int) -> Sequence[DocumentLine]:
    return document.lines[(page - 1) * LINES_A_PAGE : page * LINES_A_PAGE]


def _line(line: DocumentLine, document: InvoiceDocument) -> LineRow:
    price = "" if line.unit_price is None else in_figures(line.unit_price)
    taxes = ", ".join(tax.rate.in_words for tax in document.own_taxes(line.tax_class))
    more = [text for text in (line.resource, line.period, taxes, *line.explanation) if text]
    return LineRow(
        line.description or line.sku,
        more,
        f"{in_figures(line.quantity)} {line.unit}".strip(),
        price,
        Money(line.amount_minor, document.currency).figures,
    )


def _explained(dashboard: Dashboard, issued: Issued, page: int) -> list[LineRow]:
    """Make the lines with their arithmetic and the first events that they were made from."""
    content = json.loads(dashboard.system.use_cases.issued.content(issued))
    content["lines"] = content["lines"][(page - 1) * LINES_A_PAGE : page * LINES_A_PAGE]
    found = explain(content, dashboard.system.ports.usage, _MOST_EVENTS)
    return [_explained_line(line, found["currency"]) for line in found["lines"]]


def _event_cells(event: dict[str, Any]) -> list[str]:
    time = event["time"][:19].replace("T", " ")
    return [time, event["event_id"], event["resource"], in_figures(event["quantity"])]


def _explained_line(line: dict[str, Any], currency: str) -> LineRow:
    events = line["events"]
    named = [" ".join(filter(None, _event_cells(event))) for event in events["first"]]
    left_out = events["count"] - len(named)
    tax_class = f"tax class {line['tax_class']}" if line.get("tax_class") else ""
    return LineRow(
        line["description"] or line["sku"],
        [text for text in (line.get("resource", ""), line.get("period", ""), tax_class, *line["in_words"]) if text],
        f"{in_figures(line['quantity'])} {line['unit']}".strip(),
        in_figures(line["unit_price"]) if line["unit_price"] else "",
        Money(line["amount_minor"], currency).figures,
        [*named, *([f"and {left_out:,} more"] if left_out else [])],
    )


def _sums(document: InvoiceDocument) -> list[Sum]:
    currency = document.currency
    within = ", in the prices" if document.prices_include_tax else ""
    rows = [(deduction.description, deduction.amount_minor) for deduction in document.discounts]
    rows += [(f"{tax.rate.in_words} of {tax.base.figures}{within}", tax.amount.minor) for tax in document.taxes]
    used = [(credit.description, credit.amount_minor) for credit in document.credits]
    return [
        *(Sum(label, Money(minor, currency).figures) for label, minor in rows),
        Sum("Total", str(Money(document.total_minor, currency)), total=True),
        *(Sum(label, Money(minor, currency).figures) for label, minor in used),
        *([Sum("Due when it was issued", str(Money(document.due_minor, currency)), total=True)] if used else []),
    ]


def _payments(issued: Issued, month: CustomerMonth) -> list[PaymentRow]:
    """List the payments of an invoice: of one that was replaced, those that are not the new one's."""
    if isinstance(issued, CreditNote):
        return []
    rows = payment_rows({issued.period: month})
    numbers = sorted(invoice.first_payment for invoice in month.invoices)
    until = min((first for first in numbers if first > issued.first_payment), default=None)
    mine = {
        p.payment_id
        for p in month.payments
        if p.sequence >= issued.first_payment and not (until and p.sequence >= until)
    }
    return [row for row in rows if row.payment_id in mine]


def _mails(issued: Issued, month: CustomerMonth) -> Iterable[MailRow]:
    rows = mail_rows({issued.period: month})
    if isinstance(issued, CreditNote):
        return [row for row, notice in _with_notices(rows, month) if notice == issued.number]
    return rows


def _with_notices(rows: Sequence[MailRow], month: CustomerMonth) -> list[tuple[MailRow, str]]:
    steps = [notice.step for notice in sorted(month.notices, key=lambda notice: notice.time, reverse=True)]
    return list(zip(rows, steps, strict=True))


ROUTES = (Route("/invoices/{number}", show), Route("/invoices/{number}/pdf", pdf))
