"""Draft one customer's invoice: the same code for a close and for a preview. It reads, and writes nothing."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from monthclose.domain import invoice as invoices
from monthclose.domain.customer import Customer
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoice import Draft
from monthclose.domain.invoicing import carried_line
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine, Terms, rate
from monthclose.domain.pricing.adjustment import adjustments, billed_for
from monthclose.domain.tax import UNTAXED, Taxation
from monthclose.domain.usage import AsOf
from monthclose.ports import Books, Closes, Documents, PriceBooks, TaxTables, UsageStore
from monthclose.settings import Company


@dataclass(frozen=True, slots=True)
class InvoiceDrafter:
    """Drafts invoices."""

    books: Books
    closes: Closes
    usage: UsageStore
    price_books: PriceBooks
    documents: Documents
    tax_tables: TaxTables
    company: Company
    logo: str
    """Key of the logo that invoices have now."""

    def draft(
        self, customer: Customer, period: Period, price_book: str, tax_table: str, watermark: datetime, day: date
    ) -> Draft:
        """Draft an invoice from the usage that was received until the watermark.

        Usage that came after earlier months' closes is priced with it, and what those carried over is added. The draft
        says what it has taken up (see `invoicing.drafted`).

        Parameters
        ----------
        price_book, tax_table : str
            Their versions. Taxes are those of the month's last day.
        day : date
            The invoice's date.

        Raises
        ------
        ParkCustomerError
            A person must act before this customer can be billed.
        """
        currency = customer.profile.currency
        known = AsOf(self.usage.events(customer.customer_id, period), watermark)
        lines = rate(known, Terms(self.price_books.get(price_book), customer.customer_id, currency, period))
        late, covered = self._late(customer, period, watermark)
        carried = [carried_line(customer)] if customer.carried_minor else []
        more = {
            "price_book": price_book,
            "tax_table": tax_table,
            "usage_until": watermark.isoformat(),
            "late_usage": covered,
            "usage_left": known.left,
        }
        all_lines = [*lines, *late, *carried]
        return invoices.draft(
            customer,
            period,
            all_lines,
            self._taxation(customer, period, tax_table) if all_lines else UNTAXED,
            day,
            replace(self.company.seller, logo=self.logo),
            due_on=day + timedelta(days=self.company.payment_days),
            more={name: value for name, value in more.items() if value},
        )

    def _taxation(self, customer: Customer, period: Period, tax_table: str) -> Taxation:
        profile, last_day = customer.profile, (period.end - timedelta(days=1)).date()
        taxes = self.tax_tables.get(tax_table)
        return taxes.for_customer(profile.country, profile.region, profile.tax_id, last_day)

    def _late(
        self, customer: Customer, period: Period, watermark: datetime
    ) -> tuple[list[InvoiceLine], Mapping[str, str]]:
        """Price again what usage came late for; returns the lines, and the notes that they cover."""
        noted = {Period.parse(text): since for text, since in customer.late_usage.items()}
        earlier = sorted(month for month in noted if month < period)
        if not earlier:
            return [], {}
        months, lines, covered = self.books.months(customer.customer_id), list[InvoiceLine](), dict[str, str]()
        for month in earlier:
            record = months.get(month, CustomerMonth())
            if record.parked:
                continue  # billed when their close runs again; the note stays until after that
            known = AsOf(self.usage.events(customer.customer_id, month), watermark)
            documents = self._documents(record for of, record in months.items() if month <= of < period)
            lines += self._adjusted(customer, month, known, documents)
            if not known.left:
                covered[str(month)] = noted[month]
        return lines, covered

    def _adjusted(
        self, customer: Customer, month: Period, known: AsOf, documents: list[dict[str, Any]]
    ) -> list[InvoiceLine]:
        own = next((document for document in documents if document["period"] == str(month)), None)
        close = self.closes.get(month)
        billed_by = own.get("price_book") if own else None
        version = billed_by or (close.price_book if close else "")
        currency = own["currency"] if own else customer.profile.currency
        if currency != customer.profile.currency:
            raise ParkCustomerError(
                "currency_mismatch",
                f"late usage of {month} is in {currency}, the profile says {customer.profile.currency}; "
                "change the profile back for this period",
            )
        again = rate(known, Terms(self.price_books.get(version), customer.customer_id, currency, month))
        return adjustments(again, billed_for(month, documents), month, currency)

    def _documents(self, months: Iterable[CustomerMonth]) -> list[dict[str, Any]]:
        issued = [month.invoice or month.carried for month in months]
        places = [record.document for record in issued if record]
        return [json.loads(self.documents.get_slice(place.key, place.offset, place.length)) for place in places]
