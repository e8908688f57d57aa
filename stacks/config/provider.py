"""Settings of a payment provider."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from monthclose.names import LimitScope
from stacks.config.reading import (
    ConfigError,
    Json,
    check_known,
    read_by_currency,
    read_choice,
    read_integer,
    read_number,
    read_share,
    read_text,
)
from stacks.config.target import Target

_BURST_SECONDS = 0.2
"""How much delay of threads and networks a burst makes up for. It is usually less; providers tolerate more."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A payment provider.

    Attributes
    ----------
    secret_name : str
        The Secrets Manager secret with its keys. The operator creates it; the stacks only refer to it.
    requests_per_second : float
        The provider's limit. The functions' limiter keeps within it.
    limit_scope : LimitScope
        What the limit counts: each endpoint by itself, or all requests of the account (the default).
    reserve_share : float
        Share of the limit that is left for the company's live traffic: 0 (the default) to 0.95.
    burst : int
        Requests allowed at once beyond the steady pace, by default those of a fifth of a second.
    maximum_concurrency : int
        How many workers drain its queue at once, 2 to 1,000 (the bounds of an SQS event source).
    largest_charge_minor : Mapping
        By currency, in minor units: the most that one charge may be for, where the provider has agreed a limit of its
        own with the company. Anything due beyond it goes into further charges.
    """

    name: str
    api_base: str
    secret_name: str
    requests_per_second: float
    limit_scope: LimitScope
    reserve_share: float
    burst: int
    maximum_concurrency: int
    largest_charge_minor: Mapping[str, int]

    @classmethod
    def parse(cls, name: str, values: Json, *, target: Target, deployment: str = "") -> Self:
        """Read one entry of `providers`."""
        path = f"providers.{name}"
        if not re.fullmatch(r"[a-z][a-z0-9]*", name):
            raise ConfigError(f"{path}: a provider's name is lower-case letters and digits")
        check_known(values, path, *(field for field in cls.__dataclass_fields__ if field != "name"))
        api_base = read_text(values, path, "api_base")
        schemes = ("https://",) if target is Target.AWS else ("https://", "http://")
        if not api_base.startswith(schemes):
            raise ConfigError(f"{path}.api_base: {api_base!r} must begin with {' or '.join(schemes)}")
        usual = "/".join(part for part in ("monthclose", deployment, name) if part)
        secret_name = read_text(values, path, "secret_name", default=usual)
        if not re.fullmatch(r"[A-Za-z0-9/_+=.@-]+", secret_name):
            raise ConfigError(f"{path}.secret_name: {secret_name!r} is not a name that Secrets Manager allows")
        rate = read_number(values, path, "requests_per_second")
        optional = {"limit_scope": "account", "reserve_share": 0, "burst": max(math.ceil(rate * _BURST_SECONDS), 2)}
        values = optional | {"largest_charge_minor": {}} | dict(values)
        return cls(
            name=name,
            api_base=api_base,
            secret_name=secret_name,
            requests_per_second=rate,
            limit_scope=read_choice(values, path, "limit_scope", LimitScope),
            reserve_share=read_share(values, path, "reserve_share"),
            burst=read_integer(values, path, "burst", least=2, most=1000),
            maximum_concurrency=read_integer(values, path, "maximum_concurrency", least=2, most=1000),
            largest_charge_minor=read_by_currency(values, path, "largest_charge_minor", default=False),
        )
