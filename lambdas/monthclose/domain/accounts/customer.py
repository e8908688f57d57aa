"""The customer: who is billed, what they owe, whether someone is charging them right now, whether they are held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from monthclose.domain.accounts.addresses import Purpose, every_address, recipients, without
from monthclose.domain.accounts.cycles import Cycles, cycles_for
from monthclose.domain.accounts.given_method import GivenMethod
from monthclose.domain.accounts.grant import Parts, sum_minor
from monthclose.domain.calendar import Zones, ZoneSince
from monthclose.domain.money import Money, check_minor


@dataclass(frozen=True, slots=True)
class Profile:
    """What the company knows about a customer; comes with an import, billing never changes it.

    Parameters
    ----------
    payment_provider : str
        Name of the provider that charges them (`stripe`).
    payment_method : str
        The provider's id of the card or mandate; empty if there is none.
    imported_provider_customer_id : str
        The provider's id of the customer that the method belongs to, as imported (column `payment_customer`); empty if
        the provider doesn't know them yet.
    country, region : str
        Where they are, for taxes: ISO 3166 (`US`, and `NY` within it).
    tax_id : str
        Valid and written plainly; empty if they have none.
    address : str
        As on a letter, line by line, without name and country.
    language : str
        What they are written to in, as a tag (BCP 47): `de`, `pt-br`; empty for the company's language.
    billing_day : int
        The day of the month that their periods begin on, as last imported: 1 to 28, or `LAST` (see
        `Customer.billing_cycles`).
    time_zone : str
        The zone that their months begin and end in, as last imported: `Asia/Tokyo`; empty for the company's (see
        `Customer.billing_zones`).
    invoice_emails, dunning_emails : str
        Addresses for these e-mails in place of `email`, with spaces between them (see `addresses`).
    contact : str
        The person whom e-mails greet and e-invoices name.
    purchase_order, cost_centre : str
        What the customer wants to see on their invoices.
    payer : str
        The customer whose invoices have this one's usage; empty for one who gets their own (see `group`).
    """

    name: str
    email: str
    currency: str
    payment_provider: str
    payment_method: str = ""
    country: str = ""
    imported_provider_customer_id: str = ""
    region: str = ""
    tax_id: str = ""
    address: str = ""
    language: str = ""
    billing_day: int = 1
    invoice_emails: str = ""
    dunning_emails: str = ""
    contact: str = ""
    purchase_order: str = ""
    cost_centre: str = ""
    payer: str = ""
    time_zone: str = ""


SELDOM = ("invoice_emails", "dunning_emails", "contact", "purchase_order", "cost_centre", "payer", "time_zone")
"""Fields of a profile that few have: where they are empty they are not stored, so that nobody else pays for them."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer's account.

    Parameters
    ----------
    account_currency : str
        Currency of the amounts below; empty until the first invoice. An import may change the profile's currency,
        what is already owed keeps its own.
    receivable_minor, credit_minor : int
        Open on their invoices, and credit of theirs not yet used; minor units, never negative.
    grants : Parts
        What of the credit has conditions (see `domain.credit`).
    registered_provider_customer_id : str
        The provider's id of the customer, if it was Month close that registered them there.
    lost_provider_customer_id : str
        The imported id, once the provider has deleted that customer: it is never used again.
    method_successors : mapping
        Payment methods by which the provider has replaced others on its own. Imports may still name the old ones.
    given_method : GivenMethod or None
        The payment method that the customer gave on the provider's page, whether or not it is still the one to charge.
    method_page, method_page_at : str, datetime or None
        The provider's id of the newest page that asks them for a payment method, and when it was made; empty once it
        has been answered, or has expired.
    method_page_url, method_page_for : str
        Its address, and a digest of what it was made for.
    returned_at : datetime or None
        When the provider was last asked what they have done on its pages, as they came back from one.
    open_payment : str
        The lease: id of the one payment that is being collected; empty if none is.
    check_at : datetime or None
        When the reconciler looks up the leased payment next, if it isn't settled before.
    held_since : datetime or None
        When the account was put on hold.
    held_by : str
        The person who put it on hold; empty if the policy did.
    last_invoiced_minor : int
        Total of their latest invoice: the plan expects a similar one, and charges large ones first.
    carried_minor : int
        Amounts of past months that were too small to be invoiced: they are a line of the next invoice.
    carried_by_class : mapping
        What of them has a tax class, by class; the rest has none.
    dead_address : str
        The e-mail addresses that take no e-mails of ours, with spaces between them: one bounced for good, or its reader
        complained. An import of other addresses ends that.
    late_usage : mapping
        The closed months that usage arrived for after they were billed, each with the time of the latest arrival.
    cycles : tuple of Cycle
        The billing days that they have had, once theirs has changed; empty before.
    fees_ahead : str
        The last period whose fees an invoice has billed in advance; empty if none has.
    zones : tuple of ZoneSince
        The time zones that they have had, once theirs has changed; empty before.
    sized_in : str
        The newest month whose document has sizes that the next one begins with; empty if none has.
    payers : tuple
        Who has paid for them since when (ISO 8601; empty: ever since); an empty payer is the customer (see `group`).
    children : mapping
        Whom they pay for, or have paid for: the ids, each with the time when it left; empty if it has not.
    version : int
        Fences every write; 0 means not stored yet.

    Raises
    ------
    AmountTooLargeError
        What they owe, or what we owe them, would be more than the books can hold.
    """

    customer_id: str
    profile: Profile
    account_currency: str = ""
    receivable_minor: int = 0
    credit_minor: int = 0
    grants: Parts = ()
    registered_provider_customer_id: str = ""
    lost_provider_customer_id: str = ""
    method_successors: Mapping[str, str] = field(default_factory=dict)
    given_method: GivenMethod | None = None
    method_page: str = ""
    method_page_at: datetime | None = None
    method_page_url: str = ""
    method_page_for: str = ""
    returned_at: datetime | None = None
    open_payment: str = ""
    check_at: datetime | None = None
    held_since: datetime | None = None
    hold_reason: str = ""
    held_by: str = ""
    last_invoiced_minor: int = 0
    carried_minor: int = 0
    carried_by_class: Mapping[str, int] = field(default_factory=dict)
    dead_address: str = ""
    late_usage: Mapping[str, str] = field(default_factory=dict)
    cycles: Cycles = ()
    fees_ahead: str = ""
    zones: Zones = ()
    sized_in: str = ""
    payers: tuple[tuple[str, str], ...] = ()
    children: Mapping[str, str] = field(default_factory=dict)
    version: int = 0

    def __post_init__(self) -> None:
        if self.receivable_minor < 0 or self.credit_minor < 0:
            raise ValueError(
                f"customer {self.customer_id}: receivable {self.receivable_minor} and credit {self.credit_minor} "
                "must not be negative"
            )
        check_minor(self.receivable_minor, self.currency, f"the total that customer {self.customer_id} owes")
        check_minor(self.credit_minor, self.currency, f"the credit of customer {self.customer_id}")
        check_minor(self.carried_minor, self.currency, f"the amount carried over for customer {self.customer_id}")
        if sum_minor(self.grants) > self.credit_minor:
            raise ValueError(f"customer {self.customer_id}: {sum_minor(self.grants)} of grants in {self.credit_minor}")

    @property
    def balance(self) -> Money:
        """What they owe now; negative if we owe them."""
        return Money(self.receivable_minor - self.credit_minor, self.currency)

    @property
    def owed(self) -> Money:
        """What they owe now, whatever credit for named SKUs they have: that does not pay for what is open."""
        bound = sum_minor(part for part in self.grants if part.grant.skus)
        return Money(self.receivable_minor - self.credit_minor + bound, self.currency)

    @property
    def has_bound_credit(self) -> bool:
        """Whether some of their credit is for named SKUs."""
        return any(part.grant.skus for part in self.grants)

    @property
    def given(self) -> GivenMethod | None:
        """The payment method that they gave themselves, if it is the one to charge: see `GivenMethod`."""
        return self.given_method if self.given_method and self.given_method.replaces(self.profile) else None

    @property
    def provider_customer_id(self) -> str:
        """The provider's id of the customer to charge; empty if they must be registered first."""
        if self.given:
            return self.given.payer
        known = (self.profile.imported_provider_customer_id, self.registered_provider_customer_id)
        return next((known_as for known_as in known if known_as and known_as != self.lost_provider_customer_id), "")

    @property
    def payment_method(self) -> str:
        """The payment method to charge; empty if there is none."""
        return self.current_method(self.given.method if self.given else self.profile.payment_method)

    def current_method(self, method: str) -> str:
        """Name the payment method that is charged in place of one of theirs: mostly that one itself."""
        return self.method_successors.get(method, method)

    def with_successor(self, method: str, successor: str) -> Customer:
        """Note that the provider has replaced one of their payment methods by another."""
        replaced = {old: successor if new == method else new for old, new in self.method_successors.items()}
        return replace(self, method_successors={**replaced, method: successor})

    def without_provider_customer(self) -> Customer:
        """Forget the provider's id of them, which is dead: they will be registered there again.

        The payment method that they gave was lost with it.
        """
        if self.provider_customer_id == self.profile.imported_provider_customer_id:
            # Remembered as lost: the next import would bring it again.
            return replace(self, lost_provider_customer_id=self.provider_customer_id, given_method=None)
        return replace(self, registered_provider_customer_id="", given_method=None)

    def asked_for_method(self, page: str, at: datetime | None, url: str = "", purpose: str = "") -> Customer:
        """Note the page on which they are asked for a payment method."""
        return replace(self, method_page=page, method_page_at=at, method_page_url=url, method_page_for=purpose)

    def answered(self, page: str) -> Customer:
        """Note that a page was answered, or has expired; another page stays."""
        return self.asked_for_method("", None) if self.method_page == page else self

    def giving(self, method: str, payer: str, at: datetime) -> Customer:
        """Let a payment method that they gave be the one to charge, unless they have given a later one.

        The same method again is what was heard of before, perhaps with another time: an import since then is newer.

        Parameters
        ----------
        method, payer : str
            The provider's ids of the payment method, and of the customer that it belongs to.
        at : datetime
            When the page was made.
        """
        before, profile = self.given_method, self.profile
        if before and (before.given_at >= at or before.method == method):
            return self
        given = GivenMethod(
            profile.payment_provider,
            method,
            payer,
            at,
            profile.payment_method,
            profile.imported_provider_customer_id,
        )
        return replace(self, given_method=given)

    @property
    def billing_cycles(self) -> Cycles:
        """The billing days that they have had, the present one last."""
        return self.cycles or cycles_for(self.profile.billing_day)

    @property
    def billing_zones(self) -> Zones:
        """The time zones that they have had, the present one last; empty if it has always been the company's."""
        return billing_zones(self.profile, self.zones)

    @property
    def in_use(self) -> bool:
        """Whether anything is open, credited or carried."""
        return bool(self.receivable_minor or self.credit_minor or self.carried_minor)

    @property
    def currency(self) -> str:
        """Currency of the account: while it is in use, the one that its amounts are in."""
        return self.account_currency if self.in_use and self.account_currency else self.profile.currency

    @property
    def takes_mail(self) -> bool:
        """Whether e-mails about what they owe may arrive at any of their present addresses."""
        return bool(self.reached_for(Purpose.DUNNING))

    def reached_for(self, purpose: Purpose) -> list[str]:
        """List the addresses that e-mails of a purpose go to, without those that take none."""
        return without(recipients(self.profile, purpose), self.dead_address)

    @property
    def unreached(self) -> list[str]:
        """Their present addresses that take no e-mails."""
        return [address for address in every_address(self.profile) if address in self.dead_address.split()]

    def without_mail(self, *addresses: str) -> Customer:
        """Note that addresses take no e-mails: those of the present ones that are given, or all if none is."""
        present = every_address(self.profile)
        gone = {*self.unreached, *(addresses or present)}
        return replace(self, dead_address=" ".join(address for address in present if address in gone))

    def leased_to(self, payment_id: str, check_at: datetime) -> Customer:
        """Take the lease for a payment, or keep it; the reconciler looks up the payment at `check_at`.

        Raises
        ------
        ValueError
            Another payment has it.
        """
        if self.open_payment not in ("", payment_id):
            raise ValueError(f"customer {self.customer_id} is leased to {self.open_payment}")
        return replace(self, open_payment=payment_id, check_at=check_at)

    def put_on_hold(self, since: datetime, reason: str, by: str = "") -> Customer:
        """Put the account on hold; `by` is the person who does it, if one does."""
        return replace(self, held_since=since, hold_reason=reason, held_by=by)

    def off_hold(self) -> Customer:
        """Lift the hold."""
        return replace(self, held_since=None, hold_reason="", held_by="")

    def released_by(self, payment_id: str) -> Customer:
        """Release the lease; a lease of another payment stays."""
        return replace(self, open_payment="", check_at=None) if self.open_payment == payment_id else self


def billing_zones(profile: Profile, zones: Zones) -> Zones:
    """The time zones that a customer has had, the present one last; empty if it has always been the company's."""
    return zones or zones_for(profile.time_zone)


def zones_for(time_zone: str) -> Zones:
    """The time zones of somebody who has never had another one; empty for the company's."""
    return (ZoneSince(time_zone),) if time_zone else ()
