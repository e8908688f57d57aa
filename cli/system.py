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
    from monthclose.use_cases.reconciliation.money_desk import MoneyDesk
    from monthclose.use_cases.reconciliation.remote_desk import Ask


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
    ask : callable or None
        Asks the function that runs the commands that need a provider's key; None if the deployment has none yet.
    collections : str
        ARN of the collections' state machine.
    """

    use_cases: "UseCases"
    state_machine: str
    adapters: frozenset[str]
    sleep: Callable[[float], None] = time.sleep
    ask: "Ask | None" = None
    collections: str = ""

    @property
    def ports(self) -> "Ports":
        """The ports that the use cases are on."""
        return self.use_cases.ports

    def money_desk(self, by: str, *, here: bool) -> "MoneyDesk":
        """Find who does what needs a provider's key: the deployment's function, or this process.

        Raises
        ------
        UserMistakeError
            The deployment has no such function.
        """
        if here:
            return self.use_cases.money_desk()
        if self.ask is None:
            raise UserMistakeError(
                "this deployment has no function for this command yet: run `cdk deploy --all` from this release\n"
                "--here does it on this machine, with the provider's key"
            )
        from monthclose.use_cases.reconciliation.remote_desk import RemoteMoneyDesk  # noqa: PLC0415

        return RemoteMoneyDesk(self.ask, self.ports.books, by)

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
