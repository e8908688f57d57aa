"""Whole lists of what a provider collected, page by page, with what went back taken off its charge."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from monthclose.domain.closes.proof import ProviderCharge
from monthclose.domain.period import Period
from monthclose.ports import CollectedPage, PaymentGateway, Window


def pages(gateway: PaymentGateway, period: Period, window: Window) -> Iterator[CollectedPage]:
    """Read a window to its end."""
    after = ""
    while True:
        page = gateway.collected_for(period, window, after)
        yield page
        after = page.after
        if not after:
            return


def collected(gateway: PaymentGateway, period: Period, since: datetime, *cuts: datetime) -> list[ProviderCharge]:
    """List all that was collected since a time, read in windows that are cut at some times."""
    begins, ends = [since, *cuts], [*cuts, None]
    windows = [Window(begin, end) for begin, end in zip(begins, ends, strict=True)]
    read = [page for window in windows for page in pages(gateway, period, window)]
    gone = Counter[str]()
    for back in (back for page in read for back in page.returned):
        gone[back.reference] += back.minor
    charges = [charge for page in read for charge in page.charges]
    return [replace(charge, minor=charge.minor - gone[charge.reference]) for charge in charges]
