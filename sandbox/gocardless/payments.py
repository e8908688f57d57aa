"""The operations on payments (API reference, "Payments")."""

from collections.abc import Callable, Mapping
from datetime import date

from sandbox.gocardless import errors
from sandbox.gocardless.account import Account, Answer, Call, Command, created
from sandbox.gocardless.lifecycle import MOST_RETRIES, advance, begin, restart
from sandbox.gocardless.money import Payment
from sandbox.gocardless.objects import OPEN, Mandate
from sandbox.gocardless.params import Body, Query
from sandbox.gocardless.schemes import CURRENCIES, LONGEST_REFERENCE, SCHEMES
from sandbox.gocardless.shelf import read_bounds, read_page
from sandbox.working_days import working_day

_LONGEST_REFERENCE = max(LONGEST_REFERENCE.values())
_PSU = frozenset({"in_session", "off_session"})


def create(call: Call) -> Command:
    """Create a payment against a mandate."""
    body = call.body
    amount, currency = body.amount("amount"), body.required("currency")
    if currency not in SCHEMES:
        raise errors.invalid_field(body.pointer("currency"), f"must be one of {', '.join(SCHEMES)}")
    charge_date, description = _read_date(body), body.text("description")
    reference, metadata = body.text("reference", _LONGEST_REFERENCE), body.metadata()
    retry, faster = body.flag("retry_if_possible"), body.flag("faster_ach")
    _refuse_what_is_for_others(body)
    links = body.nested("links")
    mandate_id = links.required("mandate")

    def command(account: Account) -> Answer:
        def make() -> Payment:
            mandate = account.mandate(mandate_id, links.pointer("mandate"))
            _check(mandate, currency, body.pointer("currency"))
            check_limits(account, amount, currency, body.pointer("amount"))
            check_reference(account, reference, SCHEMES[currency], body.pointer("reference"))
            payment = Payment(
                id=account.ids.new("PM"),
                created_at=account.now(),
                amount=amount,
                currency=currency,
                charge_date=_charge_date(mandate, charge_date, body.pointer("charge_date")),
                mandate=mandate.id,
                customer=mandate.customer,
                scheme=SCHEMES[currency],
                idempotency_key=call.idempotency_key,
                since=account.clock(),
                steps_left=mandate.behaviour.steps,
                description=description,
                reference=reference,
                retry_if_possible=retry,
                faster_ach=faster,
                status="pending_customer_approval" if mandate.payments_require_approval else "pending_submission",
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


def _charge_date(mandate: Mandate, wanted: str | None, pointer: str) -> str:
    """Return the day of a charge: the earliest, unless a later one is wanted, which moves on to a working day."""
    earliest = mandate.earliest_charge()
    if wanted is None:
        return earliest
    if wanted < earliest:
        raise errors.invalid_field(pointer, f"must be on or after mandate's next_possible_charge_date ({earliest})")
    return working_day(date.fromisoformat(wanted)).isoformat()


def _refuse_what_is_for_others(body: Body) -> None:
    if body.whole("app_fee") is not None:
        raise errors.invalid_field(body.pointer("app_fee"), "can only be given by an app")
    psu = body.text("psu_interaction_type")
    if psu is not None and psu not in _PSU:
        raise errors.invalid_field(body.pointer("psu_interaction_type"), f"must be one of {', '.join(sorted(_PSU))}")


def _check(mandate: Mandate, currency: str, pointer: str) -> None:
    if mandate.replaced_by:
        raise errors.mandate_replaced(mandate.replaced_by)
    if mandate.status not in OPEN:
        raise errors.invalid_state("mandate_is_inactive", f"Mandate is {mandate.status}")
    if not mandate.takes_any_currency and currency != CURRENCIES[mandate.scheme]:
        raise errors.invalid_field(pointer, f"must be {CURRENCIES[mandate.scheme]} for this mandate")


def check_limits(account: Account, amount: int, currency: str, pointer: str) -> None:
    """Refuse an amount below the scheme's least or above what the account may collect at once."""
    least, most = account.terms.smallest.get(currency), account.terms.largest.get(currency)
    if least is not None and amount < least:
        raise errors.invalid_field(pointer, f"must be greater than or equal to {least}")
    if most is not None and amount > most:
        raise errors.invalid_field(pointer, f"must be less than or equal to {most}")


def check_reference(account: Account, reference: str | None, scheme: str, pointer: str) -> None:
    """Refuse a reference that a scheme has no room for or, with BECS, that was used before."""
    if reference is None:
        return
    longest = LONGEST_REFERENCE[scheme]
    if not longest:
        raise errors.invalid_field(pointer, "is not supported by the scheme")
    if len(reference) > longest:
        raise errors.invalid_field(pointer, f"is too long (maximum is {longest} characters)")
    if scheme == "becs" and account.payments.any(lambda other: (other.scheme, other.reference) == (scheme, reference)):
        raise errors.invalid_field(pointer, "must be unique")


def get(call: Call) -> Command:
    """Get a payment."""
    return lambda account: Answer({"payments": account.payments.get(call.ids["payment"]).to_json()})


def list_all(call: Call) -> Command:
    """List payments, also by mandate, customer, status and currency."""
    query = call.query
    page, mandate, customer = read_page(query), query.text("mandate"), query.text("customer")
    if query.text("creditor") and customer:
        raise errors.bad_request("only one of `customer` and `creditor` may be given")
    wanted = _filter(query, customer, mandate)
    return lambda account: Answer(account.payments.page(page, "payments", owner=mandate or customer, where=wanted))


def _filter(query: Query, customer: str | None, mandate: str | None) -> Callable[[Payment], bool]:
    statuses, currency, scheme = query.words("status"), query.text("currency"), query.text("scheme")
    charged = read_bounds("charge_date", query.text)

    def wanted(payment: Payment) -> bool:
        return (
            (not statuses or payment.status in statuses)
            and currency in (None, payment.currency)
            and scheme in (None, payment.scheme)
            and customer in (None, payment.customer)
            and mandate in (None, payment.mandate)
            and all(compare(payment.charge_date, bound) for compare, bound in charged)
        )

    return wanted


def update(call: Call) -> Command:
    """Change a payment's metadata, or whether it is retried."""
    metadata, retry = call.body.metadata(), call.body.flag("retry_if_possible")
    keeps = not call.body.has("retry_if_possible")

    def command(account: Account) -> Answer:
        payment = account.payments.get(call.ids["payment"])
        payment.metadata |= metadata
        payment.retry_if_possible = payment.retry_if_possible if keeps else retry
        return Answer({"payments": payment.to_json()})

    return command


def cancel(call: Call) -> Command:
    """Cancel a payment that was not submitted to the banks yet."""
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        payment = account.payments.get(call.ids["payment"])
        if payment.status != "pending_submission":
            raise errors.invalid_state("cancellation_failed", f"Payment is {payment.status}")
        advance(account, payment, "cancelled", metadata=metadata)
        return Answer({"payments": payment.to_json()})

    return command


def retry(call: Call) -> Command:
    """Try a failed payment once more, up to three times, if its mandate is active."""
    metadata: Mapping[str, str] = call.body.metadata()
    wanted = _read_date(call.body)

    def command(account: Account) -> Answer:
        payment = account.payments.get(call.ids["payment"])
        if payment.status != "failed" or payment.retries >= MOST_RETRIES:
            raise errors.invalid_state("retry_failed", f"Payment is {payment.status} after {payment.retries} retries")
        mandate = account.mandate(payment.mandate)
        _check(mandate, payment.currency, call.body.pointer("currency"))
        restart(account, payment, _charge_date(mandate, wanted, call.body.pointer("charge_date")), metadata)
        return Answer({"payments": payment.to_json()})

    return command
