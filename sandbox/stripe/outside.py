"""What happens to payments without anybody asking Stripe's API for it: cardholders and banks do it.

Each function returns a command for :meth:`sandbox.stripe.StripeSandbox.act`; :func:`read` makes it of an HTTP request.
"""

import contextlib
import json
from collections.abc import Callable, Mapping

from sandbox.reading import Entry, PlanError
from sandbox.stripe.account import Account, Command
from sandbox.stripe.confirmation import attempt, fail_authentication, settle_charge
from sandbox.stripe.disputes import REASONS, begin, finish
from sandbox.stripe.errors import StripeError
from sandbox.stripe.objects import PaymentIntent
from sandbox.stripe.reversals import Verdict
from sandbox.wire import JSON, Request

VERDICTS: tuple[Verdict, ...] = ("lost", "won")


class NothingSuchError(LookupError):
    """No account has this object."""


class NotPossibleError(ValueError):
    """The object's state does not allow it."""


def open_dispute(payment_intent: str, reason: str = "fraudulent", amount: int | None = None) -> Command:
    """Let the cardholder's bank dispute a successful charge; answers the dispute.

    Parameters
    ----------
    amount : int, optional
        In minor units; all that has not been refunded, unless given.
    """

    def command(account: Account) -> JSON:
        intent = _intent(account, payment_intent)
        charge = account.charges.find(intent.latest_charge or "")
        if charge is None or charge.status != "succeeded":
            raise NotPossibleError(f"{intent.id} is {intent.status}: there is no charge to dispute")
        if charge.disputed:
            raise NotPossibleError(f"{charge.id} is disputed already")
        left = charge.amount - charge.amount_refunded
        if not 1 <= (left if amount is None else amount) <= left:
            raise NotPossibleError(f"{charge.id} has {left} {charge.currency} left to dispute")
        return begin(account, charge, reason, amount).to_json()

    return command


def close_dispute(dispute: str, status: Verdict) -> Command:
    """Let the bank decide an open dispute; answers the dispute."""

    def command(account: Account) -> JSON:
        found = account.disputes.find(dispute)
        if found is None:
            raise NothingSuchError(f"no dispute {dispute}")
        if found.verdict is not None:
            raise NotPossibleError(f"{dispute} is {found.verdict} already")
        finish(account, found, status)
        return found.to_json()

    return command


def authenticate(payment_intent: str, *, succeeds: bool = True) -> Command:
    """Let the cardholder authenticate, or fail to; answers the PaymentIntent.

    That is: on the page that a PaymentIntent in ``requires_action`` sends them to; or, after an off-session charge that
    was declined with ``authentication_required``, when they come back to pay with the same card.
    """

    def command(account: Account) -> JSON:
        intent = _intent(account, payment_intent)
        reference = intent.payment_method if intent.status == "requires_action" else _declined_method(intent)
        if reference is None:
            raise NotPossibleError(f"{intent.id} is {intent.status}: nobody is asked to authenticate")
        if not succeeds:
            fail_authentication(account, intent, reference)
            return intent.to_json()
        intent.payment_method = reference
        method = account.payment_methods.get(reference)
        with contextlib.suppress(StripeError):  # declined all the same: the PaymentIntent says so
            attempt(account, intent, method, method.card.decline, None)
        return intent.to_json()

    return command


def settle(payment_intent: str, *, succeeds: bool = True) -> Command:
    """Let a payment in ``processing`` succeed or fail; answers the PaymentIntent."""

    def command(account: Account) -> JSON:
        intent = _intent(account, payment_intent)
        if intent.status != "processing":
            raise NotPossibleError(f"{intent.id} is {intent.status}, not processing")
        settle_charge(account, intent, succeeds=succeeds)
        return intent.to_json()

    return command


def _intent(account: Account, reference: str) -> PaymentIntent:
    found = account.payment_intents.find(reference)
    if found is None:
        raise NothingSuchError(f"no PaymentIntent {reference}")
    return found


def _declined_method(intent: PaymentIntent) -> str | None:
    error = intent.last_payment_error or {}
    asked = intent.status == "requires_payment_method" and error.get("code") == "authentication_required"
    return str(error["payment_method"]["id"]) if asked else None


def _read_opening(entry: Entry, _reference: str) -> Command:
    return open_dispute(
        entry.text("payment_intent") or entry.missing("payment_intent"),
        entry.choice("reason", REASONS) or "fraudulent",
        entry.whole("amount", 1),
    )


def _read_closing(entry: Entry, reference: str) -> Command:
    status = entry.choice("status", VERDICTS) or entry.missing("status")
    return close_dispute(reference, "won" if status == "won" else "lost")


def _read_authentication(entry: Entry, reference: str) -> Command:
    return authenticate(reference, succeeds=entry.flag("succeeds", default=True))


def _read_settlement(entry: Entry, reference: str) -> Command:
    return settle(reference, succeeds=entry.flag("succeeds", default=True))


CONTROLS: Mapping[tuple[str, str], Callable[[Entry, str], Command]] = {
    ("disputes", ""): _read_opening,
    ("disputes", "close"): _read_closing,
    ("payment_intents", "authenticate"): _read_authentication,
    ("payment_intents", "settle"): _read_settlement,
}
"""By the object's kind and what is done to it, as in ``payment_intents/{id}/settle``."""


def read(request: Request) -> Command:
    """Read what a request to ``/_sandbox/stripe/…`` wants to happen.

    Raises
    ------
    NothingSuchError
        There is no such control.
    PlanError
        The body is wrong.
    """
    parts = request.path.removeprefix("/_sandbox/stripe/").split("/")
    kind, reference, deed = (*parts, "", "")[:3]
    reader = CONTROLS.get((kind, deed))
    if request.method != "POST" or reader is None or len(parts) not in (1, 3) or bool(reference) != bool(deed):
        raise NothingSuchError(f"no control {request.method} {request.path}")
    try:
        document = json.loads(request.body or b"{}")
    except ValueError as error:
        raise PlanError(f"the body is no JSON: {error}") from error
    entry = Entry(document, "the body")
    command = reader(entry, reference)
    entry.end()
    return command
