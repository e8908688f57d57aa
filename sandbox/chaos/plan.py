"""Chaos plans: what they say, and reading them from TOML, JSON or a request's body (docs/sandbox.md)."""

import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from sandbox.chaos.faults import Fault, When
from sandbox.chaos.limits import Limit
from sandbox.reading import Entry, PlanError
from sandbox.signatures import MOST_EVENTS
from sandbox.wire import JSON

type Endpoints = Mapping[str, Collection[str]]
"""The names of each provider's endpoints."""

OUTAGE_FAULTS = (Fault.UNAVAILABLE_503, Fault.HANG, Fault.RESET)
ANY = "*"
_LONGEST_SECONDS = 3600.0
_HIGHEST_RATE = 1_000_000.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests meet which fault.

    Attributes
    ----------
    provider, endpoint : str
        Names or ``*``; an endpoint may be a pattern, as in ``payment_intents.*``.
    customer : str, optional
        Only requests about this customer: our id (metadata ``customer_id``) or the provider's.
    probability : float
        Of each request that matches.
    count : int, optional
        At most so many times.
    seconds : float
        How long a hanging connection is held open, or an answer delayed.
    """

    fault: Fault
    when: When = When.BEFORE
    provider: str = ANY
    endpoint: str = ANY
    customer: str | None = None
    probability: float = 1.0
    count: int | None = None
    seconds: float = 0.0

    def aims_at(self, provider: str, endpoint: str) -> bool:
        """Return whether it concerns an endpoint."""
        return self.provider in (ANY, provider) and fnmatchcase(endpoint, self.endpoint)


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which a provider answers nothing, in seconds after the plan began."""

    start: float
    duration: float
    provider: str = ANY
    fault: Fault = Fault.UNAVAILABLE_503
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class WebhookChaos:
    """How a provider's webhooks misbehave.

    Attributes
    ----------
    duplicate : float
        Probability that an event is delivered twice.
    delay : float
        Probability that it is late by a number of seconds between the two of ``delay_seconds``.
    reorder : float
        Probability that it is held back until the next event was tried, or ``hold_seconds`` have passed without one.
    drop_first : float
        Probability that it is lost at the first try, and delivered when it is tried again.
    batch : float
        Probability that it is held back to come in one webhook with the next event, and that one with the next, but not
        longer than ``hold_seconds``. Only for providers that put several events into one webhook.
    """

    duplicate: float = 0.0
    delay: float = 0.0
    delay_seconds: tuple[float, float] = (1.0, 5.0)
    reorder: float = 0.0
    hold_seconds: float = 2.0
    drop_first: float = 0.0
    batch: float = 0.0


REVERSALS: Mapping[str, tuple[str, ...]] = {
    "gocardless": ("refund", "refund_fails", "charge_back", "charge_back_cancelled", "late_failure"),
}
"""What can happen to payments that were collected, by provider."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole chaos plan."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()
    outages: tuple[Outage, ...] = ()
    limits: Mapping[str, Limit] = field(default_factory=dict)
    webhooks: Mapping[str, WebhookChaos] = field(default_factory=dict)
    reversals: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By provider and kind: the probability for each payment that is collected; at most one happens to each."""

    def to_json(self) -> JSON:
        """Return the document that :func:`read_plan` makes this plan of."""
        return {
            "seed": self.seed,
            "rules": [_without_none(asdict(rule)) for rule in self.rules],
            "outages": [_without_none(asdict(outage)) for outage in self.outages],
            "limits": {name: limit.to_json() for name, limit in self.limits.items()},
            "webhooks": {name: asdict(chaos) for name, chaos in self.webhooks.items()},
            "reversals": {name: dict(shares) for name, shares in self.reversals.items()},
        }


CALM = Plan()
"""Everything works."""


