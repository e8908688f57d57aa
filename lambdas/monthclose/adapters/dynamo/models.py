"""The items as they are stored in DynamoDB: PynamoDB models, one per kind, without any logic.

Usage is in `usage.models`, and acts are in `acts`. No key is a period alone, so that a close's writes spread over the
table's partitions.
"""

from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    DiscriminatorAttribute,
    JSONAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UTCDateTimeAttribute,
)
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from monthclose.adapters.dynamo.acts import ActItem
from monthclose.adapters.dynamo.direct import call_directly
from monthclose.adapters.dynamo.items import Item, TableMeta
from monthclose.adapters.dynamo.usage.models import UsageItem, UsagePackItem
from monthclose.names import BEING_CHARGED_INDEX, UNFINISHED_INDEX
from monthclose.settings import Settings


class BeingCharged(GlobalSecondaryIndex["CustomerItem"]):  # type: ignore[no-untyped-call]
    """The customers with a payment in flight, by when its look-up is due; sparse, as others have no `lease`."""

    class Meta:
        """Index settings."""

        index_name = BEING_CHARGED_INDEX
        projection = KeysOnlyProjection()

    lease = UnicodeAttribute(hash_key=True)
    check_at = UTCDateTimeAttribute(range_key=True)


class CustomerItem(Item):
    """A customer: profile and account."""

    class Meta(TableMeta):
        """Table settings."""

    being_charged = BeingCharged()
    customer_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute(default="")
    email = UnicodeAttribute(default="")
    currency = UnicodeAttribute(default="")
    country = UnicodeAttribute(default="")
    payment_provider = UnicodeAttribute(default="")
    payment_method = UnicodeAttribute(default="")
    imported_provider_customer_id = UnicodeAttribute(attr_name="payment_customer", default="")
    region = UnicodeAttribute(default="")
    tax_id = UnicodeAttribute(default="")
    address = UnicodeAttribute(default="")
    language = UnicodeAttribute(default="")
    time_zone = UnicodeAttribute(null=True)
    """Not there: the company's."""
    billing_day = NumberAttribute(null=True)
    """Not there: the first."""
    invoice_emails = UnicodeAttribute(null=True, default="")
    dunning_emails = UnicodeAttribute(null=True, default="")
    contact = UnicodeAttribute(null=True, default="")
    purchase_order = UnicodeAttribute(null=True, default="")
    cost_centre = UnicodeAttribute(null=True, default="")
    payer = UnicodeAttribute(null=True, default="")
    account_currency = UnicodeAttribute(default="")
    receivable_minor = NumberAttribute(default=0)
    credit_minor = NumberAttribute(default=0)
    grants = JSONAttribute(null=True)
    registered_provider_customer_id = UnicodeAttribute(attr_name="provider_customer", default="")
    lost_provider_customer_id = UnicodeAttribute(attr_name="lost_payer", default="")
    method_successors = JSONAttribute(default=dict)
    given_method = JSONAttribute(null=True)
    method_page = UnicodeAttribute(default="")
    method_page_at = UTCDateTimeAttribute(null=True)
    method_page_url = UnicodeAttribute(default="")
    method_page_for = UnicodeAttribute(default="")
    returned_at = UTCDateTimeAttribute(null=True)
    open_payment = UnicodeAttribute(default="")
    check_at = UTCDateTimeAttribute(null=True)
    lease = UnicodeAttribute(null=True)
    """The index's partition, as long as there is a payment in flight."""
    held_since = UTCDateTimeAttribute(null=True)
    hold_reason = UnicodeAttribute(default="")
    held_by = UnicodeAttribute(default="")
    last_invoiced_minor = NumberAttribute(default=0)
    carried_minor = NumberAttribute(default=0)
    carried_by_class = JSONAttribute(default=dict)
    dead_address = UnicodeAttribute(default="")
    late_usage = JSONAttribute(default=dict)
    zones = JSONAttribute(null=True)
    cycles = JSONAttribute(null=True)
    fees_ahead = UnicodeAttribute(null=True)
    sized_in = UnicodeAttribute(default="")
    payers = JSONAttribute(null=True)
    children = JSONAttribute(null=True)
    version = NumberAttribute(default=0)


