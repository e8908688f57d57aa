"""What a customer has to do next for a payment or a set-up: to authenticate, on a page of Stripe's."""

from sandbox.wire import JSON

AUTHENTICATE = "authenticate"
"""What the address of such a page has before the intent's id."""


def to_authenticate(intent: str, return_url: str | None, site: str) -> JSON:
    """Return the ``next_action`` of an intent whose card is to be authenticated.

    Parameters
    ----------
    return_url : str, optional
        Where the page leads back to; without one, only Stripe's own client-side library can show it.
    site : str
        Where Stripe's own pages are.
    """
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    page = {"return_url": return_url, "url": f"{site}/stripe/{AUTHENTICATE}/{intent}"}
    return {"type": "redirect_to_url", "redirect_to_url": page}
