"""The bank debit schemes, one for each currency (GoCardless API reference, "Supported Direct Debit Schemes")."""

from collections.abc import Mapping

SCHEMES: Mapping[str, str] = {
    "AUD": "becs",
    "CAD": "pad",
    "DKK": "betalingsservice",
    "EUR": "sepa_core",
    "GBP": "bacs",
    "NZD": "becs_nz",
    "SEK": "autogiro",
    "USD": "ach",
}
"""Scheme by currency."""

INSTANT: Mapping[str, str] = {"EUR": "sepa_instant_credit_transfer", "GBP": "faster_payments"}
"""Scheme of payments that the customer's bank makes at once, by currency ("Instant Bank Pay")."""

CURRENCIES: Mapping[str, str] = {scheme: currency for currency, scheme in SCHEMES.items()}
"""Currency by scheme."""

LONGEST_REFERENCE: Mapping[str, int] = {
    "ach": 10,
    "autogiro": 11,
    "bacs": 10,
    "becs": 30,
    "becs_nz": 12,
    "betalingsservice": 30,
    "faster_payments": 18,
    "pad": 0,
    "sepa_core": 140,
    "sepa_instant_credit_transfer": 140,
}
"""Characters of a payment's or refund's reference (API reference, "Payments"); PAD has no references."""

SMALLEST: Mapping[str, int] = {"AUD": 200, "CAD": 200, "DKK": 1000, "EUR": 100, "GBP": 100, "NZD": 200, "SEK": 1000}
LARGEST: Mapping[str, int] = {
    "AUD": 1_000_000,
    "CAD": 500_000,
    "DKK": 5_000_000,
    "EUR": 500_000,
    "GBP": 500_000,
    "NZD": 1_000_000,
    "SEK": 5_000_000,
}
"""What one payment is at least, and at most on an account whose limit was not raised, in minor units (support article
"Transactions and fees FAQs"; it has none for USD)."""

_ANY = ""
REASON_CODES: Mapping[str, Mapping[str, str]] = {
    "sepa_core": {
        "insufficient_funds": "AM04",
        "bank_account_closed": "AC04",
        "invalid_bank_details": "AC01",
        "account_blocked_for_any_financial_transaction": "AC06",
        "direct_debit_not_enabled": "AG01",
        "mandate_cancelled": "MD01",
        "authorisation_disputed": "MD01",
        "refund_requested": "MD06",
        "payment_stopped": "SL01",
        _ANY: "MS03",
    },
    "bacs": {
        "bank_account_closed": "ARUDD-B",
        "mandate_cancelled": "ADDACS-1",
        "payment_stopped": "ARUDD-2",
        "bank_account_transferred": "ARUDD-3",
        "authorisation_disputed": "DDICA-3",
        "refund_requested": "DDICA-1",
        "invalid_bank_details": "ARUDD-5",
        _ANY: "ARUDD-0",
    },
    "ach": {
        "insufficient_funds": "R01",
        "bank_account_closed": "R02",
        "invalid_bank_details": "R03",
        "return_on_odfi_request": "R06",
        "mandate_cancelled": "R07",
        "payment_stopped": "R08",
        "authorisation_disputed": "R10",
        "refund_requested": "R10",
        "account_blocked_for_any_financial_transaction": "R16",
        "direct_debit_not_enabled": "R20",
        _ANY: "R29",
    },
}
"""What the bank said, by scheme and cause."""


def reason_code(scheme: str, cause: str) -> str:
    """Return what the bank said; GoCardless calls these codes inconsistent, and they are: never go by them."""
    codes = REASON_CODES.get(scheme, {})
    return codes.get(cause) or codes.get(_ANY, "0")
