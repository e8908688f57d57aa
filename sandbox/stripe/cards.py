"""Stripe's test payment methods (Stripe docs, "Testing": successful, declined and 3D Secure payments)."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a charge fails: Stripe's error ``code``, the issuer's ``decline_code`` and the message."""

    code: str
    decline_code: str
    message: str


@dataclass(frozen=True, slots=True)
class Card:
    """How a test payment method looks and behaves.

    Attributes
    ----------
    decline : Decline, optional
        What every charge of it ends in; none for a card that can be charged.
    attaches : bool
        Whether it can be attached to a customer: of the declining cards only one can ("Testing", "Declined payments").
    authenticates : bool
        Whether every payment needs the cardholder ("Testing", "3D Secure authentication").
    settles : bool
        Whether a payment comes to its end at once; otherwise it stays in ``processing`` until it is settled.
    disputed : bool
        Whether every payment is disputed as fraudulent as soon as it succeeds ("Testing", "Disputes").
    """

    brand: str
    last4: str
    decline: Decline | None = None
    attaches: bool = True
    authenticates: bool = False
    settles: bool = True
    disputed: bool = False


def _declining(last4: str, code: str, decline_code: str, message: str) -> Card:
    return Card("visa", last4, Decline(code, decline_code, message), attaches=False)


_DECLINED = "Your card was declined."
_GENERIC = _declining("0002", "card_declined", "generic_decline", _DECLINED)
_INSUFFICIENT = _declining("9995", "card_declined", "insufficient_funds", "Your card has insufficient funds.")

CARDS: Mapping[str, Card] = {
    "pm_card_visa": Card("visa", "4242"),
    "pm_card_mastercard": Card("mastercard", "4444"),
    # Stripe's pages use both spellings of these two.
    "pm_card_chargeDeclined": _GENERIC,
    "pm_card_visa_chargeDeclined": _GENERIC,
    "pm_card_chargeDeclinedInsufficientFunds": _INSUFFICIENT,
    "pm_card_visa_chargeDeclinedInsufficientFunds": _INSUFFICIENT,
    "pm_card_visa_chargeDeclinedLostCard": _declining("9987", "card_declined", "lost_card", _DECLINED),
    "pm_card_visa_chargeDeclinedStolenCard": _declining("9979", "card_declined", "stolen_card", _DECLINED),
    "pm_card_chargeDeclinedExpiredCard": _declining("0069", "expired_card", "expired_card", "Your card has expired."),
    "pm_card_chargeDeclinedIncorrectCvc": _declining(
        "0127", "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect."
    ),
    "pm_card_chargeDeclinedProcessingError": _declining(
        "0119",
        "processing_error",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "pm_card_chargeCustomerFail": Card("visa", "0341", Decline("card_declined", "generic_decline", _DECLINED)),
    "pm_card_authenticationRequired": Card("visa", "3184", authenticates=True),
    "pm_card_createDispute": Card("visa", "0259", disputed=True),
    # The sandbox's own: Stripe's bank debits stay in processing for days, and it has cards only.
    "pm_sandbox_processing": Card("visa", "0010", settles=False),
}

AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
"""What an off-session charge of a card that authenticates ends in: nobody is there to do it."""

NOT_SETTLED = Decline("card_declined", "generic_decline", _DECLINED)
"""What a payment that was processing ends in if it fails."""
