"""Issued invoices and credit notes: find one by its number, read its document, render and store its PDF.

A document is checked against the hash in its invoice's item, so an altered one is never shown. A PDF is rendered on
first request and stored under a key with that hash; if two workers render it at once, the first one's PDF stays.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace

from monthclose.domain.errors import MonthCloseError, UserMistakeError
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.invoices.series import Series
from monthclose.ports import Books, Closes, Documents, EInvoices, InvoiceRenderer
from monthclose.use_cases.invoices.company_logo import current_logo
from monthclose.use_cases.invoices.document_keys import credit_note_key, documents_key

type Issued = Invoice | CreditNote
"""An invoice or credit note has a number, and a document that never changes."""


class DocumentAlteredError(MonthCloseError):
    """A stored document is not the one that its invoice was issued with. A person must find out what happened."""


@dataclass(frozen=True, slots=True)
class IssuedDocuments:
    """Finds and reads invoices and credit notes.

    Parameters
    ----------
    renderer, e_invoices : Callable
        Make the adapters when the first PDF or XML is requested.
    """

    books: Books
    closes: Closes
    documents: Documents
    renderer: Callable[[], InvoiceRenderer]
    e_invoices: Callable[[], EInvoices]
    company: Company

    def find(self, number: str) -> Invoice:
        """Find an invoice by its number: the number gives the batch, the document the customer.

        Raises
        ------
        UserMistakeError
            There is none with that number.
        """
        wanted = Series.INVOICES.number_of(number)
        run = self.closes.run_of(wanted)
        if run is None:
            raise UserMistakeError(f"there is no invoice {number}: that number has not been used")
        not_yet = UserMistakeError(
            f"{number} is reserved, but its invoice has not been issued yet; close {run.period} again, or run the same "
            "`invoice regenerate` again if it broke off"
        )
        try:
            content = self.documents.get(documents_key(run.period, run.batch, run.first))
        except KeyError:
            raise not_yet from None
        document = json.loads(content.split(b"\n")[wanted - run.first])
        invoice = self.books.month(document["customer"]["customer_id"], run.period).invoice_of(document["number"])
        if invoice is None:
            raise not_yet
        return invoice

    def find_credit_note(self, number: str) -> CreditNote:
        """Find a credit note by its number: its document names the customer.

        Raises
        ------
        UserMistakeError
            There is none with that number.
        """
        wanted = Series.CREDIT_NOTES.number_of(number)
        run = self.closes.run_of(wanted, Series.CREDIT_NOTES)
        if run is None:
            raise UserMistakeError(f"there is no credit note {number}: that number has not been used")
        name, invoice = Series.CREDIT_NOTES.numbered(wanted), Series.INVOICES.numbered(run.batch)
        try:
            document = json.loads(self.documents.get(credit_note_key(run.period, name)))
            notes = self.books.month(document["customer"]["customer_id"], run.period).credit_notes
        except KeyError:
            notes = ()
        found = next((note for note in notes if note.number == name), None)
        if found is None:
            raise UserMistakeError(
                f"{name} is reserved for {invoice}, but has not been issued yet; repeat the correction of {invoice} "
                "with the same reason"
            )
        return found

    def find_issued(self, number: str) -> Issued:
        """Find an invoice or a credit note by its number.

        Raises
        ------
        UserMistakeError
            There is none with that number.
        """
        return self.find_credit_note(number) if Series.CREDIT_NOTES.has(number) else self.find(number)

    def content(self, invoice: Issued) -> bytes:
        """Read the stored document, byte for byte.

        Raises
        ------
        DocumentAlteredError
            It is not the one that the invoice was issued with.
        """
        place = invoice.document
        content = self.documents.get_slice(place.key, place.offset, place.length)
        if hashlib.sha256(content).hexdigest() != place.sha256:
            raise DocumentAlteredError(f"the document of {invoice.number} was changed after it was issued: {place.key}")
        return content

    def document(self, invoice: Issued) -> InvoiceDocument:
        """Read the document; older ones without the company's details get today's.

        Raises
        ------
        DocumentAlteredError
            It is not the one that the invoice was issued with.
        """
        document = InvoiceDocument.parse(self.content(invoice))
        if document.seller != Seller(document.seller.name):
            return document
        seller = self.company.seller
        return replace(document, seller=replace(seller, name=document.seller.name, logo=current_logo(self.documents)))

    def pdf_key(self, invoice: Issued) -> str:
        """Return the key of an invoice's PDF, rendering it if there is none yet."""
        key = f"pdf/{invoice.period}/{invoice.number}-{invoice.document.sha256[:16]}.pdf"
        if not self.documents.has(key):
            self.documents.put_new(key, self._render(invoice), "application/pdf")
        return key

    def pdf(self, invoice: Issued) -> bytes:
        """Read an invoice's PDF, rendering it if there is none yet."""
        return self.documents.get(self.pdf_key(invoice))

    def xml(self, invoice: Issued) -> bytes:
        """Write an invoice as XML by EN 16931.

        Raises
        ------
        UserMistakeError
            The standard cannot express it; the message says why.
        """
        return self.e_invoices().xml(self.document(invoice))

    def _render(self, invoice: Issued) -> bytes:
        document = self.document(invoice)
        logo = self.documents.get(document.seller.logo) if document.seller.logo else None
        pdf = self.renderer().render(document, logo)
        if not self.company.e_invoice:
            return pdf
        try:
            return self.e_invoices().embed(pdf, document)
        except UserMistakeError:  # the standard does not cover every invoice (two taxes, three decimals): plain PDF
            return pdf
