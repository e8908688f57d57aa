"""What the use cases need of the world, as Protocols. Adapters and the tests' fakes implement them.

Every method may raise `TryLaterError` when the world is briefly unable.
"""

from monthclose.ports.books import Books, CustomerDirectory, Owing, Record
from monthclose.ports.closes import Claim, Claims, Closes, NumberedRun, Reservation
from monthclose.ports.documents import Documents, EInvoices, InvoiceRenderer, LinkSecrets
from monthclose.ports.gateway import (
    Answer,
    ChargeOrder,
    ChargeOutcome,
    Collected,
    InProgress,
    NotCollected,
    PaymentGateway,
    Refused,
)
from monthclose.ports.inbox import Arrival, Inbox
from monthclose.ports.limits import Limiter, ProviderLimits, ProviderState
from monthclose.ports.mail import Mail, Mailer
from monthclose.ports.rating import PriceBooks, Taxes, TaxTables, UsageStore
from monthclose.ports.system import Clock, Log, ShareLeft, Tell, TimeIsUp
from monthclose.ports.webhooks import EventQueue, PartlyUnreadableError, ProviderEvent, WebhookReader
from monthclose.ports.workflow import ChargeQueue, DeadLetter, DeadLetters, Execution, Workflow

__all__ = [
    "Answer",
    "Arrival",
    "Books",
    "ChargeOrder",
    "ChargeOutcome",
    "ChargeQueue",
    "Claim",
    "Claims",
    "Clock",
    "Closes",
    "Collected",
    "CustomerDirectory",
    "DeadLetter",
    "DeadLetters",
    "Documents",
    "EInvoices",
    "EventQueue",
    "Execution",
    "InProgress",
    "Inbox",
    "InvoiceRenderer",
    "Limiter",
    "LinkSecrets",
    "Log",
    "Mail",
    "Mailer",
    "NotCollected",
    "NumberedRun",
    "Owing",
    "PartlyUnreadableError",
    "PaymentGateway",
    "PriceBooks",
    "ProviderEvent",
    "ProviderLimits",
    "ProviderState",
    "Record",
    "Refused",
    "Reservation",
    "ShareLeft",
    "TaxTables",
    "Taxes",
    "Tell",
    "TimeIsUp",
    "UsageStore",
    "WebhookReader",
    "Workflow",
]
