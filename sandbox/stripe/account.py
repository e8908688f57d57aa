"""One Stripe account: everything it holds, and the request being handled."""

import random
import string
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe import errors
from sandbox.stripe.balance import BalanceTransaction, Entry, Settlement, settled
from sandbox.stripe.banks import BANK_ACCOUNTS
from sandbox.stripe.cards import CARDS, expiring
from sandbox.stripe.charges import Charge
from sandbox.stripe.events import Event
from sandbox.stripe.idempotency import IdempotencyKeys
from sandbox.stripe.objects import Customer, PaymentIntent, PaymentMethod
from sandbox.stripe.params import Params
from sandbox.stripe.payout_objects import Payout
from sandbox.stripe.reversals import Dispute, Refund
from sandbox.stripe.session_objects import Session
from sandbox.stripe.setup_objects import SetupIntent
from sandbox.stripe.shelf import Shelf
from sandbox.wire import JSON

type Clock = Callable[[], float]

EXPANDABLE = (
    *("balance_transaction", "charge", "customer", "failure_balance_transaction", "latest_charge"),
    *("payment_intent", "payment_method", "setup_intent", "source"),
)
"""The members of objects that hold an id and can be expanded into the object."""

_ALPHABET = string.ascii_letters + string.digits


class NothingSuchError(LookupError):
    """No account has this object."""


class NotPossibleError(ValueError):
    """The object's state does not allow it."""


class Ids:
    """Ids as Stripe makes them. Random, so that two runs never share one; repeatable if a seed is given."""

    def __init__(self, seed: int | None = None) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - ids of a fake, no secret

    def new(self, prefix: str, length: int = 24) -> str:
        """Return a new id."""
        return prefix + "".join(self._rng.choices(_ALPHABET, k=length))


@dataclass(slots=True)
class Settings:
    """What can be set about all accounts of a sandbox; a reset leaves it.

    Attributes
    ----------
    confirms : int, optional
        How often a PaymentIntent can be confirmed before a further try cancels it; Stripe's limit is variable.
    """

    settlement: Settlement = field(default_factory=Settlement)
    confirms: int | None = None


