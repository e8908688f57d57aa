"""Read the payouts of a month from all providers, as far as there is time: a part of the month's figures."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from monthclose.domain.finance.figures import Figures
from monthclose.domain.finance.payouts import PAYOUTS, Payout, PayoutParts, PayoutSum, payout_sum
from monthclose.domain.period import Period
from monthclose.errors import ProviderRefusedError, TryLaterError
from monthclose.ports import Log, TimeIsUp
from monthclose.ports.payouts import PayoutRecord


class PayoutsRead(NamedTuple):
    """What was read.

    Parameters
    ----------
    figures : Figures
        The table `PAYOUTS` and nothing else: to be added to the month's figures.
    missing : tuple of str
        Providers whose payouts could not be read, or not in time: theirs are left out.
    """

    figures: Figures
    missing: tuple[str, ...] = ()


class _NoTimeError(Exception):
    """The time was up."""


@dataclass(frozen=True, slots=True)
class PayoutReader:
    """Reads payouts. A provider that cannot be asked leaves a gap in the figures, and fails nothing."""

    records: Mapping[str, Callable[[], PayoutRecord]]
    log: Log

    def read(self, period: Period, time_is_up: TimeIsUp = lambda: False) -> PayoutsRead:
        """Read the payouts that arrive at the bank in a month."""
        rows, missing = list[PayoutSum](), list[str]()
        for provider in sorted(self.records):
            try:
                rows += list(self._rows(provider, period, time_is_up))
            except (TryLaterError, ProviderRefusedError, _NoTimeError) as error:
                self.log.warning("payouts were not read", extra={"provider": provider, "error": type(error).__name__})
                missing.append(provider)
        found = PAYOUTS.sums(rows)
        return PayoutsRead(Figures({PAYOUTS.name: found} if found else {}), tuple(missing))

    def _rows(self, provider: str, period: Period, time_is_up: TimeIsUp) -> Iterator[PayoutSum]:
        record = self.records[provider]()
        for payout in self._payouts(record, period, time_is_up):
            if not payout.came_back:
                yield payout_sum(payout, _parts(record, payout, time_is_up))

    @staticmethod
    def _payouts(record: PayoutRecord, period: Period, time_is_up: TimeIsUp) -> Iterator[Payout]:
        since, until, after = period.first_day, period.end_day, ""
        while True:
            _check(time_is_up)
            page = record.payouts(since, until, after)
            yield from page.payouts
            after = page.after
            if not after:
                return


def _parts(record: PayoutRecord, payout: Payout, time_is_up: TimeIsUp) -> PayoutParts:
    sums, after = PayoutParts(), ""
    while True:
        _check(time_is_up)
        page = record.parts(payout, after)
        sums, after = sums.plus(page.parts), page.after
        if not after:
            return sums


def _check(time_is_up: TimeIsUp) -> None:
    if time_is_up():
        raise _NoTimeError
