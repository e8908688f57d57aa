"""The drafts of a rehearsal, stored by batch: what was judged, and what a close that was approved issues.

A close issues them as they are, but for their number, their day, and the credit that the account has then. Who has no
such draft, or whose account has changed since in a way that decides about it, is drafted again, and billed only
if that is the same money or no rule on single invoices finds anything; they are parked otherwise.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from monthclose.domain.accounts.customer import SELDOM, Customer
from monthclose.domain.closes.close import Batch, Close
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices.draft import dated
from monthclose.domain.invoices.draft_content import Draft
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.rehearsals.billed import Billed, billed
from monthclose.domain.rehearsals.comparison import compare
from monthclose.domain.rehearsals.gate import GateSettings, Required
from monthclose.domain.rehearsals.rehearsal import folder_of
from monthclose.domain.rehearsals.rules import judge
from monthclose.domain.rehearsals.settings import OFF
from monthclose.ports import Books, Documents
from monthclose.use_cases.batch_work import OF_ONE_CUSTOMER, reason_to_park
from monthclose.use_cases.invoices.billed_months import billed_month
from monthclose.use_cases.invoices.draft_batch import BatchDrafter, Drafted, NotDrafted, Prepare, bookable_bytes

type Line = Mapping[str, Any]
"""What is stored for a customer: `customer_id`, and `draft` with its `basis`, or why there is none."""


def drafts_key(period: Period, number: int, batch: int) -> str:
    """Name the object with a batch's drafts: a line of JSON for each customer."""
    return f"{folder_of(period, number)}drafts-{batch:05}.jsonl"


def line_of(found: Drafted | NotDrafted) -> Line:
    """Make the line of a customer who has no invoice yet."""
    if isinstance(found, NotDrafted):
        return {"customer_id": found.customer_id, "reason": found.reason.reason, "detail": found.reason.detail}
    return {"customer_id": found.customer.customer_id, "basis": basis_of(found.customer), "draft": found.draft}


def basis_of(customer: Customer) -> str:
    """Fingerprint what of an account decides about its invoice, usage, prices and credit apart."""
    profile = {name: value for name, value in asdict(customer.profile).items() if value or name not in SELDOM}
    basis: list[object] = [profile, customer.currency, customer.carried_minor, dict(customer.late_usage)]
    basis += [customer.sized_in] if customer.sized_in else []
    basis += [dict(customer.carried_by_class)] if customer.carried_by_class else []
    basis += [dict(customer.children), customer.payers] if customer.children or customer.payers else []
    return hashlib.sha256(json.dumps(basis, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class JudgedDrafts:
    """Reads the drafts that a close was let through its gate with.

    Parameters
    ----------
    payment_days : int
        From the day of an invoice to the day that it is due.
    """

    books: Books
    documents: Documents
    drafter: BatchDrafter
    policy: InvoicingPolicy
    gates: GateSettings
    payment_days: int

    def drafts(
        self, period: Period, batch: Batch, months: Mapping[str, CustomerMonth], close: Close, prepare: Prepare
    ) -> Iterator[Drafted | NotDrafted]:
        """Read the drafts of those of a batch's customers who have no invoice yet, each when it is asked for.

        Parameters
        ----------
        months : mapping
            Those customers, and what the close has recorded for them.
        """
        left, again = dict(months), replace(self, drafter=self.drafter.with_logo())
        for line in self._lines(period, close, batch):
            month = left.pop(line["customer_id"], None)
            if month is not None:
                yield again.one(period, batch, line, month, close, prepare)
        for customer_id, month in left.items():
            yield again.one(period, batch, {"customer_id": customer_id}, month, close, prepare)

    def _lines(self, period: Period, close: Close, batch: Batch) -> Iterator[Line]:
        try:
            yield from map(json.loads, self.documents.lines(drafts_key(period, close.rehearsal, batch.number)))
        except KeyError:
            return  # the batch could not be drafted then: each customer is looked into now

    def one(
        self, period: Period, batch: Batch, line: Line, month: CustomerMonth, close: Close, prepare: Prepare
    ) -> Drafted | NotDrafted:
        """Take the judged draft of a customer, or draft anew and see whether that may be billed."""
        judged: Draft | None = line.get("draft")
        try:
            customer = self.drafter.billable(line["customer_id"], batch, prepare)
            if judged and basis_of(customer) == line["basis"]:
                draft = dated(judged, customer, self.drafter.today(), self.payment_days)
                return Drafted(customer, month, draft, bookable_bytes(draft, customer))
        except OF_ONE_CUSTOMER as error:
            return NotDrafted(line["customer_id"], reason_to_park(error))
        self.drafter.check_rates(close)
        found = self.drafter.draft_one(period, batch, line["customer_id"], month, close, prepare)
        if isinstance(found, NotDrafted) or (judged and _same_money(found.draft, judged)):
            return found
        reason = self._why_not(found, period)
        return NotDrafted(line["customer_id"], _not_approved(period, reason)) if reason else found

    def _why_not(self, found: Drafted, period: Period) -> str:
        """Say why a draft that nobody has judged may not be billed; empty if it may."""
        now = billed(found.draft, self.policy)
        if not now.there:
            return ""
        if self.gates.required is Required.ALWAYS:
            return "no invoice may be issued that nobody has approved"
        rules = self.gates.rules
        of_one = replace(
            OFF,
            invoice_minor=rules.invoice_minor,
            customer_times=rules.customer_times,
            customer_floor_minor=rules.customer_floor_minor,
        )
        last = self._last(found.customer.customer_id, period)
        findings = judge(compare(now, last, of_one), of_one)
        return findings[0].text if findings else ""

    def _last(self, customer_id: str, period: Period) -> Billed | None:
        months = self.books.months(customer_id)
        earlier = [of for of in months if of < period]
        return billed_month(self.documents, customer_id, months[max(earlier)]) if earlier else None


def _same_money(draft: Draft, judged: Draft) -> bool:
    now, then = billed(draft), billed(judged)
    credit = "credit:"
    entries = ({key: minor for key, minor in one.entries.items() if key != credit} for one in (now, then))
    return next(entries) == next(entries) and (now.currency, now.total_minor) == (then.currency, then.total_minor)


def _not_approved(period: Period, reason: str) -> ParkCustomerError:
    return ParkCustomerError(
        "not_approved",
        f"their invoice is not among the approved drafts, and {reason}; to bill it: monthclose close {period} "
        f"--dry-run, then monthclose approve {period}, then close again",
    )
