"""Amounts that GoCardless collects: each of its currencies is one bank debit scheme, with its own limits.

The limits are those of a new account (GoCardless, "Transactions and fees FAQs", "Transaction limits"; the minimum in
USD is from Recurly's "GoCardless"). GoCardless raises them on request. All have ISO 4217's decimals.
"""

from collections.abc import Mapping

from monthclose.domain.payments.charge_limits import ChargeLimits

_LIMITS: Mapping[str, ChargeLimits] = {
    "AUD": ChargeLimits(smallest_minor=2_00, largest_minor=10_000_00),
    "CAD": ChargeLimits(smallest_minor=2_00, largest_minor=5_000_00),
    "DKK": ChargeLimits(smallest_minor=10_00, largest_minor=50_000_00),
    "EUR": ChargeLimits(smallest_minor=1_00, largest_minor=5_000_00),
    "GBP": ChargeLimits(smallest_minor=1_00, largest_minor=5_000_00),
    "NZD": ChargeLimits(smallest_minor=2_00, largest_minor=10_000_00),
    "SEK": ChargeLimits(smallest_minor=10_00, largest_minor=50_000_00),
    "USD": ChargeLimits(smallest_minor=2_00),
}


def charge_limits(currency: str) -> ChargeLimits | None:
    """Return the limits of one charge; None if no scheme has the currency."""
    return _LIMITS.get(currency)
