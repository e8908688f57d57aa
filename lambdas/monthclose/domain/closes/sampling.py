"""Which customers to draft so that a month's amounts can be told, and how far off they may be. Pure.

Few customers have most of the money: those whose last invoices were the largest are all drafted, and of the others a
random sample of each provider, and of those who never had an invoice. What the others' last invoices came to is known
to the cent, so the sample only has to tell how much more or less this month's are (a ratio estimate). With as many
customers as the sample has, or fewer, everybody is drafted and nothing is estimated.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from monthclose.domain.closes.batching import Planned
from monthclose.domain.closes.money_curve import Amount

SAMPLE = 2_000
"""Customers that are drafted: some ten seconds."""
_LARGEST_SHARE = 0.25
_FEWEST = 30
"""Customers of a provider in a sample at least, with an invoice before and without."""
_SIGMAS = 1.96
"""Of a normal distribution: the true value is that near 19 times in 20."""


class Chosen(NamedTuple):
    """A customer to draft, and for how many customers they stand."""

    planned: Planned
    weight: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Customers to draft.

    Parameters
    ----------
    counts : mapping
        All customers, by provider.
    last_invoiced : mapping
        What the last invoices came to of all those of whom only a sample is drafted, by provider and currency.
    """

    counts: Mapping[str, int]
    chosen: Sequence[Chosen]
    last_invoiced: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def customers(self) -> int:
        """All customers."""
        return sum(self.counts.values())

    @property
    def exact(self) -> bool:
        """Whether everybody is in it."""
        return len(self.chosen) == self.customers


def choose(customers: Iterable[Planned], size: int, seed: str) -> Sample:
    """Choose from any number of customers, in constant memory: the same ones for the same seed."""
    rng = random.Random(seed)  # noqa: S311 - a sample, nothing secret
    counts, rest = Counter[str](), Counter[_Stratum]()
    last = Counter[tuple[str, str]]()
    largest: list[tuple[int, str, Planned]] = []
    kept: dict[_Stratum, list[Planned]] = defaultdict(list)
    first: list[Planned] = []
    for customer in customers:
        counts[customer.provider] += 1
        if len(first) < size:
            first.append(customer)
        entry = (customer.expected_minor, customer.customer_id, customer)
        if len(largest) < max(round(size * _LARGEST_SHARE), 1):
            heapq.heappush(largest, entry)
            continue
        other = heapq.heappushpop(largest, entry)[2]
        stratum = other.provider, other.expected_minor > 0
        rest[stratum] += 1
        last[other.provider, other.currency] += max(other.expected_minor, 0)
        _keep(kept[stratum], other, rest[stratum], size, rng)
    if sum(counts.values()) <= size:
        return Sample(counts, [Chosen(customer, 1.0) for customer in first])
    chosen = [Chosen(entry[2], 1.0) for entry in largest]
    for stratum, sample in sorted(kept.items()):
        share = (size - len(largest)) * rest[stratum] / rest.total()
        number = min(max(round(share), _FEWEST), len(sample))
        weight = rest[stratum] / number
        chosen += [Chosen(customer, weight) for customer in rng.sample(sample, number)]
    return Sample(counts, chosen, last)


type _Stratum = tuple[str, bool]
"""A provider's customers who had an invoice before, or who had none."""


def _keep(sample: list[Planned], customer: Planned, seen: int, size: int, rng: random.Random) -> None:
    """Keep each of those seen with the same chance (reservoir sampling)."""
    if len(sample) < size:
        sample.append(customer)
    elif (place := rng.randrange(seen)) < size:
        sample[place] = customer


@dataclass(frozen=True, slots=True)
class Drafted:
    """What a draft came to, in minor units.

    Parameters
    ----------
    invoiced_minor : int
        Its total; 0 if there would be no invoice.
    due_minor : int
        What would be charged.
    parked : str
        Why they could not be billed; empty if they can.
    money_weight : float
        How many times their money counts; see `scaled`.
    """

    chosen: Chosen
    currency: str = ""
    invoiced_minor: int = 0
    due_minor: int = 0
    parked: str = ""
    money_weight: float = 1.0


@dataclass(slots=True)
class Expected:
    """What a month comes to, estimated from drafts.

    Parameters
    ----------
    invoiced, due : dict
        By currency, in minor units.
    margins : dict
        By currency: how far off `due` may be, 19 times in 20; 0 if everybody was drafted.
    charges, due_by_provider : dict
        By provider.
    parked : dict
        Customers by reason.
    """

    invoiced: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    margins: dict[str, int] = field(default_factory=dict)
    charges: dict[str, float] = field(default_factory=dict)
    due_by_provider: dict[str, dict[str, int]] = field(default_factory=dict)
    emails: float = 0.0
    parked: dict[str, float] = field(default_factory=dict)
    nothing: float = 0.0


