"""What the fakes of all providers have in common: accounts by their keys, counts of requests, a table of endpoints."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sandbox.wire import JSON

UNRECOGNIZED = "unrecognized"
"""What a request for no endpoint is counted by."""


@dataclass(frozen=True, slots=True)
class Route[Operation]:
    """One endpoint: its name, where it is, and the operation behind it."""

    name: str
    method: str
    template: str
    operation: Operation
    pattern: re.Pattern[str]


class Routes[Operation]:
    """The endpoints of a provider, each as its name, method, path with ``{ids}`` in it, and operation."""

    def __init__(self, endpoints: Iterable[tuple[str, str, str, Operation]]) -> None:
        self._routes = tuple(
            Route(*endpoint, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", endpoint[2]))) for endpoint in endpoints
        )
        self.names = tuple(route.name for route in self._routes)

    def find(self, method: str, path: str) -> tuple[Route[Operation], Mapping[str, str]] | None:
        """Return the endpoint for a request and the ids in its path."""
        for route in self._routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, match.groupdict()
        return None


class HasMovements(Protocol):
    """An account that keeps a ledger of the money moved in it."""

    @property
    def movements(self) -> Sequence[JSON]:
        """The money moved, oldest first."""


class Shell[Account: HasMovements]:
    """The accounts of a provider, and how often which endpoint answered what.

    Parameters
    ----------
    keys : Mapping[str, str]
        The account of each key. Accounts share nothing but the ledger and the counts.
    make : Callable[[], Account]
        Makes an empty account.
    """

    def __init__(self, keys: Mapping[str, str], make: Callable[[], Account]) -> None:
        self._keys, self._make = dict(keys), make
        self._counts_lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget all objects, keys, events, movements and counts."""
        with self._counts_lock:
            self._accounts = {name: self._make() for name in self._keys.values()}
            self._counts = Counter[tuple[str, int]]()

    def revoke(self, key: str) -> None:
        """Refuse a key from now on; the account stays, for its other keys."""
        self._keys.pop(key, None)

    def movements(self) -> Sequence[JSON]:
        """Return the money moved in every account, oldest first in each; amounts in minor units."""
        return [movement for account in self._accounts.values() for movement in tuple(account.movements)]

    def request_counts(self) -> Mapping[str, Mapping[int, int]]:
        """Return the number of requests by endpoint, named as in ``payments.create``, and HTTP status."""
        with self._counts_lock:
            counted = sorted(self._counts.items())
        tables: dict[str, dict[int, int]] = {}
        for (endpoint, status), count in counted:
            tables.setdefault(endpoint, {})[status] = count
        return tables

    def _count(self, endpoint: str, status: int) -> None:
        with self._counts_lock:
            self._counts[endpoint, status] += 1