class BillingItem(Item):
    """What happened to a customer: `sk` is the period and the kind, so that a month is one query."""

    class Meta(TableMeta):
        """Table settings."""

    customer_id = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    kind = DiscriminatorAttribute()
    period = UnicodeAttribute()
    version = NumberAttribute(default=0)


class InvoiceItem(BillingItem, discriminator="invoice"):
    """An invoice's totals; its document is in S3."""

    number = UnicodeAttribute()
    currency = UnicodeAttribute()
    total_minor = NumberAttribute()
    tax_minor = NumberAttribute(default=0)
    issued_on = UnicodeAttribute()
    document = JSONAttribute()
    collected_minor = NumberAttribute()
    credited_minor = NumberAttribute()
    written_off_minor = NumberAttribute()
    grants_used = JSONAttribute(null=True)
    replaces = UnicodeAttribute(default="")
    replaced_by = UnicodeAttribute(default="")
    being_replaced = BooleanAttribute(default=False)
    first_payment = NumberAttribute(default=1)


class PaymentItem(BillingItem, discriminator="payment"):
    """A payment and its history."""

    provider = UnicodeAttribute()
    currency = UnicodeAttribute()
    sequence = NumberAttribute()
    batch = NumberAttribute()
    limit_minor = NumberAttribute(null=True)
    state = UnicodeAttribute()
    amount_minor = NumberAttribute()
    more_minor = NumberAttribute(default=0)
    rest_minor = NumberAttribute(default=0)
    gathers = JSONAttribute(null=True)
    gathered_minor = NumberAttribute(default=0)
    continues = NumberAttribute(default=0)
    collected_minor = NumberAttribute()
    refunded_minor = NumberAttribute()
    reversed_minor = NumberAttribute(default=0)
    lost_minor = NumberAttribute(default=0)
    attempt = NumberAttribute()
    payment_method = UnicodeAttribute()
    provider_ref = UnicodeAttribute()
    code = UnicodeAttribute()
    advice = UnicodeAttribute(default="")
    card_brand = UnicodeAttribute(null=True)
    history = JSONAttribute()
    waits_for = UnicodeAttribute(null=True)
    refunds = JSONAttribute(null=True)


class EntryItem(BillingItem, discriminator="entry"):
    """A ledger entry."""

    entry_id = UnicodeAttribute()
    currency = UnicodeAttribute()
    time = UTCDateTimeAttribute()
    legs = JSONAttribute()
    memo = UnicodeAttribute()
    day = UnicodeAttribute(null=True)
    """Where the company's time zone had another date than UTC."""


class NoticeItem(BillingItem, discriminator="notice"):
    """A notice."""

    notice_kind = UnicodeAttribute()
    state = UnicodeAttribute()
    time = UTCDateTimeAttribute()
    message_id = UnicodeAttribute()
    step = UnicodeAttribute()
    why = UnicodeAttribute(default="")
    bounces = NumberAttribute(default=0)
    recipients = UnicodeAttribute(null=True, default="")
    returned = UnicodeAttribute(null=True, default="")


class HoldItem(BillingItem, discriminator="hold"):
    """A hold placed or lifted."""

    action = UnicodeAttribute()
    reason = UnicodeAttribute()
    time = UTCDateTimeAttribute()
    number = NumberAttribute()
    by = UnicodeAttribute()


class ParkingItem(BillingItem, discriminator="parking"):
    """A customer set aside."""

    reason = UnicodeAttribute()
    detail = UnicodeAttribute()
    time = UTCDateTimeAttribute()
    active = BooleanAttribute()


