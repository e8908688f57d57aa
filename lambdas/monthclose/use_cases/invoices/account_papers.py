"""Receipts and statements of account: made from the books whenever somebody asks, and not stored."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document_parts import Buyer, Seller
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.payment import Payment, PaymentKey
from monthclose.domain.statements.receipt import Receipt, receipt_for
from monthclose.domain.statements.statement import Statement, between, currencies_of, movements_of
from monthclose.locales import locale_for
from monthclose.ports import Books, Documents, InvoiceRenderer
from monthclose.use_cases.invoices.company_logo import current_logo
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments


@dataclass(frozen=True, slots=True)
class AccountPapers:
    """Writes receipts and statements in the customer's language."""

    books: Books
    documents: Documents
    issued: IssuedDocuments
    renderer: Callable[[], InvoiceRenderer]
    company: Company

    def receipt(self, name: str) -> Receipt:
        """Write the receipt for a payment.

        Parameters
        ----------
        name : str
            The payment's (`2026-10/acme`), or the number of an invoice: of the latest payment that collected for it.

        Raises
        ------
        UserMistakeError
            There is no such payment, or it has collected nothing.
        """
        key = PaymentKey.parse(name)
        return self._receipt(self._payment(key) if key else self._payment_for(name))

    def receipt_of(self, month: CustomerMonth) -> Receipt | None:
        """Write the receipt for the latest payment that collected for a month's invoice; None if none has.

        Who paid whom is taken from the invoice's document: the function behind the links may read no customer.
        """
        payment = collected(month)
        if payment is None or month.invoice is None:
            return None
        document, months = self.issued.document(month.invoice), self.books.months(payment.customer_id)
        language = locale_for(document.language).language
        return receipt_for(payment, months, document.seller, document.customer, language)

    def statement(self, customer_id: str, first: date, last: date, currency: str = "") -> Statement:
        """Write the statement of a customer's account for some days, by the company's time zone, both included.

        Parameters
        ----------
        currency : str
            Empty for the account's.

        Raises
        ------
        UserMistakeError
            There is no such customer, or they were never billed in that currency.
        """
        customer, months = self._customer(customer_id), self.books.months(customer_id)
        known = {customer.currency, *currencies_of(months)}
        if currency and currency not in known:
            others = ", ".join(sorted(known))
            raise UserMistakeError(f"nothing was booked for {customer_id} in {currency}, only in {others}")
        wanted = currency or customer.currency
        opening, movements = between(movements_of(months, wanted), first, last)
        seller, buyer, language = self._parties(customer)
        return Statement(seller, buyer, wanted, first, last, opening, movements, language)

    def pdf(self, paper: Receipt | Statement) -> bytes:
        """Make a receipt's or a statement's PDF."""
        logo = self.documents.get(paper.seller.logo) if paper.seller.logo else None
        return self.renderer().render(paper, logo)

    def _receipt(self, payment: Payment) -> Receipt:
        customer = self._customer(payment.customer_id)
        return receipt_for(payment, self.books.months(payment.customer_id), *self._parties(customer))

    def _parties(self, customer: Customer) -> tuple[Seller, Buyer, str]:
        seller = replace(self.company.seller, logo=current_logo(self.documents))
        language = locale_for(customer.profile.language, self.company.language).language
        return seller, Buyer.of(customer), language

    def _customer(self, customer_id: str) -> Customer:
        customer = self.books.customer(customer_id)
        if customer is None:
            raise UserMistakeError(f"there is no customer {customer_id!r} (ids are case-sensitive, as imported)")
        return customer

    def _payment(self, key: PaymentKey) -> Payment:
        payment = self.books.month(key.customer_id, key.period).payment_of(key.sequence)
        if payment is None:
            raise UserMistakeError(f"there is no payment {key.payment_id}")
        return payment

    def _payment_for(self, number: str) -> Payment:
        invoice = self.issued.find(number)
        payment = collected(self.books.month(invoice.customer_id, invoice.period))
        if payment is None:
            raise UserMistakeError(f"no payment has collected anything for {number}: there is no receipt for it")
        return payment


def collected(month: CustomerMonth) -> Payment | None:
    """Find the latest payment that has collected money for a month's invoices."""
    return next((payment for payment in reversed(month.payments) if payment.collected_minor), None)
