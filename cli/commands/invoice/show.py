"""`monthclose invoice`: one invoice or credit note, as a person, a program or a tax office reads it."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import typer

from cli import acts
from cli.commands.invoice.correct import note_as_json
from cli.connect import connected
from cli.console import amount, grid, print_json, say, show
from cli.system import System
from monthclose.domain.audit import RecordedAct
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import DocumentLine
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import in_figures
from monthclose.use_cases.invoices.issued_documents import Issued

_MOST_ACTS = 100


def show_invoice(
    ctx: typer.Context, number: str, pdf: Path | None, xml: Path | None, *, in_json: bool, state: bool
) -> None:
    """Show an issued invoice or credit note, in one of its forms."""
    if in_json + state + (pdf is not None) + (xml is not None) > 1:
        raise UserMistakeError("--pdf, --xml, --json and --state do not go together: use one of them")
    system = connected(ctx)
    documents = system.use_cases.issued
    issued = documents.find_issued(number)
    if in_json:
        say(documents.content(issued).decode())
    elif state:
        documents.content(issued)
        print_json(_state(issued, _notes_on(system, issued)) | _state_acts(system, issued))
    elif pdf is not None:
        write_out(pdf, documents.pdf(issued), issued.number)
    elif xml is not None:
        write_out(xml, documents.xml(issued), issued.number)
    else:
        _print(issued, documents.document(issued), _notes_on(system, issued))
        _print_acts(_acts(system, issued))


def _notes_on(system: System, issued: Issued) -> Sequence[CreditNote]:
    return system.ports.books.month(issued.customer_id, issued.period).notes_on(issued.number)


def _acts(system: System, issued: Issued) -> list[RecordedAct]:
    """Read who did what to an invoice; of a credit note, or an invoice that replaced one, to that one as well."""
    named = (issued.number, issued.corrects if isinstance(issued, CreditNote) else issued.replaces)
    return [each for number in named if number for each in islice(system.ports.audit.find(invoice=number), _MOST_ACTS)]


def _state_acts(system: System, issued: Issued) -> dict[str, Any]:
    return {"acts": list(map(acts.as_json, _acts(system, issued)))} if isinstance(issued, Invoice) else {}


def _print_acts(found: Sequence[RecordedAct]) -> None:
    rows = [
        (
            f"  {each.recorded.act.time:%Y-%m-%d %H:%M}",
            each.recorded.act.what,
            acts.who(each.recorded),
            acts.in_words(each),
        )
        for each in acts.with_outcomes(found)
    ]
    if rows:
        say("")
        show(grid(rows, header=("  act (UTC)", "what", "who", "")))


def _state(issued: Issued, notes: Sequence[CreditNote]) -> dict[str, Any]:
    """Say what the books say of it now; amounts in minor units. A credit note never changes."""
    if isinstance(issued, CreditNote):
        return note_as_json(issued)
    return {
        "number": issued.number,
        "customer_id": issued.customer_id,
        "period": str(issued.period),
        "currency": issued.currency,
        "total_minor": issued.total_minor,
        "tax_minor": issued.tax_minor,
        "collected_minor": issued.collected_minor,
        "credited_minor": issued.credited_minor,
        "written_off_minor": issued.written_off_minor,
        "open_minor": issued.open.minor,
        "issued_on": issued.issued_on.isoformat(),
        "replaces": issued.replaces or None,
        "replaced_by": issued.replaced_by or None,
        "corrected_by": [note_as_json(note) for note in notes],
        "sha256": issued.document.sha256,
    }


def write_out(path: Path, content: bytes, name: str) -> None:
    """Write a document to a file, and say so.

    Raises
    ------
    UserMistakeError
        The file cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserMistakeError(f"{path} cannot be written: {error.strerror}") from None
    say(f"{name} written to {path}")


def _print(issued: Issued, document: InvoiceDocument, notes: Sequence[CreditNote]) -> None:
    buyer, currency = document.customer, document.currency
    say(f"{document.number}  {buyer.name}", "bold")
    facts = [
        ("  customer", buyer.customer_id),
        ("  tax id", buyer.tax_id),
        ("  period", str(document.period)),
        ("  issued", document.issued_on.isoformat()),
        ("  due", document.due_on.isoformat() if document.due_on else ""),
        ("  corrects", document.corrects),
        ("  replaces", document.replaces),
        ("  replaced by", issued.replaced_by if isinstance(issued, Invoice) else ""),
        *(("  corrected by", f"{note.number} for {note.total}: {note.reason}") for note in notes),
        ("  reason", ", ".join(document.notes) if document.corrects or document.replaces else ""),
        ("  sha256", issued.document.sha256),
    ]
    show(grid([fact for fact in facts if fact[1]]))
    say("")
    rows = list(_all_rows(document))
    show(grid(rows, right=(1, 2, 3), header=("  line", "quantity", "unit price", currency)))
    say("")
    show(grid(_sums(issued, document), right=(1,)))


def _all_rows(document: InvoiceDocument) -> Iterator[tuple[str, str, str, str]]:
    """Make the rows as the PDF has them: the customer's own lines, then each section's with its name and subtotal."""
    named = {section.customer_id for section in document.sections}
    own = [line for line in document.lines if line.customer_id not in named]
    yield from (row for line in own for row in _rows(line, document))
    if own and document.sections:
        yield _subtotal(document.customer.customer_id, own, document)
    for section in document.sections:
        lines = document.lines_of(section.customer_id)
        yield (f"  {section.name} ({section.customer_id})", "", "", "")
        yield from (row for line in lines for row in _rows(line, document))
        yield _subtotal(section.customer_id, lines, document)


def _subtotal(customer_id: str, lines: Sequence[DocumentLine], document: InvoiceDocument) -> tuple[str, str, str, str]:
    subtotal = sum(line.amount_minor for line in lines)
    return (f"  subtotal for {customer_id}", "", "", amount(subtotal, document.currency))


def _rows(line: DocumentLine, document: InvoiceDocument) -> list[tuple[str, str, str, str]]:
    price = "" if line.unit_price is None else in_figures(line.unit_price)
    quantity = f"{in_figures(line.quantity)} {line.unit}".strip()
    first = (f"  {line.description or line.sku}", quantity, price, amount(line.amount_minor, document.currency))
    taxes = ", ".join(tax.rate.in_words for tax in document.own_taxes(line.tax_class))
    period = "" if line.period in line.description else line.period  # as in "support, in advance for 2026-11"
    more = [text for text in (line.resource, period, taxes, *line.explanation) if text]
    return [first, *((f"    {text}", "", "", "") for text in more)]


def _sums(issued: Issued, document: InvoiceDocument) -> list[tuple[str, str]]:
    entries = [(deduction.description, deduction.amount_minor) for deduction in document.discounts]
    within = ", in the prices" if document.prices_include_tax else ""
    entries += [
        (f"{tax.rate.name} {in_figures(tax.rate.percent)} %{within}", tax.amount.minor) for tax in document.taxes
    ]
    entries.append(("total", document.total_minor))
    if isinstance(issued, Invoice):
        # The credit that the document speaks of is in what the books say is credited.
        settled = {"collected": issued.collected_minor, "credited": issued.credited_minor}
        settled["written off"] = issued.written_off_minor
        entries += [(name, minor) for name, minor in settled.items() if minor]
        entries.append(("open", issued.open.minor))
    return [(f"  {name}", f"{amount(minor, document.currency)} {document.currency}") for name, minor in entries]
