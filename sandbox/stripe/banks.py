"""Bank accounts to debit: test payment methods of the types ``us_bank_account``, ``sepa_debit`` and ``bacs_debit``.

A debit is ``processing`` for days and then succeeds or fails; one that succeeded can be disputed by the bank for weeks,
and such a dispute is final (Stripe docs, "ACH Direct Debit", "SEPA Direct Debit", "Bacs Direct Debit": timing, failed
payments, disputed payments).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.stripe.cards import Decline

CURRENCIES: Mapping[str, str] = {"bacs_debit": "gbp", "sepa_debit": "eur", "us_bank_account": "usd"}
"""What each type is for."""

DISPUTE_REASONS: Mapping[str, str] = {
    "bacs_debit": "debit_not_authorized",
    "sepa_debit": "insufficient_funds",
    "us_bank_account": "debit_not_authorized",
}


@dataclass(frozen=True, slots=True)
class BankAccount:
    """How a test bank account behaves.

    Attributes
    ----------
    kind : str
        Stripe's type of payment method.
    decline : Decline, optional
        The decline that every debit ends in, days later.
    disputed : bool
        Whether the bank reverses every debit after it succeeded.
    """

    kind: str
    last4: str
    decline: Decline | None = None
    disputed: bool = False

    attaches = True
    authenticates = False
    settles = False

    @property
    def currency(self) -> str:
        """The only currency it can be debited in."""
        return CURRENCIES[self.kind]


def _fails(code: str, message: str) -> Decline:
    return Decline(code, None, message)


_CLOSED = _fails("account_closed", "The customer's bank account has been closed.")
_NO_ACCOUNT = _fails("no_account", "The bank account could not be located.")
_NO_FUNDS = _fails("insufficient_funds", "The customer's account has insufficient funds to cover this payment.")
_NOT_AUTHORIZED = _fails("debit_not_authorized", "The customer has notified their bank that this was unauthorized.")
_REFER = _fails("refer_to_customer", "The customer's bank declined the payment; ask the customer.")

BANK_ACCOUNTS: Mapping[str, BankAccount] = {
    "pm_usBankAccount_success": BankAccount("us_bank_account", "6789"),
    "pm_usBankAccount_accountClosed": BankAccount("us_bank_account", "1113", _CLOSED),
    "pm_usBankAccount_noAccount": BankAccount("us_bank_account", "1116", _NO_ACCOUNT),
    "pm_usBankAccount_insufficientFunds": BankAccount("us_bank_account", "2227", _NO_FUNDS),
    "pm_usBankAccount_debitNotAuthorized": BankAccount("us_bank_account", "3335", _NOT_AUTHORIZED),
    "pm_usBankAccount_dispute": BankAccount("us_bank_account", "5559", disputed=True),
    # The sandbox's own: Stripe has account numbers for these, which only its pages take.
    "pm_sandbox_sepaDebit_success": BankAccount("sepa_debit", "3201"),
    "pm_sandbox_sepaDebit_insufficientFunds": BankAccount("sepa_debit", "3202", _NO_FUNDS),
    "pm_sandbox_sepaDebit_dispute": BankAccount("sepa_debit", "3203", disputed=True),
    "pm_sandbox_bacsDebit_success": BankAccount("bacs_debit", "2345"),
    "pm_sandbox_bacsDebit_referToCustomer": BankAccount("bacs_debit", "2227", _REFER),
    "pm_sandbox_bacsDebit_dispute": BankAccount("bacs_debit", "3335", disputed=True),
}

_IBANS: Mapping[str, BankAccount] = {
    "DE89370400440532013000": BankAccount("sepa_debit", "3000"),
    "DE62370400440532013001": BankAccount(
        "sepa_debit", "3001", _fails("generic_could_not_process", "The payment could not be processed.")
    ),
    "DE35370400440532013002": BankAccount("sepa_debit", "3002", disputed=True),
    "DE65370400440002222227": BankAccount("sepa_debit", "2227", _NO_FUNDS),
}


def iban(number: str) -> BankAccount | None:
    """Return the test account of an IBAN, written without blanks (Stripe docs, "SEPA Direct Debit": testing)."""
    return _IBANS.get(number)
