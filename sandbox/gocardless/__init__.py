"""A fake GoCardless: the part of its API (version 2015-07-06) that collecting by bank debit needs."""

from sandbox.gocardless.provider import GoCardlessSandbox

__all__ = ["GoCardlessSandbox"]
