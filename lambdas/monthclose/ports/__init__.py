"""What the use cases need from outside, as Protocols. Adapters and the tests' fakes implement them.

Every method may raise `TryLaterError` if the service behind it is briefly unavailable.
"""

from monthclose.ports.audit import AuditTrail
from monthclose.ports.books import Billed, Books, CustomerDirectory, Owing, Record
from monthclose.ports.claims import Claim, Claims
from monthclose.ports.closes import Closes, NumberedRun, Reservation
from monthclose.ports.documents import Documents, EInvoices, InvoiceRenderer, LinkSecrets
from monthclose.ports.events import EventBus
from monthclose.ports.gateway import (
    Answer,
    BeforeRequest,
    ChargeOrder,
    ChargeOutcome,
    Collected,
    CollectedPage,
    FoundRefund,
    InProgress,
    NotCollected,
    PaymentGateway,
    RefundFate,
    RefundOrder,
    Refused,
    Window,
)
from monthclose.ports.inbox import Arrival, Inbox
from monthclose.ports.limits import ChargingPauses, Limiter, ProviderLimits, ProviderState
from monthclose.ports.mail import Mail, MailAccount, Mailer
from monthclose.ports.objects import ObjectStore
from monthclose.ports.pages import HostedPages, OpenedPage, PageAnswer, PageOrder, PageState
from monthclose.ports.prices import PriceBooks
from monthclose.ports.register import ListedObject, Register, RegisterObjects, StoredRegister
from monthclose.ports.rehearsals import Rehearsals
from monthclose.ports.system import Clock, Log, Patience, ShareLeft, Tell, TimeIsUp
from monthclose.ports.taxes import Taxes, TaxTables
from monthclose.ports.usage import EarlierItems, EarlierUsage, PackedUsage, UsageStore
from monthclose.ports.webhooks import EventQueue, PartlyUnreadableError, ProviderEvent, WebhookReader
from monthclose.ports.workflow import ChargeQueue, DeadLetter, DeadLetters, Execution, Workflow

__all__ = [
    "Answer",
    "Arrival",
    "AuditTrail",
    "BeforeRequest",
    "Billed",
    "Books",
    "ChargeOrder",
    "ChargeOutcome",
    "ChargeQueue",
    "ChargingPauses",
    "Claim",
    "Claims",
    "Clock",
    "Closes",
    "Collected",
    "CollectedPage",
    "CustomerDirectory",
    "DeadLetter",
    "DeadLetters",
    "Documents",
    "EInvoices",
    "EarlierItems",
    "EarlierUsage",
    "EventBus",
    "EventQueue",
    "Execution",
    "FoundRefund",
    "HostedPages",
    "InProgress",
    "Inbox",
    "InvoiceRenderer",
    "Limiter",
    "LinkSecrets",
    "ListedObject",
    "Log",
    "Mail",
    "MailAccount",
    "Mailer",
    "NotCollected",
    "NumberedRun",
    "ObjectStore",
    "OpenedPage",
    "Owing",
    "PackedUsage",
    "PageAnswer",
    "PageOrder",
    "PageState",
    "PartlyUnreadableError",
    "Patience",
    "PaymentGateway",
    "PriceBooks",
    "ProviderEvent",
    "ProviderLimits",
    "ProviderState",
    "Record",
    "RefundFate",
    "RefundOrder",
    "Refused",
    "Register",
    "RegisterObjects",
    "Rehearsals",
    "Reservation",
    "ShareLeft",
    "StoredRegister",
    "TaxTables",
    "Taxes",
    "Tell",
    "TimeIsUp",
    "UsageStore",
    "WebhookReader",
    "Window",
    "Workflow",
]