def load_plan(path: Path, endpoints: Endpoints) -> Plan:
    """Read a plan from a file: JSON if it ends in ``.json``, TOML otherwise.

    Raises
    ------
    PlanError
        It cannot be read. The message names the entry.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # of either format, or no UTF-8
        raise PlanError(f"{path} is neither TOML nor JSON: {error}") from error
    return read_plan(document, endpoints)


def read_plan(document: object, endpoints: Endpoints) -> Plan:
    """Read a plan from a document.

    Raises
    ------
    PlanError
        An entry is wrong; the message names it.
    """
    top = Entry(document, "the plan")
    plan = Plan(
        seed=top.whole("seed", 0) or 0,
        rules=tuple(_read_rule(entry, endpoints) for entry in top.entries("rules", "rule")),
        outages=tuple(_read_outage(entry, endpoints) for entry in top.entries("outages", "outage")),
        limits=_read_limits(top.tables("limits"), endpoints),
        webhooks={name: _read_webhooks(name, entry) for name, entry in _by_provider(top.tables("webhooks"), endpoints)},
        reversals={name: _read_reversals(name, entry) for name, entry in top.tables("reversals").items()},
    )
    top.end()
    return plan


def read_limits(document: object, endpoints: Endpoints) -> dict[str, Limit]:
    """Read limits by provider, as in ``{"stripe": {"rate": 25, "account_rate": 100}}``.

    Raises
    ------
    PlanError
        An entry is wrong; the message names it.
    """
    return _read_limits(Entry({"limits": document}, "the limits").tables("limits"), endpoints)


def _read_rule(entry: Entry, endpoints: Endpoints) -> Rule:
    fault = Fault(entry.choice("fault", tuple(Fault)) or entry.missing("fault"))
    provider = entry.choice("provider", (ANY, *endpoints)) or ANY
    endpoint = entry.text("endpoint") or ANY
    owners = [owner for owner in endpoints if provider in (ANY, owner)]
    known = [name for owner in owners for name in endpoints[owner]]
    if not any(fnmatchcase(name, endpoint) for name in known):
        entry.refuse("endpoint", f"{endpoint} matches no endpoint of {', '.join(owners)}", endpoint, known)
    rule = Rule(
        fault=fault,
        when=When(entry.choice("when", tuple(When)) or When.BEFORE),
        provider=provider,
        endpoint=endpoint,
        customer=entry.text("customer"),
        probability=entry.number("probability", 0.0, 1.0, 1.0),
        count=entry.whole("count", 1),
        seconds=_read_seconds(entry, fault),
    )
    entry.end()
    return rule


def _read_outage(entry: Entry, endpoints: Endpoints) -> Outage:
    fault = Fault(entry.choice("fault", OUTAGE_FAULTS) or Fault.UNAVAILABLE_503)
    outage = Outage(
        start=entry.number("start", 0.0, float("inf"), 0.0),
        duration=entry.number("duration", 0.0, float("inf"), None),
        provider=entry.choice("provider", (ANY, *endpoints)) or ANY,
        fault=fault,
        seconds=_read_seconds(entry, fault),
    )
    entry.end()
    return outage


def _read_seconds(entry: Entry, fault: Fault) -> float:
    if entry.has("seconds") and not fault.lasts:
        lasting = ", ".join(kind for kind in Fault if kind.lasts)
        entry.refuse("seconds", f"has no meaning for {fault}, only for {lasting}")
    return entry.number("seconds", 0.0, _LONGEST_SECONDS, fault.usual_seconds)


def _by_provider(tables: Mapping[str, Entry], endpoints: Endpoints) -> list[tuple[str, Entry]]:
    for name, entry in tables.items():
        if name not in endpoints:
            raise PlanError(f"{entry.where}: the sandbox has no such provider; it has {', '.join(endpoints)}")
    return list(tables.items())


def _read_limits(tables: Mapping[str, Entry], endpoints: Endpoints) -> dict[str, Limit]:
    limits = {}
    for name, entry in _by_provider(tables, endpoints):
        values = {
            field_name: entry.number(field_name, low, _HIGHEST_RATE, 0.0) or None
            for field_name, low in (("rate", 0.001), ("burst", 1.0), ("account_rate", 0.001), ("account_burst", 1.0))
        }
        entry.end()
        limits[name] = Limit(**values)
    return limits


def _read_webhooks(provider: str, entry: Entry) -> WebhookChaos:
    usual = WebhookChaos()
    low, high = entry.span("delay_seconds", _LONGEST_SECONDS, usual.delay_seconds)
    chaos = WebhookChaos(
        **{name: entry.number(name, 0.0, 1.0, 0.0) for name in ("duplicate", "delay", "reorder", "drop_first")},
        delay_seconds=(low, high),
        hold_seconds=entry.number("hold_seconds", 0.0, _LONGEST_SECONDS, usual.hold_seconds),
        batch=entry.number("batch", 0.0, 1.0, 0.0),
    )
    if chaos.batch and provider not in MOST_EVENTS:
        entry.refuse("batch", f"has no meaning for {provider}, which sends each event separately")
    entry.end()
    return chaos


def _read_reversals(provider: str, entry: Entry) -> dict[str, float]:
    if provider not in REVERSALS:
        raise PlanError(f"{entry.where}: nothing can be reversed there; {', '.join(REVERSALS)} has reversals")
    shares = {kind: entry.number(kind, 0.0, 1.0, 0.0) for kind in REVERSALS[provider]}
    entry.end()
    if sum(shares.values()) > 1.0:
        raise PlanError(
            f"{entry.where}: the probabilities add up to more than 1, but only one can happen to each payment"
        )
    return {kind: share for kind, share in shares.items() if share}


def _without_none(document: JSON) -> JSON:
    # Seconds of a fault that takes none would be refused when the document is read again.
    return {name: value for name, value in document.items() if value is not None and (name, value) != ("seconds", 0.0)}
