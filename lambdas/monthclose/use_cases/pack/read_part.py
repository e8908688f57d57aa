"""Read one part of a report pack: the records and documents of its customers, as rows of the pack's tables.

A part works until its time is up and keeps where it was, so the next call continues. What it holds in memory does not
grow with the number of customers, nor with what one of them has: rows are stored in pieces, and documents are read some
megabytes at a time.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from itertools import batched, islice
from typing import NamedTuple

from monthclose.domain.accounts.customer import Customer
from monthclose.domain.finance.customer import CustomerBooks, documents_needed
from monthclose.domain.finance.figures import Figures, figures_of, rows_of
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.document import InvoiceDocument
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth
from monthclose.domain.pack.tables import TABLES
from monthclose.domain.period import Period
from monthclose.domain.register.rows import customer_row, entry_rows, month_rows
from monthclose.domain.register.tables import Row
from monthclose.ports import Books, Clock, Closes, Documents, Register, TimeIsUp
from monthclose.use_cases.batch_work import OF_ONE_CUSTOMER, read_accounts, side_by_side
from monthclose.use_cases.pack.pack_store import PackPart, PackPlan, PackStore
from monthclose.use_cases.pack.piece_writer import PieceWriter
from monthclose.use_cases.pack.register_again import RegisterAgain
from monthclose.use_cases.stored_documents import read_together

READERS = 16
"""Threads that read customers' months."""
_CUSTOMERS_AT_ONCE = 100
"""Whose months are in memory together: of old customers, some megabytes."""
_DOCUMENTS_AT_ONCE = 16 * 2**20
"""Bytes of documents that are in memory together, unless one customer's are more."""

type Issued = Invoice | CreditNote


class _Read(NamedTuple):
    """A customer's records, and the documents that the pack needs of them."""

    account: Customer
    months: Mapping[Period, CustomerMonth]
    issued: Sequence[Issued]

    @property
    def size(self) -> int:
        """Of the documents, in bytes."""
        return sum(one.document.length for one in self.issued)


