"""Declines: what a provider's code means for another attempt, and what the customer is told. The only table of them.

A code in the table is about the customer, their bank or their payment method, in whatever form the provider says it: an
adapter that meets one as the reason of an error raises `OrderRefusedError`, not `OrderInvalidError`.

From the providers' own tables: https://docs.stripe.com/declines/codes ("Next steps"; Stripe's Smart Retries make no
further attempt after a hard one), https://docs.stripe.com/error-codes, the failure codes of
https://docs.stripe.com/payments/sepa-debit, …/bacs-debit and …/ach-direct-debit, and
https://developer.gocardless.com/api-reference/#core-endpoints-events (causes) and #errors (reasons).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from monthclose.domain.payments.payment import CANCELED


class DeclineKind(StrEnum):
    """What a decline means for another attempt with the same payment method."""

    SOFT = "soft"
    """It may succeed later: not enough money, a limit reached, a bank that gave no reason or could not be reached."""
    HARD = "hard"
    """It will not: only another payment method, or the customer, can help."""


@dataclass(frozen=True, slots=True)
class Decline:
    """What a provider's code means.

    Parameters
    ----------
    kind : DeclineKind
        What it means for another attempt.
    sentence : str
        What the customer is told; empty if nothing can be passed on.
    """

    kind: DeclineKind
    sentence: str = ""


METHOD_DETACHED = "payment_method_detached"
"""Code of a charge whose payment method was removed at the provider, which has no code for that."""
CUSTOMER_DELETED = "customer_deleted"
"""Code of a charge whose customer was deleted at the provider, and their payment methods with them."""

_NO_REASON = "Your bank gave no reason that we can pass on."
_CANCELED = "The payment was cancelled before it was collected."
_CLOSED = "The bank account is closed."
_DETAILS = "The bank details are incorrect."
_MANDATE = "There is no longer a valid direct debit mandate."
_NO_DEBITS = "The bank account does not allow direct debits."
_REMOVED = "The payment method has been removed, so it can no longer be charged."
_CVC = "The card's security code is incorrect."
_NUMBER = "The card number is incorrect."
_EXPIRY = "The card's expiry date is incorrect."
_POSTCODE = "The postal code does not match the card."
_LIMIT = "The card's spending limit has been reached."
_NO_MONEY = "There was not enough money in the account."
_NOT_ALLOWED = "Your bank does not allow this payment."
_NOT_PROCESSED = "Your bank could not process the payment."
_REFUSED = "Your bank refused the payment and gave no reason."
_STOPPED = "You or your bank stopped the payment."


def _soft(codes: Mapping[str, str]) -> dict[str, Decline]:
    return {code: Decline(DeclineKind.SOFT, sentence) for code, sentence in codes.items()}


def _hard(codes: Mapping[str, str]) -> dict[str, Decline]:
    return {code: Decline(DeclineKind.HARD, sentence) for code, sentence in codes.items()}


_STRIPE_CARDS = _soft(
    {
        "card_decline_rate_limit_exceeded": _REFUSED,
        "card_declined": _REFUSED,
        CANCELED: _CANCELED,
        "card_velocity_exceeded": _LIMIT,
        "do_not_honor": _REFUSED,
        "generic_decline": _REFUSED,
        "insufficient_funds": _NO_MONEY,
        "issuer_not_available": "Your bank could not be reached.",
        "processing_error": _NOT_PROCESSED,
        "reenter_transaction": _NOT_PROCESSED,
        "try_again_later": _NOT_PROCESSED,
        "withdrawal_count_limit_exceeded": _LIMIT,
        # The customer can help by confirming the payment themselves.
        "authentication_required": "Your bank needs you to confirm the payment yourself.",
        "payment_intent_authentication_failure": "The payment was not confirmed.",
    }
) | _hard(
    {
        # The card cannot be used any more. Stripe asks not to tell the customer that it was reported lost or stolen.
        "expired_card": "The card has expired.",
        "expired_payment_method": "The payment method has expired.",
        "invalid_account": "The card's account cannot be used.",
        "lost_card": "",
        "new_account_information_available": "The card or its account has been replaced.",
        "pickup_card": "",
        "restricted_card": "",
        "stolen_card": "",
        # Its details are wrong, and the next attempt would get the same answer.
        "incorrect_address": "The billing address does not match the card.",
        "incorrect_cvc": _CVC,
        "incorrect_number": _NUMBER,
        "incorrect_postal_code": _POSTCODE,
        "incorrect_zip": _POSTCODE,
        "invalid_cvc": _CVC,
        "invalid_expiry_month": _EXPIRY,
        "invalid_expiry_year": _EXPIRY,
        "invalid_number": _NUMBER,
        # It is not made for such a charge.
        "card_not_supported": "The card does not support this kind of payment.",
        "currency_not_supported": "The card does not support the currency of the invoice.",
        "not_permitted": _NOT_ALLOWED,
        "service_not_allowed": "",
        "transaction_not_allowed": _NOT_ALLOWED,
        # Somebody forbade it: the customer, the bank, or the provider's own rules. Of fraud no customer is told.
        "do_not_try_again": "",
        "fraudulent": "",
        "highest_risk_level": "",
        "india_recurring_payment_mandate_canceled": _MANDATE,
        "merchant_blacklist": "",
        "revocation_of_all_authorizations": "",
        "revocation_of_authorization": "",
        "security_violation": "",
        "stop_payment_order": "",
        # It is not there any more (ours: Stripe says so in words only).
        CUSTOMER_DELETED: _REMOVED,
        METHOD_DETACHED: _REMOVED,
    }
)

_STRIPE_DEBITS = _soft(
    {
        "could_not_process": _NOT_PROCESSED,
        "generic_could_not_process": _NOT_PROCESSED,
        "payment_intent_payment_attempt_expired": _NOT_PROCESSED,
        "payment_intent_payment_attempt_failed": _NOT_PROCESSED,
        "payment_method_provider_decline": _REFUSED,
        "payment_method_provider_timeout": _NOT_PROCESSED,
        "refer_to_customer": _REFUSED,
    }
) | _hard(
    {
        # The account cannot be debited any more, or never could.
        "account_closed": _CLOSED,
        "account_frozen": "The bank account is blocked.",
        "bank_account_closed": _CLOSED,
        "bank_account_frozen": "The bank account is blocked.",
        "bank_account_restricted": _NO_DEBITS,
        "bank_account_unusable": "The bank account cannot be used.",
        "bank_account_unverified": "The bank account has not been verified.",
        "bank_ownership_changed": "The bank account has moved to another bank.",
        "invalid_currency": "The bank account does not support the currency of the invoice.",
        "payment_method_bank_account_blocked": "The bank account cannot be used.",
        "recipient_deceased": "",
        "sepa_unsupported_account": _NO_DEBITS,
        # What is known of it is wrong.
        "account_number_invalid": _DETAILS,
        "bank_account_bad_routing_numbers": _DETAILS,
        "bank_account_invalid_details": _DETAILS,
        "branch_does_not_exist": _DETAILS,
        "incorrect_account_holder_address": _DETAILS,
        "incorrect_account_holder_name": "The account holder's name is incorrect.",
        "incorrect_account_holder_tax_id": _DETAILS,
        "invalid_account_number": _DETAILS,
        "no_account": _DETAILS,
        "routing_number_invalid": _DETAILS,
        # The customer's leave to debit it is missing, wrong or withdrawn.
        "authorization_revoked": _MANDATE,
        "debit_authorization_not_match": _MANDATE,
        "debit_disputed": "The payment was returned at your request.",
        "debit_not_authorized": _MANDATE,
        "payment_intent_mandate_invalid": _MANDATE,
        "payment_method_customer_decline": "The payment was not approved.",
    }
)

_GOCARDLESS = _soft(
    {
        "bank_declined_payment": _REFUSED,
        "daily_payment_limit_reached": "Your bank account's daily limit has been reached.",
        "failed": _NOT_PROCESSED,
        "insufficient_funds": _NO_MONEY,
        "other": _NOT_PROCESSED,
        "payment_cancelled": _CANCELED,
        "refer_to_payer": _NOT_PROCESSED,
        "test_failure": _NOT_PROCESSED,
    }
) | _hard(
    {
        # Causes of a payment's end.
        "account_blocked_for_any_financial_transaction": "The bank account is blocked.",
        "authorisation_disputed": _MANDATE,
        "bank_account_closed": _CLOSED,
        "bank_account_transferred": "The bank account has moved to another bank.",
        "customer_approval_denied": "The payment was not approved.",
        "direct_debit_not_enabled": _NO_DEBITS,
        "initial_one_off_payment_failed": _MANDATE,
        "insufficient_payment_permissions": _NOT_ALLOWED,
        "invalid_bank_details": _DETAILS,
        "mandate_cancelled": "The direct debit mandate was cancelled.",
        "mandate_expired": "The direct debit mandate has expired.",
        "mandate_failed": "The direct debit mandate could not be set up.",
        "mandate_suspended_by_payer": "The direct debit mandate is suspended.",
        "payer_deceased": "",
        "payment_stopped": _STOPPED,
        "payment_violated_mandate_parameters": "The direct debit mandate does not cover this payment.",
        "refund_requested": "The payment was returned at your request.",
        "return_on_odfi_request": "",
        # Reasons why no payment can be created: the mandate is cancelled, expired, failed, blocked or suspended, its
        # bank account disabled, its customer removed.
        "bank_account_disabled": "The bank account cannot be used.",
        "customer_data_removed": _REMOVED,
        "customer_removed": _REMOVED,
        "mandate_is_inactive": _MANDATE,
    }
)

DECLINES: Mapping[str, Mapping[str, Decline]] = {
    "stripe": _STRIPE_CARDS | _STRIPE_DEBITS,
    "gocardless": _GOCARDLESS,
}
"""What each provider's codes mean, by the provider's name."""

_S, _H = DeclineKind.SOFT, DeclineKind.HARD
ADVICE: Mapping[str, Mapping[str, Decline]] = {
    "stripe": {
        # https://docs.stripe.com/declines/card#retrying-issuer-declines
        "confirm_card_data": Decline(_H, "The card's details are no longer correct."),
        "do_not_try_again": Decline(_H),
        "try_again_later": Decline(_S),
        # The card networks' own, where the issuer gave no other: 01 new details, 03 never, 21 the customer has
        # cancelled such payments, 41 a number that is good for one payment; 02 and 24 to 30 later.
        "01": Decline(_H, "The card or its account has been replaced."),
        "03": Decline(_H),
        "21": Decline(_H),
        "41": Decline(_H),
        **dict.fromkeys(("02", "24", "25", "26", "27", "28", "29", "30"), Decline(_S)),
    }
}
"""What the advice means that some providers send with a decline. It decides about another attempt."""


def is_decline(provider: str, code: str) -> bool:
    """Whether a code is in the table: what it says lies with the customer, and not with what we asked."""
    return code in DECLINES.get(provider, {})


def decline(provider: str, code: str, advice: str = "") -> Decline:
    """Tell what a provider's code means; one that nobody listed may be tried again.

    Parameters
    ----------
    advice : str
        What the provider advised with it, if it did: the bank that says no knows best whether to ask again.
    """
    listed = DECLINES.get(provider, {}).get(code, Decline(_S))
    advised = ADVICE.get(provider, {}).get(advice, listed)
    return Decline(advised.kind, listed.sentence or advised.sentence or _NO_REASON)