def expect(sample: Sample, drafts: Iterable[Drafted]) -> Expected:
    """Add drafts up: customers by their weights, money by what it says of the last invoices."""
    found = Expected()
    invoiced, due = defaultdict[str, float](float), defaultdict[str, float](float)
    by_provider: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    drafts = scaled(sample, drafts)
    for draft in drafts:
        weight, provider = draft.chosen.weight, draft.chosen.planned.provider
        if draft.parked:
            found.parked[draft.parked] = found.parked.get(draft.parked, 0.0) + weight
        elif draft.invoiced_minor:
            invoiced[draft.currency] += draft.invoiced_minor * draft.money_weight
            found.emails += weight
        else:
            found.nothing += weight
        if draft.due_minor:
            due[draft.currency] += draft.due_minor * draft.money_weight
            by_provider[provider][draft.currency] += draft.due_minor * draft.money_weight
            found.charges[provider] = found.charges.get(provider, 0.0) + weight
    unseen = _unseen(sample, drafts)
    for (provider, currency), minor in unseen.items():
        for sums in (invoiced, due, by_provider[provider]):
            sums[currency] += minor
    found.invoiced, found.due = _whole(invoiced), _whole(due)
    found.due_by_provider = {provider: _whole(sums) for provider, sums in sorted(by_provider.items())}
    for currency in found.due:
        unsure = sum(minor for group, minor in unseen.items() if group[1] == currency)
        found.margins[currency] = round(_SIGMAS * math.sqrt(_variance(drafts, currency))) + unsure
    return found


def _unseen(sample: Sample, drafts: Iterable[Drafted]) -> dict[tuple[str, str], int]:
    """Find what the last invoices came to of the few of whom nobody is in the sample: as much is expected again."""
    seen = {_group(draft) for draft in drafts if draft.chosen.weight > 1 and draft.chosen.planned.expected_minor > 0}
    return {group: minor for group, minor in sample.last_invoiced.items() if minor and group not in seen}


def _whole(sums: Mapping[str, float]) -> dict[str, int]:
    return {name: round(number) for name, number in sorted(sums.items())}


def scaled(sample: Sample, drafts: Iterable[Drafted]) -> list[Drafted]:
    """Weigh each draft's money so that the last invoices of the sample, so weighed, are those of everybody."""
    drafts = list(drafts)
    last = Counter[tuple[str, str]]()
    for draft in drafts:
        if draft.chosen.weight > 1:
            last[_group(draft)] += max(draft.chosen.planned.expected_minor, 0)
    found = []
    for draft in drafts:
        ratio = sample.last_invoiced.get(_group(draft), 0) / last[_group(draft)] if last[_group(draft)] else 0.0
        known = draft.chosen.weight > 1 and draft.chosen.planned.expected_minor > 0
        found.append(replace(draft, money_weight=ratio if known else draft.chosen.weight))
    return found


def _group(draft: Drafted) -> tuple[str, str]:
    return draft.chosen.planned.provider, draft.chosen.planned.currency


def _variance(drafts: Iterable[Drafted], currency: str) -> float:
    """Estimate the variance of a currency's sum, group by group: how far drafts are from what their last invoices say.

    Customers without an invoice before are a group of their own in each, about whom nothing is known.
    """
    groups: dict[tuple[tuple[str, str], bool, float], list[tuple[int, int]]] = defaultdict(list)
    for draft in drafts:
        if draft.chosen.weight > 1:
            last = max(draft.chosen.planned.expected_minor, 0)
            minor = draft.due_minor if draft.currency == currency else 0
            groups[_group(draft), last > 0, draft.chosen.weight].append((minor, last))
    total = 0.0
    for (_, known, weight), pairs in groups.items():
        number = len(pairs)
        minors, lasts = sum(minor for minor, _ in pairs), sum(last for _, last in pairs)
        away = [minor - (minors * last / lasts if known else minors / number) for minor, last in pairs]
        if number > 1:
            spread = sum(distance * distance for distance in away) / (number - 1)
            total += (weight * number) ** 2 * (1 - 1 / weight) * spread / number
    return total


def amounts_over_time(drafts: Iterable[Drafted], begins: float, per_second: Mapping[str, float]) -> list[Amount]:
    """Say when each draft's money comes in: each provider's largest expected amounts first, one charge after another.

    Parameters
    ----------
    begins : float
        When the first charge is made.
    per_second : mapping
        Charges a second, by provider; whoever is not there is not charged.
    """
    found, made = list[Amount](), Counter[str]()
    for draft in sorted(drafts, key=lambda draft: draft.chosen.planned.place):
        provider = draft.chosen.planned.provider
        if draft.due_minor and provider in per_second:
            made[provider] += draft.chosen.weight  # type: ignore[assignment]
            second = begins + made[provider] / per_second[provider]
            found.append(Amount(second, draft.currency, draft.due_minor * draft.money_weight))
    return found
