"""Check one customer's month by its records alone.

Everything is summed up from the records here once more: nothing that books, and no counter, is used.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from monthclose.domain.accounts.ledger import Account, Entry
from monthclose.domain.closes.checks import Check
from monthclose.domain.closes.tally import Tally
from monthclose.domain.collections.dunning import sent_about, telling_due
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.money import Money
from monthclose.domain.month import CustomerMonth
from monthclose.domain.notices.notice import NoticeKind
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period

_OF_NOTES = "credit_note/"
_JUST_NOW = timedelta(minutes=5)
"""An outcome that is no older is being told right now, by whoever booked it."""
_A = Account


class SeenMonth(NamedTuple):
    """A customer's month as it was read.

    Parameters
    ----------
    known : bool
        Whether the batch's progress says that something is left to do: the close, or the reconciler, will do it.
    """

    customer_id: str
    month: CustomerMonth
    known: bool
    now: datetime


def check_month(tally: Tally, seen: SeenMonth) -> None:
    """Make all checks that need no more than the month, whose entries balance."""
    _check_invoices(tally, seen)
    _check_credit_notes(tally, seen)
    _check_payments(tally, seen)
    _check_equation(tally, seen)
    _check_outcome(tally, seen)
    _check_notices(tally, seen)


def sum_on(entries: Iterable[Entry], *accounts: Account) -> int:
    """Sum the legs on some accounts, in minor units, debits positive."""
    return sum(leg.minor for entry in entries for leg in entry.legs if leg.account in accounts)


def check_entries(tally: Tally, customer_id: str, months: Mapping[Period, CustomerMonth], period: Period) -> bool:
    """Check that entries balance: those of the month, and all others that were read. If not, no other sum can tie."""
    balanced = True
    for entry in (entry for month in months.values() for entry in month.entries):
        debits = sum(leg.minor for leg in entry.legs if leg.minor > 0)
        credited = -sum(leg.minor for leg in entry.legs if leg.minor < 0)
        if entry.period != period and debits == credited:
            continue  # another month's proof has it among its sums
        if not tally.add(Check.ENTRIES, debits, credited, currency=entry.currency):
            balanced, off = False, Money(debits - credited, entry.currency)
            tally.fail(Check.ENTRIES, customer_id, f"entry {entry.entry_id}: debits exceed credits by {off}")
    return balanced


def _check_invoices(tally: Tally, seen: SeenMonth) -> None:
    """Hold each invoice's net and tax against the entry that booked it; no other entry books revenue or tax."""
    booked = {e.entry_id: e for e in seen.month.entries if not e.entry_id.startswith(_OF_NOTES)}
    for invoice in seen.month.invoices:
        entry = booked.pop(invoice.entry_id, None)
        _hold_against(tally, seen, invoice, entry)
    for entry in booked.values():
        for what, minor in (("net", -sum_on([entry], _A.REVENUE)), ("tax", -sum_on([entry], _A.TAX))):
            if minor:
                tally.add(Check.LEDGER, 0, minor, currency=entry.currency, what=what)
                of = f"entry {entry.entry_id} books {Money(minor, entry.currency)} of {what} sales"
                tally.fail(Check.LEDGER, seen.customer_id, f"{of}, and there is no such invoice")


def _hold_against(tally: Tally, seen: SeenMonth, document: Invoice | CreditNote, entry: Entry | None) -> None:
    """Hold a document's net and tax against the entry that booked it: an invoice credits sales, a note debits them."""
    check, sign = (Check.LEDGER, -1) if isinstance(document, Invoice) else (Check.CREDIT_NOTES, 1)
    legs, currency = [entry] if entry else [], document.currency
    net, tax = sign * sum_on(legs, _A.REVENUE), sign * sum_on(legs, _A.TAX)
    same = tally.add(check, document.total_minor - document.tax_minor, net, currency=currency, what="net")
    if document.tax_minor or tax:
        same &= tally.add(check, document.tax_minor, tax, currency=currency, what="tax")
    if not same:
        found = f"{Money(net + tax, currency)}, of it {Money(tax, currency)} tax" if entry else "no entry of it"
        has = f"{document.total}, of it {Money(document.tax_minor, currency)} tax"
        tally.fail(check, seen.customer_id, f"{document.number} has {has}; the ledger has {found}")


