"""What happens to payments without a request to Stripe's API: cardholders and banks do it.

Each function returns a command for :meth:`sandbox.stripe.StripeSandbox.act`; :mod:`sandbox.stripe.controls` makes them
of HTTP requests.
"""

import contextlib

from sandbox.stripe import setting_up
from sandbox.stripe.account import Account, Command, NothingSuchError, NotPossibleError
from sandbox.stripe.banks import DISPUTE_REASONS, BankAccount
from sandbox.stripe.charges import Charge
from sandbox.stripe.confirmation import attempt, fail_authentication, settle_charge
from sandbox.stripe.dispute_cases import Move, advance, begin, disputable
from sandbox.stripe.errors import StripeError
from sandbox.stripe.objects import PaymentIntent
from sandbox.stripe.refund_fates import change, start
from sandbox.stripe.refunds import amount_of, new_refund
from sandbox.stripe.reversals import RefundStatus, Verdict
from sandbox.wire import JSON

__all__ = [
    "NotPossibleError",
    "NothingSuchError",
    "authenticate",
    "authenticate_setup",
    "close_dispute",
    "fail_late",
    "move_dispute",
    "move_refund",
    "open_dispute",
    "open_refund",
    "pass_days",
    "settle",
    "will_be_reversed",
]


def open_dispute(
    payment_intent: str,
    reason: str = "fraudulent",
    amount: int | None = None,
    *,
    status: str = "needs_response",
    takes: bool | None = None,
) -> Command:
    """Let the cardholder's bank dispute a successful charge, or ask about it; answers the dispute.

    Parameters
    ----------
    amount : int, optional
        In minor units; all that has been neither refunded nor disputed, unless given. What was refunded in part can
        be disputed as well: banks do that.
    status : str
        Which it begins with, also one that Stripe has not published.
    takes : bool, optional
        Whether the money is withdrawn; as Stripe has it in this status, unless given.
    """

    def command(account: Account) -> JSON:
        charge = _paid_charge(account, payment_intent)
        most = disputable(account, charge)
        usual = most - charge.amount_refunded
        if not 1 <= (usual if amount is None else amount) <= most:
            raise NotPossibleError(f"only {most} {charge.currency} of {charge.id} can still be disputed")
        move = Move(status, takes)
        return begin(account, charge, reason, usual if amount is None else amount, move).to_json()

    return command


def move_dispute(dispute: str, status: str, *, takes: bool | None = None, returned: int | None = None) -> Command:
    """Move a dispute to a status; returns the dispute.

    Parameters
    ----------
    takes : bool, optional
        Whether the money is withdrawn then; as Stripe has it in this status, unless given.
    returned : int, optional
        How much a won or lost dispute returns, in minor units; by default all or nothing.
    """

    def command(account: Account) -> JSON:
        found = account.disputes.find(dispute)
        if found is None:
            raise NothingSuchError(f"there is no dispute {dispute}")
        advance(account, found, Move(status, takes, returned))
        return found.to_json()

    return command


def close_dispute(dispute: str, status: Verdict, returned: int | None = None) -> Command:
    """Let the bank decide an open dispute; returns the dispute."""
    return move_dispute(dispute, status, returned=returned)


def open_refund(
    payment_intent: str, amount: int | None = None, *, status: RefundStatus = "succeeded", reason: str | None = None
) -> Command:
    """Refund a payment as somebody does in Stripe's Dashboard; returns the refund.

    Parameters
    ----------
    amount : int, optional
        In minor units; all that is left, unless given.
    status : RefundStatus
        Which it begins with.
    reason : str, optional
        Why it is pending or failed.
    """

    def command(account: Account) -> JSON:
        charge = _paid_charge(account, payment_intent)
        try:
            refund = new_refund(account, charge, amount_of(charge, amount))
        except StripeError as error:
            raise NotPossibleError(str(error)) from error
        refund.status = "pending" if status in ("failed", "canceled") else status
        refund.pending_reason = (reason if status == "pending" else None) or "processing"
        start(account, charge, refund, None)
        if status != refund.status:
            change(account, refund, status, reason)
        return refund.to_json()

    return command


def move_refund(refund: str, status: RefundStatus, reason: str | None = None) -> Command:
    """Move a refund to a status: succeed, fail (also long after it succeeded), be canceled; returns the refund.

    Parameters
    ----------
    reason : str, optional
        Why it failed or is pending.
    """

    def command(account: Account) -> JSON:
        found = account.refunds.find(refund)
        if found is None:
            raise NothingSuchError(f"there is no refund {refund}")
        change(account, found, status, reason)
        return found.to_json()

    return command


