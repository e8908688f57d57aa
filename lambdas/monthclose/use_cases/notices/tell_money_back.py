"""Notify a customer of a refund, or that a part of an invoice was written off: one e-mail for each."""

from dataclasses import dataclass

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Account
from monthclose.domain.money import Money
from monthclose.domain.month import REFUNDED, WRITTEN_OFF, CustomerMonth, Notice, NoticeState
from monthclose.domain.notices.notice import NoticeKind
from monthclose.domain.payments.payment import PaymentKey
from monthclose.domain.payments.refund import Refund
from monthclose.domain.period import Period
from monthclose.ports import Books, Clock, Mail, Mailer
from monthclose.use_cases.notices.deliver import deliver
from monthclose.use_cases.notices.notice_texts import NoticeTexts


@dataclass(frozen=True, slots=True)
class MoneyBackTeller:
    """`TellsMoneyBack` by e-mail. A notice that was sent, or may have been, is not sent again."""

    books: Books
    mailer: Mailer
    texts: NoticeTexts
    clock: Clock

    def tell_refund(self, key: PaymentKey, refund: Refund) -> None:
        """Send the e-mail about a refund, with the credit note that came with it."""
        customer, month = self.books.customer(key.customer_id), self.books.month(key.customer_id, key.period)
        if customer is None or month.invoice is None:
            return
        step = f"{REFUNDED}{key.sequence}-{refund.number}"
        mail = self.texts.refund_mail(customer, month, refund, step)
        self._send(customer, month, key.period, NoticeKind.REFUNDED, step, mail)

    def tell_write_off(self, customer_id: str, period: Period, entry_id: str) -> None:
        """Send the e-mail about a write-off."""
        customer, month = self.books.customer(customer_id), self.books.month(customer_id, period)
        entry = next((entry for entry in month.entries if entry.entry_id == entry_id), None)
        if customer is None or month.invoice is None or entry is None:
            return
        step = f"{WRITTEN_OFF}{entry_id.rpartition('/')[2]}"
        minor = sum(leg.minor for leg in entry.legs if leg.account is Account.WRITE_OFF)
        mail = self.texts.write_off_mail(customer, month, Money(minor, entry.currency), step)
        self._send(customer, month, period, NoticeKind.WRITTEN_OFF, step, mail)

    def _send(
        self, customer: Customer, month: CustomerMonth, period: Period, kind: NoticeKind, step: str, mail: Mail
    ) -> None:
        before = next((notice for notice in month.correction_notices if notice.step == step), None)
        if before and before.state is not NoticeState.WITHDRAWN:
            return
        version = before.version if before else 0
        claim = Notice(
            customer.customer_id, period, kind, NoticeState.CLAIMED, self.clock(), step=step, version=version
        )
        deliver(self.books, self.mailer, claim, mail)
