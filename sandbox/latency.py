"""How long a provider takes to answer."""

import math
import random
import time
from collections.abc import Callable

from sandbox.wire import Execution, Proceed, Response

# Spread of the logarithm: the 99th percentile is then about 3.2 times the median, as is usual for card networks.
_SIGMA = 0.5


class LogNormalLatency:
    """A layer that makes every execution take a log-normally distributed time.

    Half of it passes before the effect and half after: a client that gives up waiting cannot know whether its
    request took effect, which is the case worth testing.

    Parameters
    ----------
    median_ms : float
        Median of the whole delay in milliseconds.
    seed : int
        Makes the sequence of delays repeatable.
    sleep : Callable[[float], object]
        Takes seconds.
    """

    def __init__(self, median_ms: float, seed: int = 0, sleep: Callable[[float], object] = time.sleep) -> None:
        self._mu = math.log(median_ms / 1000)
        self._rng = random.Random(seed)  # noqa: S311 - a simulation, no secret
        self._sleep = sleep

    def __call__(self, _execution: Execution, proceed: Proceed) -> Response:
        """Wait, execute, wait."""
        half = self._rng.lognormvariate(self._mu, _SIGMA) / 2
        self._sleep(half)
        response = proceed()
        self._sleep(half)
        return response
