"""Settings of a deployment: read from `cdk.json`, overridden from the command line, checked before anything is built.

The values are the object under the context key `monthclose`. `-c monthclose-overrides='{"target": "local"}'` lays
a JSON object over it, key by key and as deep as it goes, so that one more provider is one more entry.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from monthclose.names import LimitScope
from stacks.company import Company, CompanyError

if TYPE_CHECKING:
    from constructs import Node

CONTEXT_KEY = "monthclose"
OVERRIDES_KEY = "monthclose-overrides"

_BURST_SECONDS = 0.2
"""A fifth of a second: threads and networks are late by less, and providers' own tolerance is larger."""
_LARGEST_SHARE = 0.95
_OPTIONAL: Mapping[str, object] = {"company": {}, "invoice_link_days": 0}
"""What holds where nothing is said."""

type Json = Mapping[str, object]


class ConfigError(ValueError):
    """A setting is missing, unknown or out of bounds. The message says which one and what is allowed."""


class Target(StrEnum):
    """Where the stacks go."""

    AWS = "aws"
    LOCAL = "local"
    """An emulator on this machine: nothing is worth keeping, and functions run on this CPU and interpreter."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A payment provider.

    Attributes
    ----------
    secret_name : str
        The Secrets Manager secret with its keys. The operator creates it; the stacks only refer to it.
    requests_per_second : float
        The provider's limit, to which the limiter of the functions keeps.
    limit_scope : LimitScope
        What it counts: each endpoint by itself, or (if nothing is said) all requests of the account.
    reserve_share : float
        Share of it that is left to the company's live traffic: 0 (if nothing is said) to 0.95.
    burst : int
        Requests that may come at once beyond the steady pace. If nothing is said, a fifth of a second's.
    maximum_concurrency : int
        How many workers drain its queue at once, 2 to 1,000 (the bounds of an SQS event source).
    """

    name: str
    api_base: str
    secret_name: str
    requests_per_second: float
    limit_scope: LimitScope
    reserve_share: float
    burst: int
    maximum_concurrency: int

    @classmethod
    def parse(cls, name: str, values: Json, *, target: Target) -> Self:
        """Check one entry of `providers`."""
        path = f"providers.{name}"
        if not re.fullmatch(r"[a-z][a-z0-9]*", name):
            raise ConfigError(f"{path}: a provider's name is lower-case letters and digits")
        _known(values, path, *(field for field in cls.__dataclass_fields__ if field != "name"))
        api_base = _text(values, path, "api_base")
        schemes = ("https://",) if target is Target.AWS else ("https://", "http://")
        if not api_base.startswith(schemes):
            raise ConfigError(f"{path}.api_base: {api_base!r} must begin with {' or '.join(schemes)}")
        secret_name = _text(values, path, "secret_name")
        if not re.fullmatch(r"[A-Za-z0-9/_+=.@-]+", secret_name):
            raise ConfigError(f"{path}.secret_name: {secret_name!r} is no name that Secrets Manager allows")
        rate = _number(values, path, "requests_per_second")
        optional = {"limit_scope": "account", "reserve_share": 0, "burst": max(math.ceil(rate * _BURST_SECONDS), 2)}
        values = optional | dict(values)
        return cls(
            name=name,
            api_base=api_base,
            secret_name=secret_name,
            requests_per_second=rate,
            limit_scope=_choice(values, path, "limit_scope", LimitScope),
            reserve_share=_share(values, path, "reserve_share"),
            burst=_integer(values, path, "burst", least=2, most=1000),
            maximum_concurrency=_integer(values, path, "maximum_concurrency", least=2, most=1000),
        )


