"""The deployed system as the commands see it: its ports, the use cases on them, and what only the command needs."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.console import note
from monthclose.domain.errors import UserMistakeError

if TYPE_CHECKING:
    from monthclose.assembly.ports import Ports
    from monthclose.assembly.use_cases import UseCases
    from monthclose.settings import Provider


@dataclass(frozen=True, slots=True)
class System:
    """What the commands work with; the tests put fakes in its place.

    Parameters
    ----------
    state_machine : str
        ARN of the close's.
    adapters : frozenset of str
        The providers that customers can be charged through.
    sleep : callable
        Waits for some seconds.
    """

    use_cases: "UseCases"
    state_machine: str
    adapters: frozenset[str]
    sleep: Callable[[float], None] = time.sleep

    @property
    def ports(self) -> "Ports":
        """The ports that the use cases are on."""
        return self.use_cases.ports

    def provider(self, name: str) -> "Provider":
        """Find a provider in the settings.

        Raises
        ------
        UserMistakeError
            It is not there; the message names those that are.
        """
        providers = self.ports.settings.providers
        if name not in providers:
            known = ", ".join(sorted(providers))
            raise UserMistakeError(f"there is no provider {name!r} in the settings; there are: {known}")
        return providers[name]


class Notes:
    """`Log` for a person: what is odd is noted, and never personal data."""

    def warning(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        """Note something odd that passes."""
        note(f"{message}: {', '.join(str(value) for value in extra.values())}")

    error = warning


def cause_for_people(cause: str) -> str:
    """Find the message in a failed execution's cause: Lambda wraps it in JSON."""
    try:
        wrapped = json.loads(cause)
    except json.JSONDecodeError:
        return cause
    message = wrapped.get("errorMessage") if isinstance(wrapped, dict) else None
    return str(message or cause)
