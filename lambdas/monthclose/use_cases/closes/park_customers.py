"""Park customers: after the last repair round, set aside every customer without an outcome, with the reason."""

from collections.abc import Collection
from dataclasses import replace

from monthclose.domain.closes.close import Batch, Stage
from monthclose.domain.errors import ParkCustomerError, UserMistakeError
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import PaymentState
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Closes
from monthclose.use_cases.batch_work import park, read_months, summed_up


def park_customers(
    period: Period, batch: Batch, only: Collection[str] = (), *, books: Books, closes: Closes, clock: Clock
) -> int:
    """Park the customers of an unfinished batch that have no outcome, and return how many there were.

    If the run is limited to some of them, the others are left alone.

    A parked payment keeps its state and its lease: it is not charged again before its outcome is known.
    """
    close, progress = closes.get(period), closes.progress(period, batch.number)
    if close is None:
        raise UserMistakeError(f"{period} has never been closed")
    if progress and progress.finished:
        return 0
    parked, months = 0, read_months(books, batch.customer_ids, period)
    for customer_id, month in months.items():
        if only and customer_id not in only:
            continue
        reason = _reason(month, _being_charged(books, customer_id, month), generated=progress is not None)
        if reason:
            park(books, clock, customer_id, period, reason)
            months[customer_id] = books.month(customer_id, period)
            parked += 1
    stage = progress.stage if progress else Stage.GENERATED
    after = summed_up(period, batch, months.values(), stage, close.round, clock)
    charged_at = progress.charged_at if progress else None
    closes.put_progress(replace(after, charged_at=charged_at), months.values())
    return parked


def _being_charged(books: Books, customer_id: str, month: CustomerMonth) -> str:
    """Return the id of the customer's other payment that this month's waits for; empty if it waits for none."""
    if month.payment is None or month.payment.state is not PaymentState.READY:
        return ""
    customer = books.customer(customer_id)
    leased = customer.open_payment if customer else ""
    return leased if leased != month.payment.payment_id else ""


def _reason(month: CustomerMonth, being_charged: str, *, generated: bool) -> ParkCustomerError | None:
    if month.parked:
        return None
    if being_charged and month.payment:
        return ParkCustomerError(
            "payment_unsettled",
            f"payment {month.payment.payment_id} is still {month.payment.state}: the customer is being charged for "
            f"payment {being_charged}; the reconciler, or the next close, charges this one afterwards",
        )
    if month.payment is not None and month.payment.state is PaymentState.READY and month.payment.code:
        return ParkCustomerError(
            "payment_unsettled",
            f"payment {month.payment.payment_id} was not accepted: {month.payment.provider} refuses the order as it is "
            f"({month.payment.code}), and waiting does not change that",
        )
    if month.payment is not None and not month.payment.settled:
        return ParkCustomerError(
            "payment_unsettled",
            f"payment {month.payment.payment_id} is still {month.payment.state}"
            + (f" ({month.payment.code})" if month.payment.code else "")
            + "; close the period again once the cause is fixed",
        )
    if month.invoice is None and not generated:
        return ParkCustomerError("not_generated", "the invoice could not be generated; see the execution's history")
    return None
