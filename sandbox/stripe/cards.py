"""Stripe's test payment methods (Stripe docs, "Testing": successful, declined and 3D Secure payments)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Literal

type Advice = Literal["confirm_card_data", "do_not_try_again", "try_again_later"]
type Exempt = Literal["never", "set_up", "always"]


@dataclass(frozen=True, slots=True)
class Decline:
    """Why a charge fails.

    Attributes
    ----------
    code : str
        Stripe's error ``code``.
    decline_code : str, optional
        The issuer's reason, for cards only.
    advice : Advice, optional
        Stripe's ``advice_code``: how to go on, where the issuer says so.
    network_code, network_advice : str, optional
        The card network's own codes for both (``network_decline_code``, ``network_advice_code``).
    """

    code: str
    decline_code: str | None
    message: str
    advice: Advice | None = None
    network_code: str | None = None
    network_advice: str | None = None

    def members(self) -> dict[str, str]:
        """Return the members of an error, as far as there are any: those that don't apply are absent."""
        found = {
            "advice_code": self.advice,
            "code": self.code,
            "decline_code": self.decline_code,
            "message": self.message,
            "network_advice_code": self.network_advice,
            "network_decline_code": self.network_code,
        }
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Card:
    """How a test payment method looks and behaves.

    Attributes
    ----------
    decline : Decline, optional
        The decline that every charge ends in; none for a card that can be charged.
    attaches : bool
        Whether it can be attached to a customer: of the declining cards only one can ("Testing", "Declined payments").
    authenticates : bool
        Whether every payment needs the cardholder ("Testing", "3D Secure authentication").
    exempt : Exempt
        Whether payments without the cardholder need none of it all the same: ``always``, or once the card was set up
        with them present.
    settles : bool
        Whether a payment comes to its end at once; otherwise it stays in ``processing`` until it is settled.
    disputed : bool
        Whether every payment is disputed as fraudulent as soon as it succeeds ("Testing", "Disputes").
    expires : tuple[int, int]
        Year and month of its expiry date: it can be charged to the end of that month.
    """

    kind: ClassVar[str] = "card"

    brand: str
    last4: str
    decline: Decline | None = None
    attaches: bool = True
    authenticates: bool = False
    settles: bool = True
    disputed: bool = False
    expires: tuple[int, int] = (2034, 12)
    exempt: Exempt = "never"

    def expired(self, now: float) -> bool:
        """Whether its expiry date has passed by a moment, in seconds since the epoch."""
        day = datetime.fromtimestamp(now, UTC)
        return (day.year, day.month) > self.expires


def _declining(last4: str, decline: Decline) -> Card:
    return Card("visa", last4, decline, attaches=False)


def _declined(decline_code: str, advice: Advice, network_code: str, network_advice: str, message: str = "") -> Decline:
    return Decline("card_declined", decline_code, message or _MESSAGE, advice, network_code, network_advice)


_MESSAGE = "Your card was declined."
_GENERIC = _declined("generic_decline", "try_again_later", "05", "02")
_INSUFFICIENT = _declined("insufficient_funds", "try_again_later", "51", "02", "Your card has insufficient funds.")

CARDS: Mapping[str, Card] = {
    "pm_card_visa": Card("visa", "4242"),
    "pm_card_mastercard": Card("mastercard", "4444"),
    "pm_card_amex": Card("amex", "0005"),
    "pm_card_discover": Card("discover", "1117"),
    "pm_card_jcb": Card("jcb", "0505"),
    # Stripe's pages use both spellings of these two.
    "pm_card_chargeDeclined": _declining("0002", _GENERIC),
    "pm_card_visa_chargeDeclined": _declining("0002", _GENERIC),
    "pm_card_chargeDeclinedInsufficientFunds": _declining("9995", _INSUFFICIENT),
    "pm_card_visa_chargeDeclinedInsufficientFunds": _declining("9995", _INSUFFICIENT),
    "pm_card_visa_chargeDeclinedLostCard": _declining("9987", _declined("lost_card", "do_not_try_again", "41", "03")),
    "pm_card_visa_chargeDeclinedStolenCard": _declining(
        "9979", _declined("stolen_card", "do_not_try_again", "43", "03")
    ),
    "pm_card_chargeDeclinedExpiredCard": _declining(
        "0069", Decline("expired_card", "expired_card", "Your card has expired.", "do_not_try_again", "54", "03")
    ),
    "pm_card_chargeDeclinedIncorrectCvc": _declining(
        "0127",
        Decline(
            "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", "confirm_card_data", "N7", "01"
        ),
    ),
    # Stripe could not reach the issuer, so that nobody gives advice.
    "pm_card_chargeDeclinedProcessingError": _declining(
        "0119",
        Decline(
            "processing_error",
            "processing_error",
            "An error occurred while processing your card. Try again in a little bit.",
        ),
    ),
    "pm_card_chargeCustomerFail": Card("visa", "0341", _GENERIC),
    # The sandbox's own: a reason that is soft by itself, and an issuer that forbids to try again all the same. Since
    # API version 2024-09-30.acacia the advice is told by ``advice_code`` alone.
    "pm_sandbox_declinedForGood": Card("visa", "0101", _declined("generic_decline", "do_not_try_again", "05", "03")),
    "pm_card_authenticationRequired": Card("visa", "3184", authenticates=True),
    "pm_card_authenticationRequiredOnSetup": Card("visa", "3155", authenticates=True, exempt="set_up"),
    "pm_card_authenticationRequiredSetupForOffSession": Card("visa", "0446", authenticates=True, exempt="always"),
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": Card(
        "visa", "3178", _INSUFFICIENT, authenticates=True, exempt="set_up"
    ),
    "pm_card_createDispute": Card("visa", "0259", disputed=True),
    # The sandbox's own: Stripe's cards don't stay in processing, but its bank debits do.
    "pm_sandbox_processing": Card("visa", "0010", settles=False),
}

EXPIRED = CARDS["pm_card_chargeDeclinedExpiredCard"].decline
"""What every charge of a card ends in once its expiry date has passed."""
_EXPIRING = re.compile(r"pm_sandbox_visaExpires_(\d{4})_(0[1-9]|1[0-2])")


def expiring(reference: str) -> Card | None:
    """Return the card that pays until the end of a month, ``pm_sandbox_visaExpires_2026_12``: the sandbox's own."""
    match = _EXPIRING.fullmatch(reference)
    return Card("visa", "4242", expires=(int(match[1]), int(match[2]))) if match else None


AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
"""What an off-session charge of a card that authenticates ends in: nobody is there to do it."""

NOT_SETTLED = _GENERIC
"""What a payment that was processing ends in if it fails."""
