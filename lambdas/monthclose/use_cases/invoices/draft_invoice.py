"""Draft one customer's invoice: the same code for a close and for a preview. It only reads."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import accumulate, repeat, takewhile

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.draft import draft_invoice
from monthclose.domain.invoices.draft_content import Draft, MadeFrom
from monthclose.domain.invoices.invoicing import carried_line
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine, Terms
from monthclose.domain.pricing.adjustment import adjustments, billed_for
from monthclose.domain.pricing.line import LineContent
from monthclose.domain.pricing.rating import not_too_many
from monthclose.domain.pricing.replacement import billed_since, kept_lines
from monthclose.domain.tax.tax import UNTAXED, Taxation
from monthclose.domain.usage import AsOf
from monthclose.locales import ENGLISH, locale_for
from monthclose.ports import Books, Closes, Documents, PriceBooks, TaxTables, UsageStore
from monthclose.use_cases.invoices.carried_sizes import CarriedSizes
from monthclose.use_cases.invoices.company_logo import current_logo


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
    logo: str = ""
    """Key of the logo that the drafts name."""

    def with_logo(self) -> "InvoiceDrafter":
        """Return a drafter that puts the current logo on its drafts; a preview needs none."""
        return replace(self, logo=current_logo(self.documents))

    def draft(
        self, customer: Customer, period: Period, price_book: str, tax_table: str, watermark: datetime, day: date
    ) -> Draft:
        """Draft an invoice from the usage received up to the watermark.

        Late usage of earlier months and amounts carried over from them are added; the draft records both (see
        `invoicing.account_after`).

        Parameters
        ----------
        price_book, tax_table : str
            Versions. Tax rates are those of the month's last day.
        day : date
            The invoice's date.

        Raises
        ------
        ParkCustomerError
            A person must act before this customer can be billed.
        """
        sizes = self._sizes(customer, watermark)
        late, covered = self._late(customer, period, watermark, sizes)
        known, lines = self._rated(customer, period, price_book, watermark, sizes)
        newest = self.price_books.latest() if late else ""
        carried = [carried_line(customer)] if customer.carried_minor else []
        more: MadeFrom = {
            "price_book": price_book,
            "tax_table": tax_table,
            "usage_until": watermark.isoformat(),
            "late_usage": covered,
            "later_prices": {str(line.period): newest for line in late if newest},
            "sizes": sizes.content(),
            "next_began_otherwise": sizes.next_began_otherwise(period, self.closes),
            "usage_left": known.left,
        }
        return self._assemble(customer, period, [*lines, *late, *carried], day, more)

    def redraft(self, customer: Customer, replaced: Draft, reason: str, now: datetime) -> Draft:
        """Draft an invoice that replaces another, from the current prices, taxes, profile and usage.

        Whatever the replaced invoice billed besides its own month is copied unchanged. What later invoices have billed
        for the month is deducted, and late usage that is not billed yet is included.

        Parameters
        ----------
        replaced : Draft
            The replaced invoice's document.

        Raises
        ------
        ParkCustomerError
            A person must act before this customer can be billed.
        """
        period = Period.parse(replaced["period"])
        price_book, tax_table = self.price_books.latest(), self.tax_tables.latest()
        months, noted = self.books.months(customer.customer_id), customer.late_usage.get(str(period))
        sizes = self._sizes(customer, now, months)
        known, lines = self._rated(customer, period, price_book, now, sizes)
        later = self._documents(month for of, month in months.items() if of > period)
        again = [*billed_since(period, later, replaced["currency"]), *kept_lines(replaced)]
        more: MadeFrom = {
            "price_book": price_book,
            "tax_table": tax_table,
            "usage_until": now.isoformat(),
            "late_usage": {str(period): noted} if noted and not known.left else {},
            "later_prices": replaced.get("later_prices", {}),
            "sizes": sizes.content(),
            "next_began_otherwise": sizes.next_began_otherwise(period, self.closes),
            "usage_left": known.left,
        }
        draft = self._assemble(customer, period, [*lines, *again], now.date(), more)
        return {**draft, "replaces": replaced["number"], "notes": [reason]}

    def _rated(
        self, customer: Customer, period: Period, price_book: str, watermark: datetime, sizes: CarriedSizes
    ) -> tuple[AsOf, list[InvoiceLine]]:
        known = AsOf(self.usage.events(customer.customer_id, period), watermark)
        terms = Terms(self.price_books.get(price_book), customer.customer_id, customer.profile.currency, period)
        return known, sizes.rate(known, terms)

    def _sizes(
        self, customer: Customer, watermark: datetime, months: Mapping[Period, CustomerMonth] | None = None
    ) -> CarriedSizes:
        return CarriedSizes(customer, self.usage, self.books, self._documents, watermark, months)

    def _assemble(
        self,
        customer: Customer,
        period: Period,
        lines: list[InvoiceLine | LineContent],
        day: date,
        more: MadeFrom,
    ) -> Draft:
        draft = draft_invoice(
            customer,
            period,
            not_too_many(lines),
            self._taxation(customer, period, more["tax_table"]) if lines else UNTAXED,
            day,
            replace(self.company.seller, logo=self.logo),
            due_on=day + timedelta(days=self.company.payment_days),
            more={name: value for name, value in more.items() if value},
        )
        language = locale_for(customer.profile.language, self.company.language).language
        return draft if language == ENGLISH else {**draft, "language": language}  # English has never been said

    def _taxation(self, customer: Customer, period: Period, tax_table: str) -> Taxation:
        profile, last_day = customer.profile, period.last_day
        taxes = self.tax_tables.get(tax_table)
        return taxes.for_customer(profile.country, profile.region, profile.tax_id, last_day)

    def _late(
        self, customer: Customer, period: Period, watermark: datetime, sizes: CarriedSizes
    ) -> tuple[list[InvoiceLine], Mapping[str, str]]:
        """Price earlier months with late usage again; returns the lines, and the late-usage notes that they cover.

        Where such a month ends with other sizes than before, so does the next one begin: it is priced again, too.
        """
        noted = {Period.parse(text): since for text, since in customer.late_usage.items()}
        earlier = sorted(month for month in noted if month < period)
        if not earlier:
            return [], {}
        months, lines, covered = self.books.months(customer.customer_id), list[InvoiceLine](), dict[str, str]()
        sizes.months, began_otherwise = months, False
        since = takewhile(lambda month: month < period, accumulate(repeat(earlier[0]), lambda month, _: month.next))
        for month in sorted({*earlier, *since, *(of for of in months if earlier[0] < of < period)}):
            record = months.get(month, CustomerMonth())
            if record.parked or not (month in noted or began_otherwise):
                continue  # billed when that month's close runs again; the note stays until after that
            known = AsOf(self.usage.events(customer.customer_id, month), watermark)
            documents = self._documents(record for of, record in months.items() if month <= of < period)
            lines += self._adjusted(customer, month, known, documents, sizes)
            began_otherwise = sizes.changed(month)
            if month in noted and not known.left:
                covered[str(month)] = noted[month]
        return lines, covered

    def _adjusted(
        self, customer: Customer, month: Period, known: AsOf, documents: list[Draft], sizes: CarriedSizes
    ) -> list[InvoiceLine]:
        own = next((document for document in documents if document["period"] == str(month)), None)
        close = self.closes.get(month)
        billed_by = own.get("price_book") if own else None
        version = billed_by or (close.price_book if close else "")
        currency = own["currency"] if own else customer.profile.currency
        used = [text for d in documents if (text := d.get("later_prices", {}).get(str(month)))]
        versions = dict.fromkeys((*used, self.price_books.latest()))  # a SKU keeps the price it was billed with
        later = tuple(self.price_books.get(name) for name in versions if name != version)
        terms = Terms(self.price_books.get(version), customer.customer_id, currency, month, later)
        lines = adjustments(sizes.rate(known, terms), billed_for(month, documents), month, currency)
        if lines and currency != customer.profile.currency:
            raise ParkCustomerError(
                "currency_mismatch",
                f"late usage of {month} is in {currency}, the profile says {customer.profile.currency}; change the "
                f"profile back to {currency} for this period, or correct that usage to 0, and close again",
            )
        return lines

    def _documents(self, months: Iterable[CustomerMonth]) -> list[Draft]:
        issued = [month.invoice or month.carried for month in months]
        places = [record.document for record in issued if record]
        return [json.loads(self.documents.get_slice(place.key, place.offset, place.length)) for place in places]
