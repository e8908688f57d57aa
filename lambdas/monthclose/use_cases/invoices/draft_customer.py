"""Draft what one customer is billed, whoever gets the invoice. It only reads."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.cycles import period_after, period_before
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.errors import ParkCustomerError
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.draft import draft_invoice
from monthclose.domain.invoices.draft_content import Draft, MadeFrom
from monthclose.domain.invoices.invoicing import carried_lines
from monthclose.domain.invoices.served import placed, served
from monthclose.domain.month import CustomerMonth
from monthclose.domain.period import Period
from monthclose.domain.pricing import InvoiceLine, PriceBook, Terms
from monthclose.domain.pricing.adjustment import adjustments, billed_for, line_key
from monthclose.domain.pricing.advance import fees_billed, settled
from monthclose.domain.pricing.line import LineContent
from monthclose.domain.pricing.rating import fees_in_advance, not_too_many
from monthclose.domain.pricing.replacement import billed_since, kept_lines
from monthclose.domain.tax.tax import UNTAXED, Taxation
from monthclose.domain.usage import AsOf
from monthclose.locales import ENGLISH, locale_for
from monthclose.ports import Books, Closes, Documents, PriceBooks, TaxTables, UsageStore
from monthclose.use_cases.invoices.carried_sizes import CarriedSizes
from monthclose.use_cases.invoices.term_history import TermHistory
from monthclose.use_cases.stored_documents import read_document
from monthclose.use_cases.usage_within import usage_within


@dataclass(frozen=True, slots=True)
class CustomerDrafter:
    """Drafts what one customer is billed."""

    books: Books
    closes: Closes
    usage: UsageStore
    price_books: PriceBooks
    documents: Documents
    tax_tables: TaxTables
    company: Company
    logo: str = ""
    """Key of the logo that the drafts name."""
    calendar: BillingCalendar = IN_UTC
    bills_ahead: bool = True
    """Whether fees in advance are billed for the next period: not those of a member, who may have left by then."""
    pays: Callable[[Period], bool] = bool
    """Whether the customer's invoices bill a period: not those of a member that somebody else pays for."""

    def draft_one(
        self, customer: Customer, period: Period, price_book: str, tax_table: str, watermark: datetime, day: date
    ) -> Draft:
        """Draft an invoice of one customer from the usage received up to the watermark.

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
        history = self._history(customer)
        sizes = self._sizes(customer, watermark, history)
        late, covered = self._late(customer, period, watermark, history, sizes)
        ahead_before = not self.bills_ahead and _is_billed_ahead(customer, period)
        own_terms = replace(self._terms(customer, period, price_book), billed_ahead=ahead_before)
        terms = history.known_to(own_terms)
        known, rated = self._rated(terms, watermark, sizes)
        lines, ahead = self._with_fees_ahead(customer, terms, rated, history)
        newest = self.price_books.latest() if late else ""
        carried = carried_lines(customer) if customer.carried_minor else []
        more: MadeFrom = {
            "price_book": price_book,
            "tax_table": tax_table,
            "usage_until": watermark.isoformat(),
            "late_usage": covered,
            "later_prices": {str(line.period): newest for line in late if newest},
            "fees_ahead": str(ahead[0].period) if ahead else "",
            "sizes": sizes.content(),
            "usage_left": known.left,
            "served": self._served(customer, {period, *(line.period or period for line in (*ahead, *late))}),
            "to_price_again": [*history.to_price_again(terms), *sizes.to_price_again(period, self.closes)],
        }
        return self._assemble(customer, period, [*lines, *ahead, *late, *carried], day, more)

    def redraft_one(self, customer: Customer, replaced: Draft, reason: str, now: datetime) -> Draft:
        """Draft an invoice that replaces another, of one customer, from the current prices, taxes, profile and usage.

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
        history, noted = self._history(customer), customer.late_usage.get(str(period))
        terms = history.known_to(self._terms(customer, period, price_book))
        sizes = self._sizes(customer, now, history, again=True)
        known, lines = self._rated(terms, now, sizes)
        since = self._billed_from(customer, period)
        others = self._documents(month for of, month in history.months.items() if of >= since and of != period)
        again = [*billed_since(period, others, replaced["currency"]), *kept_lines(replaced)]
        to_price_again = [*history.to_price_again(terms), *sizes.to_price_again(period, self.closes)]
        foreign = next((of for of in to_price_again if not self.pays(Period.parse(of))), None)
        if foreign and adjustments(lines, billed_for(period, [replaced, *others]), period, terms.currency):
            raise _paid_by_another(foreign)
        more: MadeFrom = {
            "price_book": price_book,
            "tax_table": tax_table,
            "usage_until": now.isoformat(),
            "late_usage": {str(period): noted} if noted and not known.left else {},
            "later_prices": replaced.get("later_prices", {}),
            "sizes": sizes.content(),
            "usage_left": known.left,
            "served": {**replaced.get("served", {}), **self._served(customer, {period})},
            "to_price_again": to_price_again,
        }
        draft = self._assemble(customer, period, [*lines, *again], self.calendar.day(now), more)
        return {**draft, "replaces": replaced["number"], "notes": [reason]}

    def _history(self, customer: Customer) -> TermHistory:
        return TermHistory(self.books, self.documents, customer)

    def _sizes(
        self, customer: Customer, watermark: datetime, history: TermHistory, *, again: bool = False
    ) -> CarriedSizes:
        return CarriedSizes(customer, self.usage, self._documents, watermark, history, again, self.calendar)

    def _rated(self, terms: Terms, watermark: datetime, sizes: CarriedSizes) -> tuple[AsOf, list[InvoiceLine]]:
        known = AsOf(usage_within(self.usage, terms.customer_id, terms.window), watermark)
        return known, sizes.rate(known, terms)

    def _terms(
        self, customer: Customer, period: Period, version: str, currency: str = "", later: tuple[PriceBook, ...] = ()
    ) -> Terms:
        book, currency = self.price_books.get(version), currency or customer.profile.currency
        terms = Terms(book, customer.customer_id, currency, period, later)
        return placed(terms, customer, period, self.calendar)

    def _served(self, customer: Customer, periods: Iterable[Period]) -> dict[str, list[str]]:
        said: dict[str, list[str]] = {}
        for period in sorted(periods):
            said |= served(customer, period, self.calendar).content(period)
        return said

    def _with_fees_ahead(
        self, customer: Customer, terms: Terms, lines: list[InvoiceLine], history: TermHistory
    ) -> tuple[list[InvoiceLine], list[InvoiceLine]]:
        """Take off a period's lines what was billed of its fees in advance, and bill those of the next one.

        Who has no such fee is read no more for it. Whose months were closed in another order is never billed twice.
        """
        if not self.bills_ahead:
            return lines, []
        period, after = terms.period, period_after(customer.billing_cycles, terms.period)
        ahead = fees_in_advance(placed(terms, customer, after, self.calendar))
        if not ahead and not _is_billed_ahead(customer, period):
            return lines, []
        since, months = period_before(customer.billing_cycles, period), history.months
        before = self._documents(month for of, month in months.items() if since <= of < period)
        own = fees_billed(billed_for(period, before))
        begun = self._documents(month for of, month in months.items() if of > period)
        billed = fees_billed(billed_for(after, begun))
        left = [line for line in ahead if line_key(line.content(period)) not in billed]
        return settled(lines, own, period, terms.currency), left

    def _billed_from(self, customer: Customer, period: Period) -> Period:
        """Find the first period whose invoice may have billed a period: the one before, where fees are in advance."""
        return period_before(customer.billing_cycles, period) if customer.fees_ahead else period

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
        self, customer: Customer, period: Period, watermark: datetime, history: TermHistory, sizes: CarriedSizes
    ) -> tuple[list[InvoiceLine], Mapping[str, str]]:
        """Price earlier months with late usage again; returns the lines, and the late-usage notes that they cover.

        What a month comes to counts in its term, so the later months of a term are priced again, too; and so is a
        month that began with the sizes of the one before it, if those have changed. One of them that another account
        pays for is not for this invoice to change, and that account's close knows nothing of it: a person must act.
        """
        noted = {Period.parse(text): since for text, since in customer.late_usage.items()}
        waiting = sorted(month for month in noted if month < period)
        lines, covered = list[InvoiceLine](), dict[str, str]()
        sizes.again = bool(waiting)
        while waiting:
            month = waiting.pop(0)
            if history.months.get(month, CustomerMonth()).parked:
                continue  # billed when that month's close runs again; the note stays until after that
            since = self._billed_from(customer, month)
            documents = self._documents(record for of, record in history.months.items() if since <= of < period)
            terms = history.known_to(self._terms_of_billed(customer, month, documents))
            known = AsOf(usage_within(self.usage, customer.customer_id, terms.window), watermark)
            adjusted = self._adjusted(customer, known, documents, terms, sizes)
            if adjusted and not self.pays(month):
                raise _paid_by_another(month)
            lines += adjusted
            again = history.after(terms) if adjusted else []
            if sizes.changed(month):
                again.append(period_after(customer.billing_cycles, month))
            if period in again and not self.pays(period):
                raise _paid_by_another(period)
            history.add(adjusted, period, terms.currency)
            waiting = sorted({*waiting, *(of for of in again if of < period)})
            if month in noted and not known.left:
                covered[str(month)] = noted[month]
        return lines, covered

    def _terms_of_billed(self, customer: Customer, month: Period, documents: list[Draft]) -> Terms:
        """Find the terms that a month was billed by; a SKU keeps the price it was billed with."""
        own = next((document for document in documents if document["period"] == str(month)), None)
        close = self.closes.get(month)
        billed_by = own.get("price_book") if own else None
        version = billed_by or (close.price_book if close else "")
        currency = own["currency"] if own else customer.profile.currency
        used = [text for d in documents if (text := d.get("later_prices", {}).get(str(month)))]
        versions = dict.fromkeys((*used, self.price_books.latest()))
        later = tuple(self.price_books.get(name) for name in versions if name != version)
        return self._terms(customer, month, version, currency, later)

    def _adjusted(
        self, customer: Customer, known: AsOf, documents: list[Draft], terms: Terms, sizes: CarriedSizes
    ) -> list[InvoiceLine]:
        month, currency = terms.period, terms.currency
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
        return [read_document(self.documents, record.document) for record in issued if record]


def _is_billed_ahead(customer: Customer, period: Period) -> bool:
    """Whether an invoice may have billed the fees of a period in advance."""
    return bool(customer.fees_ahead) and Period.parse(customer.fees_ahead) >= period


def _paid_by_another(month: Period | str) -> ParkCustomerError:
    return ParkCustomerError(
        "paid_by_another",
        f"an earlier month costs something else than was billed (late usage, say), which changes {month}: by a "
        f"quarterly or yearly amount, or a size that goes on; and another account pays for {month}. Correct the late "
        "usage to 0, close again, and bill it by hand",
    )
