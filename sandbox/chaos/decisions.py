"""Carries out chaos plans: decides by a plan which request gets a fault, and counts the faults that really happened."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from sandbox.chaos.faults import Injection, When
from sandbox.chaos.front import Call
from sandbox.chaos.plan import CALM, Outage, Plan, Rule, WebhookChaos
from sandbox.wire import JSON


class Chaos:
    """The plan that is in force; a :class:`~sandbox.chaos.front.Mischief`.

    Each rule draws from its own sequence of random numbers, made of the plan's seed and the rule's place: the same
    requests in the same order meet the same faults, whatever other rules there are after it.

    Parameters
    ----------
    clock : Callable[[], float]
        Seconds from any origin; outages are timed from the start of the plan.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self.begin(CALM)

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self._plan

    def to_json(self) -> JSON:
        """Return the plan in force as a document."""
        return self._plan.to_json()

    def begin(self, plan: Plan) -> None:
        """Put a plan in force instead of the present one."""
        with self._lock:
            self._plan = plan
            self._began = self._clock()
            self._draws = [_draws(plan.seed, f"rule {place}") for place in range(len(plan.rules))]
            self._left = [rule.count for rule in plan.rules]
            self._reversal_draws = _draws(plan.seed, "reversals")

    def end(self) -> None:
        """Stop the plan: no more faults."""
        self.begin(CALM)

    def decide(self, call: Call) -> Injection | None:
        """Decide by outages first, then by the rules in their order."""
        with self._lock:
            plan, elapsed = self._plan, self._clock() - self._began
        outage = next((outage for outage in plan.outages if _covers(outage, call.provider, elapsed)), None)
        if outage is not None:
            return Injection(outage.fault, When.BEFORE, outage.seconds)
        for place, rule in enumerate(plan.rules):
            # Whom a request is about may take the provider's lock to find out: not under ours.
            if rule.aims_at(call.provider, call.subject.endpoint) and _is_about(rule, call) and self._draw(plan, place):
                return Injection(rule.fault, rule.when, rule.seconds, place)
        return None

    def _draw(self, plan: Plan, place: int) -> bool:
        with self._lock:
            if plan is not self._plan:
                return False
            rule, left = plan.rules[place], self._left[place]
            if left == 0 or self._draws[place].random() >= rule.probability:
                return False
            if left is not None:
                self._left[place] = left - 1
            return True

    def settle(self, call: Call, injection: Injection, *, injected: bool) -> None:
        """Count a fault that happened; return one that did not to its rule."""
        with self._lock:
            if injected:
                self._counts[call.provider, call.subject.endpoint, injection.fault] += 1
            elif 0 <= injection.rule < len(self._left):
                left = self._left[injection.rule]
                self._left[injection.rule] = None if left is None else left + 1

    def counts(self) -> JSON:
        """Return how often each fault happened, by provider, endpoint and fault."""
        with self._lock:
            counted = sorted(self._counts.items())
        tables: JSON = {}
        for (provider, endpoint, fault), count in counted:
            tables.setdefault(provider, {}).setdefault(endpoint, {})[fault] = count
        return tables

    def reversals(self, provider: str) -> "Reversals":
        """Return what decides the fate of a provider's payments once they are collected."""
        return Reversals(self, provider)

    def draw_reversal(self, provider: str) -> str:
        """Decide by the plan in force what happens to one more payment; nothing, if it is empty."""
        with self._lock:
            drawn = self._reversal_draws.random()
            shares = self._plan.reversals.get(provider, {})
        for kind, share in shares.items():
            drawn -= share
            if drawn < 0:
                return kind
        return ""

    def count(self, provider: str, place: str, what: str) -> None:
        """Count what really happened."""
        with self._lock:
            self._counts[provider, place, what] += 1

    def webhooks(self, provider: str) -> WebhookChaos:
        """Return how a provider's webhooks misbehave."""
        return self._plan.webhooks.get(provider, WebhookChaos())

    def reset(self) -> None:
        """Restart the plan in force, with its first random number, and forget the counts."""
        self.begin(self._plan)
        with self._lock:
            self._counts.clear()


class Reversals:
    """Decides what happens to a provider's payments once they are collected, and counts what did."""

    def __init__(self, chaos: Chaos, provider: str) -> None:
        self._chaos = chaos
        self._provider = provider

    def draw(self) -> str:
        """Return what happens to one more payment; nothing, if it is empty."""
        return self._chaos.draw_reversal(self._provider)

    def happened(self, kind: str) -> None:
        """Count that it has happened."""
        self._chaos.count(self._provider, "reversals", kind)


def _draws(seed: int, name: str) -> random.Random:
    return random.Random(f"{seed}/{name}")  # noqa: S311 - a simulation, no secret


def _covers(outage: Outage, provider: str, elapsed: float) -> bool:
    return outage.provider in ("*", provider) and outage.start <= elapsed < outage.start + outage.duration


def _is_about(rule: Rule, call: Call) -> bool:
    return rule.customer is None or rule.customer in call.customers()
