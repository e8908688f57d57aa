"""What is simulated: how many customers, with which of the fixes, and what AWS and the provider allow."""

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from monthclose.settings import Provider
from sandbox.strict.limits import load_limits

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]


@dataclass(frozen=True)
class Fixes:
    """What the code does about AWS's limits; each can be left out to see what it is for.

    Parameters
    ----------
    repeats_throttled : bool
        A transaction that is cancelled for throttling is repeated with jitter; else it fails the function.
    one_update_per_number : bool
        A run of numbers is one conditional update; else the series is read and then moved on in a transaction.
    paces_generating : bool
        Each batch waits for its turn to generate, as the plan says; else as many generate as Lambda allows.
    warm_tables : bool
        The tables' warm throughput, and with it the pace of generating, follows the expected customers.
    mail_lane : bool
        Mail is sent at SES's rate, and what has no time left comes later; else a refusal fails the function.
    proof_map : bool
        The comparison is a Map over windows; else one function.
    parking_map : bool
        Parking is a Map over batches; else one function, one customer after the other.
    plan_in_parts : bool
        The plan sorts customers in parts, over several calls, and merges them; else one function keeps all in memory.
    recursion_allowed : bool
        A message may go back to its queue as often as it has to; else Lambda drops it after some turns.
    waits_by_eta : bool
        Heartbeats and time-outs follow the plan's ETA; else they are as written in the definition.
    fewer_batches : bool
        A large close has fewer batches than it may have; else as many.
    lists_ahead : bool
        The provider's record is read window by window while charging goes on, and only the last window at the end.
    """

    repeats_throttled: bool = True
    one_update_per_number: bool = True
    paces_generating: bool = True
    warm_tables: bool = True
    mail_lane: bool = True
    proof_map: bool = True
    parking_map: bool = True
    plan_in_parts: bool = True
    recursion_allowed: bool = True
    waits_by_eta: bool = True
    fewer_batches: bool = True
    lists_ahead: bool = False

    def without(self, name: str) -> Self:
        """Leave one out."""
        return replace(self, **{name: False})


BEFORE = Fixes(**dict.fromkeys(Fixes.__dataclass_fields__, False))
AFTER = Fixes()


@dataclass(frozen=True)
class Quotas:
    """What AWS and the provider allow this account. By default what the documents say of a new one.

    Parameters
    ----------
    provider_rate : float
        Requests a second on each endpoint.
    mails_per_day : float
        None is enforced by default: nobody closes a month with a quota below the number of customers.
    """

    provider_rate: float
    provider_workers: int
    mails_per_second: float
    mails_per_day: float
    lambda_concurrency: float
    table_writes: float
    table_reads: float

    @classmethod
    def documented(cls) -> Self:
        """Read the quotas of a new account, and the provider's settings in cdk.json."""
        limits, stripe = load_limits(), settings()["providers"]["stripe"]
        return cls(
            provider_rate=stripe["requests_per_second"],
            provider_workers=stripe["maximum_concurrency"],
            mails_per_second=limits["ses.send_rate"].value,
            mails_per_day=math.inf,
            lambda_concurrency=limits["lambda.account_concurrency"].value,
            table_writes=limits["dynamodb.table_writes"].value,
            table_reads=limits["dynamodb.table_reads"].value,
        )

    def asked_for(self, customers: int) -> Self:
        """Return what docs/scale.md says to ask for at a size: twice as many mails a second as charges."""
        rate = self.provider_rate
        if customers > _MOST_AT_DEFAULT_RATE:
            rate = math.ceil(customers / _NIGHT_SECONDS / 10) * 10
        workers = min(max(self.provider_workers, math.ceil(rate / _CHARGES_PER_WORKER)), 1000)
        return replace(
            self,
            provider_rate=rate,
            provider_workers=workers,
            mails_per_second=max(self.mails_per_second, rate * _MAILS_FOR_EACH_CHARGE),
            lambda_concurrency=max(self.lambda_concurrency, _LAMBDA_AT_MILLIONS if customers > 1_000_000 else 0),
        )


_MOST_AT_DEFAULT_RATE = 1_000_000
_NIGHT_SECONDS = 8 * 3600
_MAILS_FOR_EACH_CHARGE = 2
"""Batches are charged as a whole before their notices are sent: those come in bursts."""
_CHARGES_PER_WORKER = 6.0
"""What a worker of 512 MB charges a second with CPU to spare."""
_LAMBDA_AT_MILLIONS = 2000


@dataclass(frozen=True)
class Scenario:
    """One simulated close.

    Parameters
    ----------
    declined_share : float
        Share of the charges that are declined; their customers are told, and put on hold.
    outage : tuple of float
        From when, and for how many seconds, the provider is down.
    """

    customers: int
    fixes: Fixes
    quotas: Quotas
    seed: int = 1
    declined_share: float = 0.03
    outage: tuple[float, float] = (0.0, 0.0)
    heartbeat_seconds: float = 0.0
    """Instead of the definition's; 0 for the definition's."""
    max_batches: int = 0
    """Instead of the settings'; 0 for the settings'."""
    limits: Mapping[str, float] = field(default_factory=dict)
    """Instead of the documented limits, by name."""

    @property
    def provider(self) -> Provider:
        """The provider as the settings describe it, at the rate that is asked for."""
        stripe = settings()["providers"]["stripe"]
        return Provider(
            *("stripe", "", "", ""),
            self.quotas.provider_rate,
            maximum_concurrency=self.quotas.provider_workers,
            reserve_share=stripe["reserve_share"],
            burst=max(stripe["burst"], round(self.quotas.provider_rate / 5)),
        )


@cache
def settings() -> Mapping[str, Any]:
    """Read cdk.json's settings."""
    found: Mapping[str, Any] = json.loads((_ROOT / "cdk.json").read_text())["context"]["monthclose"]
    return found


@cache
def model() -> Mapping[str, Mapping[str, float]]:
    """Read what is assumed of services."""
    return tomllib.loads((_HERE / "model.toml").read_text())
