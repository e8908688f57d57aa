"""How long a provider takes to answer."""

import math
import random
import threading
import time
from collections.abc import Callable

from sandbox.wire import JSON, Execution, Proceed, Response

SIGMA = 0.5
"""Spread of the logarithm: the 99th percentile is then about 3.2 times the median, as is usual for card networks."""


class LogNormalLatency:
    """A layer that makes every execution take a log-normally distributed time.

    Half of it passes before the effect and half after: a client that gives up waiting cannot know whether its
    request took effect, which is the case worth testing.

    Parameters
    ----------
    median_ms : float
        Median of the whole delay in milliseconds; 0 for none.
    seed : int
        Makes the sequence of delays repeatable.
    sleep : Callable[[float], object]
        Takes seconds.
    sigma : float
        Spread of the logarithm; 0 makes every delay the median.
    """

    def __init__(
        self,
        median_ms: float,
        seed: int = 0,
        sleep: Callable[[float], object] = time.sleep,
        sigma: float = SIGMA,
    ) -> None:
        self._seed = seed
        self._sleep = sleep
        self._lock = threading.Lock()
        self.set(median_ms, sigma)

    def set(self, median_ms: float, sigma: float = SIGMA) -> None:
        """Change future delays; their sequence starts again."""
        with self._lock:
            self._median_ms, self._sigma = median_ms, sigma
            self._rng = random.Random(self._seed)  # noqa: S311 - a simulation, no secret

    def to_json(self) -> JSON:
        """Return what is set."""
        with self._lock:
            return {"median_ms": self._median_ms, "sigma": self._sigma}

    def _draw(self) -> float:
        with self._lock:
            if not self._median_ms:
                return 0.0
            return self._rng.lognormvariate(math.log(self._median_ms / 1000), self._sigma)

    def __call__(self, _execution: Execution, proceed: Proceed) -> Response:
        """Wait, execute, wait."""
        seconds = self._draw()
        if not seconds:
            return proceed()
        self._sleep(seconds / 2)
        response = proceed()
        self._sleep(seconds / 2)
        return response
