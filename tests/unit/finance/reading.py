"""The books of a world's customers, as a report pack reads them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from monthclose.domain.finance.customer import CustomerBooks, documents_needed
from monthclose.domain.finance.figures import Figures, added_up, figures_of, rows_of
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import Invoice
from monthclose.domain.period import Period
from monthclose.domain.register.tables import Row
from tests.world import OCTOBER, World


def books_of(world: World, customer_id: str, period: Period = OCTOBER, at: datetime | None = None) -> CustomerBooks:
    profile, months = world.customer(customer_id).profile, world.books.months(customer_id)
    needed = documents_needed(months, period, at or world.clock())
    documents = {issued.number: world.issued.document(issued) for issued in needed}
    return CustomerBooks(customer_id, profile.name, profile, months, documents)


def books_with_all_documents(world: World, customer_id: str) -> CustomerBooks:
    """Read a customer's books once, for the figures of any month."""
    profile, months = world.customer(customer_id).profile, world.books.months(customer_id)
    issued: list[Invoice | CreditNote] = []
    for month in months.values():
        issued += [*month.invoices, *month.credit_notes]
    documents = {one.number: world.issued.document(one) for one in issued}
    return CustomerBooks(customer_id, profile.name, profile, months, documents)


def figures(world: World, period: Period = OCTOBER, at: datetime | None = None) -> Figures:
    """Add up the figures of all customers."""
    at = at or world.clock()
    return added_up(figures_of(books_of(world, one, period, at), period, at) for one in everybody(world))


def rows(world: World, table: str, period: Period = OCTOBER, at: datetime | None = None) -> list[Row]:
    at = at or world.clock()
    return [row for one in everybody(world) for row in rows_of(books_of(world, one, period, at), period, at)[table]]


def bill(
    world: World,
    customer_id: str,
    country: str,
    *,
    method: str = "ok",
    currency: str = "USD",
    amount: str = "100",
    tax_id: str = "",
) -> str:
    """Add a customer of a country, who is billed an amount (before tax where prices are without it)."""
    world.add_customer(customer_id, method=method, currency=currency)
    world.change(customer_id, profile=replace(world.customer(customer_id).profile, country=country, tax_id=tax_id))
    world.use(customer_id, amount)
    return customer_id


def everybody(world: World) -> Iterable[str]:
    return [planned.customer_id for planned in world.directory.scan()]
