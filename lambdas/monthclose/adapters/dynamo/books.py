"""The books, in the customers and billing tables."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import TypeGuard

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from monthclose.adapters.dynamo import records
from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import BillingItem, CustomerItem, InvoiceItem
from monthclose.domain.accounts.customer import Customer
from monthclose.domain.accounts.ledger import Entry
from monthclose.domain.calendar import IN_UTC, BillingCalendar
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.month import CustomerMonth, Notice, NoticeState
from monthclose.domain.period import Period
from monthclose.ports import Record


class DynamoBooks:
    """`Books` on DynamoDB: one transaction per commit, each item fenced by its version."""

    def __init__(self, connection: Connection, batches: Batches, calendar: BillingCalendar = IN_UTC) -> None:
        self._connection, self._batches, self._calendar = connection, batches, calendar

    def customer(self, customer_id: str) -> Customer | None:
        """Read a customer's account."""
        with translated():
            try:
                return records.customer(CustomerItem.get(customer_id, consistent_read=True))
            except CustomerItem.DoesNotExist:
                return None

    def customers(self, customer_ids: Iterable[str]) -> Mapping[str, Customer]:
        """Read accounts, a hundred in a request."""
        items = self._batches.read(CustomerItem, sorted(set(customer_ids)), consistent=True)
        return {item.customer_id: records.customer(item) for item in items}

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        """Read a month, in one query."""
        with translated():
            items = BillingItem.query(customer_id, BillingItem.sk.startswith(f"{period}#"), consistent_read=True)
            return records.month(items)

    def months(self, customer_id: str) -> Mapping[Period, CustomerMonth]:
        """Read all months, in one query."""
        by_period: dict[Period, list[BillingItem]] = defaultdict(list)
        with translated():
            for item in BillingItem.query(customer_id, consistent_read=True):
                by_period[Period.parse(item.period)].append(item)
        return {period: records.month(by_period[period]) for period in sorted(by_period)}

    def commit(self, *to_write: Record) -> tuple[Record, ...]:
        """Write all records or none; a single one needs no transaction, which would cost double, unless it is a claim.

        After a lost answer the client repeats a write, and finds its own. Others read again; who claims a notice would
        take it for somebody else's claim, and nobody would send it.
        """
        dated = [record.dated(self._calendar) if isinstance(record, Entry) else record for record in to_write]
        replaced = {record.replaced_by: record for record in dated if _is_replaced(record)}
        with translated():
            if len(dated) == 1 and not _is_claim(dated[0]):
                records.to_item(dated[0]).save(condition=_unchanged(dated[0], {}))
            elif dated:
                # The token makes the client's own retries safe: the second one answers like the first.
                with TransactWrite(connection=self._connection, client_request_token=str(uuid.uuid4())) as transaction:
                    for record in dated:
                        transaction.save(records.to_item(record), condition=_unchanged(record, replaced))
        return tuple(map(_written, dated))


def _written(record: Record) -> Record:
    return record if isinstance(record, Entry) else replace(record, version=record.version + 1)


def _is_claim(record: Record) -> bool:
    return isinstance(record, Notice) and record.state is NoticeState.CLAIMED


def _is_replaced(record: Record) -> TypeGuard[Invoice]:
    """Whether a record is an invoice that the same commit replaces."""
    return isinstance(record, Invoice) and bool(record.replaced_by) and not record.version


def _unchanged(record: Record, replaced: Mapping[str, Invoice]) -> Condition:
    """Make the condition for writing a record; `replaced` are invoices by the numbers of those that replace them."""
    if isinstance(record, Customer):
        # A profile that was imported and never billed has a version, too.
        return CustomerItem.version == record.version if record.version else CustomerItem.customer_id.does_not_exist()
    if isinstance(record, Entry | CreditNote) or not record.version:
        return BillingItem.sk.does_not_exist()
    at_version: Condition = BillingItem.version == record.version
    if isinstance(record, Invoice):
        # How it is settled may change; its content and the place of its document never do. Another invoice replaces it
        # only in the commit that keeps it.
        stored = replaced.get(record.number, record)
        at_version &= (InvoiceItem.number == stored.number) & (InvoiceItem.total_minor == stored.total_minor)
        at_version &= (InvoiceItem.currency == stored.currency) & (InvoiceItem.document == asdict(stored.document))
    return at_version
