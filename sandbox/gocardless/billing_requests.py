"""GoCardless' objects that ask a customer for something: billing requests and their flows (API reference).

A billing request says what is wanted: a mandate, a payment at once, or both. A flow is a visit to the hosted page on
which the customer does what is asked for (its ``actions``).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from sandbox.gocardless.objects import CREDITOR, BankAccount, Customer
from sandbox.gocardless.params import iso
from sandbox.wire import JSON

ORGANISATION = "OR_sandbox"

type Wanted = Literal["collect_customer_details", "collect_bank_account", "confirm_payer_details", "bank_authorisation"]
type RequestStatus = Literal["pending", "ready_to_fulfil", "fulfilled", "cancelled"]

BILLING_DETAILS = (
    *("address_line1", "address_line2", "address_line3", "city", "country_code", "danish_identity_number"),
    *("postal_code", "region", "swedish_identity_number"),
)
PERSON = ("company_name", "email", "family_name", "given_name", "language", "phone_number")


@dataclass(slots=True)
class MandateRequest:
    """The mandate that a billing request asks for."""

    id: str
    currency: str
    scheme: str
    description: str | None
    verify: str
    metadata: dict[str, str]
    authorisation_source: str = "web"
    mandate: str = ""

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "authorisation_source": self.authorisation_source,
            "consent_type": None,
            "constraints": None,
            "currency": self.currency,
            "description": self.description,
            "funds_settlement": "managed",
            "links": {"mandate": self.mandate} if self.mandate else {},
            "metadata": dict(self.metadata),
            "payer_requested_dual_signature": False,
            "scheme": self.scheme,
            "sweeping": False,
            "verify": self.verify,
        }


@dataclass(slots=True)
class PaymentRequest:
    """The payment that a billing request asks for, which the customer's bank makes at once; in minor units."""

    id: str
    amount: int
    currency: str
    scheme: str
    description: str | None
    reference: str | None
    metadata: dict[str, str]
    payment: str = ""

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "amount": self.amount,
            "app_fee": None,
            "currency": self.currency,
            "description": self.description,
            "funds_settlement": "managed",
            "links": {"payment": self.payment} if self.payment else {},
            "metadata": dict(self.metadata),
            "reference": self.reference,
            "scheme": self.scheme,
        }


@dataclass(slots=True)
class BillingRequest:
    """A billing request (``BRQ…``).

    Attributes
    ----------
    done : set of str
        The actions that are completed.
    """

    id: str
    created_at: str
    customer: Customer
    billing_detail: str
    metadata: dict[str, str]
    mandate_request: MandateRequest | None = None
    payment_request: PaymentRequest | None = None
    bank_account: BankAccount | None = None
    codes: dict[str, str] = field(default_factory=dict)
    status: RequestStatus = "pending"
    done: set[Wanted] = field(default_factory=set)

    @property
    def currency(self) -> str:
        """The currency of what it asks for."""
        asked = self.mandate_request or self.payment_request
        assert asked is not None, "a billing request asks for something"
        return asked.currency

    @property
    def actions(self) -> tuple[Wanted, ...]:
        """What has to be done before it can be fulfilled, in the order in which it is asked for."""
        wanted: list[Wanted] = ["collect_customer_details"]
        if self.mandate_request is not None:
            wanted += ["collect_bank_account", "confirm_payer_details"]
        if self.payment_request is not None:
            wanted.append("bank_authorisation")
        return tuple(wanted)

    @property
    def links(self) -> dict[str, str]:
        """What it belongs to, and what has come of it."""
        mandate, payment, account = self.mandate_request, self.payment_request, self.bank_account
        found = {
            "creditor": CREDITOR,
            "customer": self.customer.id,
            "customer_bank_account": account.id if account else "",
            "customer_billing_detail": self.billing_detail,
            "mandate_request": mandate.id if mandate else "",
            "mandate_request_mandate": mandate.mandate if mandate else "",
            "organisation": ORGANISATION,
            "payment_request": payment.id if payment else "",
            "payment_request_payment": payment.payment if payment else "",
        }
        return {name: reference for name, reference in found.items() if reference}

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "actions": [self._action(kind) for kind in self.actions],
            "fallback_enabled": False,
            "fallback_occurred": False,
            "instalment_schedule_request": None,
            "links": self.links,
            "mandate_request": self.mandate_request and self.mandate_request.to_json(),
            "metadata": dict(self.metadata),
            **self.codes,
            "payment_request": self.payment_request and self.payment_request.to_json(),
            "resources": self._resources(),
            "status": self.status,
            "subscription_request": None,
        }

    def _action(self, kind: Wanted) -> JSON:
        more: JSON = {}
        if kind == "collect_customer_details":
            missing = missing_of(self.customer)
            fields = {"customer": missing, "customer_billing_detail": []}
            country = self.customer.details.get("country_code")
            more["collect_customer_details"] = {"default_country_code": country, "incomplete_fields": fields}
        if kind == "bank_authorisation":
            more["bank_authorisation"] = {"adapter": "open_banking_gateway_pis", "authorisation_type": "payment"}
            more["requires_actions"] = ["collect_customer_details"]
        if kind == "confirm_payer_details":
            more["requires_actions"] = ["collect_customer_details", "collect_bank_account"]
        status = "completed" if kind in self.done else "pending"
        needs = more.pop("requires_actions", [])
        return {
            "type": kind,
            "required": True,
            "completes_actions": [],
            "requires_actions": needs,
            "status": status,
            **more,
        }

    def _resources(self) -> JSON:
        customer, account = self.customer, self.bank_account
        shown = None if account is None else account.to_json()
        if shown is not None:
            del shown["trusted_recipient"]
        return {
            "customer": {
                "id": customer.id,
                "created_at": customer.created_at,
                **{name: customer.details.get(name) for name in PERSON},
                "metadata": dict(customer.metadata),
            },
            "customer_bank_account": shown,
            "customer_billing_detail": {
                "id": self.billing_detail,
                "created_at": self.created_at,
                **{name: customer.details.get(name) for name in BILLING_DETAILS},
                "ip_address": None,
                "schemes": [asked.scheme for asked in (self.mandate_request, self.payment_request) if asked],
            },
        }


def missing_of(customer: Customer) -> list[str]:
    """Return which details of a customer are still needed: an address for mails, and a name."""
    details = customer.details
    named = details.get("company_name") or (details.get("given_name") and details.get("family_name"))
    names = [] if named else [name for name in ("given_name", "family_name") if not details.get(name)]
    return [*([] if details.get("email") else ["email"]), *names]


@dataclass(slots=True)
class BillingRequestFlow:
    """A billing request flow (``BRF…``): a visit to the hosted page, for seven days at most.

    Attributes
    ----------
    options : JSON
        What the request said of the page.
    visited, left : bool
        Whether the customer has been there, and has gone away without finishing.
    """

    id: str
    created_at: str
    expires: float
    request: BillingRequest
    authorisation_url: str
    options: JSON
    clock: Callable[[], float] = field(repr=False)
    session_token: str | None = None
    visited: bool = False
    left: bool = False

    @property
    def usable(self) -> bool:
        """Whether the page can still be used."""
        return self.clock() < self.expires and self.request.status != "cancelled"

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "authorisation_url": self.authorisation_url,
            "expires_at": iso(self.expires),
            "links": {"billing_request": self.request.id},
            "session_token": self.session_token,
            **self.options,
        }
