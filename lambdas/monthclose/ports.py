"""What the stages need of the world, as Protocols. Adapters and the tests' fakes implement them.

Every method may raise `TryLaterError` when the world is briefly unable.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple, Protocol

from monthclose.domain.close import BatchProgress, Close, Planned
from monthclose.domain.credit_note import CreditNote
from monthclose.domain.customer import Customer, Profile
from monthclose.domain.document import InvoiceDocument
from monthclose.domain.invoice import Invoice
from monthclose.domain.ledger import Entry
from monthclose.domain.link import LinkKeys
from monthclose.domain.money import Money
from monthclose.domain.month import Carried, CustomerMonth, HoldChange, Notice, Parking
from monthclose.domain.payment import Payment, PaymentState
from monthclose.domain.period import Period
from monthclose.domain.pricing import PriceBook
from monthclose.domain.proof import ProviderCharge
from monthclose.domain.provider_health import Health
from monthclose.domain.series import Series
from monthclose.domain.tax import Taxation
from monthclose.domain.tax_table import TaxTable
from monthclose.domain.throttle import LimitChanges, Pace, Run
from monthclose.domain.usage import EventKey, UsageEvent

Record = Customer | Invoice | CreditNote | Carried | Payment | Entry | Notice | HoldChange | Parking
"""What `Books.commit` can write."""


class Clock(Protocol):
    """The time, UTC."""

    def __call__(self) -> datetime:
        """Tell the time."""


class Log(Protocol):
    """The log. Ids, states and counts only: no personal data, no keys."""

    def warning(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        """Note something odd that passes."""

    def error(self, message: str, /, *, extra: Mapping[str, object]) -> None:
        """Note a defect."""


class Books(Protocol):
    """Customers' accounts, invoices, payments and ledger. All reads are strongly consistent."""

    def customer(self, customer_id: str) -> Customer | None:
        """Read a customer's account; None if there is no such customer."""

    def month(self, customer_id: str, period: Period) -> CustomerMonth:
        """Read what a close recorded for one customer and period."""

    def months(self, customer_id: str) -> Mapping[Period, CustomerMonth]:
        """Read all of a customer's months, oldest first."""

    def commit(self, *records: Record) -> None:
        """Write all records or none.

        Each record must still have the version it was read with (0: must not exist yet) and gets the next one;
        a ledger entry must not exist yet.

        Raises
        ------
        ConflictError
            Somebody else changed one of them first; nothing was written.
        """


class Owing(NamedTuple):
    """A customer who owes something or is on hold, and who charges them."""

    customer_id: str
    provider: str


class CustomerDirectory(Protocol):
    """The customers as a whole."""

    def put_profiles(self, profiles: Iterable[tuple[str, Profile]]) -> None:
        """Create customers or replace their profiles; their accounts stay as they are."""

    def scan(self) -> Iterator[Planned]:
        """Go over all customers, in no order."""

    def known(self, customer_ids: Iterable[str]) -> set[str]:
        """Those of the ids that are customers."""

    def owing(self) -> Iterator[Owing]:
        """Go over the customers who owe something or are on hold, in no order, in memory that doesn't grow."""

    def being_charged(self, until: datetime) -> Iterator[str]:
        """Go over the customers with a payment in flight that is to be looked at by then; may lag by a moment."""


class UsageStore(Protocol):
    """Usage events, by customer and period."""

    def put(self, events: Iterable[UsageEvent]) -> None:
        """Store events; one whose key is already there is overwritten."""

    def stored(self, keys: Iterable[EventKey]) -> dict[EventKey, UsageEvent]:
        """Look events up; those that aren't stored are left out. Strongly consistent."""

    def events(self, customer_id: str, period: Period) -> Iterator[UsageEvent]:
        """Stream a customer's usage of one period, in memory that doesn't grow with it; replaced events, too."""


class PriceBooks(Protocol):
    """The price book, in versions."""

    def latest(self) -> str:
        """Name the latest version; empty if no book was imported yet."""

    def get(self, version: str) -> PriceBook:
        """Read one version; they never change. The version "" is an empty book."""

    def merge(self, additions: PriceBook) -> PriceBook:
        """Lay a book over the latest one (see `PriceBook.merged`), and make that the latest version."""


class Taxes(Protocol):
    """Says how customers are taxed."""

    def for_customer(self, country: str, region: str, tax_id: str, on: date) -> Taxation:
        """Find the rates that a customer pays on a day.

        Raises
        ------
        ParkCustomerError
            Their jurisdiction is not covered (`tax_not_covered`): they must not be billed untaxed.
        """


