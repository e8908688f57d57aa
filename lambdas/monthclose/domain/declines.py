"""Declines: which of them may succeed if the same charge is simply tried again.

From the providers' own tables: https://docs.stripe.com/declines/codes ("Next steps"; Stripe's Smart Retries make no
further attempt after a hard one) and https://developer.gocardless.com/api-reference/#core-endpoints-events (causes).
"""

from collections.abc import Mapping
from enum import StrEnum


class DeclineKind(StrEnum):
    """What a decline means for another attempt with the same payment method."""

    SOFT = "soft"
    """It may succeed later: not enough money, a limit reached, a bank that gave no reason or could not be reached."""
    HARD = "hard"
    """It will not: only another payment method, or the customer, can help."""


_HARD: Mapping[str, frozenset[str]] = {
    "stripe": frozenset(
        {
            # The card cannot be used any more.
            "expired_card",
            "invalid_account",
            "lost_card",
            "new_account_information_available",
            "pickup_card",
            "restricted_card",
            "stolen_card",
            # What is known of it is wrong, and the next attempt would say the same.
            "incorrect_address",
            "incorrect_cvc",
            "incorrect_number",
            "incorrect_zip",
            "invalid_cvc",
            "invalid_expiry_month",
            "invalid_expiry_year",
            "invalid_number",
            # It is not made for such a charge.
            "card_not_supported",
            "currency_not_supported",
            "not_permitted",
            "service_not_allowed",
            "transaction_not_allowed",
            # Somebody forbade it: the customer, the bank, or the provider's own rules.
            "do_not_try_again",
            "fraudulent",
            "highest_risk_level",
            "merchant_blacklist",
            "revocation_of_all_authorizations",
            "revocation_of_authorization",
            "security_violation",
            "stop_payment_order",
        }
    ),
    "gocardless": frozenset(
        {
            "authorisation_disputed",
            "bank_account_closed",
            "bank_account_transferred",
            "customer_approval_denied",
            "direct_debit_not_enabled",
            "invalid_bank_details",
            "mandate_cancelled",
            "mandate_expired",
            "payer_deceased",
        }
    ),
}


def decline_kind(provider: str, code: str) -> DeclineKind:
    """Tell what kind of decline a provider's code is; one that nobody listed may be tried again."""
    return DeclineKind.HARD if code in _HARD.get(provider, frozenset()) else DeclineKind.SOFT