@dataclass(frozen=True, kw_only=True)
class HoldPolicy:
    """When an account that does not pay is held: `threshold_minor` by currency, in minor units, and `default`.

    Attributes
    ----------
    lift_manual : bool
        Whether payment lifts a hold that a person placed, too.
    """

    grace_days: int
    threshold_minor: Mapping[str, int]
    lift_manual: bool

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `hold_policy`."""
        path = "hold_policy"
        _known(values, path, *cls.__dataclass_fields__)
        return cls(
            grace_days=_integer(values, path, "grace_days", least=0, most=365),
            threshold_minor=_by_currency(values, path, "threshold_minor"),
            lift_manual=_flag(values, path, "lift_manual", default=False),
        )


@dataclass(frozen=True, kw_only=True)
class Invoicing:
    """Which amounts are invoiced.

    Attributes
    ----------
    minimum_minor : Mapping
        By currency and `default`, in minor units: a smaller amount is carried to the next month.
    zero_invoices : bool
        Whether a month with usage that comes to nothing has an invoice.
    """

    minimum_minor: Mapping[str, int]
    zero_invoices: bool

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `invoicing`."""
        path = "invoicing"
        _known(values, path, "minimum_minor", "zero_invoices")
        return cls(
            minimum_minor=_by_currency(values, path, "minimum_minor"),
            zero_invoices=_flag(values, path, "zero_invoices", default=False),
        )


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """When payments are settled and the books compared."""

    enabled: bool
    every_minutes: int

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `reconcile`."""
        path = "reconcile"
        _known(values, path, "enabled", "every_minutes")
        return cls(
            enabled=_flag(values, path, "enabled", default=True),
            every_minutes=_integer(values, path, "every_minutes", least=5, most=1440),
        )


class AfterLast(StrEnum):
    """What becomes of a customer who doesn't react to the last reminder either."""

    HOLD = "hold"
    LEAVE_OPEN = "leave_open"


