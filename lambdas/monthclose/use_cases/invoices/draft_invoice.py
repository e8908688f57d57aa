"""Draft one customer's invoice: the same code for a close and for a preview. It only reads.

An invoice is of one customer, or of all whom they pay for: each member of a group is drafted alone, and put together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import cast

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices.draft_content import Draft, MadeFrom, SectionContent
from monthclose.domain.period import Period
from monthclose.domain.pricing.line import LineContent
from monthclose.domain.pricing.rating import not_too_many
from monthclose.domain.pricing.replacement import kept_lines
from monthclose.use_cases.invoices.company_logo import current_logo
from monthclose.use_cases.invoices.draft_customer import CustomerDrafter
from monthclose.use_cases.invoices.group_members import (
    BilledParts,
    Member,
    Part,
    is_grouped,
    made_together,
    members_of,
    of_member,
    sections,
    views,
)


@dataclass(frozen=True, slots=True)
class InvoiceDrafter(CustomerDrafter):
    """Drafts invoices."""

    def with_logo(self) -> "InvoiceDrafter":
        """Return a drafter that puts the current logo on its drafts; a preview needs none."""
        return replace(self, logo=current_logo(self.documents))

    def draft(
        self, customer: Customer, period: Period, price_book: str, tax_table: str, watermark: datetime, day: date
    ) -> Draft:
        """Draft the invoice of a customer, and of those whom they pay for (see `group_members`).

        The parameters and errors are those of `draft_one`.
        """
        if not is_grouped(customer):
            return self.draft_one(customer, period, price_book, tax_table, watermark, day)
        parts = self._parts(
            customer,
            period,
            lambda drafter, member: drafter.draft_one(member.account, period, price_book, tax_table, watermark, day),
        )
        return _with_sections(self._put_together(customer, period, parts, day), sections(parts))

    def redraft(self, customer: Customer, replaced: Draft, reason: str, now: datetime) -> Draft:
        """Draft an invoice that replaces another, of a customer and of those whom they pay for.

        The parameters and errors are those of `redraft_one`.
        """
        if not is_grouped(customer):
            return self.redraft_one(customer, replaced, reason, now)
        parts = self._parts(
            customer,
            Period.parse(replaced["period"]),
            lambda drafter, member: drafter.redraft_one(member.account, of_member(replaced, member.tag), reason, now),
        )
        return self._together_again(customer, replaced, parts, reason, now)

    def _parts(
        self, customer: Customer, period: Period, draft: Callable[["InvoiceDrafter", Member], Draft]
    ) -> list[Part]:
        """Draft what each member of a group is billed."""
        billed, parts, lines = BilledParts(self.books, self.documents, customer.customer_id), list[Part](), 0
        for member in members_of(self.books, customer, period):
            ports = views(self.books, self.documents, self.usage, billed, member, period)
            ports["bills_ahead"] = not member.tag and member.billed_now
            try:
                part = Part.of(member, draft(replace(self, **ports), member))
            except ParkCustomerError as error:
                if not member.tag:
                    raise
                raise ParkCustomerError(error.reason, f"customer {member.tag}: {error.detail}") from error
            lines += len(part.lines)
            not_too_many(range(lines))
            parts.append(part)
        return parts

    def _together_again(
        self, customer: Customer, replaced: Draft, parts: list[Part], reason: str, now: datetime
    ) -> Draft:
        """Put the parts together; lines of customers who are no longer members are kept as they were."""
        known, period = {part.member.tag for part in parts}, Period.parse(replaced["period"])
        kept = [line for line in kept_lines(replaced) if line.get("customer_id", "") not in known]
        draft = self._put_together(customer, period, parts, self.calendar.day(now), kept)
        names = {line["customer_id"] for line in kept}
        before = [section for section in replaced.get("sections", []) if section["customer_id"] in names]
        again = _with_sections(draft, sections(parts, before))
        return {**again, "replaces": replaced["number"], "notes": [reason]}

    def _put_together(
        self, customer: Customer, period: Period, parts: list[Part], day: date, kept: Sequence[LineContent] = ()
    ) -> Draft:
        lines = [line for part in parts for line in part.lines]
        more = cast("MadeFrom", made_together(customer, period, parts))
        return self._assemble(customer, period, [*lines, *kept], day, more)


def _with_sections(draft: Draft, found: Sequence[SectionContent]) -> Draft:
    return {**draft, "sections": [*found]} if found else draft
