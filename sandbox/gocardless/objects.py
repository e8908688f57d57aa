"""GoCardless' objects: what the sandbox keeps of them, and how they look on the wire (GoCardless API reference).

Those that move money are in :mod:`sandbox.gocardless.money`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.gocardless.banking_days import earliest_charge
from sandbox.gocardless.behaviours import Behaviour
from sandbox.wire import JSON

CREDITOR = "CR_sandbox"

OPEN = frozenset({"pending_customer_approval", "pending_submission", "submitted", "active"})
"""The statuses of a mandate that payments can be created for (API reference, "Create a payment")."""

CUSTOMER_DETAILS = (
    *("address_line1", "address_line2", "address_line3", "city", "company_name", "country_code"),
    *("danish_identity_number", "email", "family_name", "given_name", "language", "phone_number", "postal_code"),
    *("region", "swedish_identity_number"),
)
"""What a request may say of a customer; what it doesn't say is null."""

_TOKEN: JSON = {"name": "Month close", "type": "access_token"}

type Details = dict[str, str | None]


@dataclass(slots=True)
class Customer:
    """A customer (``CU…``); the details are what the request said of them."""

    id: str
    created_at: str
    details: Details
    metadata: dict[str, str] = field(default_factory=dict)
    removed: bool = False

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        details = {name: self.details.get(name) for name in CUSTOMER_DETAILS}
        return {"id": self.id, "created_at": self.created_at, **details, "metadata": dict(self.metadata)}


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
    account_type: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it: of the account's number, the end only."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "account_holder_name": self.account_holder_name,
            "account_number_ending": self.account_number_ending,
            **({"account_type": self.account_type} if self.account_type else {}),
            "bank_account_token": None,
            "bank_name": "SANDBOX BANK",
            "country_code": self.country_code,
            "currency": self.currency,
            "enabled": True,
            "links": {"customer": self.customer},
            "metadata": dict(self.metadata),
            "trusted_recipient": False,
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
    known : bool
        Whether the bank has it; payments are collected sooner then.
    replaced_by : str
        The mandate that replaced it.
    """

    id: str
    created_at: str
    customer: str
    bank_account: str
    scheme: str
    reference: str
    behaviour: Behaviour
    status: str
    clock: Callable[[], float]
    takes_any_currency: bool = False
    payments_require_approval: bool = False
    authorisation_source: str = "web"
    known: bool = False
    replaced_by: str = ""
    reinstatements: int = 0
    metadata: dict[str, str] = field(default_factory=dict)

    def earliest_charge(self) -> str:
        """Return the earliest day on which a payment can be collected."""
        return earliest_charge(self.scheme, self.clock(), known=self.known).isoformat()

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it; its next possible charge date changes with the time."""
        earliest = self.earliest_charge() if self.status in OPEN else None
        ach = {"next_possible_standard_ach_charge_date": earliest} if self.scheme == "ach" else {}
        replaced = {"new_mandate": self.replaced_by} if self.replaced_by else {}
        return {
            "id": self.id,
            "created_at": self.created_at,
            "authorisation_source": self.authorisation_source,
            "consent_parameters": None,
            "consent_type": None,
            "funds_settlement": "managed",
            "links": {
                "creditor": CREDITOR,
                "customer": self.customer,
                "customer_bank_account": self.bank_account,
                **replaced,
            },
            "mandate_type": "bank_debit",
            "metadata": dict(self.metadata),
            "next_possible_charge_date": earliest,
            **ach,
            "payments_require_approval": self.payments_require_approval,
            "reference": self.reference,
            "scheme": self.scheme,
            "status": self.status,
            "verified_at": None,
        }


@dataclass(frozen=True, slots=True)
class Event:
    """An event (``EV…``): what happened to an object, and why.

    Attributes
    ----------
    resource_type : str
        ``payments``, ``mandates``, ``refunds``, ``payouts`` or ``billing_requests``.
    links : Mapping[str, str]
        The object, by its kind in the singular, and others that the event is about.
    """

    id: str
    created_at: str
    resource_type: str
    action: str
    links: Mapping[str, str]
    details: Mapping[str, str | bool]
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
            **({"source": _TOKEN} if self.details["origin"] == "api" else {}),
        }
