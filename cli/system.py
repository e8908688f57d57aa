"""The deployed system as the commands see it: its ports, the use cases on them, and what only the command needs."""

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.console import note
from monthclose.domain.errors import UserMistakeError

if TYPE_CHECKING:
    from datetime import date

    from monthclose.assembly.ports import Ports
    from monthclose.assembly.use_cases import UseCases
    from monthclose.domain.audit import About
    from monthclose.domain.calendar import BillingCalendar
    from monthclose.domain.period import Period
    from monthclose.settings import Provider
    from monthclose.use_cases.reconciliation.money_desk import MoneyDesk
    from monthclose.use_cases.reconciliation.remote_desk import Ask


_WITHIN_LIMITS = frozenset({"refund.requested", "write_off.requested"})
"""Kinds of acts that each role has limits for: the functions know them, this process does not."""


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
    packs : str
        ARN of the state machine that makes report packs; empty if the deployment has none yet.
    archive : str
        ARN of the state machine that archives old usage; the same.
    """

    use_cases: "UseCases"
    state_machine: str
    adapters: frozenset[str]
    sleep: Callable[[float], None] = time.sleep
    ask: "Ask | None" = None
    collections: str = ""
    packs: str = ""
    archive: str = ""

    @property
    def calendar(self) -> "BillingCalendar":
        """When periods begin and end."""
        return self.ports.settings.calendar

    @property
    def today(self) -> "date":
        """The company's day."""
        return self.calendar.day(self.ports.clock())

    @property
    def this_month(self) -> "Period":
        """The month that runs for the company."""
        return self.calendar.period(self.ports.clock())

    @property
    def ports(self) -> "Ports":
        """The ports that the use cases are on."""
        return self.use_cases.ports

    def asking(self, what: str, about: "About", *, here: bool) -> "MoneyDesk":
        """Record what a person asks for that needs a provider's key, and find who does it.

        That is the deployment's function, or this process.

        Parameters
        ----------
        what : str
            The kind of the act: one of `REQUESTS`.

        Raises
        ------
        UserMistakeError
            The deployment has no such function, or no audit trail; or what has limits is to be done here although a
            function holds them.
        TryLaterError
            The request cannot be recorded.
        """
        if self.ask is None and not here:
            raise UserMistakeError(
                "this deployment has no function for this command yet: run `cdk deploy --all` from this release\n"
                "--here does it on this machine, with the provider's key"
            )
        if self.ask is not None and here and what in _WITHIN_LIMITS:
            raise UserMistakeError(
                "--here would pass the limits that the settings give each role: leave it out, and the deployment's "
                "function does it within yours"
            )
        from monthclose.domain.audit import About, sealed  # noqa: PLC0415
        from monthclose.use_cases.audit.record_act import Announced  # noqa: PLC0415

        acts, secret = self.use_cases.acts, secrets.token_urlsafe()
        made = acts.record(what, **(about | About(seal="" if here else sealed(secret))))
        if self.ask is None or here:
            from monthclose.use_cases.reconciliation.recorded_desk import RecordedDesk  # noqa: PLC0415

            return RecordedDesk(self.use_cases.money_desk(), Announced(acts, made))
        from monthclose.use_cases.reconciliation.remote_desk import RemoteMoneyDesk  # noqa: PLC0415

        return RemoteMoneyDesk(self.ask, self.ports.books, about.get("by", ""), made.name, secret)

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
