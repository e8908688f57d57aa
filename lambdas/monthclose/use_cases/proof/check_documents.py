"""Check that the stored documents are what was drafted, and what the records say was issued."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

from monthclose.domain.closes.checks import Check
from monthclose.domain.closes.tally import Tally
from monthclose.domain.invoices.invoice import DocumentPlace
from monthclose.domain.invoices.series import Series
from monthclose.domain.month import CustomerMonth
from monthclose.ports import Documents, Reservation
from monthclose.use_cases.stored_documents import read_together

_DRAFTS = Lock()
"""Drafts take some eight times their size in memory: those of one reservation at a time."""


class _Issued(NamedTuple):
    """A document that a record names."""

    customer_id: str
    name: str
    place: DocumentPlace


def check_documents(
    tally: Tally, documents: Documents, months: Mapping[str, CustomerMonth], reserved: Sequence[Reservation]
) -> None:
    """Check a batch's documents by place and hash, and the drafts of its numbers."""
    issued = [one for customer_id, month in months.items() for one in _issued(customer_id, month)]
    for one, stored in read_together(documents, issued, lambda found: found.place):
        _check_stored(tally, one, stored)
    by_name = {one.name: one for one in issued}
    for reservation in reserved:
        with _DRAFTS:
            _check_drafts(tally, documents, reservation, by_name)


def _issued(customer_id: str, month: CustomerMonth) -> Iterator[_Issued]:
    for invoice in month.invoices:
        yield _Issued(customer_id, invoice.number, invoice.document)
    for note in month.credit_notes:
        yield _Issued(customer_id, note.number, note.document)
    if month.carried:
        yield _Issued(customer_id, f"the amount carried from {month.carried.period}", month.carried.document)


def _check_stored(tally: Tally, one: _Issued, stored: bytes | None) -> None:
    same = stored is not None and hashlib.sha256(stored).hexdigest() == one.place.sha256
    tally.add(Check.DOCUMENTS, 1, int(same), what="documents")
    if not same:
        what = "is missing" if stored is None else "is not what was issued: its hash differs"
        tally.fail(Check.DOCUMENTS, one.customer_id, f"{one.name}: its document in {one.place.key} {what}")


def _check_drafts(tally: Tally, documents: Documents, reservation: Reservation, issued: Mapping[str, _Issued]) -> None:
    """Number the drafts of a reservation once more, and compare the hashes with those of the documents."""
    try:
        content = documents.get(reservation.drafts_key)
    except KeyError:
        return _fail_drafts(tally, reservation, "are missing")
    named = reservation.drafts_key.rpartition("-")[2].removesuffix(".json")
    drafts = json.loads(content) if hashlib.sha256(content).hexdigest().startswith(named) else ()
    if len(drafts) != reservation.count:
        return _fail_drafts(tally, reservation, "are not those that the numbers were reserved for")
    for number, draft in enumerate(drafts, start=reservation.first):
        name = Series.INVOICES.numbered(number)
        text = json.dumps({"number": name, **draft}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        one, sha256 = issued.get(name), hashlib.sha256(text.encode()).hexdigest()
        if not tally.add(Check.DOCUMENTS, 1, int(one is None or one.place.sha256 == sha256), what="drafts") and one:
            tally.fail(Check.DOCUMENTS, one.customer_id, f"{name}: the document is not what was drafted")
    return None


def _fail_drafts(tally: Tally, reservation: Reservation, what: str) -> None:
    tally.add(Check.DOCUMENTS, reservation.count, 0, what="drafts")
    last = Series.INVOICES.numbered(reservation.first + reservation.count - 1)
    names = f"{Series.INVOICES.numbered(reservation.first)} to {last}"
    tally.fail(Check.DOCUMENTS, "", f"{names}: their drafts in {reservation.drafts_key} {what}")
