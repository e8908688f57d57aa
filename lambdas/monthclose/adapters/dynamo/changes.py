"""Read the records of the tables' streams: what a commit changed."""

from collections.abc import Mapping
from typing import Any

from monthclose.adapters.dynamo import records
from monthclose.adapters.dynamo.closes import read_item
from monthclose.adapters.dynamo.models import BillingItem, ClosesItem, HoldItem, PaymentItem
from monthclose.domain.events import Change, Record

type Image = Mapping[str, Any]
"""An item as DynamoDB writes it: each attribute with its type."""


def read_change(record: Mapping[str, Any]) -> Change | None:
    """Read a record of a stream as Lambda delivers it; None if it is about nothing that is watched, or a removal.

    Raises
    ------
    LookupError, TypeError, ValueError
        It cannot be read.
    """
    images = record["dynamodb"]
    if record["eventName"] == "REMOVE":
        return None
    after = _read(images["NewImage"])
    before = _read(images["OldImage"]) if after and images.get("OldImage") else None
    return Change(before, after) if after else None


def _read(image: Image) -> Record | None:
    if "pk" in image:
        return read_item(ClosesItem.from_raw_data(dict(image)))
    match BillingItem.from_raw_data(dict(image)):
        case HoldItem() as item:
            return records.hold(item)
        case PaymentItem() as item:
            return records.payment(item)
    return None
