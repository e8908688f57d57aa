"""Usage as it is stored: see `adapters.dynamo.models`."""

from typing import Any

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)

from monthclose.adapters.dynamo.items import Item, TableMeta


class UsagePackItem(Item):
    """Many usage events; `pk` is period and customer, so that a month is one query. See `usage`.

    The names are short because they are billed with the rest: most months are one item of a kilobyte or two.
    """

    class Meta(TableMeta):
        """Table settings."""

    pk = UnicodeAttribute(hash_key=True)
    number = UnicodeAttribute(range_key=True)
    revision = NumberAttribute(attr_name="r")
    events = NumberAttribute(attr_name="e")
    generation = UnicodeAttribute(attr_name="g", default="")
    full = BooleanAttribute(attr_name="f", default=False)
    """Once true, it stays true: a reader goes on behind a full pack, and events are added behind it only."""
    body = BinaryAttribute(attr_name="b", legacy_encoding=False)
    expiration: Any = NumberAttribute(null=True)
    """Seconds since 1970. DynamoDB removes the item some time after; it does not count from when it is set."""


class UsageItem(Item):
    """A usage event of releases that stored each as an item. They are read, and removed once they are in a pack."""

    class Meta(TableMeta):
        """Table settings."""

    pk = UnicodeAttribute(hash_key=True)
    event_id = UnicodeAttribute(range_key=True)
    sku = UnicodeAttribute()
    quantity = UnicodeAttribute()
    """Decimals are text: DynamoDB's numbers would hold them, but JSON on the way might not."""
    time = UTCDateTimeAttribute()
    unit_price = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    resource = UnicodeAttribute(null=True)
    replaces = UnicodeAttribute(null=True)
    received_at = UnicodeAttribute(null=True)
    """ISO 8601: cheaper to read than the library's times, and every event of a month is read."""
    replaced_by = UnicodeAttribute(null=True)
    replaced_at = UnicodeAttribute(null=True)
    attributes = UnicodeAttribute(null=True)
    """A JSON object of texts."""
    returned_at = UnicodeAttribute(null=True)