def _check_credit_notes(tally: Tally, seen: SeenMonth) -> None:
    booked = {e.entry_id: e for e in seen.month.entries if e.entry_id.startswith(_OF_NOTES)}
    for note in seen.month.credit_notes:
        entry = booked.pop(note.entry_id, None)
        _hold_against(tally, seen, note, entry)
    for entry in booked.values():
        for what, minor in (("net", sum_on([entry], _A.REVENUE)), ("tax", sum_on([entry], _A.TAX))):
            tally.add(Check.CREDIT_NOTES, 0, minor, currency=entry.currency, what=what)
        number = entry.entry_id.removeprefix(_OF_NOTES)
        tally.fail(Check.CREDIT_NOTES, seen.customer_id, f"{number} is in the ledger, and there is no such credit note")


def _check_payments(tally: Tally, seen: SeenMonth) -> None:
    """Hold what the payments collected, less what went back, against the account of the providers' money."""
    held, booked = Counter[str](), Counter[str]()
    for payment in seen.month.payments:
        held[payment.currency] += payment.collected_minor - payment.refunded_minor - payment.reversed_minor
    for entry in seen.month.entries:
        booked[entry.currency] += sum_on([entry], _A.CLEARING)
    for currency in sorted({*held, *booked}):
        if not tally.add(Check.PAYMENTS, held[currency], booked[currency], currency=currency):
            ours, ledger = Money(held[currency], currency), Money(booked[currency], currency)
            tally.fail(Check.PAYMENTS, seen.customer_id, f"the payments hold {ours}, the ledger has {ledger}")


def _check_equation(tally: Tally, seen: SeenMonth) -> None:
    """Hold how the invoices were settled against the ledger: what is open, what credit paid, what was written off."""
    month = seen.month
    currencies = {i.currency for i in month.invoices} | {e.currency for e in month.entries}
    for currency in sorted(currencies):
        settled = _settled(month, currency)
        entries = [entry for entry in month.entries if entry.currency == currency]
        tally.add_part(
            currency, **{name: settled[name] for name in ("invoiced", "credited", "collected", "written_off")}
        )
        booked = (sum_on(entries, _A.RECEIVABLE), sum_on(entries, _A.CREDIT), sum_on(entries, _A.WRITE_OFF))
        expected = (settled["open"], _credit_expected(settled, entries), settled["written_off"] + settled["lost"])
        for what, left, right in zip(("closing", "credit", "written off"), expected, booked, strict=True):
            if not tally.add(Check.EQUATION, left, right, currency=currency, what=what):
                ours, ledger = Money(left, currency), Money(right, currency)
                detail = f"{_numbers(month)}: the {what} amount is {ours} by the invoices, {ledger} in the ledger"
                tally.fail(Check.EQUATION, seen.customer_id, detail)


def _settled(month: CustomerMonth, currency: str) -> Mapping[str, int]:
    sums = Counter[str]()
    for invoice in month.invoices:
        if invoice.currency == currency:
            sums["invoiced"] += max(invoice.total_minor, 0)
            sums["negative"] += max(-invoice.total_minor, 0)
            sums["credited"] += invoice.credited_minor
            sums["collected"] += invoice.collected_minor
            sums["written_off"] += invoice.written_off_minor
    sums["lost"] = sum(payment.lost_minor for payment in month.payments if payment.currency == currency)
    sums["open"] = sums["invoiced"] - sums["credited"] - sums["collected"] - sums["written_off"]
    return sums