class TaxTables(Protocol):
    """The tax table, in versions."""

    def latest(self) -> str:
        """Name the latest version; empty if no table was imported yet: then nobody is taxed."""

    def get(self, version: str) -> Taxes:
        """Read one version; they never change. The version "" taxes nobody."""

    def put(self, toml: bytes) -> TaxTable:
        """Check a table as it is written in TOML, store it, and make it the latest version.

        Raises
        ------
        UserMistakeError
            It cannot be used; the message names the entry.
        """


@dataclass(frozen=True, slots=True)
class Reservation:
    """A run of numbers, fixed for the drafts stored under a key before any of them is used."""

    first: int
    count: int
    drafts_key: str


@dataclass(frozen=True, slots=True)
class NumberedRun:
    """Whose a run of numbers is: a batch of a period; of credit notes, the number of the invoice that is corrected."""

    period: Period
    batch: int
    first: int
    count: int


class Closes(Protocol):
    """Closes, the progress of their batches, and the runs of numbers reserved for them.

    Credit notes have a series of their own, and the number of the invoice that they correct in place of the batch's.
    """

    def get(self, period: Period) -> Close | None:
        """Read a close."""

    def put(self, close: Close) -> Close:
        """Write a close, fenced by its version, and return it with the next one.

        Raises
        ------
        ConflictError
            Somebody else wrote it first.
        """

    def all(self) -> list[Close]:
        """List every close, newest period first."""

    def progress(self, period: Period, batch: int) -> BatchProgress | None:
        """Read one batch's progress."""

    def put_progress(self, progress: BatchProgress) -> None:
        """Overwrite one batch's progress."""

    def all_progress(self, period: Period) -> Iterator[BatchProgress]:
        """Go over the progress of all batches that have begun."""

    def reservations(self, period: Period, batch: int, series: Series = Series.INVOICES) -> list[Reservation]:
        """The runs of numbers reserved for a batch, oldest first."""

    def reserve(
        self,
        period: Period,
        batch: int,
        earlier: int,
        drafts_key: str,
        count: int,
        series: Series = Series.INVOICES,
    ) -> Reservation:
        """Reserve the next `count` numbers for a batch that had `earlier` reservations, in one transaction.

        Raises
        ------
        ConflictError
            Another worker reserved for the same batch in the meantime.
        """

    def run_of(self, number: int, series: Series = Series.INVOICES) -> NumberedRun | None:
        """Find the run that a number of the series was reserved in; None if it never was."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Work that one execution at a time may do, and which one claimed it last."""

    name: str
    execution: str
    since: datetime
    version: int = 0


class Claims(Protocol):
    """Who does what only one may do at a time."""

    def get(self, name: str) -> Claim | None:
        """Read who claimed a work last."""

    def put(self, claim: Claim) -> None:
        """Claim it, fenced by the version.

        Raises
        ------
        ConflictError
            Somebody else claimed it first.
        """


