"""The SDK's client as all of our adapters for Stripe use it."""

import stripe
from stripe import V1Services

_TIMEOUT_SECONDS = 20


def services(api_key: str, api_base: str, http_client: stripe.HTTPClient | None) -> V1Services:
    """Return the services of API v1. A call is one request, as the SDK must not retry: requests are paced.

    Parameters
    ----------
    http_client : stripe.HTTPClient or None
        Sends the requests; None for one of our own.
    """
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base},
        max_network_retries=0,
        http_client=http_client or stripe.RequestsClient(timeout=_TIMEOUT_SECONDS),
    ).v1
