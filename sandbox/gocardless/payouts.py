"""Payouts and their items (API reference, pages of these names): money on its way to the creditor's bank account.

A payout is opened by the first payment that is paid out in its currency, or the first funds that come back, and closed
at the end of the same request or control: payments that were charged back or failed after they had been paid out, and
refunds, are deducted from it as far as it stays above nothing; the rest waits for the next one.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sandbox.gocardless import errors
from sandbox.gocardless.account import Account, Answer, Call, Command, Due
from sandbox.gocardless.money import Item, Payment, Payout, Refund
from sandbox.gocardless.params import iso
from sandbox.gocardless.shelf import read_page
from sandbox.working_days import after_working_days

_FEE_SHARE = Decimal("0.01")
# GoCardless' standard fees (support article "Transactions and fees FAQs"; none for USD): at least and at most.
_FEES: Mapping[str, tuple[int, int]] = {
    "AUD": (35, 350),
    "CAD": (40, 400),
    "DKK": (700, 2200),
    "EUR": (20, 200),
    "GBP": (20, 200),
    "NZD": (40, 440),
    "SEK": (200, 2000),
    "USD": (20, 500),
}
_ITEMS_LIVE = timedelta(days=183)


def fee_of(payment: Payment) -> Decimal:
    """Return what GoCardless keeps of a payment, in minor units to one decimal place; never more than half of it."""
    low, high = _FEES[payment.currency]
    share = (payment.amount * _FEE_SHARE).quantize(Decimal("0.1"))
    return min(max(share, Decimal(low)), Decimal(high), Decimal(payment.amount) / 2)


def pay_out(account: Account, payment: Payment) -> None:
    """Put a payment into the open payout for its currency, or into a new one."""
    payout = _open(account, payment.currency)
    payment.payout = payout.id
    links = {"payment": payment.id}
    payout.items.append(Item("payment_paid_out", Decimal(payment.amount), links))
    payout.items.append(Item("gocardless_fee", -fee_of(payment), links))


def owe_payment(account: Account, payment: Payment, kind: str) -> None:
    """Deduct a paid-out payment from a future payout, because it failed or was charged back."""
    item = Item(kind, Decimal(-payment.amount), {"payment": payment.id})
    account.due[payment.id, payment.payout] = Due(item, fee_of(payment), payment, payment.payout)


def owe_refund(account: Account, refund: Refund) -> None:
    """Deduct a refund from a future payout."""
    account.due[refund.id, ""] = Due(Item("payment_refunded", Decimal(-refund.amount), _of(refund)), Decimal(), refund)


def forgive(account: Account, owed: Payment | Refund) -> bool:
    """Cancel a deduction; return whether nothing had been deducted yet."""
    return account.due.pop((owed.id, owed.payout), None) is not None


def return_funds(account: Account, refund: Refund) -> str:
    """Credit a refund that was deducted, and return the payout's id."""
    payout = _open(account, refund.currency)
    payout.items.append(Item("refund_funds_returned", Decimal(refund.amount), _of(refund)))
    return payout.id


def close(account: Account) -> None:
    """Deduct what is due from the payouts that are open, and send them."""
    for payout in tuple(account.open_payouts.values()):
        for key, owed in tuple(account.due.items()):
            if owed.about.currency == payout.currency and payout.total + owed.item.amount + owed.fee >= 1:
                del account.due[key]
                _deduct(account, payout, owed)
        payout.status = "paid"
        today = datetime.fromtimestamp(account.clock(), UTC).date()
        payout.arrival_date = after_working_days(today, 1).isoformat()
        account.emit(payout, "paid")
    account.open_payouts.clear()


def _open(account: Account, currency: str) -> Payout:
    if currency not in account.open_payouts:
        payout = Payout(account.ids.new("PO"), account.now(), currency)
        account.open_payouts[currency] = account.payouts.add(payout)
    return account.open_payouts[currency]


_SETTLED = {
    "payment_failed": "late_failure_settled",
    "payment_charged_back": "chargeback_settled",
    "payment_refunded": "refund_settled",
}


def _deduct(account: Account, payout: Payout, owed: Due) -> None:
    payout.items.append(owed.item)
    if owed.fee:
        payout.items.append(Item("gocardless_fee", owed.fee, owed.item.links))
    if isinstance(owed.about, Refund):
        owed.about.payout = payout.id
    elif owed.about.payout == owed.paid_in:
        owed.about.payout = ""
    account.emit(owed.about, _SETTLED[owed.item.kind], links={"payout": payout.id})


def _of(refund: Refund) -> Mapping[str, str]:
    return {"payment": refund.payment, "mandate": refund.mandate, "refund": refund.id}


def get(call: Call) -> Command:
    """Get a payout."""
    return lambda account: Answer({"payouts": account.payouts.get(call.ids["payout"]).to_json()})


def list_all(call: Call) -> Command:
    """List payouts, also by currency, status and reference."""
    query = call.query
    page, currency, status = read_page(query), query.text("currency"), query.text("status")
    reference, kind = query.text("reference"), query.text("payout_type")
    for name in ("creditor", "creditor_bank_account"):  # there is but one
        query.text(name)

    def wanted(payout: Payout) -> bool:
        return (
            currency in (None, payout.currency)
            and status in (None, payout.status)
            and reference in (None, payout.to_json()["reference"])
            and kind in (None, "merchant")
        )

    return lambda account: Answer(account.payouts.page(page, "payouts", where=wanted))


def list_items(call: Call) -> Command:
    """List a payout's items, for six months (API reference, "Payout items")."""
    query = call.query
    page, payout_id = read_page(query), query.text("payout")
    query.text("include_2020_tax_cutover")
    if payout_id is None:
        raise errors.invalid_field("/payout", "is required")

    def command(account: Account) -> Answer:
        payout = account.payouts.linked(payout_id, "/payout")
        if payout.created_at < iso(account.clock() - _ITEMS_LIVE.total_seconds()):
            raise errors.gone("Items of payouts can be listed for six months")
        first = _place(page.after, default=-1) + 1
        last = _place(page.before, default=len(payout.items))
        if page.before is not None:
            first = max(0, last - page.limit)
        shown = payout.items[first : min(last, first + page.limit)]
        end = first + len(shown)
        cursors = {
            "before": str(first) if first > 0 and shown else None,
            "after": str(end - 1) if end < len(payout.items) and shown else None,
        }
        items = [item.to_json() for item in shown]
        return Answer({"payout_items": items, "meta": {"cursors": cursors, "limit": page.limit}})

    return command


def _place(cursor: str | None, *, default: int) -> int:
    if cursor is None:
        return default
    if not cursor.isdecimal():
        raise errors.bad_request(f"Invalid cursor: {cursor}")
    return int(cursor)