@dataclass(frozen=True, kw_only=True)
class Dunning:
    """When a declined payment is tried again and its customer reminded, in days from the first refusal.

    Attributes
    ----------
    final_days : int
        Days after the last reminder until `after_last` comes.
    retry_reversed : bool
        Whether money that the customer's bank took back may be charged again by itself.
    """

    retry_days: tuple[int, ...]
    reminder_days: tuple[int, ...]
    last_reminder_day: int
    final_days: int
    after_last: AfterLast
    retry_reversed: bool

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `dunning`."""
        path = "dunning"
        _known(values, path, *cls.__dataclass_fields__)
        last = _integer(values, path, "last_reminder_day", least=1, most=365)
        return cls(
            retry_days=_days(values, path, "retry_days", before=last),
            reminder_days=_days(values, path, "reminder_days", before=last),
            last_reminder_day=last,
            final_days=_integer(values, path, "final_days", least=0, most=365),
            after_last=_choice(values, path, "after_last", AfterLast),
            retry_reversed=_flag(values, path, "retry_reversed", default=False),
        )


@dataclass(frozen=True, kw_only=True)
class Collections:
    """When the collections start every day: `hour` in UTC. Disabled, they run only when somebody starts them."""

    enabled: bool
    hour: int

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `collections`."""
        path = "collections"
        _known(values, path, "enabled", "hour")
        return cls(
            enabled=_flag(values, path, "enabled", default=True),
            hour=_integer(values, path, "hour", least=0, most=23),
        )


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings of a deployment.

    Attributes
    ----------
    mail_identity : str
        The SES identity that mail is sent from: the sender's domain, unless the settings name the address itself.
    mail_identity_created : bool
        Whether the workflow stack creates it. False where the company has verified its domain in SES already.
    max_batches : int
        Batches that a close is cut into at the most; with no more than customers, each has a child of its own.
    deadline_hours : int
        Hours after the month's first midnight (UTC) at which a close that still runs raises an alarm.
    map_concurrency : int
        Batches in flight at once. On AWS the Map's limit, 10,000: the provider's queue is the only brake.
    charge_timeout_seconds : int
        Time-out of a consumer of a provider's queue; its visibility time-out is six times as long.
    reconcile : Reconcile
        The schedule of the reconciler; disabled, it runs only when somebody starts it.
    collections_hour : int
        Hour of the day, UTC, at which the collections start.
    alarm_email : str or None
        Who hears of alarms. Without it they only change colour.
    company : Company
        What invoices say of the company.
    invoice_link_days : int
        How long the link to an invoice works that a mail carries; 0 for mails without links.
    """

    target: Target
    company_name: str
    mail_sender: str
    mail_identity: str
    mail_identity_created: bool
    providers: tuple[Provider, ...]
    hold_policy: HoldPolicy
    invoicing: Invoicing
    dunning: Dunning
    collections: Collections
    max_batches: int
    max_rounds: int
    round_wait_seconds: int
    deadline_hours: int
    map_concurrency: int
    charge_timeout_seconds: int
    reconcile: Reconcile
    alarm_email: str | None
    company: Company
    invoice_link_days: int

    @classmethod
    def from_context(cls, node: "Node") -> Self:
        """Read the settings of a CDK app.

        Raises
        ------
        ConfigError
            If they cannot be used.
        """
        return cls.parse(node.try_get_context(CONTEXT_KEY), node.try_get_context(OVERRIDES_KEY))

    @classmethod
    def parse(cls, values: object, overrides: object = None) -> Self:
        """Check settings, with the JSON text of `overrides` laid over them."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"cdk.json: `context` has no object under the key {CONTEXT_KEY!r}")
        settings = _merge({**_OPTIONAL, **values}, _parse_overrides(overrides))
        _known(settings, "", *cls.__dataclass_fields__)
        target = _choice(settings, "", "target", Target)
        sender = _text(settings, "", "mail_sender")
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", sender):
            raise ConfigError(f"mail_sender: {sender!r} is no e-mail address")
        identity = _text(settings, "", "mail_identity", default=sender.partition("@")[2])
        if identity not in (sender, sender.partition("@")[2]):
            raise ConfigError(f"mail_identity: {identity!r} is neither {sender!r} nor its domain")
        return cls(
            target=target,
            company_name=_text(settings, "", "company_name"),
            mail_sender=sender,
            mail_identity=identity,
            mail_identity_created=_flag(settings, "", "mail_identity_created", default=True),
            providers=_providers(settings, target),
            hold_policy=HoldPolicy.parse(_object(settings, "", "hold_policy")),
            invoicing=Invoicing.parse(_object(settings, "", "invoicing")),
            dunning=Dunning.parse(_object(settings, "", "dunning")),
            collections=Collections.parse(_object(settings, "", "collections")),
            max_batches=_integer(settings, "", "max_batches", least=1, most=10_000),
            max_rounds=_integer(settings, "", "max_rounds", least=1, most=20),
            round_wait_seconds=_integer(settings, "", "round_wait_seconds", least=0, most=86_400),
            deadline_hours=_integer(settings, "", "deadline_hours", least=1, most=27 * 24),
            map_concurrency=_integer(settings, "", "map_concurrency", least=1, most=10_000),
            charge_timeout_seconds=_integer(settings, "", "charge_timeout_seconds", least=10, most=900),
            reconcile=Reconcile.parse(_object(settings, "", "reconcile")),
            alarm_email=_text(settings, "", "alarm_email", default="") or None,
            company=_company(settings),
            invoice_link_days=_integer(
                {"invoice_link_days": 0, **settings}, "", "invoice_link_days", least=0, most=3660
            ),
        )

    @property
    def local(self) -> bool:
        """Whether the target is an emulator on this machine."""
        return self.target is Target.LOCAL


def _providers(settings: Json, target: Target) -> tuple[Provider, ...]:
    entries = _object(settings, "", "providers")
    if not entries:
        raise ConfigError("providers: at least one payment provider is needed")
    return tuple(Provider.parse(n, _object(entries, "providers", n), target=target) for n in sorted(entries))


def _company(settings: Json) -> Company:
    try:
        return Company.parse(
            _object({"company": {}, **settings}, "", "company"), name=_text(settings, "", "company_name")
        )
    except CompanyError as error:
        raise ConfigError(str(error)) from None


