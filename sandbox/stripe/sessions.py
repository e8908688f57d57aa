"""What becomes of Checkout Sessions: they are completed by their intent, or expire (Stripe docs, "Checkout")."""

from sandbox.stripe import errors
from sandbox.stripe.account import Account
from sandbox.stripe.objects import PaymentIntent
from sandbox.stripe.session_objects import Session
from sandbox.stripe.setup_objects import SetupIntent

_OF_CHECKOUT = (
    "You cannot confirm or cancel this {kind} because it belongs to the Checkout Session {session}. To cancel it, "
    "expire the Checkout Session instead."
)
_CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def session_of(account: Account, intent: PaymentIntent | SetupIntent) -> Session | None:
    """Return the session that an intent belongs to, if it belongs to one."""
    return next(iter(account.sessions.owned(intent.id)), None)


def refuse_if_open(account: Account, intent: PaymentIntent | SetupIntent) -> None:
    """Refuse to confirm or cancel an intent of Checkout (Session, ``payment_intent``, ``setup_intent``)."""
    session = session_of(account, intent)
    if session is None or session.status != "open":
        return
    if isinstance(intent, PaymentIntent):
        raise errors.unexpected_state(_OF_CHECKOUT.format(kind="PaymentIntent", session=session.id), intent.to_json())
    raise errors.unexpected_setup(_OF_CHECKOUT.format(kind="SetupIntent", session=session.id), intent.to_json())


def follow(account: Account, intent: PaymentIntent | SetupIntent) -> None:
    """Let the session of an intent follow what has become of the intent. Call it with the account's lock held.

    A bank debit completes its session ``unpaid``; how it ends is told days later.
    """
    session = session_of(account, intent)
    if session is None:
        return
    if session.status == "open" and intent.status in ("succeeded", "processing"):
        session.status = "complete"
        session.customer = intent.customer
        if isinstance(intent, PaymentIntent) and intent.status == "succeeded":
            session.payment_status = "paid"
        account.emit("checkout.session.completed", session.to_json())
    elif session.status == "complete" and session.payment_status == "unpaid" and intent.status != "processing":
        succeeded = intent.status == "succeeded"
        session.payment_status = "paid" if succeeded else "unpaid"
        outcome = "succeeded" if succeeded else "failed"
        account.emit(f"checkout.session.async_payment_{outcome}", session.to_json())


def expire(account: Account, session: Session) -> None:
    """End an open session, and cancel its intent. Call it with the account's lock held."""
    session.status = "expired"
    account.emit("checkout.session.expired", session.to_json())
    reference = session.intent or ""
    setup, payment = account.setup_intents.find(reference), account.payment_intents.find(reference)
    if setup is not None and setup.status in _CANCELABLE:
        setup.status, setup.next_action = "canceled", None
        account.emit("setup_intent.canceled", setup.to_json())
    if payment is not None and payment.status in _CANCELABLE:
        payment.status, payment.next_action = "canceled", None
        payment.canceled_at, payment.cancellation_reason = account.now(), "expired"
        account.emit("payment_intent.canceled", payment.to_json())


def expire_due(account: Account) -> None:
    """Let expire what is due by the account's clock. Call it with the account's lock held."""
    for session in account.sessions.all():
        if session.status == "open" and session.expires_at <= account.now():
            expire(account, session)