def _credit_expected(settled: Mapping[str, int], entries: Iterable[Entry]) -> int:
    """Work out the credit account: what paid invoices, less what became credit.

    Of credit that people booked, of what expired and of what credit notes gave there is no other record than the
    ledger; what the providers collected beyond the invoices became credit, too, but for what is our loss.
    """
    entries = list(entries)
    became = sum_on(entries, _A.ALLOWANCE, _A.BANK, _A.BREAKAGE)
    by_notes = sum_on((e for e in entries if e.entry_id.startswith(_OF_NOTES)), _A.REVENUE, _A.TAX)
    overpaid = sum_on(entries, _A.CLEARING) - settled["collected"]
    return settled["credited"] - settled["negative"] - became - by_notes - overpaid - settled["lost"]


def _numbers(month: CustomerMonth) -> str:
    return ", ".join(invoice.number for invoice in month.invoices) or "no invoice"


def _check_outcome(tally: Tally, seen: SeenMonth) -> None:
    wrong = _without_outcome(seen)
    tally.add(Check.CUSTOMERS, 1, int(not wrong))
    if wrong:
        tally.fail(Check.CUSTOMERS, seen.customer_id, wrong)


def _without_outcome(seen: SeenMonth) -> str:
    """Say why a customer is neither through nor waiting for something that has a name; empty if they are.

    Through: nothing to bill, carried, parked with a reason, or an invoice whose payment has an outcome. Waiting: for a
    provider's answer, for another payment, or for what the batch's progress says is left to do.
    """
    month = seen.month
    if month.parked or month.invoice is None:
        return ""
    if month.collecting is None:
        return f"{month.invoice.number} has no payment"
    if not month.unsettled or seen.known:
        return ""
    left = [p for p in month.payments if not p.settled and not p.waits and not p.in_flight]
    return "; ".join(f"payment {p.payment_id} is {p.state}, and nothing will begin it" for p in left)


def _check_notices(tally: Tally, seen: SeenMonth) -> None:
    month = seen.month
    if month.invoice is None:
        return
    sent, missing = len(sent_about(month)), telling_due(month)
    twice = max(_receipts(month) - _times_paid(month), 0)
    will_be_sent = missing is not None and (seen.known or _just_now(seen))
    tally.add(Check.NOTICES, sent - twice + bool(missing), sent + will_be_sent)
    if missing and not will_be_sent:
        what = missing.kind.replace("_", " ")
        tally.fail(Check.NOTICES, seen.customer_id, f"{month.invoice.number}: no e-mail about its outcome ({what})")
    if twice:
        detail = (
            f"{month.invoice.number}: {_receipts(month)} receipts were sent, it was paid {_times_paid(month)} times"
        )
        tally.fail(Check.NOTICES, seen.customer_id, detail)


def _receipts(month: CustomerMonth) -> int:
    return sum(notice.told and notice.kind == NoticeKind.RECEIPT for notice in month.notices)


def _times_paid(month: CustomerMonth) -> int:
    return sum(step.after is PaymentState.PAID for payment in month.payments for step in payment.history)


def _just_now(seen: SeenMonth) -> bool:
    steps = [step.time for payment in seen.month.payments for step in payment.history]
    return bool(steps) and seen.now - max(steps) < _JUST_NOW


def status_of(months: Iterable[CustomerMonth]) -> Mapping[tuple[str, str], int]:
    """Count and sum what a batch's status says of its customers: by what is counted and its name, or by currency."""
    sums = Counter[tuple[str, str]]()
    for month in months:
        sums["customers", _kind(month)] += 1
        if month.collected_how:
            sums["payments", month.collected_how] += 1
        for currency in {invoice.currency for invoice in month.invoices}:
            settled = _settled(month, currency)
            for name in ("invoiced", "credited", "collected", "written_off", "open"):
                sums[currency, name] += settled[name]
    return sums


def _kind(month: CustomerMonth) -> str:
    if month.invoice:
        return "invoiced"
    return "parked" if month.parked else "carried" if month.carried else "nothing_to_bill"
