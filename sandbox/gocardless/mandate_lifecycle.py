"""What banks, customers and GoCardless do to a mandate (API reference, "Mandates", "Mandate actions")."""

from sandbox.gocardless.account import Account
from sandbox.gocardless.lifecycle import CANCELLABLE, cancel_payments, end_mandate
from sandbox.gocardless.objects import OPEN, BankAccount, Mandate
from sandbox.gocardless.ways import IllegalAdvanceError

ENDS = ("cancelled", "expired", "failed", "blocked", "consumed")
"""The ends that have an event of their own; a replaced mandate is cancelled, too."""


def end(account: Account, mandate: Mandate, status: str, cause: str = "") -> None:
    """Let a mandate be cancelled by the bank, expire, fail, be blocked, consumed or suspended by the payer.

    For a suspension GoCardless publishes no event of the mandate, only those of the payments that it cancels.

    Raises
    ------
    IllegalAdvanceError
        It has ended already, or there is no such end.
    UnpublishedError
        It does not end so for that cause.
    """
    if mandate.status not in OPEN:
        raise IllegalAdvanceError(f"the mandate is already {mandate.status}")
    if status == "suspended_by_payer":
        mandate.status = status
        cancel_payments(account, mandate, "mandate_suspended_by_payer", "bank")
    elif status in ENDS:
        by_bank = status == "cancelled"
        end_mandate(account, mandate, status, cause or "mandate_cancelled" * by_bank, "bank" * by_bank)
    else:
        raise IllegalAdvanceError(f"a mandate can only become {', '.join((*ENDS, 'suspended_by_payer'))}, not {status}")


def replace(account: Account, mandate: Mandate) -> Mandate:
    """Cancel a mandate and put a new one in its place, as when the creditor's scheme identifier changes.

    Payments that are not submitted yet are collected by the new one: GoCardless doesn't say so, but neither does it
    publish an event that would cancel them.

    Raises
    ------
    IllegalAdvanceError
        It has ended already.
    """
    if mandate.status not in OPEN:
        raise IllegalAdvanceError(f"the mandate is already {mandate.status}")
    new = Mandate(
        id=account.ids.new("MD"),
        created_at=account.now(),
        customer=mandate.customer,
        bank_account=mandate.bank_account,
        scheme=mandate.scheme,
        reference=account.ids.new("MDT-", 6),
        behaviour=mandate.behaviour,
        status=mandate.status,
        clock=account.clock,
        takes_any_currency=mandate.takes_any_currency,
        payments_require_approval=mandate.payments_require_approval,
        authorisation_source=mandate.authorisation_source,
        known=mandate.known,
        metadata=dict(mandate.metadata),
    )
    account.mandates.add(new, mandate.customer)
    account.emit(new, "created", origin="gocardless")
    mandate.status, mandate.replaced_by = "cancelled", new.id
    account.emit(mandate, "replaced", links={"new_mandate": new.id})
    for payment in account.payments.owned_by(mandate.id):
        if payment.status in CANCELLABLE and payment.mandate == mandate.id:
            payment.mandate = new.id
            account.payments.own(payment, new.id)
    return new


def transfer(account: Account, mandate: Mandate) -> BankAccount:
    """Let the customer's bank move a mandate to a new bank account of theirs; it stays active.

    Raises
    ------
    IllegalAdvanceError
        It has ended already.
    """
    if mandate.status not in OPEN:
        raise IllegalAdvanceError(f"the mandate is already {mandate.status}")
    old = account.bank_accounts.get(mandate.bank_account)
    new = BankAccount(
        id=account.ids.new("BA"),
        created_at=account.now(),
        customer=old.customer,
        currency=old.currency,
        country_code=old.country_code,
        account_holder_name=old.account_holder_name,
        account_number_ending="99",
        account_type=old.account_type,
    )
    mandate.bank_account = account.bank_accounts.add(new).id
    account.emit(
        mandate,
        "transferred",
        links={"previous_customer_bank_account": old.id, "new_customer_bank_account": new.id},
    )
    return new


def reinstate(account: Account, mandate: Mandate, metadata: dict[str, str]) -> None:
    """Set a cancelled or expired mandate up again; it becomes active with the next payment that is submitted."""
    mandate.reinstatements += 1
    mandate.status, mandate.known = "pending_submission", False
    account.emit(mandate, "resubmission_requested", metadata=metadata)
