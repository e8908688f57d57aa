"""Items are made, written and read as PynamoDB does it, with fewer look-ups."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pynamodb.exceptions import AttributeDeserializationError, AttributeNullError
from pynamodb.models import Model

from monthclose.adapters.dynamo import models as m

TIME = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
ITEMS: list[Model] = [
    m.CustomerItem("acme"),
    m.CustomerItem("acme", name="Acme", receivable_minor=500, grants=[{"left": 3}], check_at=TIME, children={"a": 1}),
    m.CustomerItem(
        "acme", invoice_emails=None, method_successors={"MD1": "MD2"}, imported_provider_customer_id="cus_1"
    ),
    m.InvoiceItem(
        *("acme", "2026-10#invoice"),
        period="2026-10",
        version=2,
        number="INV-1",
        currency="USD",
        total_minor=500,
        issued_on="2026-11-01",
        document={"key": "k"},
        collected_minor=0,
        credited_minor=0,
        written_off_minor=0,
        being_replaced=True,
    ),
    m.EntryItem(
        *("acme", "2026-10#entry#1"),
        period="2026-10",
        version=1,
        entry_id="1",
        currency="USD",
        time=TIME,
        legs=[["cash", -5]],
        memo="",
        day=None,
    ),
    m.ClosesItem("2026-10", "close", content={"a": [1, 2.5, None, "ü"]}),
    m.SeriesItem("series", "invoices", content={}, next=7, firsts={"a": 1}),
    m.LimitItem("limits#stripe", "lane", free_at=1_793_491_200_123_456, version=3),
]


@pytest.mark.parametrize("item", ITEMS, ids=lambda item: type(item).__name__)
def test_an_item_is_written_and_read_as_pynamodb_does_it(item: Any) -> None:
    written = item.serialize()
    assert written == Model._container_serialize(item)
    raw = {**written, "of a newer release": {"S": "?"}, "day": {"NULL": True}}
    ours, theirs = type(item).from_raw_data(dict(raw)), type(item)()
    Model._container_deserialize(theirs, dict(raw))
    assert ours.serialize() == Model._container_serialize(theirs)
    if not isinstance(item, m.SeriesItem):  # PynamoDB's maps equal themselves only
        assert ours.attribute_values == theirs.attribute_values
    if isinstance(item, m.BillingItem):
        assert type(m.BillingItem.from_raw_data(dict(raw))) is type(item)
        with pytest.raises(ValueError, match="Cannot instantiate a HoldItem"):
            m.HoldItem.from_raw_data(dict(raw))


@pytest.mark.parametrize("model", {type(item) for item in ITEMS}, ids=lambda model: model.__name__)
def test_a_new_item_has_pynamodbs_defaults_and_none_is_shared(model: Any) -> None:
    for new in (True, False):
        ours, theirs = model(_user_instantiated=new), model(_user_instantiated=new)
        ours.attribute_values, theirs.attribute_values = {}, {}
        ours._set_defaults(new)
        Model._set_defaults(theirs, new)
        assert ours.attribute_values == theirs.attribute_values
    if model is m.CustomerItem:
        assert model("a").method_successors is not model("b").method_successors


def test_what_is_missing_or_of_another_type_is_refused() -> None:
    with pytest.raises(AttributeNullError):
        m.EntryItem("acme", "2026-10#entry#1").serialize()
    with pytest.raises(ValueError, match="no_such"):
        m.CustomerItem("acme", no_such=1)
    with pytest.raises(AttributeDeserializationError):
        m.CustomerItem.from_raw_data({"customer_id": {"S": "acme"}, "receivable_minor": {"S": "5"}})
