"""How long a close takes, and what of it takes longest: arithmetic on what it has to do and how fast that may go. Pure.

The seconds beside charging are those of the simulated closes in docs/scale.md, which a test compares with this.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from monthclose.domain.payments.throttle import HEADROOM, Limit

CHARGES_PER_WORKER = 6.0
"""Charges a second that a worker of 512 MB makes with CPU to spare (docs/scale.md)."""
_OPENING_SECONDS, _OPENING_PER_CUSTOMER = 6.5, 0.00022
"""Opening, scanning the customers, and the first batch's invoices: until the first charge."""
_CHILDREN_PER_SECOND = 100
LAST_BATCH_SECONDS = 2.0
"""From a batch's last charge until it is told and closed."""
_PROVING_SECONDS, _PROVING_PER_CUSTOMER = 4.5, 0.000035
_COMPARING_PER_CHARGE = 0.0113
_CHARGES_PER_PART, _MOST_PARTS = 25_000, 16
"""The parts in which books and providers are compared side by side; as `use_cases.proof.plan_comparison` cuts them."""
_CHARGES_PER_PAGE = 100
"""Of a provider's own record."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a close asks of a payment provider.

    Parameters
    ----------
    charges : float
        Charges to make; an estimate may be a fraction.
    limit : Limit
        As it is set now.
    requests_per_charge : int
        Requests of a charge that the limit must have room for.
    workers : int
        Workers that drain its queue at once.
    """

    provider: str
    charges: float
    limit: Limit
    requests_per_charge: int = 1
    workers: int = 2

    @property
    def allowed_per_second(self) -> float:
        """Charges a second that the limit allows."""
        return self.limit.usable() / self.requests_per_charge

    @property
    def workers_per_second(self) -> float:
        """Charges a second that the workers can make."""
        return self.workers * CHARGES_PER_WORKER

    @property
    def per_second(self) -> float:
        """Charges a second."""
        return min(self.allowed_per_second, self.workers_per_second)

    @property
    def seconds(self) -> float:
        """How long its charges take."""
        return self.charges / self.per_second

    def needed(self, seconds: float) -> Needed:
        """Say which rate and how many workers make its charges in so many seconds."""
        charges = self.charges / seconds
        rate = charges * self.requests_per_charge / (1 - self.limit.reserve_share) / HEADROOM
        return Needed(max(math.ceil(rate), 1), max(math.ceil(charges / CHARGES_PER_WORKER), 1))


class Needed(NamedTuple):
    """What a provider's charges need to be made in time.

    Parameters
    ----------
    rate_per_second : int
        Requests a second that the provider must allow.
    workers : int
        The least `maximum_concurrency`.
    """

    rate_per_second: int
    workers: int


@dataclass(frozen=True, slots=True)
class Work:
    """What a close has to do.

    Parameters
    ----------
    generated_per_second : float
        For how many customers a second invoices are generated.
    emails : float
        Notices to send.
    mail : Limit or None
        How fast they may be sent; None if the mail service does not say.
    """

    customers: int
    batches: int
    loads: Sequence[Load]
    generated_per_second: float
    emails: float = 0.0
    mail: Limit | None = None

    @property
    def charges(self) -> float:
        """Charges of all providers."""
        return sum(load.charges for load in self.loads)

    @property
    def generating(self) -> float:
        """How long generating the invoices takes, in seconds."""
        return max(self.batches / _CHILDREN_PER_SECOND, self.customers / self.generated_per_second)

    @property
    def telling(self) -> float:
        """How long sending the notices takes, in seconds."""
        return self.emails / self.mail.usable() if self.mail else 0.0


@dataclass(frozen=True, slots=True)
class Timetable:
    """When each part of a close ends, in seconds after its start; all parts but the last run side by side.

    Parameters
    ----------
    charged : mapping
        When each provider's last charge is made.
    parts : mapping
        How long each part takes by itself: a provider's charges by the provider's name.
    """

    first_charge: float
    generated: float
    charged: Mapping[str, float]
    told: float
    ends: float
    parts: Mapping[str, float] = field(default_factory=dict)

    @property
    def all_charged(self) -> float:
        """When the last charge of all is made."""
        return max(self.charged.values(), default=self.first_charge)

    @property
    def bottleneck(self) -> str:
        """The part that takes longest: a provider, or one of `GENERATING`, `TELLING`, `PROVING`."""
        return max(self.parts, key=lambda name: (self.parts[name], name))


GENERATING, TELLING, PROVING = "invoices", "e-mail", "proof"


def timetable(work: Work) -> Timetable:
    """Work out when each part ends."""
    opening = opening_seconds(work.customers)
    generated = opening + work.generating
    # Charges begin with the first batch, and the last customers must have their invoices first.
    charged = {load.provider: max(opening + load.seconds, generated) for load in work.loads if load.charges}
    all_charged = max(charged.values(), default=generated)
    told = max(all_charged, opening + work.telling) + LAST_BATCH_SECONDS
    proving = proving_seconds(work.charges, work.loads)
    parts = {GENERATING: work.generating, TELLING: work.telling, PROVING: proving}
    parts |= {load.provider: load.seconds for load in work.loads if load.charges}
    return Timetable(opening, generated, charged, told, told + proving, parts)


def opening_seconds(customers: int) -> float:
    """How long until the first charge."""
    return _OPENING_SECONDS + customers * _OPENING_PER_CUSTOMER


def proving_seconds(charges: float, loads: Iterable[Load]) -> float:
    """How long the comparison with the providers' records, the proof and the report take."""
    parts = min(max(math.ceil(charges / _CHARGES_PER_PART), 1), _MOST_PARTS)
    paging = max((load.charges / _CHARGES_PER_PAGE / load.limit.usable() for load in loads), default=0.0)
    return _PROVING_SECONDS + max(charges / parts * _COMPARING_PER_CHARGE, paging) + charges * _PROVING_PER_CUSTOMER


class Ask(NamedTuple):
    """What to ask for so that a close ends in time.

    Parameters
    ----------
    of : str
        A provider, `TELLING` for the mail service, or `GENERATING` for the tables (`expected_customers`).
    rate_per_second : int
        Requests, e-mails or customers a second.
    workers : int
        The least `maximum_concurrency` of a provider; 0 if it need not be raised.
    """

    of: str
    rate_per_second: int
    workers: int = 0


def asks(work: Work, table: Timetable, deadline: float) -> tuple[Ask, ...]:
    """Say what to ask for if the deadline does not hold.

    Parameters
    ----------
    deadline : float
        Seconds after the start by which the close is to end.

    Returns
    -------
    tuple of Ask
        None if it holds, and none if no rate helps: what surrounds the charging takes too long by itself.
    """
    left = deadline - table.first_charge - LAST_BATCH_SECONDS - (table.ends - table.told)
    if table.ends <= deadline or left <= work.batches / _CHILDREN_PER_SECOND:
        return ()
    found = []
    for load in work.loads:
        if load.seconds > left:
            needed = load.needed(left)
            rate = max(needed.rate_per_second, math.ceil(load.limit.rate_per_second))
            found.append(Ask(load.provider, rate, needed.workers if needed.workers > load.workers else 0))
    if work.mail and work.telling > left:
        found.append(Ask(TELLING, math.ceil(work.emails / left / (1 - work.mail.reserve_share) / HEADROOM)))
    if work.customers / work.generated_per_second > left:
        found.append(Ask(GENERATING, math.ceil(work.customers / left)))
    return tuple(found)
