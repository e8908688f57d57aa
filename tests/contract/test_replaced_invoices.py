"""What every store promises about an invoice that was replaced by another, fake or real."""

from dataclasses import replace

import pytest

from monthclose.adapters.dynamo.models import BillingItem, InvoiceItem
from monthclose.bootstrap import Runtime
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.errors import ConflictError
from tests.contract.conftest import AnyWorld
from tests.contract.records import INVOICE
from tests.world import OCTOBER

OLD = replace(INVOICE, number="INV-00000001", version=1)
"""As it is read back."""
NEW = replace(
    INVOICE, number="INV-00000002", total_minor=800, document=DocumentPlace("key-2", 0, 9, "hash-2"), grants_used=()
)
NEW = replace(NEW, replaces=OLD.number, first_payment=2, version=1)


def kept(invoice: Invoice, by: str = NEW.number) -> Invoice:
    return replace(invoice, replaced_by=by, version=0)


@pytest.fixture(autouse=True)
def _issued(world: AnyWorld) -> None:
    world.books.commit(replace(OLD, version=0))


def test_an_invoice_replaces_another_and_the_other_is_kept(world: AnyWorld) -> None:
    world.books.commit(NEW, kept(OLD))
    month = world.books.month("acme", OCTOBER)
    assert month.invoice == replace(NEW, version=2)
    assert month.superseded == (replace(kept(OLD), version=1),)
    assert world.books.months("acme") == {OCTOBER: month}


def test_an_invoice_may_be_replaced_repeatedly(world: AnyWorld) -> None:
    third = replace(NEW, number="INV-00000003", replaces=NEW.number, first_payment=3, version=2)
    world.books.commit(NEW, kept(OLD))
    world.books.commit(third, kept(NEW, third.number))
    month = world.books.month("acme", OCTOBER)
    assert month.invoice == replace(third, version=3)
    assert [invoice.number for invoice in month.superseded] == [OLD.number, NEW.number]


@pytest.mark.parametrize(
    "records",
    [
        (NEW,),  # without keeping the other
        (replace(NEW, version=2), kept(OLD)),  # on another version
        (NEW, kept(replace(OLD, total_minor=1))),  # in the place of one that says something else
        (NEW, kept(OLD, "INV-00000009")),  # of one that another is to replace
    ],
)
def test_nothing_else_replaces_an_invoice(world: AnyWorld, records: tuple[Invoice, ...]) -> None:
    with pytest.raises(ConflictError):
        world.books.commit(*records)
    month = world.books.month("acme", OCTOBER)
    assert (month.invoice, month.superseded) == (OLD, ())


def test_the_settlement_of_both_may_change_together_but_their_content_never(world: AnyWorld) -> None:
    world.books.commit(NEW, kept(OLD))
    old, new = replace(kept(OLD), version=1), replace(NEW, version=2)
    world.books.commit(replace(new, collected_minor=5), replace(old, credited_minor=1, written_off_minor=2))
    month = world.books.month("acme", OCTOBER)
    assert month.invoice
    assert month.invoice.collected_minor == 5
    assert (month.superseded[0].credited_minor, month.superseded[0].written_off_minor) == (1, 2)
    for changed in (replace(old, total_minor=7, version=2), replace(new, total_minor=7, version=3), kept(OLD)):
        with pytest.raises(ConflictError):
            world.books.commit(changed)


def test_an_invoice_stored_before_replacements_existed_is_read(aws: Runtime, world: AnyWorld) -> None:
    if world is aws:
        (item,) = BillingItem.scan()
        names = (InvoiceItem.replaces, InvoiceItem.replaced_by, InvoiceItem.first_payment)
        item.update(actions=[name.remove() for name in names])
    assert world.books.month("acme", OCTOBER).invoice == OLD