def _parse_overrides(text: object) -> Json:
    if text is None:
        return {}
    try:
        overrides = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError as error:
        raise ConfigError(f"-c {OVERRIDES_KEY}: not JSON: {error}") from error
    if not isinstance(overrides, Mapping):
        raise ConfigError(f"-c {OVERRIDES_KEY}: a JSON object is needed, not {text!r}")
    return overrides


def _merge(values: Json, overrides: Json) -> Json:
    merged = dict(values)
    for key, override in overrides.items():
        value = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(override, Mapping)
        merged[key] = _merge(value, override) if both else override  # type: ignore[arg-type]
    return merged


def _known(values: Json, path: str, *names: str) -> None:
    for name in values:
        if name not in names:
            raise ConfigError(f"{_at(path, name)}: unknown; known here: {', '.join(sorted(names))}")


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _required(values: Json, path: str, name: str) -> object:
    if values.get(name) is None:
        raise ConfigError(f"{_at(path, name)}: missing")
    return values[name]


def _object(values: Json, path: str, name: str) -> Json:
    value = _required(values, path, name)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{_at(path, name)}: a JSON object is needed, not {value!r}")
    return value


def _text(values: Json, path: str, name: str, *, default: str | None = None) -> str:
    value = _required(values, path, name) if default is None else values.get(name) or default
    if not isinstance(value, str) or (not value.strip() and value != default):
        raise ConfigError(f"{_at(path, name)}: a text is needed, not {value!r}")
    return value


def _by_currency(values: Json, path: str, name: str) -> Mapping[str, int]:
    """Check amounts by currency, in minor units."""
    amounts, here = _object(values, path, name), _at(path, name)
    if "default" not in amounts:
        raise ConfigError(f"{here}: `default` is missing (it holds for every other currency)")
    for currency in amounts:
        if not re.fullmatch(r"default|[A-Z]{3}", currency):
            raise ConfigError(f"{here}: {currency!r} is neither `default` nor a currency's code")
    return {currency: _integer(amounts, here, currency, least=0) for currency in amounts}


def _choice[T: StrEnum](values: Json, path: str, name: str, kind: type[T]) -> T:
    value = _text(values, path, name)
    if value not in list(kind):
        raise ConfigError(f"{_at(path, name)}: {value!r} is none of {', '.join(kind)}")
    return kind(value)


def _flag(values: Json, path: str, name: str, *, default: bool) -> bool:
    value = values.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f"{_at(path, name)}: true or false is needed, not {value!r}")
    return value


def _number(values: Json, path: str, name: str) -> float:
    value = _required(values, path, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ConfigError(f"{_at(path, name)}: a number above 0 is needed, not {value!r}")
    return value


def _share(values: Json, path: str, name: str) -> float:
    value = _required(values, path, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST_SHARE:
        raise ConfigError(f"{_at(path, name)}: a share of 0 to {_LARGEST_SHARE} is needed, not {value!r}")
    return value


def _integer(values: Json, path: str, name: str, *, least: int, most: int | None = None) -> int:
    value = _required(values, path, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ConfigError(f"{_at(path, name)}: a whole number is needed, not {value!r}")
    if value < least or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise ConfigError(f"{_at(path, name)}: {value!r} is out of bounds ({bounds})")
    return int(value)


def _days(values: Json, path: str, name: str, *, before: int) -> tuple[int, ...]:
    days = _required(values, path, name)
    listed = days if isinstance(days, list) else [None]
    whole = all(isinstance(day, int) and not isinstance(day, bool) and 0 < day < before for day in listed)
    if not whole or listed != sorted(set(listed)):
        raise ConfigError(
            f"{_at(path, name)}: a list of days is needed, each later than the last, from 1 to before the last "
            f"reminder's ({before}), not {days!r}"
        )
    return tuple(listed)
