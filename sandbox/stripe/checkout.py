"""The operations on Checkout Sessions (Stripe API reference, "Checkout Sessions")."""

from sandbox.stripe import errors
from sandbox.stripe.account import Account, Call, Command
from sandbox.stripe.checkout_reading import Bought, read_expiry, read_lines, read_wanted
from sandbox.stripe.currencies import check_minimum
from sandbox.stripe.objects import automatic_types
from sandbox.stripe.session_objects import LineItem, Session
from sandbox.stripe.sessions import expire, expire_due
from sandbox.stripe.setup_intents import store
from sandbox.stripe.setup_objects import SetupIntent
from sandbox.stripe.shelf import Shelf, read_page
from sandbox.wire import JSON

PAGE = "checkout"
"""What the address of a page has before the session's id."""

_NOT_OPEN = (
    'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of `{status}`.'
)


def create(call: Call) -> Command:
    """Create a session, in ``payment`` or ``setup`` mode."""
    bought = read_lines(call.params)
    wanted, expires_at = read_wanted(call.params, bought), read_expiry(call.params)
    currency = wanted.currency
    if bought and currency:
        total = sum(item.unit_amount * item.quantity for item in bought)
        check_minimum(*call.settlement.of(total, currency)[:2], total, currency)

    def command(account: Account) -> JSON:
        expire_due(account)
        found = None if wanted.customer is None else account.customer(wanted.customer, "customer")
        reference = account.ids.new("cs_test_", 58)
        session = Session(
            id=reference,
            created=account.now(),
            expires_at=expires_at(account.now()),
            url=f"{call.site}/stripe/{PAGE}/{reference}",
            wanted=wanted,
            method_types=wanted.allowed or automatic_types(currency),
            lines=[_line(account, item) for item in bought],
            payment_status="unpaid" if bought else "no_payment_required",
            customer=wanted.customer,
            email=None if found is None else found.email,
        )
        account.sessions.add(session, wanted.customer)
        if wanted.mode == "setup":
            _set_up(account, session)
        return session.to_json()

    return command


def _line(account: Account, item: Bought) -> LineItem:
    return LineItem(
        id=account.ids.new("li_"),
        created=account.now(),
        price=account.ids.new("price_"),
        product=account.ids.new("prod_", 14),
        name=item.name,
        unit_amount=item.unit_amount,
        currency=item.currency,
        quantity=item.quantity,
    )


def _set_up(account: Account, session: Session) -> None:
    wanted, reference = session.wanted, account.ids.new("seti_")
    intent = SetupIntent(
        id=reference,
        created=account.now(),
        client_secret=account.ids.new(f"{reference}_secret_", 31),
        automatic_payment_methods=None if wanted.allowed else {"allow_redirects": "always", "enabled": True},
        allowed_payment_method_types=wanted.allowed,
        customer=wanted.customer,
        currency=wanted.currency,
        description=wanted.for_intent.get("description"),
        metadata=dict(wanted.intent_metadata),
    )
    session.intent = intent.id
    account.sessions.file_under(intent.id, session)
    store(account, intent)


def retrieve(call: Call) -> Command:
    """Retrieve a session."""
    return lambda account: _found(account, call).to_json()


def _found(account: Account, call: Call) -> Session:
    expire_due(account)
    return account.sessions.get(call.ids["session"])


def expire_one(call: Call) -> Command:
    """Expire an open session: its page can no longer be used."""

    def command(account: Account) -> JSON:
        session = _found(account, call)
        if session.status != "open":
            raise errors.StripeError(400, _NOT_OPEN.format(status=session.status))
        expire(account, session)
        return session.to_json()

    return command


def list_all(call: Call) -> Command:
    """List sessions, also by customer, PaymentIntent, status or the customer's exact e-mail address."""
    params = call.params
    page, customer, intent = read_page(params), params.text("customer"), params.text("payment_intent")
    status, details = params.choice("status", "open", "complete", "expired"), params.nested("customer_details")
    email = details and details.text("email")

    def wanted(session: Session) -> bool:
        shown = session.to_json()["customer_details"] or {}
        return (
            customer in (None, session.customer)
            and status in (None, session.status)
            and email in (None, shown.get("email"))
        )

    def command(account: Account) -> JSON:
        expire_due(account)
        return account.sessions.page(page, "/v1/checkout/sessions", owner=intent or customer, where=wanted)

    return command


def list_lines(call: Call) -> Command:
    """List what is bought in a session."""
    page = read_page(call.params)

    def command(account: Account) -> JSON:
        session = _found(account, call)
        return lines_of(session).page(page, f"/v1/checkout/sessions/{session.id}/line_items")

    return command


def lines_of(session: Session) -> Shelf[LineItem]:
    """Return the lines of a session to list them: in their order, unlike everything else."""
    shelf = Shelf[LineItem]("line item", "id")
    for line in reversed(session.lines):
        shelf.add(line)
    return shelf
