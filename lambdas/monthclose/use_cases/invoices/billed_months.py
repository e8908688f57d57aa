"""Read what a customer's month came to, in short, from its documents: what a rehearsal compares with."""

from dataclasses import replace

from monthclose.domain.month import CustomerMonth
from monthclose.domain.rehearsals.billed import Billed, Outcome, billed, parked
from monthclose.ports import Documents
from monthclose.use_cases.stored_documents import read_document


def billed_month(documents: Documents, customer_id: str, month: CustomerMonth) -> Billed | None:
    """Read what a close has done about a month; None if it has recorded nothing for the customer.

    Of an invoice that was replaced, the one in force counts; credit notes are no part of it.
    """
    record = month.invoice or month.carried
    if record:
        document = read_document(documents, record.document)
        if month.invoice:
            return replace(billed(document), outcome=Outcome.INVOICED, total_minor=document["total_minor"])
        return replace(billed(document), outcome=Outcome.CARRIED, total_minor=0)
    if month.parking and month.parked:
        return parked(customer_id, month.parking.reason, month.parking.detail)
    return None