def authenticate(payment_intent: str, *, succeeds: bool = True) -> Command:
    """Let the cardholder authenticate, or fail to; returns the PaymentIntent.

    That is: on the page that a PaymentIntent in ``requires_action`` sends them to; or, after an off-session charge that
    was declined with ``authentication_required``, when they come back to pay with the same card.
    """

    def command(account: Account) -> JSON:
        intent = _intent(account, payment_intent)
        reference = intent.payment_method if intent.status == "requires_action" else _declined_method(intent)
        if reference is None:
            raise NotPossibleError(f"{intent.id} is {intent.status}: nobody was asked to authenticate")
        if not succeeds:
            fail_authentication(account, intent, reference)
            return intent.to_json()
        intent.payment_method = reference
        method = account.payment_methods.get(reference)
        with contextlib.suppress(StripeError):  # declined all the same: the PaymentIntent says so
            attempt(account, intent, method, method.means.decline, None)
        return intent.to_json()

    return command


def authenticate_setup(setup_intent: str, *, succeeds: bool = True) -> Command:
    """Let the cardholder authenticate a card that is being set up, or fail to; returns the SetupIntent."""

    def command(account: Account) -> JSON:
        intent = account.setup_intents.find(setup_intent)
        if intent is None:
            raise NothingSuchError(f"there is no SetupIntent {setup_intent}")
        if intent.status != "requires_action":
            raise NotPossibleError(f"{intent.id} is {intent.status}: nobody was asked to authenticate")
        with contextlib.suppress(StripeError):  # declined all the same: the SetupIntent says so
            setting_up.authenticate(account, intent, succeeds=succeeds)
        return intent.to_json()

    return command


def settle(payment_intent: str, *, succeeds: bool | None = None) -> Command:
    """Let a payment in ``processing`` succeed or fail; returns the PaymentIntent.

    Parameters
    ----------
    succeeds : bool, optional
        As its payment method has it, unless given: cards succeed.
    """

    def command(account: Account) -> JSON:
        intent = _intent(account, payment_intent)
        if intent.status != "processing":
            raise NotPossibleError(f"{intent.id} is {intent.status}, not processing")
        settle_charge(account, intent, succeeds=succeeds)
        return intent.to_json()

    return command


def fail_late(payment_intent: str) -> Command:
    """Let a bank reverse a debit that had succeeded; returns the dispute, which is lost at once.

    There is no failure after success at Stripe: it is a dispute that cannot be argued ("SEPA Direct Debit", "ACH
    Direct Debit", "Bacs Direct Debit": disputed payments).
    """

    def command(account: Account) -> JSON:
        charge = _paid_charge(account, payment_intent)
        if not isinstance(charge.means, BankAccount):
            raise NotPossibleError(f"{charge.id} was paid by card: only a bank debit can fail after it has succeeded")
        left = disputable(account, charge) - charge.amount_refunded
        if left < 1:
            raise NotPossibleError(f"{charge.id} has nothing left that a bank could reverse")
        dispute = begin(account, charge, DISPUTE_REASONS[charge.means.kind], left, Move("needs_response"))
        advance(account, dispute, Move("lost"))
        return dispute.to_json()

    return command


def pass_days() -> Command:
    """Let the banks do what they do by themselves; returns the PaymentIntents that changed.

    What is ``processing`` ends as its payment method has it; debits of accounts that dispute are reversed if they
    had succeeded before.
    """

    def command(account: Account) -> JSON:
        intents = account.payment_intents.all()
        disputed = [intent for intent in intents if _is_taken_back(account, intent)]
        processing = [intent for intent in intents if intent.status == "processing"]
        for intent in processing:
            settle_charge(account, intent)
        for intent in disputed:
            fail_late(intent.id)(account)
        return {"payment_intents": [intent.id for intent in (*processing, *disputed)]}

    return command


def _is_taken_back(account: Account, intent: PaymentIntent) -> bool:
    charge = account.charges.find(intent.latest_charge or "")
    return charge is not None and will_be_reversed(charge)


def will_be_reversed(charge: Charge) -> bool:
    """Tell whether a bank will reverse a debit that has succeeded."""
    if charge.status != "succeeded" or charge.disputed:
        return False
    return isinstance(charge.means, BankAccount) and charge.means.disputed and charge.amount_refunded < charge.amount


def _paid_charge(account: Account, payment_intent: str) -> Charge:
    intent = _intent(account, payment_intent)
    charge = account.charges.find(intent.latest_charge or "")
    if charge is None or charge.status != "succeeded":
        raise NotPossibleError(f"{intent.id} is {intent.status}: there is no successful charge")
    return charge


def _intent(account: Account, reference: str) -> PaymentIntent:
    found = account.payment_intents.find(reference)
    if found is None:
        raise NothingSuchError(f"there is no PaymentIntent {reference}")
    return found


def _declined_method(intent: PaymentIntent) -> str | None:
    error = intent.last_payment_error or {}
    asked = intent.status == "requires_payment_method" and error.get("code") == "authentication_required"
    return str(error["payment_method"]["id"]) if asked else None
