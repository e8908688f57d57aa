"""The outlook on a close: what it comes to, how long it takes, what limits it, what it costs. Writes nothing."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from monthclose.domain.closes.aws_cost import close_cost
from monthclose.domain.closes.batching import batch_size
from monthclose.domain.closes.money_curve import Amount
from monthclose.domain.closes.sampling import (
    Chosen,
    Drafted,
    Expected,
    Sample,
    amounts_over_time,
    choose,
    expect,
    scaled,
)
from monthclose.domain.closes.timetable import Ask, Load, Timetable, Work, asks, timetable
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.notices.sending import MailSettings, SendingQuota, mail_warnings
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.errors import TryLaterError
from monthclose.ports import (
    Clock,
    Closes,
    CustomerDirectory,
    MailAccount,
    PriceBooks,
    ProviderLimits,
    ProviderState,
    TaxTables,
)
from monthclose.settings import CloseSettings, Provider
from monthclose.use_cases.batch_work import side_by_side

type Estimate = Callable[[Chosen, Period, str, str, datetime], Drafted]
"""Drafts a customer's month with a price book and a tax table, from the usage until a time."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is to be expected of a close.

    Parameters
    ----------
    as_of : datetime
        The usage received until then is in it.
    last : mapping or None
        What the period before was invoiced, by currency, in minor units; None if it was not closed.
    amounts : sequence of Amount
        The money to be charged, over time.
    quota : SendingQuota or None
        What the mail service allows; None if it does not say.
    cost : mapping
        By service, in US dollars.
    """

    period: Period
    as_of: datetime
    sample: Sample
    expected: Expected
    batches: int
    batch_size: int
    work: Work
    table: Timetable
    deadline_seconds: float
    asks: Sequence[Ask]
    last: Mapping[str, int] | None
    amounts: Sequence[Amount]
    quota: SendingQuota | None
    cost: Mapping[str, float]
    warnings: Sequence[str]

    @property
    def in_time(self) -> bool:
        """Whether the deadline holds."""
        return self.table.ends <= self.deadline_seconds


@dataclass(frozen=True, slots=True)
class OutlookMaker:
    """Looks ahead."""

    closes: Closes
    directory: CustomerDirectory
    price_books: PriceBooks
    tax_tables: TaxTables
    limits: ProviderLimits
    providers: Mapping[str, Provider]
    settings: CloseSettings
    account: MailAccount
    mail: MailSettings
    clock: Clock
    estimate: Estimate
    executor: Executor

    def outlook(self, period: Period, deadline_seconds: float, sample_size: int) -> Outlook:
        """Look ahead at the close of a period that has none yet; its month need not be over.

        Parameters
        ----------
        sample_size : int
            Customers to draft: with no more customers than that the amounts are exact, with more they are estimated.

        Raises
        ------
        UserMistakeError
            There are no customers.
        """
        now = self.clock()
        sample = choose((one for one in self.directory.scan() if one.is_due(period)), sample_size, str(period))
        if not sample.customers:
            who = "" if period.day == 1 else f" whose billing day is that of {period}"
            raise UserMistakeError(
                f"there are no customers to bill{who}\nimport some: monthclose import customers FILE"
            )
        drafts = self._drafts(sample, period, now)
        expected, quota = expect(sample, drafts), self._quota()
        size = batch_size(sample.counts, self.settings.max_batches)
        batches = sum(-(-number // size) for number in sample.counts.values())
        work = self._work(sample, expected, batches, quota)
        table = timetable(work)
        per_second = {load.provider: load.per_second for load in work.loads}
        return Outlook(
            period=period,
            as_of=now,
            sample=sample,
            expected=expected,
            batches=batches,
            batch_size=size,
            work=work,
            table=table,
            deadline_seconds=deadline_seconds,
            asks=asks(work, table, deadline_seconds),
            last=self._invoiced(period.previous),
            amounts=amounts_over_time(scaled(sample, drafts), table.first_charge, per_second),
            quota=quota,
            cost=close_cost(sample.customers, batches, _worker_seconds(work), expected.emails),
            warnings=(*self._cannot_charge(sample), *self._mail_warnings(work, table, quota)),
        )

    def _drafts(self, sample: Sample, period: Period, now: datetime) -> list[Drafted]:
        versions = self.price_books.latest(), self.tax_tables.latest()
        draft = partial(self._drafted, period, versions, now)
        return side_by_side(self.executor, draft, sample.chosen)

    def _drafted(self, period: Period, versions: tuple[str, str], now: datetime, chosen: Chosen) -> Drafted:
        return self.estimate(chosen, period, *versions, now)

    def _work(self, sample: Sample, expected: Expected, batches: int, quota: SendingQuota | None) -> Work:
        known = {name: self.providers[name] for name in sorted(sample.counts) if name in self.providers}
        return Work(
            sample.customers,
            batches,
            [load_of(known[name], self.limits.state(name), expected.charges.get(name, 0.0)) for name in known],
            self.settings.generated_per_second,
            expected.emails,
            self.mail.limit(quota) if quota else None,
        )

    def _quota(self) -> SendingQuota | None:
        try:
            return self.account.look()
        except TryLaterError:
            return None

    def _invoiced(self, period: Period) -> Mapping[str, int] | None:
        """Sum up what a period was invoiced, by currency; None if it was not closed."""
        if self.closes.get(period) is None:
            return None
        sums: dict[str, int] = {}
        for progress in self.closes.all_progress(period):
            for currency, money in progress.totals.money.items():
                sums[currency] = sums.get(currency, 0) + money.get("invoiced", 0)
        return dict(sorted(sums.items()))

    def _cannot_charge(self, sample: Sample) -> list[str]:
        return [
            f"provider {name!r} is not in the settings: {count(number, 'customer')} cannot be charged"
            for name, number in sorted(sample.counts.items())
            if name not in self.providers
        ]

    def _mail_warnings(self, work: Work, table: Timetable, quota: SendingQuota | None) -> list[str]:
        if quota is None:
            return ["e-mail: SES does not say what it allows, so how long the notices take is not known"]
        return mail_warnings(round(work.emails), round(table.all_charged), quota, self.mail)


def load_of(provider: Provider, state: ProviderState, charges: float) -> Load:
    """Make a provider's load, with the limit as an operator has set it."""
    limit = state.changes.over(provider.limit)
    return Load(provider.name, charges, limit, provider.requests_per_charge, provider.maximum_concurrency)


def _worker_seconds(work: Work) -> float:
    return sum(load.workers * load.seconds for load in work.loads)
