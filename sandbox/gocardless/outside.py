"""What people other than the API's user do: banks, customers, and users of GoCardless' dashboard."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from sandbox.gocardless import lifecycle, mandate_lifecycle, payouts, people, refunds
from sandbox.gocardless.account import Account
from sandbox.gocardless.fates import Fates, Spinner
from sandbox.gocardless.money import Payment
from sandbox.gocardless.shelf import Shelf, Stored
from sandbox.gocardless.ways import IllegalAdvanceError
from sandbox.wire import JSON

_LATE_FAILURE = "refer_to_payer"


class Outside:
    """What others do. Everything is done with the account's lock held, and then announced.

    Every method returns the document of what it changed, and raises

    * ``LookupError`` if there is no such object,
    * :class:`~sandbox.gocardless.ways.IllegalAdvanceError` if its state does not allow it,
    * :class:`~sandbox.gocardless.published.UnpublishedError` if GoCardless' documents have no event with that cause.

    Parameters
    ----------
    accounts : Callable[[], Iterable[Account]]
        All there are now.
    send : Callable[[Account], object]
        Closes payouts and sends events.
    fates : Fates
        What happens by itself to payments that are collected.
    """

    def __init__(
        self, accounts: Callable[[], Iterable[Account]], send: Callable[[Account], object], fates: Fates
    ) -> None:
        self._accounts = accounts
        self._send = send
        self._fates = fates
        self.reset()

    def reset(self) -> None:
        """Forget the fates of all payments."""
        self._spinner = Spinner(self._fates)

    def advance(self, to: str | None = None, cause: str = "") -> list[JSON]:
        """Move on all payments that have a step to make, to a status where they can come to it."""
        moved: list[JSON] = []
        for account in self._accounts():
            with account.lock:
                fated = {payment.id: payment for payment in self._spinner.spin(account)} if to is None else {}
                moved += [payment.to_json() for payment in fated.values()]
                for payment in [payment for payment in account.moving.values() if payment.id not in fated]:
                    with contextlib.suppress(IllegalAdvanceError):
                        lifecycle.advance(account, payment, to, cause)
                        moved.append(payment.to_json())
            self._send(account)
        return moved

    def advance_payment(self, payment: str, to: str | None = None, cause: str = "", origin: str = "") -> JSON:
        """Move a payment on."""
        return self._do(payment, _payments, lambda account, row: lifecycle.advance(account, row, to, cause, origin))

    def charge_back(self, payment: str, cause: str = "") -> JSON:
        """Let the customer's bank charge a payment back: all of it, whatever was refunded."""
        return self._do(payment, _payments, lambda account, row: _take_back(account, row, "charged_back", cause))

    def cancel_charge_back(self, payment: str, origin: str = "") -> JSON:
        """Let the bank cancel a charge-back: the payment is ``confirmed`` or ``paid_out`` again, as it was."""

        def cancel(account: Account, row: Payment) -> None:
            if row.status != "charged_back":
                raise IllegalAdvanceError(f"the payment is {row.status}, not charged_back")
            lifecycle.advance(account, row, "paid_out" if row.payout else "confirmed", origin=origin)

        return self._do(payment, _payments, cancel)

    def fail_late(self, payment: str, cause: str = "") -> JSON:
        """Let the bank report that a payment failed, after it was confirmed or even paid out."""
        return self._do(
            payment, _payments, lambda account, row: _take_back(account, row, "failed", cause or _LATE_FAILURE)
        )

    def refund(self, payment: str, amount: int | None = None) -> JSON:
        """Refund a part of a payment, or the rest of it, as in GoCardless' dashboard."""
        made: list[JSON] = []

        def begin(account: Account, row: Payment) -> None:
            left = row.amount - row.amount_refunded
            wanted = left if amount is None else amount
            if row.status not in lifecycle.COLLECTED or not 0 < wanted <= left:
                raise IllegalAdvanceError(f"only {left} of the payment, which is {row.status}, can still be refunded")
            made.append(refunds.begin(account, row, wanted).to_json())

        self._do(payment, _payments, begin)
        return made[0]

    def advance_refund(self, refund: str, to: str) -> JSON:
        """Move a refund on to a status: ``paid``, ``bounced``, ``funds_returned``, ``cancelled``."""
        return self._do(refund, lambda account: account.refunds, lambda account, row: refunds.advance(account, row, to))

    def replace_mandate(self, mandate: str) -> JSON:
        """Cancel a mandate and put a new one in its place; returns the old one, whose links name the new one."""
        return self._do(mandate, _mandates, mandate_lifecycle.replace)

    def end_mandate(self, mandate: str, status: str, cause: str = "") -> JSON:
        """Let a mandate be ``cancelled`` by the bank, ``expired``, ``failed``, ``blocked``, ``suspended_by_payer``."""
        return self._do(mandate, _mandates, lambda account, row: mandate_lifecycle.end(account, row, status, cause))

    def transfer_mandate(self, mandate: str) -> JSON:
        """Move a mandate to another bank account of its customer."""
        return self._do(mandate, _mandates, mandate_lifecycle.transfer)

    def require_approval(self, mandate: str, *, required: bool = True) -> JSON:
        """Require the customer's approval for future payments."""

        def require(_account: Account, row: Any) -> None:
            row.payments_require_approval = required

        return self._do(mandate, _mandates, require)

    def remove_customer(self, customer: str) -> JSON:
        """Remove a customer in GoCardless' dashboard."""
        return self._do(customer, lambda account: account.customers, people.remove)

    def pay_out(self) -> list[JSON]:
        """Pay out all that is confirmed, and return the payouts, one for each currency and account."""
        made = []
        for account in self._accounts():
            with account.lock:
                for payment in account.payments.all():
                    if payment.status == "confirmed":
                        lifecycle.advance(account, payment, "paid_out")
                opened = tuple(account.open_payouts.values())
                payouts.close(account)
                made += [payout.to_json() for payout in opened]
            self._send(account)
        return made

    def bounce_payout(self, payout: str) -> JSON:
        """Let the creditor's bank send a payout back; there is no event for that."""

        def bounce(_account: Account, row: Any) -> None:
            row.status, row.arrival_date = "bounced", None

        return self._do(payout, lambda account: account.payouts, bounce)

    def _do(
        self, reference: str, shelf: Callable[[Account], Shelf[Any]], act: Callable[[Account, Any], object]
    ) -> JSON:
        for account in self._accounts():
            with account.lock:
                row: Stored | None = shelf(account).find(reference)
                if row is None:
                    continue
                act(account, row)
                document = row.to_json()
            self._send(account)
            return document
        raise LookupError(f"there is no {reference}")


def _payments(account: Account) -> Shelf[Any]:
    return account.payments


def _mandates(account: Account) -> Shelf[Any]:
    return account.mandates


def _take_back(account: Account, payment: Payment, status: str, cause: str) -> None:
    if payment.status not in lifecycle.COLLECTED:
        raise IllegalAdvanceError(f"the payment is {payment.status}: there is no money to reverse")
    lifecycle.advance(account, payment, status, cause)