class CarriedItem(BillingItem, discriminator="carried"):
    """A month whose amount was too small to be invoiced."""

    currency = UnicodeAttribute()
    amount_minor = NumberAttribute()
    time = UTCDateTimeAttribute()
    document = JSONAttribute()


class CreditNoteItem(BillingItem, discriminator="credit_note"):
    """A credit note's totals; its document is in S3."""

    number = UnicodeAttribute()
    corrects = UnicodeAttribute()
    currency = UnicodeAttribute()
    total_minor = NumberAttribute()
    tax_minor = NumberAttribute()
    issued_on = UnicodeAttribute()
    reason = UnicodeAttribute()
    correction = UnicodeAttribute()
    document = JSONAttribute()


class Unfinished(GlobalSecondaryIndex["ClosesItem"]):  # type: ignore[no-untyped-call]
    """The batches with something left to reconcile; sparse, as other items have no `left`."""

    class Meta:
        """Index settings."""

        index_name = UNFINISHED_INDEX
        projection = KeysOnlyProjection()

    left = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)


class ClosesItem(Item):
    """A close, a batch's progress, a reservation of numbers, a number series or the price book's pointer."""

    class Meta(TableMeta):
        """Table settings."""

    unfinished = Unfinished()
    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    version = NumberAttribute(default=0)
    content = JSONAttribute()
    left = UnicodeAttribute(null=True)
    """The index's partition, as long as a batch has something left to reconcile."""


class SeriesItem(Item):
    """A number series, in the closes table; see `series`."""

    class Meta(TableMeta):
        """Table settings."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    version = NumberAttribute(default=0)
    content = JSONAttribute()
    """Of a series that no run was reserved from since the other attributes exist: `number`, the next one."""
    next: Any = NumberAttribute(null=True)
    """The first number of the next run."""
    firsts: Any = MapAttribute(null=True)  # type: ignore[no-untyped-call]
    """The runs' first numbers, by period, batch and how many runs the batch had before."""
    details: Any = MapAttribute(null=True)  # type: ignore[no-untyped-call]
    """By the same key, JSON: `drafts_key`, `count`."""
    removed = NumberAttribute(null=True)
    """The highest first number whose intent was removed."""


class LimitItem(Item):
    """State that workers share of a provider, in the closes table: a lane's slots, the provider's health, or changes.

    `pk` is the provider, so that one query reads it all.
    """

    class Meta(TableMeta):
        """Table settings."""

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    version = NumberAttribute(default=0)
    free_at = NumberAttribute(null=True)
    content = JSONAttribute(null=True)


def bind(settings: Settings, region: str, loader: Any = None) -> Connection:
    """Point the models at a deployment's tables, and return the connection for transactions.

    All models share one client: each further one would add some 60 ms of reading service models to a cold start.

    Parameters
    ----------
    loader : botocore.loaders.Loader, optional
        Another client's: what it has read of AWS's endpoints is not read again.
    """
    shared = Connection(
        region=region,
        connect_timeout_seconds=TableMeta.connect_timeout_seconds,
        read_timeout_seconds=TableMeta.read_timeout_seconds,
        max_retry_attempts=TableMeta.max_retry_attempts,
        max_pool_connections=TableMeta.max_pool_connections,
    )
    if loader is not None:
        shared.session.register_component("data_loader", loader)
    call_directly(shared.client)
    tables: dict[type[Model], str] = {
        CustomerItem: settings.customers_table,
        UsageItem: settings.usage_table,
        UsagePackItem: settings.usage_packs_table,
        BillingItem: settings.billing_table,
        ClosesItem: settings.closes_table,
        LimitItem: settings.closes_table,
        SeriesItem: settings.closes_table,
        ActItem: settings.audit_table,
    }
    for model, table in tables.items():
        for cls in (model, *model.__subclasses__()):
            meta: Any = cls.Meta
            meta.table_name, meta.region = table, region
            cls._connection = None
            cls._get_connection().connection._client = shared.client
    return shared
