"""Read one customer's books, with the documents that a month's figures need."""

from dataclasses import dataclass
from datetime import datetime

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.customer import CustomerBooks, documents_needed
from monthclose.domain.period import Period
from monthclose.ports import Books
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments


@dataclass(frozen=True, slots=True)
class BooksReader:
    """Reads customers' books for figures."""

    books: Books
    issued: IssuedDocuments

    def read(self, customer_id: str, period: Period, at: datetime) -> CustomerBooks:
        """Read a customer's books.

        Raises
        ------
        UserMistakeError
            There is no such customer.
        DocumentAlteredError
            A document is not the one that it was issued as.
        """
        customer = self.books.customer(customer_id)
        if customer is None:
            raise UserMistakeError(f"there is no customer {customer_id!r} (ids must match the import exactly)")
        months = self.books.months(customer_id)
        needed = documents_needed(months, period, at)
        documents = {issued.number: self.issued.document(issued) for issued in needed}
        return CustomerBooks(customer_id, customer.profile.name, customer.profile, months, documents)
