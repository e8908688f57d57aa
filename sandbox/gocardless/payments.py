"""The operations on payments and refunds (API reference, pages of these names)."""

from datetime import date

from sandbox.gocardless import errors
from sandbox.gocardless.account import Account, Answer, Call, Command, created
from sandbox.gocardless.lifecycle import COLLECTED, TRANSITIONS, advance, begin, restart
from sandbox.gocardless.mandates import OPEN
from sandbox.gocardless.objects import Mandate, Payment, Refund
from sandbox.gocardless.params import Body
from sandbox.gocardless.schemes import CURRENCIES, LIMITS, SCHEMES
from sandbox.gocardless.shelf import read_page

_MOST_RETRIES = 3


def create(call: Call) -> Command:
    """Create a payment against a mandate."""
    body = call.body
    amount, currency = body.amount("amount"), body.required("currency")
    if currency not in SCHEMES:
        raise errors.invalid_field(body.pointer("currency"), f"must be one of {', '.join(SCHEMES)}")
    least, most = LIMITS[SCHEMES[currency]]
    if amount < least:
        raise errors.invalid_field(body.pointer("amount"), "is lower than the minimum permitted amount")
    if amount > most:
        raise errors.invalid_field(body.pointer("amount"), "is higher than the maximum permitted amount")
    charge_date, description = _read_date(body), body.text("description")
    reference, metadata, retry = body.text("reference", 140), body.metadata(), body.flag("retry_if_possible")
    links = body.nested("links")
    mandate_id = links.required("mandate")

    def command(account: Account) -> Answer:
        def make() -> Payment:
            mandate = account.mandate(mandate_id, links.pointer("mandate"))
            _check(mandate, currency, body)
            payment = Payment(
                id=account.ids.new("PM"),
                created_at=account.now(),
                amount=amount,
                currency=currency,
                charge_date=max(charge_date or "", account.now()[:10]),
                mandate=mandate.id,
                customer=mandate.customer,
                scheme=SCHEMES[currency],
                idempotency_key=call.idempotency_key,
                since=account.clock(),
                steps_left=mandate.behaviour.steps,
                description=description,
                reference=reference,
                retry_if_possible=retry,
                metadata=metadata,
            )
            begin(account, payment)
            return account.payments.add(payment, mandate.id, mandate.customer)

        return created(account, call, "payments", make)

    return command


def _read_date(body: Body) -> str | None:
    value = body.text("charge_date")
    try:
        return value and date.fromisoformat(value).isoformat()
    except ValueError:
        raise errors.invalid_field(body.pointer("charge_date"), "must be a date like 2026-11-01") from None


def _check(mandate: Mandate, currency: str, body: Body) -> None:
    if mandate.status not in OPEN:
        raise errors.invalid_state("mandate_is_inactive", f"Mandate is {mandate.status}")
    if not mandate.takes_any_currency and currency != CURRENCIES[mandate.scheme]:
        raise errors.invalid_field(body.pointer("currency"), f"must be {CURRENCIES[mandate.scheme]} for this mandate")


def get(call: Call) -> Command:
    """Get a payment."""
    return lambda account: Answer({"payments": account.payments.get(call.ids["payment"]).to_json()})


def list_all(call: Call) -> Command:
    """List payments, also by mandate, customer, status and currency."""
    query = call.query
    page, mandate, customer = read_page(query), query.text("mandate"), query.text("customer")
    statuses, currency = query.words("status"), query.text("currency")

    def wanted(payment: Payment) -> bool:
        return (
            (not statuses or payment.status in statuses)
            and currency in (None, payment.currency)
            and customer in (None, payment.customer)
        )

    return lambda account: Answer(account.payments.page(page, "payments", owner=mandate or customer, where=wanted))


def cancel(call: Call) -> Command:
    """Cancel a payment that was not submitted to the banks yet."""
    call.body.metadata()

    def command(account: Account) -> Answer:
        payment = account.payments.get(call.ids["payment"])
        if payment.status == "submitted" or "cancelled" not in TRANSITIONS[payment.status]:
            raise errors.invalid_state("cancellation_failed", f"Payment is {payment.status}")
        advance(account, payment, "cancelled")
        return Answer({"payments": payment.to_json()})

    return command


def retry(call: Call) -> Command:
    """Try a failed payment once more, up to three times, if its mandate is active."""
    call.body.metadata()

    def command(account: Account) -> Answer:
        payment = account.payments.get(call.ids["payment"])
        if payment.status != "failed" or payment.retries >= _MOST_RETRIES:
            raise errors.invalid_state("retry_failed", f"Payment is {payment.status} after {payment.retries} retries")
        _check(account.mandate(payment.mandate), payment.currency, call.body)
        restart(account, payment)
        return Answer({"payments": payment.to_json()})

    return command


def refund(call: Call) -> Command:
    """Create a refund; the amounts refunded so far and now must be confirmed by their sum."""
    body = call.body
    amount, total = body.amount("amount"), body.amount("total_amount_confirmation")
    reference, metadata = body.text("reference", 140), body.metadata()
    links = body.nested("links")
    payment_id = links.required("payment")

    def command(account: Account) -> Answer:
        def make() -> Refund:
            payment = account.payments.linked(payment_id, links.pointer("payment"))
            if payment.status not in COLLECTED:
                raise errors.invalid_state("refund_payment_invalid_state", f"Payment is {payment.status}")
            if total != payment.amount_refunded + amount:
                raise errors.invalid_state(
                    "total_amount_confirmation_invalid",
                    f"The total refunded would be {payment.amount_refunded + amount}",
                )
            if total > payment.amount:
                raise errors.invalid_field(body.pointer("amount"), "refunds would exceed the payment's amount")
            payment.amount_refunded = total
            made = Refund(
                account.ids.new("RF"),
                account.now(),
                amount,
                payment.currency,
                payment.id,
                payment.mandate,
                reference,
                metadata,
            )
            account.move("refund", payment, -amount)
            account.emit(
                made, "created", {"origin": "api", "cause": "refund_created", "description": "Refund created."}
            )
            return account.refunds.add(made, payment.id)

        return created(account, call, "refunds", make)

    return command


def get_refund(call: Call) -> Command:
    """Get a refund."""
    return lambda account: Answer({"refunds": account.refunds.get(call.ids["refund"]).to_json()})


def list_refunds(call: Call) -> Command:
    """List refunds, also by payment and mandate."""
    page, payment, mandate = read_page(call.query), call.query.text("payment"), call.query.text("mandate")

    def wanted(refund: Refund) -> bool:
        return mandate in (None, refund.mandate)

    return lambda account: Answer(account.refunds.page(page, "refunds", owner=payment, where=wanted))
