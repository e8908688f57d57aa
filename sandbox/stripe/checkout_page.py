"""The page of a Checkout Session: it takes a card or a bank account, and pays with it or sets it up."""

import re
from collections.abc import Mapping

from sandbox import pages
from sandbox.pages import Field
from sandbox.stripe import numbers, setting_up
from sandbox.stripe.account import Account
from sandbox.stripe.confirmation import Confirmation, confirm
from sandbox.stripe.currencies import decimals
from sandbox.stripe.errors import StripeError
from sandbox.stripe.method_documents import Means
from sandbox.stripe.objects import Customer, PaymentIntent, PaymentMethod
from sandbox.stripe.session_objects import Session
from sandbox.wire import Response

_CARD = (
    Field("number", "Card number", "4242 4242 4242 4242"),
    Field("expiry", "Expiry date (MM / YY)", "12 / 34"),
    Field("cvc", "Security code (CVC)", "123"),
    Field("name", "Name on card", required=False),
)
_HOLDER = Field("name", "Name of the account holder")
_FORMS: Mapping[str, tuple[str, tuple[Field, ...]]] = {
    "card": ("Card", _CARD),
    "us_bank_account": (
        "US bank account",
        (Field("routing_number", "Routing number", "110000000"), Field("number", "Account number", "000123456789")),
    ),
    "sepa_debit": ("SEPA Direct Debit", (Field("iban", "IBAN", "DE89 3704 0044 0532 0130 00"),)),
    "bacs_debit": (
        "Bacs Direct Debit",
        (Field("sort_code", "Sort code", "10-88-00"), Field("number", "Account number", "00012345")),
    ),
}
_ENDED: Mapping[str, str] = {
    "complete": "You're all done here. This checkout session has been completed.",
    "expired": "This checkout session has expired. Return to the business's site to start again.",
}


def money(amount: int, currency: str) -> str:
    """Write an amount in minor units, as in ``12.30 EUR``."""
    places = decimals(currency)
    return f"{amount / 10**places:.{places}f} {currency.upper()}"


def show(account: Account, session: Session, problem: str = "") -> Response:
    """Show the page: a form for each type of payment method, or that there is nothing left to do.

    Parameters
    ----------
    problem : str
        What was wrong with what was submitted.
    """
    if session.status != "open":
        return pages.page("Checkout", pages.paragraph(_ENDED[session.status]))
    setup = session.wanted.mode == "setup"
    button = "Save" if setup else f"Pay {money(session.total, session.wanted.currency or '')}"
    lines = [pages.paragraph(f"{line.name}: {money(line.total, line.currency)}") for line in session.lines]
    known = session.email or session.wanted.customer_email
    email = () if known else (Field("email", "Email"),)
    forms = (
        pages.form(session.url, (*email, *_fields(kind)), button, legend=_FORMS[kind][0], type=kind)
        for kind in session.method_types
        if kind in _FORMS
    )
    back = pages.link(session.wanted.cancel_url, "Back") if session.wanted.cancel_url else ""
    title = "Save your payment details" if setup else "Pay"
    test = pages.paragraph("Test mode: no money moves here, and only test numbers are accepted.")
    wrong = pages.alert(problem or _last_problem(account, session))
    return pages.page(title, wrong, *lines, test, *forms, back)


def _fields(kind: str) -> tuple[Field, ...]:
    return _FORMS[kind][1] if kind == "card" else (*_FORMS[kind][1], _HOLDER)


def _last_problem(account: Account, session: Session) -> str:
    """Return why the last try failed, which may have ended on another page."""
    reference = session.intent or ""
    setup, payment = account.setup_intents.find(reference), account.payment_intents.find(reference)
    error = (setup.last_setup_error if setup else payment.last_payment_error if payment else None) or {}
    return str(error.get("message", ""))


