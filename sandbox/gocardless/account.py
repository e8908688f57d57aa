"""One GoCardless account: everything it holds, and the request being handled."""

import random
import string
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sandbox.gocardless import errors
from sandbox.gocardless.behaviours import magic
from sandbox.gocardless.billing_requests import BillingRequest, BillingRequestFlow
from sandbox.gocardless.money import Item, Payment, Payout, Refund
from sandbox.gocardless.objects import BankAccount, Customer, Event, Mandate
from sandbox.gocardless.params import Body, Query, iso
from sandbox.gocardless.published import why
from sandbox.gocardless.schemes import LARGEST, SMALLEST, reason_code
from sandbox.gocardless.shelf import Shelf
from sandbox.wire import JSON

type Clock = Callable[[], float]

_ALPHABET = string.digits + string.ascii_uppercase


class Ids:
    """Ids as GoCardless makes them. Random, so that two runs never share one; repeatable if a seed is given."""

    def __init__(self, seed: int | None = None) -> None:
        self._rng = random.Random(seed)  # noqa: S311 - ids of a fake, no secret

    def new(self, prefix: str, length: int = 12) -> str:
        """Return a new id."""
        return prefix + "".join(self._rng.choices(_ALPHABET, k=length))


@dataclass(slots=True)
class Terms:
    """What was agreed with GoCardless.

    Attributes
    ----------
    smallest, largest : dict[str, int]
        What one payment is at least and at most, by currency, in minor units; other currencies have no limit.
    refundable : dict[str, int]
        How much may be refunded yet, by currency, in minor units; other currencies have enough.
    """

    smallest: dict[str, int] = field(default_factory=lambda: dict(SMALLEST))
    largest: dict[str, int] = field(default_factory=lambda: dict(LARGEST))
    refundable: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Due:
    """Money that a future payout deducts.

    Attributes
    ----------
    fee : Decimal
        What comes back of GoCardless' fee, in minor units and tenths of them.
    paid_in : str
        The payout that had the payment's money.
    """

    item: Item
    fee: Decimal
    about: Payment | Refund
    paid_in: str = ""