class Account:
    """An account's objects, idempotency keys, events and ledger of money moved; ``unpaid`` is what no payout has yet.

    Hold ``lock`` while reading or changing any object: operations are atomic, so that two confirms of one
    PaymentIntent come one after the other. (Stripe may answer the second 429 ``lock_timeout`` instead.) Events
    that come about meanwhile wait until :meth:`take_unsent`.
    """

    def __init__(self, ids: Ids, clock: Clock, settings: Settings | None = None) -> None:
        self.ids = ids
        self.settings = settings or Settings()
        self.lock = threading.Lock()
        self.idempotency = IdempotencyKeys(clock)
        self.customers = Shelf[Customer]("customer", "id")
        self.payment_methods = Shelf[PaymentMethod]("PaymentMethod", "payment_method")
        self.payment_intents = Shelf[PaymentIntent]("payment_intent", "intent")
        self.setup_intents = Shelf[SetupIntent]("setupintent", "intent")
        self.sessions = Shelf[Session]("checkout.session", "session")
        self.charges = Shelf[Charge]("charge", "id")
        self.refunds = Shelf[Refund]("refund", "id")
        self.disputes = Shelf[Dispute]("dispute", "dispute")
        self.balance_transactions = Shelf[BalanceTransaction]("balance transaction", "id")
        self.payouts = Shelf[Payout]("payout", "payout")
        self.unpaid: dict[str, BalanceTransaction] = {}
        self.events = Shelf[Event]("event", "id")
        self.movements: list[JSON] = []
        self._unsent: list[Event] = []
        self._later: list[Callable[[], object]] = []
        self._clock = clock

    def now(self) -> int:
        """Return the time in whole seconds since the epoch, as Stripe's objects have it."""
        return int(self._clock())

    def emit(self, kind: str, subject: JSON, before: JSON | None = None) -> None:
        """Record an event about an object, as the object is now and, for what was updated, as it was before."""
        event = Event(self.ids.new("evt_"), self.now(), kind, subject, changed(before, subject))
        self._unsent.append(self.events.add(event))

    def later(self, deed: Callable[[], object]) -> None:
        """Do something once the request at hand is answered, as what Stripe does asynchronously."""
        self._later.append(deed)

    def catch_up(self) -> None:
        """Do what was put off. Call it with the lock held, when the answer stands."""
        while self._later:
            self._later.pop(0)()

    def book(self, entry: Entry) -> BalanceTransaction:
        """Let an entry change the balance, in the currency that it settles in."""
        made = self.keep(settled(self.ids.new("txn_"), self.now, entry, self.settings.settlement))
        self.unpaid[made.id] = made
        return made

    def keep(self, made: BalanceTransaction) -> BalanceTransaction:
        """Put a balance transaction on its shelf."""
        self.balance_transactions.add(made)
        self.balance_transactions.file_under(made.source, made)
        return made

    def take_unsent(self, request_id: str | None = None, idempotency_key: str | None = None) -> list[JSON]:
        """Return the events since the last time, with the request that caused them."""
        unsent, self._unsent = self._unsent, []
        for event in unsent:
            event.request = {"id": request_id, "idempotency_key": idempotency_key}
        return [event.to_json() for event in unsent]

    def move(self, kind: str, charge: Charge, amount: int, idempotency_key: str | None, **more: str) -> None:
        """Put money that moved into the ledger; what goes back to the customer is negative."""
        self.movements.append(
            {
                "kind": kind,
                "provider": "stripe",
                "payment_intent": charge.payment_intent,
                "charge": charge.id,
                "customer": charge.customer,
                "amount": amount,
                "currency": charge.currency,
                "idempotency_key": idempotency_key,
                "metadata": dict(charge.metadata),
                "created": self.now(),
                **more,
            }
        )

    def customers_of(self, references: Iterable[str]) -> frozenset[str]:
        """Return the customers that objects belong to: their ids, and ours (metadata ``customer_id``)."""
        shelves: tuple[Shelf[Any], ...] = (
            *(self.customers, self.payment_methods, self.payment_intents, self.setup_intents, self.sessions),
            *(self.charges, self.refunds, self.disputes),
        )
        found = [row for reference in references for shelf in shelves if (row := shelf.find(reference))]
        owners = {row.id if isinstance(row, Customer) else row.customer for row in found}
        known = [self.customers.find(owner) for owner in owners if owner]
        ours = {getattr(row, "metadata", {}).get("customer_id") for row in (*found, *known)}
        return frozenset(filter(None, (*owners, *ours)))

    def expanded(self, member: str, reference: str) -> JSON:
        """Return the object whose id is the value of one of the expandable members."""
        shelves: Mapping[str, tuple[Shelf[Any], ...]] = {
            "balance_transaction": (self.balance_transactions,),
            "charge": (self.charges,),
            "customer": (self.customers,),
            "failure_balance_transaction": (self.balance_transactions,),
            "latest_charge": (self.charges,),
            "payment_intent": (self.payment_intents,),
            "payment_method": (self.payment_methods,),
            "setup_intent": (self.setup_intents,),
            "source": (self.charges, self.refunds, self.disputes, self.payouts),
        }
        found = next(row for shelf in shelves[member] if (row := shelf.find(reference)))
        document: JSON = found.to_json()
        return document

    def payment_method(self, reference: str, param: str | None = None) -> PaymentMethod:
        """Return a stored payment method, or a new one for a magic test id, which Stripe too mints at every use."""
        means = CARDS.get(reference) or BANK_ACCOUNTS.get(reference) or expiring(reference)
        if means is None:
            return self.payment_methods.get(reference, param)
        return self.payment_methods.add(PaymentMethod(self.ids.new("pm_"), self.now(), means))

    def customer(self, reference: str, param: str | None = None) -> Customer:
        """Return a customer who was not deleted, or raise ``resource_missing`` as for one who never was."""
        found = self.customers.get(reference, param)
        if found.deleted:
            raise errors.no_such("customer", reference, param or "id", 400 if param else 404)
        return found

    def usable_payment_method(self, reference: str, customer: str | None) -> PaymentMethod:
        """Return a payment method that a PaymentIntent of this customer may be paid with."""
        method = self.payment_method(reference, "payment_method")
        if method.spent:
            raise errors.invalid_parameter("payment_method", PREVIOUSLY_USED)
        if method.customer is not None and method.customer != customer:
            raise errors.invalid_parameter("payment_method", _whose(method, customer), "resource_missing")
        return method


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation works with.

    Attributes
    ----------
    ids : Mapping[str, str]
        In the URL.
    settlement : Settlement
        How charges settle.
    site : str
        Where Stripe's own pages are, for whoever sent the request.
    """

    params: Params
    ids: Mapping[str, str]
    idempotency_key: str | None
    api_version: str
    settlement: Settlement
    site: str


type Command = Callable[[Account], JSON]
type Operation = Callable[[Call], Command]
"""Reads and validates the parameters, without looking at any object, and returns what is to be done. Errors of the
reading come before the execution begins: no idempotency key keeps them ("Idempotent requests")."""


def changed(before: JSON | None, after: JSON) -> JSON | None:
    """Return the members that an update changed, as they were: an event's ``previous_attributes``."""
    if before is None:
        return None
    return {name: value for name, value in before.items() if after.get(name, value) != value or name not in after}


PREVIOUSLY_USED = (
    "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a "
    "connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use "
    "a PaymentMethod multiple times, you must attach it to a Customer first."
)


def _whose(method: PaymentMethod, customer: str | None) -> str:
    if customer is None:
        return (
            f"The payment method `{method.id}` belongs to the Customer `{method.customer}`. Please include the "
            "Customer in the `customer` parameter on the PaymentIntent."
        )
    return (
        f"The customer does not have a payment method with the ID {method.id}. The payment method must be attached to "
        "the customer."
    )
