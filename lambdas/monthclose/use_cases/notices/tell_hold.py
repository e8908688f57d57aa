"""Notify a customer that a hold was placed or lifted, unless another e-mail has said so."""

from dataclasses import dataclass

from monthclose.domain.collections.hold import HoldPolicy, untold_change
from monthclose.domain.month import HoldAction, HoldChange, Notice, NoticeState
from monthclose.domain.notices.notice import NoticeKind
from monthclose.ports import Books, Clock, Mailer
from monthclose.use_cases.notices.deliver import deliver
from monthclose.use_cases.notices.notice_texts import NoticeTexts

_KINDS = {HoldAction.PLACED: NoticeKind.HOLD_PLACED, HoldAction.LIFTED: NoticeKind.HOLD_LIFTED}


@dataclass(frozen=True, slots=True)
class HoldTeller:
    """Sends the notices of holds, each once; the policy says which."""

    books: Books
    mailer: Mailer
    texts: NoticeTexts
    clock: Clock
    policy: HoldPolicy

    def tell(self, customer_id: str) -> None:
        """Send the notice of the latest change of a customer's hold, if it is news to them.

        Raises
        ------
        TryLaterError
            The mail service is briefly unavailable; the next call sends it.
        """
        customer, months = self.books.customer(customer_id), self.books.months(customer_id)
        change = untold_change(months.values(), self.clock())
        if customer is None or change is None or not self.policy.tells(change.action):
            return
        if (change.action is HoldAction.PLACED) is not bool(customer.held_since):
            return  # the account has changed since: that change has its own notice
        step = _step(change)
        before = next((notice for notice in months[change.period].reminders if notice.step == step), None)
        claim = Notice(
            customer_id,
            change.period,
            _KINDS[change.action],
            NoticeState.CLAIMED,
            self.clock(),
            step=step,
            version=before.version if before else 0,
        )
        invoice = months[change.period].invoice
        overdue = invoice if change.action is HoldAction.PLACED and not change.by and invoice and invoice.open else None
        mail = self.texts.hold_mail(customer, _KINDS[change.action], change, overdue)
        deliver(self.books, self.mailer, claim, mail)


def _step(change: HoldChange) -> str:
    return f"hold-{change.number}"
