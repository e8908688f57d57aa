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

CURRENCIES: Mapping[str, str] = {scheme: currency for currency, scheme in SCHEMES.items()}
"""Currency by scheme."""

LIMITS: Mapping[str, tuple[int, int]] = {
    "ach": (200, 99_999_999),
    "autogiro": (1_000, 5_000_000),
    "bacs": (100, 500_000),
    "becs": (200, 1_000_000),
    "becs_nz": (200, 1_000_000),
    "betalingsservice": (1_000, 5_000_000),
    "pad": (200, 500_000),
    "sepa_core": (100, 500_000),
}
"""The least and the most that a new account may collect at once, by scheme, in minor units ("Transaction limits")."""

REASON_CODES: Mapping[str, Mapping[str, str]] = {
    "insufficient_funds": {"sepa_core": "AM04", "bacs": "ARUDD-0", "ach": "R01"},
    "bank_account_closed": {"sepa_core": "AC04", "bacs": "ARUDD-B", "ach": "R02"},
    "refer_to_payer": {"sepa_core": "MS03", "bacs": "ARUDD-0", "ach": "R29"},
    "mandate_cancelled": {"sepa_core": "MD01", "bacs": "ADDACS-1", "ach": "R07"},
    "refund_requested": {"sepa_core": "MD06", "bacs": "DDICA-1", "ach": "R10"},
}
"""What the bank said, by cause and scheme; a scheme that is not named sends no code."""
