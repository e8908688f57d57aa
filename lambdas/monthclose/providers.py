"""The payment providers that have adapters, by the names that settings and customers' profiles give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monthclose.ports import HostedPages, PaymentGateway, WebhookReader
    from monthclose.ports.payouts import PayoutRecord
    from monthclose.settings import Provider

# An adapter is imported where it is made: each brings an SDK, and a consumer charges through one provider.


def _stripe(key: str, provider: Provider) -> PaymentGateway:
    from monthclose.adapters.stripe.gateway import StripeGateway

    return StripeGateway(key, provider.api_base)


def _gocardless(key: str, provider: Provider) -> PaymentGateway:
    from monthclose.adapters.gocardless.gateway import GoCardlessGateway

    return GoCardlessGateway(key, provider.api_base)


GATEWAYS = {"gocardless": _gocardless, "stripe": _stripe}
"""Makes each provider's gateway with a key, by the name in the settings and the customers' profiles."""
ADAPTERS = frozenset(GATEWAYS)
"""Providers that have an adapter: customers can be charged through them."""


def _stripe_pages(key: str, provider: Provider) -> HostedPages:
    from monthclose.adapters.stripe.pages import StripePages

    return StripePages(key, provider.api_base)


def _gocardless_pages(key: str, provider: Provider) -> HostedPages:
    from monthclose.adapters.gocardless.pages import GoCardlessPages

    return GoCardlessPages(key, provider.api_base)


def _stripe_payouts(key: str, provider: Provider) -> PayoutRecord:
    from monthclose.adapters.stripe.payouts import StripePayouts

    return StripePayouts(key, provider.api_base)


def _gocardless_payouts(key: str, provider: Provider) -> PayoutRecord:
    from monthclose.adapters.gocardless.payouts import GoCardlessPayouts

    return GoCardlessPayouts(key, provider.api_base)


PAYOUTS = {"gocardless": _gocardless_payouts, "stripe": _stripe_payouts}
"""Makes the record of each provider's payouts, with a key."""

PAGES = {"gocardless": _gocardless_pages, "stripe": _stripe_pages}
"""Makes the pages of each provider that has some, with a key."""


def _stripe_webhooks(secret: str) -> WebhookReader:
    from monthclose.adapters.stripe.webhooks import StripeWebhooks

    return StripeWebhooks(secret)


def _gocardless_webhooks(secret: str) -> WebhookReader:
    from monthclose.adapters.gocardless.webhooks import GoCardlessWebhooks

    return GoCardlessWebhooks(secret)


WEBHOOKS = {"gocardless": _gocardless_webhooks, "stripe": _stripe_webhooks}
"""Makes the reader of each provider's webhooks, from a signing secret."""


def stripe_events() -> list[str]:
    """List the events to select when the webhook's address is registered at Stripe."""
    from monthclose.adapters.stripe.webhooks import StripeWebhooks

    return sorted(StripeWebhooks.events)
