"""Acts as they are stored, and the indexes by which they are found: see `adapters.dynamo.models`."""

from pynamodb.attributes import UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex

from monthclose.adapters.dynamo.items import Item, TableMeta
from monthclose.names import (
    ACTS_INDEX,
    ACTS_OF_CUSTOMER,
    ACTS_OF_INVOICE,
    ACTS_OF_PERIOD,
    ACTS_OF_SUBJECT,
)


class Acts(GlobalSecondaryIndex["ActItem"]):  # type: ignore[no-untyped-call]
    """All acts, in order. The chains serialise appending, so one partition takes it (see `audit`)."""

    class Meta:
        """Index settings."""

        index_name = ACTS_INDEX
        projection = AllProjection()

    trail = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class ActsOfPeriod(GlobalSecondaryIndex["ActItem"]):  # type: ignore[no-untyped-call]
    """The acts about a period."""

    class Meta:
        """Index settings."""

        index_name = ACTS_OF_PERIOD
        projection = AllProjection()

    period = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class ActsOfCustomer(GlobalSecondaryIndex["ActItem"]):  # type: ignore[no-untyped-call]
    """The acts about a customer."""

    class Meta:
        """Index settings."""

        index_name = ACTS_OF_CUSTOMER
        projection = AllProjection()

    customer_id = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class ActsOfInvoice(GlobalSecondaryIndex["ActItem"]):  # type: ignore[no-untyped-call]
    """The acts about an invoice."""

    class Meta:
        """Index settings."""

        index_name = ACTS_OF_INVOICE
        projection = AllProjection()

    invoice = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class ActsOfSubject(GlobalSecondaryIndex["ActItem"]):  # type: ignore[no-untyped-call]
    """The acts about a subject: `close`, `prices`."""

    class Meta:
        """Index settings."""

        index_name = ACTS_OF_SUBJECT
        projection = AllProjection()

    subject = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class ActItem(Item):
    """An act; its keys are the identity and the number of its act. It is inserted by a statement, see `audit`."""

    class Meta(TableMeta):
        """Table settings."""

    acts, of_subject = Acts(), ActsOfSubject()
    of_period, of_customer, of_invoice = ActsOfPeriod(), ActsOfCustomer(), ActsOfInvoice()
    identity = UnicodeAttribute(hash_key=True)
    number = UnicodeAttribute(range_key=True)
    trail = UnicodeAttribute()
    subject = UnicodeAttribute()
    at = UnicodeAttribute()
    content = UnicodeAttribute()
    """The act in JSON."""
    links = UnicodeAttribute()
    """In JSON: `previous`, `seen`, `seen_digest`, `digest`."""
    period = UnicodeAttribute(null=True)
    customer_id = UnicodeAttribute(null=True)
    invoice = UnicodeAttribute(null=True)
