"""Hear what became of an e-mail: keep it with the notice, and hold nobody for what they were not told."""

from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from monthclose.domain.accounts.addresses import every_address
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.month import CustomerMonth, Notice
from monthclose.domain.notices.mail_event import MailEvent
from monthclose.domain.period import Period
from monthclose.ports import Books, Record
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.batch_work import retry_conflicts


class Heard(StrEnum):
    """What an event did."""

    UNKNOWN = "unknown"
    """No notice of ours is known by its tag."""
    KNOWN = "known"
    """It came again, or is about an earlier sending."""
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class MailHearer:
    """Keeps bounces and complaints with their notices, and the customer's address as one that takes no e-mail."""

    books: Books
    holds: HoldKeeper

    def hear(self, event: MailEvent) -> Heard:
        """Keep an event. Any repetition completes what an earlier call left.

        Raises
        ------
        TryLaterError
            Lost every race; the same call continues.
        """
        found = self._find(event)
        if found is None:
            return Heard.UNKNOWN
        customer_id, period, step = found
        changed = retry_conflicts(partial(self._note, event, customer_id, period, step))
        self.holds.settle_up(customer_id, [(period, self.books.month(customer_id, period))])
        return Heard.NOTED if changed else Heard.KNOWN

    def _find(self, event: MailEvent) -> tuple[str, Period, str] | None:
        for period, customer_id, step in event.notices():
            if customer_id and _notice(self.books.month(customer_id, period), step):
                return customer_id, period, step
        return None

    def _note(self, event: MailEvent, customer_id: str, period: Period, step: str) -> bool:
        customer, notice = self.books.customer(customer_id), _notice(self.books.month(customer_id, period), step)
        after = event.on(notice) if notice else None
        records: list[Record] = [after] if after else []
        if customer and _is_news(event, customer):
            records.append(customer.without_mail(*event.addresses))
        if records:
            self.books.commit(*records)
        return bool(records)


def _notice(month: CustomerMonth, step: str) -> Notice | None:
    return next((notice for notice in month.notices if notice.step == step), None)


def _is_news(event: MailEvent, customer: Customer) -> bool:
    """Whether one of the customer's present addresses takes no more e-mail, which was not known."""
    live = {*every_address(customer.profile)} - {*customer.unreached}
    return event.permanent and bool(live & {*event.addresses})
