"""How many requests of a provider a charge takes, which is what its rate limit is used up by."""

from collections.abc import Mapping

from monthclose.names import LimitScope

REQUESTS_PER_CHARGE: Mapping[str, int] = {"stripe": 2, "gocardless": 1}
"""Stripe creates the order first and then collects it (docs/charging.md); GoCardless does both at once."""
_UNKNOWN = 2
"""Of a provider that is not listed: better too many than too few."""


def requests_per_charge(provider: str, scope: LimitScope) -> int:
    """Count the requests of a charge that one limit must have room for.

    Examples
    --------
    >>> requests_per_charge("stripe", LimitScope.ENDPOINT)  # each of the two has a limit of its own
    1
    >>> requests_per_charge("stripe", LimitScope.ACCOUNT)
    2
    """
    return 1 if scope is LimitScope.ENDPOINT else REQUESTS_PER_CHARGE.get(provider, _UNKNOWN)
