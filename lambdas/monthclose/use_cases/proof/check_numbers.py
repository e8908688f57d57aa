"""Check that numbers have no gap and no double: those that were reserved against those that were issued."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from monthclose.domain.closes.checks import Check
from monthclose.domain.closes.tally import Tally
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.series import Series
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.ports import Closes, Reservation

_MOST_HOPS = 1_000
"""Runs of other closes between those of one close that are looked up: two closes at the same time mix theirs."""


class NumberedBatch(NamedTuple):
    """A batch's runs of numbers and its customers' months.

    Parameters
    ----------
    all_readable : bool
        Whether every customer's records could be read: an unread one may have any of the numbers.
    """

    period: Period
    reserved: Sequence[Reservation]
    months: Mapping[str, CustomerMonth]
    all_readable: bool


def check_invoice_numbers(tally: Tally, batch: NumberedBatch) -> None:
    """Check that each reserved number is on one invoice, or has a reason not to be, and that no other is used."""
    runs = [range(run.first, run.first + run.count) for run in batch.reserved]
    tally.runs += [(run.first, run.count) for run in batch.reserved]
    issued = Counter[int]()
    for customer_id, month in batch.months.items():
        for invoice in month.invoices:
            number = _number(invoice.number, Series.INVOICES)
            issued[number] += 1
            known = any(number in run for run in runs)
            if not known or issued[number] > 1:
                tally.add(Check.NUMBERS, 0, 1)
                why = "it is on two invoices" if known else "it was never reserved for their batch"
                tally.fail(Check.NUMBERS, customer_id, f"{invoice.number}: {why}")
    for run in runs:
        for number in run:
            reason = bool(issued[number]) or _has_a_reason(Series.INVOICES.numbered(number), batch)
            if not tally.add(Check.NUMBERS, 1, int(reason)):
                name = Series.INVOICES.numbered(number)
                tally.fail(Check.NUMBERS, "", f"{name} was reserved, and no invoice has it")


def _has_a_reason(name: str, batch: NumberedBatch) -> bool:
    """Whether it is known who will get a number: a parked customer, or an invoice that is being replaced."""
    return not batch.all_readable or any(
        (month.parking is not None and month.parking.active and month.parking.detail.startswith(name))
        or bool(month.invoice and month.invoice.being_replaced)
        for month in batch.months.values()
    )


def _number(name: str, series: Series) -> int:
    try:
        return series.number_of(name)
    except UserMistakeError:
        return 0  # no number of the series: it is in no run


def check_credit_note_numbers(
    tally: Tally, period: Period, customer_id: str, month: CustomerMonth, closes: Closes
) -> None:
    """Check the numbers of the credit notes on a month's invoices; most months have none, and ask nothing."""
    for corrected in sorted({note.corrects for note in month.credit_notes}):
        owner = _number(corrected, Series.INVOICES)
        runs = closes.reservations(period, owner, Series.CREDIT_NOTES)
        reserved = [number for run in runs for number in range(run.first, run.first + run.count)]
        notes = {_number(note.number, Series.CREDIT_NOTES): note for note in month.notes_on(corrected)}
        for number in reserved:
            if not tally.add(Check.CREDIT_NOTE_NUMBERS, 1, int(number in notes)):
                name = Series.CREDIT_NOTES.numbered(number)
                detail = f"{name} was reserved for {corrected}, and no credit note has it"
                tally.fail(Check.CREDIT_NOTE_NUMBERS, customer_id, detail)
        for number, note in notes.items():
            _check_owner(tally, note, (period, owner), number, reserved, closes)


def _check_owner(
    tally: Tally, note: CreditNote, owner: tuple[Period, int], number: int, reserved: Sequence[int], closes: Closes
) -> None:
    run = closes.run_of(number, Series.CREDIT_NOTES) if number else None
    if number not in reserved or run is None or (run.period, run.batch) != owner:
        tally.add(Check.CREDIT_NOTE_NUMBERS, 0, int(number not in reserved))
        detail = f"{note.number} was never reserved for {note.corrects}"
        tally.fail(Check.CREDIT_NOTE_NUMBERS, note.customer_id, detail)


def check_runs(tally: Tally, closes: Closes) -> None:
    """Check that no two of a close's runs overlap, and that what is between them was reserved for something else."""
    hops = _MOST_HOPS
    for (first, count), (following, _) in pairwise(sorted(tally.runs)):
        number = first + count
        if following < number:
            name = Series.INVOICES.numbered(following)
            tally.fail(Check.NUMBERS, "", f"{name} was reserved for two batches")
        while number < following and hops:
            other, hops = closes.run_of(number, Series.INVOICES), hops - 1
            if other is None:
                names = Series.INVOICES.numbered(number), Series.INVOICES.numbered(following - 1)
                tally.add(Check.NUMBERS, following - number, 0, what="between the close's runs")
                tally.fail(Check.NUMBERS, "", f"{names[0]} to {names[1]} were reserved for nothing")
                break
            number = other.first + other.count