@dataclass(frozen=True, slots=True)
class PackPartReader:
    """Reads the parts of packs."""

    books: Books
    closes: Closes
    documents: Documents
    store: PackStore
    executor: Executor
    register: Register
    clock: Clock

    def read(self, plan: PackPlan, number: int, *, time_is_up: TimeIsUp = lambda: False) -> bool:
        """Read a part from where it was, and return whether it is complete.

        Raises
        ------
        TryLaterError
            AWS is briefly unavailable. The same call continues with what was stored last.
        """
        part = self.store.part(plan, number)
        batches = plan.batches_of(number)
        writer = PieceWriter(self.documents, self.store.piece_key(plan, number, ""), TABLES)
        rows = RegisterAgain(self.register, self.clock)
        at_once = max(_CUSTOMERS_AT_ONCE * plan.batches // max(plan.customers, 1), 1)
        for some in batched(batches[part.next_batch :], at_once, strict=False):
            for customer_ids in self._customers(plan.period, some, rows):
                for one in self._read_customers(plan, customer_ids, part, writer):
                    rows.add(one.account, one.months)
            part.next_batch += len(some)
            if time_is_up():
                break
            if writer.full:
                self._keep(plan, number, part, writer)
        if part.next_batch == len(batches):
            part.done = self._read_others(plan, number, part, writer, time_is_up)
        self._keep(plan, number, part, writer)
        return part.done

    def _read_others(
        self, plan: PackPlan, number: int, part: PackPart, writer: PieceWriter, time_is_up: TimeIsUp
    ) -> bool:
        """Read a part of those whom the close does not bill, and return whether all of it is read."""
        places = plan.others_of(number)
        if part.next_other == len(places):
            return True
        lines = islice(self.documents.lines(plan.others_key), places.start + part.next_other, places.stop)
        for some in batched(lines, _CUSTOMERS_AT_ONCE, strict=False):
            if part.next_other and time_is_up():
                return False
            self._read_customers(plan, [line.decode().removesuffix("\n") for line in some], part, writer)
            part.next_other += len(some)
            if writer.full:
                self._keep(plan, number, part, writer)
        return True

    def _keep(self, plan: PackPlan, number: int, part: PackPart, writer: PieceWriter) -> None:
        writer.store(part)
        self.store.put_part(plan, number, part)

    def _customers(self, period: Period, numbers: Sequence[int], rows: RegisterAgain) -> Iterator[tuple[str, ...]]:
        """List the customers of some batches, as many at a time as are read together."""
        found = [*filter(None, side_by_side(self.executor, partial(self.closes.progress, period), numbers))]
        for progress in found:
            rows.expect(progress)
        ids = (customer_id for progress in found for customer_id in progress.batch.customer_ids)
        yield from batched(ids, _CUSTOMERS_AT_ONCE, strict=False)

    def _read_customers(
        self, plan: PackPlan, customer_ids: Sequence[str], part: PackPart, writer: PieceWriter
    ) -> Sequence[_Read]:
        accounts = read_accounts(self.books, customer_ids)
        found = side_by_side(self.executor, partial(self._read_one, plan, accounts), customer_ids)
        read = []
        for customer_id, one in zip(customer_ids, found, strict=True):
            if isinstance(one, _Read):
                read.append(one)
            else:
                part.skip(f"customer {customer_id}: {one}")
        for some in _by_size(read):
            documents, figures = self._documents(some, part), list[Figures]()
            for one in some:
                figures += self._write_one(plan, one, documents, part, writer)
                if writer.full:
                    writer.store(part)
            part.figures += added(figures)
        return read

    def _read_one(self, plan: PackPlan, accounts: Mapping[str, Customer], customer_id: str) -> _Read | str:
        """Read a customer's records, or say why they cannot be read."""
        try:
            account = accounts.get(customer_id) or self.books.customer(customer_id)
            if account is None:
                return "they have no account"
            months = self.books.months(customer_id)
            return _Read(account, months, _issued(months, plan))
        except OF_ONE_CUSTOMER as error:
            return f"{type(error).__name__}: {error}"[:300]

    def _documents(self, read: Iterable[_Read], part: PackPart) -> Mapping[str, bytes]:
        """Read the documents of some customers, by number; those that are not what was issued are left out."""
        found: dict[str, bytes] = {}
        wanted = [issued for one in read for issued in one.issued]
        for issued, stored in read_together(self.documents, wanted, lambda one: one.document):
            if stored is None:
                part.skip(f"{issued.number}: its document {issued.document.key} is missing")
            elif hashlib.sha256(stored).hexdigest() != issued.document.sha256:
                part.skip(f"{issued.number}: its document was changed after it was issued")
            else:
                found[issued.number] = stored
        return found

    def _write_one(
        self, plan: PackPlan, read: _Read, stored: Mapping[str, bytes], part: PackPart, writer: PieceWriter
    ) -> list[Figures]:
        """Write a customer's rows and return their figures; nothing of either if the records cannot be understood."""
        try:
            parsed = {
                one.number: InvoiceDocument.parse(stored[one.number]) for one in read.issued if one.number in stored
            }
            rows, figures = _work_out(plan, read, parsed)
        except OF_ONE_CUSTOMER as error:
            part.skip(f"customer {read.account.customer_id}: {type(error).__name__}: {error}"[:300])
            return []
        writer.add(rows)
        return [figures]


def _issued_in(month: CustomerMonth) -> list[Issued]:
    """List a month's invoices and credit notes."""
    return [*month.invoices, *month.credit_notes]


def _issued(months: Mapping[Period, CustomerMonth], plan: PackPlan) -> list[Issued]:
    """List whose documents are read: those of the month, and those that its figures need."""
    found = _issued_in(months.get(plan.period, CustomerMonth()))
    found += documents_needed(months, plan.period, plan.planned_at)
    by_number: dict[str, Issued] = {one.number: one for one in found}
    return list(by_number.values())


def _work_out(
    plan: PackPlan, read: _Read, documents: Mapping[str, InvoiceDocument]
) -> tuple[list[tuple[str, Row]], Figures]:
    """Make a customer's rows, each with the name of its table, and their figures."""
    account, period, at = read.account, plan.period, plan.planned_at
    month = read.months.get(period, CustomerMonth())
    own = {one.number: documents[one.number] for one in _issued_in(month) if one.number in documents}
    books = CustomerBooks(account.customer_id, account.profile.name, account.profile, read.months, documents)
    rows = [("customers", customer_row(account)), *month_rows(month, own)]
    rows += [("entries", row) for entry in month.entries for row in entry_rows(entry)]
    rows += [(name, row) for name, found in rows_of(books, period, at).items() for row in found]
    return rows, figures_of(books, period, at)


def added(figures: Sequence[Figures]) -> Figures:
    """Add figures up in pairs: one after the other, each customer's would cost as much as those of all before."""
    left = list(figures)
    while len(left) > 1:
        left = [sum(pair[1:], pair[0]) for pair in batched(left, 2, strict=False)]
    return left[0] if left else Figures()


def _by_size(read: Iterable[_Read]) -> Iterator[list[_Read]]:
    """Put as many customers together as may have their documents in memory at once."""
    together, size = list[_Read](), 0
    for one in read:
        if together and size + one.size > _DOCUMENTS_AT_ONCE:
            yield together
            together, size = [], 0
        together.append(one)
        size += one.size
    if together:
        yield together
