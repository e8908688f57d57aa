"""The control desk: everything that can be set on the sandbox, apart from the providers themselves."""

import time
from collections.abc import Callable, Mapping

from sandbox.chaos.decisions import Chaos
from sandbox.chaos.front import Front, inside
from sandbox.chaos.latency import LogNormalLatency
from sandbox.chaos.limits import Limit, Limiter
from sandbox.chaos.plan import Plan
from sandbox.webhooks import Deliverer
from sandbox.wire import JSON, Layer, Provider, layered


class Desk:
    """Chaos, limits, latency and webhooks of one sandbox.

    Providers are to be made with :attr:`layer` around their execution and :meth:`notify`, then put behind
    :meth:`front`.

    Parameters
    ----------
    seed : int
        Makes latencies repeatable.
    clock : Callable[[], float]
        The providers' time, in seconds since the epoch; what they are made with, and what webhooks are signed by.
    """

    def __init__(self, seed: int = 0, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.chaos = Chaos()
        self.limiter = Limiter()
        self.latency = LogNormalLatency(0, seed)
        self.webhooks = Deliverer(self.chaos.webhooks, clock)

    @property
    def layer(self) -> Layer:
        """What a provider takes as ``around_execution``."""
        return layered(self.latency, inside)

    def notify(self, provider: str) -> Callable[[JSON], None]:
        """Return what a provider takes as ``notify``."""
        return self.webhooks.notify(provider)

    def front(self, provider: Provider) -> Front:
        """Put a provider behind chaos and limits."""
        return Front(provider, (self.chaos,), self.limiter)

    def begin(self, plan: Plan) -> None:
        """Put a chaos plan in force; limits that it names are set, others stay."""
        self.webhooks.reseed(plan.seed)
        self.chaos.begin(plan)
        self.limiter.update(plan.limits)

    def set_limits(self, limits: Mapping[str, Limit]) -> None:
        """Set all limits."""
        self.limiter.set(limits)

    def reset(self) -> None:
        """Forget counts and waiting events; settings stay, and the plan in force restarts."""
        self.chaos.reset()
        self.limiter.reset()
        self.webhooks.reset()
        self.webhooks.reseed(self.chaos.plan.seed)

    def close(self) -> None:
        """End the threads."""
        self.webhooks.close()
