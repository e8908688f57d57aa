"""The limits of AWS: what they are by the documents, which are in force, and how often each has struck."""

import threading
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

CONTROL_PATH = "/_monthclose/strict"
"""Where the local AWS lists its limits, and changes them."""
REFUSED_PATH = f"{CONTROL_PATH}/refused"
"""Where it lists the calls that policies refused."""

_FILE = Path(__file__).with_name("limits.toml")


@dataclass(frozen=True, slots=True)
class Limit:
    """A documented limit.

    Parameters
    ----------
    name : str
        Service and limit: `dynamodb.partition_writes`.
    effect : str
        What AWS does with whoever exceeds it.
    source : str
        Address of the document that gives the value.
    on : bool
        Whether it is in force.
    """

    name: str
    value: float
    unit: str
    effect: str
    source: str
    on: bool = True


def load_limits() -> dict[str, Limit]:
    """Read the documented limits, by name."""
    services = tomllib.loads(_FILE.read_text())
    return {
        f"{service}.{name}": Limit(name=f"{service}.{name}", **fields)
        for service, limits in services.items()
        for name, fields in limits.items()
    }


class Limits:
    """The limits in force. Any number of threads may use them."""

    def __init__(self, documented: Mapping[str, Limit] | None = None) -> None:
        self._documented = dict(load_limits() if documented is None else documented)
        self._limits = dict(self._documented)
        self._struck: Counter[str] = Counter()
        self._lock = threading.Lock()

    def on(self, name: str) -> bool:
        """Whether a limit is in force."""
        return self._limits[name].on

    def value(self, name: str) -> float:
        """Return a limit's value, in the limit's unit."""
        return self._limits[name].value

    def strike(self, name: str, times: int = 1) -> None:
        """Count that a limit refused something."""
        with self._lock:
            self._struck[name] += times

    def counts(self) -> dict[str, int]:
        """How often each limit has struck; those that have not are 0."""
        with self._lock:
            return {name: self._struck[name] for name in self._limits}

    def listing(self) -> dict[str, dict[str, Any]]:
        """List all limits by name: whether each is on, its value, the documented one, how often it struck, and why."""
        struck = self.counts()
        return {
            name: {
                "on": limit.on,
                "value": limit.value,
                "documented": self._documented[name].value,
                "struck": struck[name],
                "unit": limit.unit,
                "effect": limit.effect,
                "source": limit.source,
            }
            for name, limit in sorted(self._limits.items())
        }

    def change(self, name: str, *, on: bool | None = None, value: float | None = None) -> None:
        """Switch a limit on or off, or give it another value.

        Raises
        ------
        KeyError
            There is no such limit.
        """
        with self._lock:
            limit = self._limits[name]
            self._limits[name] = replace(
                limit, on=limit.on if on is None else on, value=limit.value if value is None else value
            )