def submit(account: Account, session: Session, given: Mapping[str, str]) -> Response:
    """Pay with what was submitted, or set it up; then lead on: to authenticate, to the business, or to try again."""
    if session.status != "open":
        return show(account, session)
    try:
        means = _read_means(account, session, given)
    except numbers.WrongNumberError as error:
        return show(account, session, str(error))
    session.holder = given.get("name") or session.holder
    session.email = session.email or session.wanted.customer_email or given.get("email")
    method = account.payment_methods.add(
        PaymentMethod(
            account.ids.new("pm_"),
            account.now(),
            means,
            holder=session.holder,
            email=session.email,
            from_checkout=True,
        )
    )
    try:
        _confirm(account, session, method)
    except StripeError as error:
        return show(account, session, str(error))
    return go_on(account, session, session.url)


def _read_means(account: Account, session: Session, given: Mapping[str, str]) -> Means:
    kind = given.get("type", "card")
    if kind not in session.method_types or kind not in _FORMS:
        raise numbers.WrongNumberError("This payment method is not available here.")
    missing = [field.label for field in _fields(kind) if field.required and not given.get(field.name)]
    if missing:
        raise numbers.WrongNumberError(f"Required: {', '.join(missing)}.")
    email = session.email or session.wanted.customer_email or given.get("email", "")
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
        raise numbers.WrongNumberError("Your email is invalid.")
    number = given.get("number", "")
    if kind == "card":
        return numbers.card(number, given["expiry"], given["cvc"], account.now())
    if kind == "sepa_debit":
        return numbers.sepa_account(given["iban"])
    if kind == "us_bank_account":
        return numbers.us_account(given["routing_number"], number)
    return numbers.uk_account(given["sort_code"], number)


def _confirm(account: Account, session: Session, method: PaymentMethod) -> None:
    # Authentication leads back to the page that asked for it; its address has the site's.
    site, _, _ = session.url.rpartition("/stripe/")
    if session.wanted.mode == "setup":
        intent = account.setup_intents.get(session.intent or "")
        setting_up.confirm(account, intent, method.id, session.url, site)
        return
    payment = _payment(account, session)
    confirm(
        account,
        payment,
        Confirmation(method.id, off_session=False, return_url=session.url, idempotency_key=None, site=site),
    )


def _payment(account: Account, session: Session) -> PaymentIntent:
    """Return the session's PaymentIntent, which is made when the customer first tries to pay (changelog 2022-08-01)."""
    if session.intent is not None:
        return account.payment_intents.get(session.intent)
    wanted, reference = session.wanted, account.ids.new("pi_")
    intent = PaymentIntent(
        id=reference,
        created=account.now(),
        amount=session.total,
        currency=wanted.currency or "",
        client_secret=account.ids.new(f"{reference}_secret_", 25),
        automatic_payment_methods=None if wanted.allowed else {"allow_redirects": "always", "enabled": True},
        allowed_payment_method_types=wanted.allowed,
        customer=session.customer or _new_customer(account, session),
        metadata=dict(wanted.intent_metadata),
    )
    for name, value in wanted.for_intent.items():
        setattr(intent, name, value)
    session.intent = intent.id
    account.payment_intents.add(intent, intent.customer)
    account.sessions.file_under(intent.id, session)
    account.emit("payment_intent.created", intent.to_json())
    return intent


def _new_customer(account: Account, session: Session) -> str | None:
    """Make a customer where the session wants one: always, or because the payment method is to be kept."""
    wanted = session.wanted
    if wanted.customer_creation != "always" and "setup_future_usage" not in wanted.for_intent:
        return None
    made = Customer(account.ids.new("cus_", 14), account.now(), name=session.holder, email=session.email)
    account.customers.add(made)
    account.emit("customer.created", made.to_json())
    return made.id


def go_on(account: Account, session: Session, page: str) -> Response:
    """Lead the customer on after a try.

    Parameters
    ----------
    page : str
        The session's page, to try again.
    """
    if session.status == "complete":
        return pages.see(session.wanted.success_url.replace("{CHECKOUT_SESSION_ID}", session.id))
    reference = session.intent or ""
    intent = account.setup_intents.find(reference) or account.payment_intents.find(reference)
    redirect = (intent.next_action or {}).get("redirect_to_url") if intent else None
    return pages.see(str(redirect["url"]) if redirect else page)
