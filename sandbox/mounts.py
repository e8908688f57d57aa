"""The providers of the sandbox: a new one is one more entry in the table."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from sandbox.desk import Desk
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless import provider as gocardless
from sandbox.gocardless.routes import ROUTES as GOCARDLESS_ROUTES
from sandbox.stripe import StripeSandbox
from sandbox.stripe import provider as stripe
from sandbox.stripe.routes import ROUTES as STRIPE_ROUTES
from sandbox.wire import Provider


@dataclass(frozen=True, slots=True)
class Mount:
    """One provider of the sandbox.

    Attributes
    ----------
    title : str
        What people call it.
    prefix : str
        What its paths begin with.
    secret : str
        The key that it accepts unless another is given.
    make : Callable[[str, Desk], Provider]
        Makes it, for a key and connected to a desk.
    endpoints : Collection[str]
        Names of its endpoints, for chaos plans.
    """

    title: str
    prefix: str
    secret: str
    make: Callable[[str, Desk], Provider]
    endpoints: Collection[str]


def _stripe(secret: str, desk: Desk) -> Provider:
    return StripeSandbox(
        {secret: "acct_sandbox"}, desk.clock, around_execution=desk.layer, notify=desk.notify("stripe")
    )


def _gocardless(secret: str, desk: Desk) -> Provider:
    return GoCardlessSandbox(
        {secret: "OR_sandbox"},
        desk.clock,
        around_execution=desk.layer,
        notify=desk.notify("gocardless"),
        path_prefix="/gocardless",
        fates=desk.chaos.reversals("gocardless"),
    )


MOUNTS: Mapping[str, Mount] = {
    "stripe": Mount("Stripe", "/v1", stripe.DEFAULT_API_KEY, _stripe, STRIPE_ROUTES.names),
    "gocardless": Mount(
        "GoCardless",
        "/gocardless",
        gocardless.DEFAULT_ACCESS_TOKEN,
        _gocardless,
        GOCARDLESS_ROUTES.names,
    ),
}

ENDPOINTS = {name: mount.endpoints for name, mount in MOUNTS.items()}


def make_providers(desk: Desk, secrets: Mapping[str, str] | None = None) -> dict[str, Provider]:
    """Make all providers, each by the prefix of its paths.

    Parameters
    ----------
    secrets : Mapping[str, str], optional
        Keys to accept, by provider.
    """
    given = secrets or {}
    return {mount.prefix: mount.make(given.get(name, mount.secret), desk) for name, mount in MOUNTS.items()}