class Documents(Protocol):
    """Objects: snapshots, drafts, invoices' documents, reports."""

    def put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        """Write an object."""

    def put_new(self, key: str, content: bytes, content_type: str = "application/json") -> bool:
        """Write an object that must never change: if there is one already, it stays, and False says so."""

    def write(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write an object piece by piece, in memory that doesn't grow with it."""

    def get(self, key: str) -> bytes:
        """Read an object.

        Raises
        ------
        KeyError
            There is none.
        """

    def has(self, key: str) -> bool:
        """Whether there is such an object."""

    def link(self, key: str, file_name: str, seconds: int) -> str:
        """Make an address at which anybody can read one object for a while, in their browser, under a file's name."""

    def get_slice(self, key: str, offset: int, length: int) -> bytes:
        """Read a part of an object, in bytes."""

    def location(self, key: str) -> dict[str, str]:
        """Name an object for others: `{"bucket": …, "key": …}`."""


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """What a gateway is asked to collect. Frozen with the payment: the same order again has the same content.

    Parameters
    ----------
    since : datetime
        When the payment was first started: nothing of it is older.
    reference : str
        The provider's id of the payment; empty as long as none is known.
    """

    payment_id: str
    attempt: int
    amount: Money
    invoice_number: str
    period: Period
    customer_id: str
    provider_customer: str
    payment_method: str
    since: datetime
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Collected:
    """The provider has collected the money; `refunded_minor` of it was given back on purpose since."""

    amount: Money
    refunded_minor: int = 0
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """It was collected, and the customer's bank took it back (dispute, charge-back, late failure)."""

    code: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A definite no: nothing was collected, and this attempt never will."""

    code: str
    needs_customer: bool = False
    """The customer must authenticate the charge themselves."""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class InProgress:
    """The provider works on it; the outcome comes later."""

    request_id: str = ""


@dataclass(frozen=True, slots=True)
class NotCollected:
    """The provider does not know the order, or has not been told to collect it."""


ChargeOutcome = Collected | TakenBack | Refused | InProgress


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says of an order; `reference` is its id for it, empty if it knows none."""

    reference: str
    outcome: ChargeOutcome | NotCollected


class PaymentGateway(Protocol):
    """One payment provider. All calls are idempotent by the order's payment and attempt, and none repeats by itself.

    Raises, in every method: `RateLimitedError` and `ProviderDownError` (try later; surely nothing happened),
    `OutcomeUnknownError` (it may have happened), `ProviderRefusedError` (the provider doesn't accept us).
    """

    @property
    def provider(self) -> str:
        """The name that settings and customers know it by."""

    @property
    def keys_live(self) -> timedelta:
        """How long the provider surely recognises a repetition of a call by its idempotency key."""

    @property
    def late_effect(self) -> timedelta:
        """After how long an unanswered call can surely take effect no more."""

    @property
    def reuses_orders(self) -> bool:
        """Whether a payment keeps one reference for all its attempts, which can be collected once only.

        Then an attempt whose answer was lost may be followed by another: both cannot collect.
        """

    def check(self) -> None:
        """Ask whether the provider accepts us; moves no money."""

    def register(self, customer: Customer) -> str:
        """Make the customer known to the provider and return its id for them; moves no money."""

    def prepare(self, order: ChargeOrder) -> str:
        """Create the provider's object for the payment, or bring the one referred to up to date; moves no money.

        Returns
        -------
        str
            Its reference; empty if the provider has no such step.

        Raises
        ------
        OrderRefusedError
            The provider will not take the order.
        """

    def collect(self, order: ChargeOrder) -> Answer:
        """Collect an order. Moves money, once at the most for a reference, or for a payment's attempt.

        Raises
        ------
        OrderRefusedError
            The provider will not take the order.
        """

    def look_up(self, order: ChargeOrder) -> Answer:
        """Ask what became of an order, by its reference, or by what it says if none is known; moves no money."""

    def withdraw(self, order: ChargeOrder) -> Answer:
        """See to it that an order can never be collected, and say what it then is; moves no money."""

    def payment_of(self, reference: str) -> str:
        """Tell which of our payments the provider's object names; empty if it is none of ours. Moves no money.

        Parameters
        ----------
        reference : str
            The provider's id of a payment, or of what its webhooks name in its place (a refund).
        """

    def collected_for(self, period: Period, since: datetime) -> Iterator[ProviderCharge]:
        """Go over all money collected for a period's invoices since a time, by the provider's own record.

        What was given or taken back counts less: a charge that was taken back whole has nothing left.
        """


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail to a customer; `tag` identifies the notice in the mail service's events."""

    to: str
    subject: str
    text: str
    html: str
    tag: str


class InvoiceRenderer(Protocol):
    """Sets documents for people to read."""

    def render(self, document: InvoiceDocument, logo: bytes | None = None) -> bytes:
        """Make a document's PDF; the same document and logo give the same bytes."""


class EInvoices(Protocol):
    """Writes documents for programs to read, by EN 16931.

    Raises, in every method: `UserMistakeError` (the norm cannot express the document; the message says why).
    """

    def xml(self, document: InvoiceDocument) -> bytes:
        """Write a document as XML that is valid against its schema."""

    def embed(self, pdf: bytes, document: InvoiceDocument) -> bytes:
        """Put a document's XML into its PDF."""


class LinkSecrets(Protocol):
    """The keys that links to invoices are signed with."""

    def link_keys(self) -> LinkKeys:
        """Read them; changed ones are seen within minutes.

        Raises
        ------
        ProviderRefusedError
            They cannot be read, or cannot be used.
        """


class Mailer(Protocol):
    """The mail service."""

    def send(self, mail: Mail) -> str:
        """Hand over a mail and return the service's message id.

        Raises
        ------
        MailRefusedError
            The service will never take this mail.
        OutcomeUnknownError
            It may have taken it.
        """


class Workflow(Protocol):
    """The workflow engine."""

    def is_running(self, execution: str) -> bool:
        """Whether an execution still runs."""

    def start(self, machine: str, name: str, request: Mapping[str, Any]) -> None:
        """Start an execution of a state machine; one of that name that was started before is no error."""

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        """Tell a waiting task that it succeeded; a task that doesn't wait any more is no error."""

    def fail(self, task_token: str, error: str, cause: str) -> None:
        """Tell a waiting task that it failed; a task that doesn't wait any more is no error."""

    def still_waits(self, task_token: str) -> bool:
        """Tell a waiting task that its work goes on (a heartbeat), and whether it does wait."""


class ChargeQueue(Protocol):
    """A provider's queue of batches to charge."""

    def put_back(self, message: Mapping[str, Any], seconds: int) -> None:
        """Put a message into the queue as a new one, to be delivered after a pause of at most 900 s.

        A new message has received nothing yet: waiting doesn't use up its deliveries.
        """


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """What a provider's webhook tells of. It may come twice, late and out of order: ask the provider anew.

    Parameters
    ----------
    event_id : str
        The provider's id of the event, the same each time that it is delivered.
    kind : str
        What happened, in the provider's words (`payment_intent.succeeded`, `payments.confirmed`).
    reference : str
        The provider's id of the payment, or of its refund; empty if the event says nothing that concerns us.
    payment_id : str
        Our payment's id, if the event quotes what we wrote on the provider's object: then it need not be asked for.
    known_in : frozenset of PaymentState
        What a payment in one of these states could learn from the event, it knows.
    """

    event_id: str
    kind: str
    reference: str
    payment_id: str = ""
    known_in: frozenset[PaymentState] = frozenset()


class WebhookReader(Protocol):
    """Reads what one of a provider's webhook endpoints receives."""

    def read(self, headers: Mapping[str, str], body: bytes, now: datetime) -> list[ProviderEvent]:
        """Check that a delivery is the provider's and not an old one, and read its events.

        Raises
        ------
        WebhookRefusedError
            It is not, or cannot be read.
        """


class EventQueue(Protocol):
    """The queue of providers' events that are to be applied."""

    def put(self, messages: Iterable[Mapping[str, Any]]) -> None:
        """Put messages into the queue: all of them, or it raises."""

    def put_back(self, message: Mapping[str, Any], seconds: int) -> None:
        """Put a message into the queue as a new one, to be delivered after a pause of at most 900 s."""


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What all workers know together of a provider: how its limit was changed, and whether it is well."""

    changes: LimitChanges
    health: Health


class ProviderLimits(Protocol):
    """The store of what the workers share to keep to the providers' limits. Times are seconds since the epoch."""

    def state(self, provider: str) -> ProviderState:
        """Read a provider's state; strongly consistent."""

    def put_changes(self, provider: str, changes: LimitChanges) -> None:
        """Replace what is changed of the deployment's limit; running workers see it within about a second."""

    def put_health(self, provider: str, health: Health) -> Health:
        """Write a provider's health, fenced by its version, and return it with the next one.

        Raises
        ------
        ConflictError
            Somebody else wrote it first.
        """

    def lease(self, provider: str, lane: str, count: int, pace: Pace, *, now: float, latest: float) -> Run:
        """Lease the next free slots of a lane, which are nobody else's then.

        Raises
        ------
        ProviderPausedError
            The first of them would be due after `latest`; none was leased.
        """


class Limiter(Protocol):
    """Keeps one provider's requests to its limit, among all workers. A lane is what shares one limit there."""

    def acquire(self, lane: str) -> None:
        """Wait until a request may be started, now.

        Raises
        ------
        ProviderPausedError
            That would take longer than the caller has patience, or the provider is down.
        """

    def wait_seconds(self, lane: str) -> float:
        """Estimate how long `acquire` would wait; asks nobody."""

    def succeeded(self, lane: str, /) -> None:
        """Note that the provider answered. This and the other notes never raise."""

    def limited(self, lane: str, /) -> None:
        """Note that it answered that we ask too often."""

    def failed(self, lane: str, /) -> None:
        """Note that it failed, or did not answer in time."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that nobody could handle; `receipt` is what deletes it, `attributes` say why it is here."""

    message_id: str
    body: str
    receipt: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class DeadLetters(Protocol):
    """A queue of messages that nobody could handle."""

    def receive(self) -> list[DeadLetter]:
        """Take some, hidden from others for a while; none if there are none."""

    def delete(self, letter: DeadLetter) -> None:
        """Delete one, once it has had its effect."""
