"""The numbers of test cards and test bank accounts, as they are typed on a hosted page (Stripe docs, "Testing")."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from sandbox.stripe.banks import BANK_ACCOUNTS, BankAccount, iban
from sandbox.stripe.cards import CARDS, Card

_NUMBERS: Mapping[str, str] = {
    "4242424242424242": "pm_card_visa",
    "5555555555554444": "pm_card_mastercard",
    "378282246310005": "pm_card_amex",
    "6011111111111117": "pm_card_discover",
    "3566002020360505": "pm_card_jcb",
    "4000000000000002": "pm_card_chargeDeclined",
    "4000000000009995": "pm_card_chargeDeclinedInsufficientFunds",
    "4000000000009987": "pm_card_visa_chargeDeclinedLostCard",
    "4000000000009979": "pm_card_visa_chargeDeclinedStolenCard",
    "4000000000000069": "pm_card_chargeDeclinedExpiredCard",
    "4000000000000127": "pm_card_chargeDeclinedIncorrectCvc",
    "4000000000000119": "pm_card_chargeDeclinedProcessingError",
    "4000000000000341": "pm_card_chargeCustomerFail",
    "4000000000000259": "pm_card_createDispute",
    "4000002500003155": "pm_card_authenticationRequiredOnSetup",
    "4000002760003184": "pm_card_authenticationRequired",
    "4000003800000446": "pm_card_authenticationRequiredSetupForOffSession",
    "4000008260003178": "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",
}
_ROUTING_NUMBER, _SORT_CODE = "110000000", "108800"
_US_ACCOUNTS: Mapping[str, str] = {
    "000123456789": "pm_usBankAccount_success",
    "000111111113": "pm_usBankAccount_accountClosed",
    "000111111116": "pm_usBankAccount_noAccount",
    "000222222227": "pm_usBankAccount_insufficientFunds",
    "000333333335": "pm_usBankAccount_debitNotAuthorized",
    "000555555559": "pm_usBankAccount_dispute",
}
_UK_ACCOUNTS: Mapping[str, str] = {
    "00012345": "pm_sandbox_bacsDebit_success",
    "22222227": "pm_sandbox_bacsDebit_referToCustomer",
    "33333335": "pm_sandbox_bacsDebit_dispute",
}


class WrongNumberError(ValueError):
    """What was typed is no number of a test card or bank account; the message is what the page shows."""


def card(number: str, expiry: str, cvc: str, now: float) -> Card:
    """Return the card that was typed.

    Parameters
    ----------
    expiry : str
        As in ``12 / 34``.
    now : float
        Seconds since the epoch.

    Raises
    ------
    WrongNumberError
        There is no such test card, it has expired, or the security code is incomplete.
    """
    digits, code = _digits(number), _digits(cvc)
    known = _NUMBERS.get(digits)
    if not digits or not _luhn(digits):
        raise WrongNumberError("Your card number is invalid.")
    if known is None:
        raise WrongNumberError("Your card was declined. In test mode, only Stripe's test cards can be used.")
    when = re.fullmatch(r"\s*(\d{1,2})\s*/?\s*(?:20)?(\d{2})\s*", expiry)
    if when is None or not 1 <= int(when[1]) <= 12:
        raise WrongNumberError("Your card's expiration date is incomplete.")
    made = replace(CARDS[known], expires=(2000 + int(when[2]), int(when[1])))
    if made.expired(now):
        today = datetime.fromtimestamp(now, UTC)
        past = "year" if made.expires[0] < today.year else "date"
        raise WrongNumberError(f"Your card's expiration {past} is in the past.")
    if len(code) != (4 if made.brand == "amex" else 3):
        raise WrongNumberError("Your card's security code is incomplete.")
    return made


def us_account(routing_number: str, number: str) -> BankAccount:
    """Return the bank account in the United States that was typed."""
    return _account(_US_ACCOUNTS, routing_number, _ROUTING_NUMBER, number)


def uk_account(sort_code: str, number: str) -> BankAccount:
    """Return the bank account in the United Kingdom that was typed."""
    return _account(_UK_ACCOUNTS, sort_code, _SORT_CODE, number)


def sepa_account(number: str) -> BankAccount:
    """Return the bank account of the SEPA that was typed as an IBAN."""
    found = iban(re.sub(r"\s", "", number).upper())
    if found is None:
        raise WrongNumberError("The IBAN you entered is invalid.")
    return found


def _account(known: Mapping[str, str], branch: str, expected: str, number: str) -> BankAccount:
    name = known.get(_digits(number)) if _digits(branch) == expected else None
    if name is None:
        raise WrongNumberError(f"The bank account is not one of Stripe's test accounts (those of {expected}).")
    return BANK_ACCOUNTS[name]


def _digits(text: str) -> str:
    return re.sub(r"[\s-]", "", text) if re.fullmatch(r"[\d\s-]*", text) else ""


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(int(digit) * (1 + place % 2), 10)) for place, digit in enumerate(reversed(digits)))
    return sum(doubled) % 10 == 0
