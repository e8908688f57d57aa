"""GoCardless' objects: what the sandbox keeps of them, and how they look on the wire (GoCardless API reference)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.gocardless.behaviours import Behaviour
from sandbox.wire import JSON

CREDITOR = "CR_sandbox"

type Details = dict[str, str | None]

_FX: JSON = dict.fromkeys(("estimated_exchange_rate", "exchange_rate", "fx_amount", "fx_currency"))


@dataclass(slots=True)
class Customer:
    """A customer (``CU…``); the details are what the request said of them."""

    id: str
    created_at: str
    details: Details
    metadata: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {"id": self.id, "created_at": self.created_at, **self.details, "metadata": dict(self.metadata)}


@dataclass(slots=True)
class BankAccount:
    """A customer's bank account (``BA…``)."""

    id: str
    created_at: str
    customer: str
    currency: str
    country_code: str
    account_holder_name: str
    account_number_ending: str
    metadata: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it: of the account's number, the end only."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "account_holder_name": self.account_holder_name,
            "account_number_ending": self.account_number_ending,
            "account_type": None,
            "bank_account_token": None,
            "bank_name": "SANDBOX BANK",
            "country_code": self.country_code,
            "currency": self.currency,
            "enabled": True,
            "links": {"customer": self.customer},
            "metadata": dict(self.metadata),
        }


@dataclass(slots=True)
class Mandate:
    """A mandate (``MD…``).

    Attributes
    ----------
    scheme : str
        Of its bank account's currency.
    takes_any_currency : bool
        Magic mandates do: the payment's currency says which scheme it is.
    """

    id: str
    created_at: str
    customer: str
    bank_account: str
    scheme: str
    reference: str
    behaviour: Behaviour
    status: str
    takes_any_currency: bool = False
    metadata: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "authorisation_source": "web",
            "links": {"creditor": CREDITOR, "customer": self.customer, "customer_bank_account": self.bank_account},
            "metadata": dict(self.metadata),
            "next_possible_charge_date": self.created_at[:10],
            "payments_require_approval": False,
            "reference": self.reference,
            "scheme": self.scheme,
            "status": self.status,
        }


@dataclass(slots=True)
class Payment:
    """A payment (``PM…``); amounts in minor units.

    Attributes
    ----------
    since : float
        When it got its status, in seconds since the epoch.
    steps_left : tuple[str, ...]
        The statuses that are to come, if nobody decides otherwise.
    """

    id: str
    created_at: str
    amount: int
    currency: str
    charge_date: str
    mandate: str
    customer: str
    scheme: str
    idempotency_key: str
    since: float
    steps_left: tuple[str, ...]
    description: str | None = None
    reference: str | None = None
    retry_if_possible: bool = False
    status: str = "pending_submission"
    amount_refunded: int = 0
    retries: int = 0
    metadata: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "amount": self.amount,
            "amount_refunded": self.amount_refunded,
            "charge_date": self.charge_date,
            "currency": self.currency,
            "description": self.description,
            "faster_ach": None,
            "fx": _FX,
            "links": {"creditor": CREDITOR, "mandate": self.mandate},
            "metadata": dict(self.metadata),
            "reference": self.reference,
            "retry_if_possible": self.retry_if_possible,
            "scheme": self.scheme,
            "status": self.status,
        }


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund (``RF…``) of a part of a payment or all of it."""

    id: str
    created_at: str
    amount: int
    currency: str
    payment: str
    mandate: str
    reference: str | None
    metadata: Mapping[str, str]

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "amount": self.amount,
            "currency": self.currency,
            "fx": _FX,
            "links": {"mandate": self.mandate, "payment": self.payment},
            "metadata": dict(self.metadata),
            "reference": self.reference,
            "status": "created",
        }


@dataclass(frozen=True, slots=True)
class Event:
    """An event (``EV…``): what happened to an object, and why.

    Attributes
    ----------
    resource_type : str
        ``payments``, ``mandates`` or ``refunds``.
    links : Mapping[str, str]
        The object, by its kind in the singular.
    """

    id: str
    created_at: str
    resource_type: str
    action: str
    links: Mapping[str, str]
    details: Mapping[str, str]
    resource_metadata: Mapping[str, str]
    metadata: Mapping[str, str]

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "resource_type": self.resource_type,
            "action": self.action,
            "links": dict(self.links),
            "details": dict(self.details),
            "metadata": dict(self.metadata),
            "resource_metadata": dict(self.resource_metadata),
        }
