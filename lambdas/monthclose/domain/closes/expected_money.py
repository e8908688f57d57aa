"""How a running close's money has come in, and how the rest is expected to. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from monthclose.domain.closes.forecast import Forecast
from monthclose.domain.closes.money_curve import Amount
from monthclose.domain.closes.pace import Lane
from monthclose.domain.closes.standing import ProviderStanding, Standing
from monthclose.domain.closes.timetable import opening_seconds


def money_over_time(standing: Standing, forecast: Forecast, began: datetime, now: datetime) -> list[Amount]:
    """Say when each batch's money came in, or will: in the order of the queues, at each provider's expected pace.

    What is expected is what was invoiced, less the share that has not come in of the batches charged so far. Batches
    without invoices are expected to come to as much as the last one that has them: as money comes first, to no more.
    """
    found = list[Amount]()
    shares = _shares_that_came(standing)
    for provider in standing.providers.values():
        found += _came(provider, began)
        expected = forecast.providers.get(provider.provider)
        if expected and expected.charged_at and expected.left:
            begins = (now - began).total_seconds()
            lasts = (expected.charged_at - now).total_seconds()
            found += _will_come(provider, shares, begins, lasts, expected.left)
    return found


def money_as_planned(standing: Standing, lanes: Mapping[str, Lane], customers: int) -> list[Amount]:
    """Say when the money would come in if every charge succeeded, at the pace that the providers' limits allow.

    The batches and their order are those of the close, as far as it is; what is not invoiced yet is expected as in
    `money_over_time`.

    Parameters
    ----------
    customers : int
        Those of the close: as long as scanning them takes, nobody is charged.
    """
    begins, found = opening_seconds(customers), list[Amount]()
    for name, provider in standing.providers.items():
        if name in lanes and provider.charges:
            lane, made = replace(lanes[name], speed=1.0, wait_seconds=0.0), 0
            for step in provider.steps:
                made += step.charges
                second = begins + lane.seconds(made)
                found += (Amount(second, currency, minor) for currency, minor in step.invoiced.items())
            lasts = begins + lane.seconds(provider.charges)
            begun = begins + lane.seconds(made)
            found += _will_come(provider, {}, begun, lasts - begun, provider.left)
    return found


def _shares_that_came(standing: Standing) -> dict[str, float]:
    """By currency, what came of what was invoiced; 1 as long as nothing was charged."""
    came, invoiced = dict[str, int](), dict[str, int]()
    for provider in standing.providers.values():
        for step in provider.steps:
            for currency, minor in step.money.items():
                came[currency] = came.get(currency, 0) + minor
            for currency, minor in step.invoiced.items():
                invoiced[currency] = invoiced.get(currency, 0) + minor
    return {currency: came.get(currency, 0) / minor for currency, minor in invoiced.items() if minor}


def _came(provider: ProviderStanding, began: datetime) -> Iterable[Amount]:
    for step in provider.steps:
        second = max((step.time - began).total_seconds(), 0.0)
        for currency, minor in step.money.items():
            yield Amount(second, currency, minor)


def _will_come(
    provider: ProviderStanding, shares: dict[str, float], begins: float, lasts: float, left: float
) -> Iterable[Amount]:
    if not left:
        return
    made = 0
    for batch in provider.queued:
        made += batch.charges
        for currency, minor in batch.money.items():
            yield Amount(begins + lasts * made / left, currency, minor * shares.get(currency, 1.0))
    later = left - made
    if provider.last and later > 0:
        for currency, minor in provider.last.money.items():
            expected = minor * shares.get(currency, 1.0) * later / provider.last.charges / _PARTS
            for part in range(_PARTS):
                share = (made + later * (part + 1) / _PARTS) / left
                yield Amount(begins + lasts * share, currency, expected)


_PARTS = 20
"""In which the money of batches without invoices is spread over its time."""