class Account:
    """An account's objects, idempotency keys, events and ledger of money moved.

    Hold ``lock`` while reading or changing any object: operations are atomic. Events that come about meanwhile wait in
    ``unsent`` until somebody sends them without holding it.
    """

    def __init__(self, ids: Ids, clock: Clock, terms: Terms | None = None) -> None:
        self.ids = ids
        self.clock = clock
        self.terms = terms or Terms()
        self.lock = threading.RLock()
        self.customers = Shelf[Customer]()
        self.bank_accounts = Shelf[BankAccount]()
        self.mandates = Shelf[Mandate]()
        self.payments = Shelf[Payment]()
        self.refunds = Shelf[Refund]()
        self.payouts = Shelf[Payout]()
        self.billing_requests = Shelf[BillingRequest]()
        self.billing_request_flows = Shelf[BillingRequestFlow]()
        self.open_payouts: dict[str, Payout] = {}
        self.due: dict[tuple[str, str], Due] = {}
        self.events = Shelf[Event]()
        self.moving: dict[str, Payment] = {}
        self.movements: list[JSON] = []
        self.unsent: list[JSON] = []
        self._created_with: dict[tuple[str, str], str] = {}

    def now(self) -> str:
        """Return the time as GoCardless' objects have it."""
        return iso(self.clock())

    def customers_of(self, references: Iterable[str]) -> frozenset[str]:
        """Return the customers that ids belong to (theirs and ours, metadata ``customer_id``), and all the ids."""
        shelves: tuple[Shelf[Any], ...] = (
            *(self.customers, self.bank_accounts, self.mandates),
            *(self.payments, self.refunds),
        )
        given = tuple(references)
        found = [row for reference in given for shelf in shelves if (row := shelf.find(reference))]
        ours = [row.metadata.get("customer_id") for row in found]
        theirs = [row.id if isinstance(row, Customer) else getattr(row, "customer", None) for row in found]
        return frozenset(filter(None, (*given, *theirs, *ours)))

    def refuse_repeat(self, kind: str, key: str) -> None:
        """Refuse an idempotency key that created an object of this kind before, whatever the request asks for now.

        GoCardless says that keys "will not be persisted indefinitely", but not for how long; the sandbox never
        forgets one. What did not create anything left its key unused.
        """
        if key and (created := self._created_with.get((kind, key))):
            raise errors.key_already_used(created)

    def remember_key(self, kind: str, key: str, created: str) -> None:
        """Keep what an idempotency key created."""
        if key:
            self._created_with[kind, key] = created

    def mandate(self, reference: str, pointer: str | None = None) -> Mandate:
        """Return a mandate; a magic one comes into being, with a customer, when it is first asked for."""
        found = self.mandates.find(reference) or self._magic_mandate(reference)
        if found is not None:
            return found
        return self.mandates.get(reference) if pointer is None else self.mandates.linked(reference, pointer)

    def customer(self, reference: str, pointer: str) -> Customer:
        """Return a customer whom a body names; that of a magic mandate comes into being with it."""
        if self.customers.find(reference) is None and reference.startswith("CU_"):
            self._magic_mandate(f"MD_{reference.removeprefix('CU_')}")
        return self.customers.linked(reference, pointer)

    def _magic_mandate(self, reference: str) -> Mandate | None:
        behaviour = magic(reference)
        if behaviour is None:
            return None
        name = reference.removeprefix("MD_")
        customer = Customer(f"CU_{name}", self.now(), {"company_name": name, "email": f"{name}@example.com"})
        account = BankAccount(f"BA_{name}", self.now(), customer.id, "EUR", "DE", name.upper(), "11")
        mandate = Mandate(
            id=reference,
            created_at=self.now(),
            customer=customer.id,
            bank_account=account.id,
            scheme="sepa_core",
            reference=name.upper(),
            behaviour=behaviour,
            status="cancelled" if behaviour.refused else "active",
            clock=self.clock,
            takes_any_currency=True,
            payments_require_approval=behaviour.approval,
            known=True,
        )
        self.customers.add(customer)
        self.bank_accounts.add(account)
        return self.mandates.add(mandate, customer.id)

    def emit(
        self,
        about: Payment | Mandate | Refund | Payout | BillingRequest,
        action: str,
        cause: str = "",
        origin: str = "",
        *,
        more: Mapping[str, str | bool] | None = None,
        links: Mapping[str, str] | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        """Record an event and return its id.

        Parameters
        ----------
        cause, origin : str
            The usual ones, unless given.
        more : Mapping[str, str | bool], optional
            Further members of its details.
        links : Mapping[str, str], optional
            Whom else it is about.
        metadata : Mapping[str, str], optional
            What the request said that brought it about.

        Raises
        ------
        UnpublishedError
            GoCardless' documents know no such event.
        """
        kind = _KINDS[type(about)]
        reason = why(f"{kind}s", action, cause, origin)
        details: dict[str, str | bool] = {
            "origin": reason.origin,
            "cause": reason.cause,
            "description": f"{reason.cause.replace('_', ' ').capitalize()}.",
        }
        if reason.bank:
            scheme = self.scheme_of(about)
            details |= {"scheme": scheme, "reason_code": reason_code(scheme, reason.cause)}
        event = Event(
            id=self.ids.new("EV"),
            created_at=self.now(),
            resource_type=f"{kind}s",
            action=action,
            links={kind: about.id, **(links or {})},
            details=details | dict(more or {}),
            resource_metadata=dict(about.metadata),
            metadata=dict(metadata or {}),
        )
        self.events.add(event, about.id)
        self.unsent.append(event.to_json())
        return event.id

    def scheme_of(self, about: Payment | Mandate | Refund | Payout | BillingRequest) -> str:
        """Return the scheme by which something is collected or refunded."""
        if isinstance(about, Payment | Mandate):
            return about.scheme
        return self.payments.get(about.payment).scheme if isinstance(about, Refund) else ""

    def move(self, kind: str, payment: Payment, amount: int) -> None:
        """Put money that moved into the ledger; what goes back to the customer is negative."""
        self.movements.append(
            {
                "provider": "gocardless",
                "kind": kind,
                "payment": payment.id,
                "mandate": payment.mandate,
                "customer": payment.customer,
                "amount": amount,
                "currency": payment.currency,
                "idempotency_key": payment.idempotency_key,
                "metadata": dict(payment.metadata),
                "created": int(self.clock()),
            }
        )


_KINDS: Mapping[type, str] = {
    BillingRequest: "billing_request",
    Mandate: "mandate",
    Payment: "payment",
    Payout: "payout",
    Refund: "refund",
}
"""What events call the objects that they are about."""


@dataclass(frozen=True, slots=True)
class Call:
    """What an operation works with: query, body, the ids in the address, the idempotency key, where the pages are."""

    query: Query
    body: Body
    ids: Mapping[str, str]
    idempotency_key: str
    site: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A document and its HTTP status."""

    document: JSON
    status: int = 200
    location: str = ""


type Command = Callable[[Account], Answer]
type Operation = Callable[[Call], Command]
"""Reads and validates the request, without looking at any object, and returns what is to be done."""


def created(
    account: Account,
    call: Call,
    kind: str,
    make: Callable[[], Customer | BankAccount | Mandate | Payment | Refund | BillingRequest],
) -> Answer:
    """Create an object, unless its idempotency key has created one before."""
    account.refuse_repeat(kind, call.idempotency_key)
    new = make()
    account.remember_key(kind, call.idempotency_key, new.id)
    return Answer({kind: new.to_json()}, 201, f"/{kind}/{new.id}")
