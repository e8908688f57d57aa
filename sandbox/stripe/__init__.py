"""A fake Stripe: the part of API v1 that charging saved payment methods needs."""

from sandbox.stripe.provider import StripeSandbox

__all__ = ["StripeSandbox"]
