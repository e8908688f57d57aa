"""All settings of a deployment."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from monthclose.domain.calendar import BillingCalendar, EarlierZone
from monthclose.domain.closes.batching import MAX_BATCHES
from monthclose.domain.collections.dunning import DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.finance.chart import JournalSettings
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.notices.sending import MailSettings
from monthclose.domain.payments.hand_limits import HandLimits, Role
from monthclose.domain.rehearsals.gate import GateSettings
from monthclose.domain.usage_archive import FEWEST_MONTHS, MONTHS_KEPT
from stacks.config.company import read_company
from stacks.config.domain import Domain
from stacks.config.journal import read_journal
from stacks.config.policies import (
    read_dunning,
    read_gates,
    read_hand_limits,
    read_hold_policy,
    read_invoicing,
    read_mail,
    read_usage_drop,
)
from stacks.config.provider import Provider
from stacks.config.reading import (
    ConfigError,
    Json,
    check_fields,
    read_choice,
    read_flag,
    read_integer,
    read_object,
    read_text,
)
from stacks.config.schedules import Collections, Reconcile, read_billing_days
from stacks.config.target import Target
from stacks.config.time_zones import read_calendar

if TYPE_CHECKING:
    from constructs import Node

CONTEXT_KEY = "monthclose"
OVERRIDES_KEY = "monthclose-overrides"

_ADDRESS = r"[^@\s]+@[^@\s]+\.[^@\s]+"
_OPTIONAL: Mapping[str, object] = {
    "billing_days": [1],
    "company": {},
    "customer_time_zones": [],
    "domain": {},
    "earlier_time_zones": [],
    "expected_customers": 0,
    "gates": {},
    "hand_limits": {},
    "invoice_link_days": 0,
    "journal": {},
    "mail": {},
}
"""The defaults of settings that may be left out."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """All settings of a deployment.

    Attributes
    ----------
    name : str
        Before the names of the stacks, where an account has several deployments; empty for the one without a name.
    domain : Domain or None
        What invoice links and webhooks have for an address; None for the functions' own.
    mail_identity : str
        The SES identity that mail is sent from: the sender's domain (the default) or the sender's address.
    mail_identity_created : bool
        Whether the workflow stack creates it. False if the company has already verified its domain in SES.
    gates : GateSettings
        Whether a close needs an approval before it may charge, and the rules; all are off unless set.
    hand_limits : mapping
        By role: what a person may refund and write off of one invoice.
    mail : MailSettings
        How much of the account's SES quota is used.
    max_batches : int
        The most batches that a close is cut into. With no more customers than that, each has a batch of its own.
    deadline_hours : int
        Hours after the month has ended everywhere, at which a close that is still running raises an alarm.
    billing_days : tuple of int
        The days of the month that customers' periods may begin on; there is a close on each.
    expected_customers : int
        How many customers the tables are made for from the start; 0 for what AWS's new tables take anyway.
    map_concurrency : int
        Batches in flight at once. On AWS the Map's limit, 10,000: the provider's queue is the only brake.
    charge_timeout_seconds : int
        Time-out of the function that charges; the visibility time-out of its queue is six times as long.
    alarm_email : str or None
        Where alarms are sent. Without it they only show in CloudWatch.
    finance_email : str or None
        Who is told of the report pack at the end of each close. None for nobody.
    company : Company
        What invoices say about the company.
    invoice_link_days : int
        How many days a link to an invoice works; 0 for e-mails without links.
    journal : JournalSettings
        The company's accounts for the general ledger.
    usage_drop : DropSettings
        How files that are dropped into the usage bucket are imported.
    max_rejected_percent : int
        The largest share of a file's rows that may be rejected for its import to count as a success.
    usage_months : int or None
        How many months of usage stay in DynamoDB; what is older is archived. None: all.
    time_zone, customer_time_zones, earlier_time_zones
        The zones that bills go by: see `calendar`.
    reserve_concurrency : bool
        Whether some of the account's concurrency is reserved for functions that need it. False only if the account's
        quota is too small: Lambda insists that 100 are left for all other functions.
    """

    target: Target
    name: str
    domain: Domain | None
    company_name: str
    mail_sender: str
    mail_identity: str
    mail_identity_created: bool
    mail: MailSettings
    providers: tuple[Provider, ...]
    hold_policy: HoldPolicy
    invoicing: InvoicingPolicy
    dunning: DunningPolicy
    collections: Collections
    max_batches: int
    max_rounds: int
    round_wait_seconds: int
    deadline_hours: int
    billing_days: tuple[int, ...]
    gates: GateSettings
    hand_limits: Mapping[Role, HandLimits]
    expected_customers: int
    map_concurrency: int
    charge_timeout_seconds: int
    reconcile: Reconcile
    alarm_email: str | None
    finance_email: str | None
    company: Company
    invoice_link_days: int
    journal: JournalSettings
    usage_drop: DropSettings
    max_rejected_percent: int
    usage_months: int | None
    time_zone: str
    customer_time_zones: tuple[str, ...]
    earlier_time_zones: tuple[EarlierZone, ...]
    reserve_concurrency: bool

    @classmethod
    def from_context(cls, node: "Node") -> Self:
        """Read the settings of a CDK app.

        Raises
        ------
        ConfigError
            If they cannot be used.
        """
        return cls.parse(node.try_get_context(CONTEXT_KEY), node.try_get_context(OVERRIDES_KEY))

    @classmethod
    def parse(cls, values: object, overrides: object = None) -> Self:
        """Read settings after merging the JSON text of `overrides` into them."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"cdk.json: `context` has no object under the key {CONTEXT_KEY!r}")
        settings = _merge({**_OPTIONAL, **values}, _parse_overrides(overrides))
        check_fields(settings, "", cls)
        target = read_choice(settings, "", "target", Target)
        sender = read_text(settings, "", "mail_sender")
        if not re.fullmatch(_ADDRESS, sender):
            raise ConfigError(f"mail_sender: {sender!r} is not an e-mail address")
        identity = read_text(settings, "", "mail_identity", default=sender.partition("@")[2])
        calendar = read_calendar(settings)
        if identity not in (sender, sender.partition("@")[2]):
            raise ConfigError(f"mail_identity: {identity!r} is neither {sender!r} nor its domain")
        return cls(
            target=target,
            name=_name(settings),
            # A certificate is of no use on this machine.
            domain=Domain.parse(read_object(settings, "", "domain")) if target is Target.AWS else None,
            company_name=read_text(settings, "", "company_name"),
            mail_sender=sender,
            mail_identity=identity,
            mail_identity_created=read_flag(settings, "", "mail_identity_created", default=True),
            mail=read_mail(read_object(settings, "", "mail")),
            providers=_providers(settings, target, _name(settings)),
            hold_policy=read_hold_policy(read_object(settings, "", "hold_policy")),
            invoicing=read_invoicing(read_object(settings, "", "invoicing")),
            dunning=read_dunning(read_object(settings, "", "dunning")),
            collections=Collections.parse(read_object(settings, "", "collections")),
            max_batches=read_integer(settings, "", "max_batches", least=1, most=MAX_BATCHES),
            max_rounds=read_integer(settings, "", "max_rounds", least=1, most=20),
            round_wait_seconds=read_integer(settings, "", "round_wait_seconds", least=0, most=86_400),
            deadline_hours=read_integer(settings, "", "deadline_hours", least=1, most=27 * 24),
            billing_days=_billing_days(settings),
            gates=read_gates(read_object(settings, "", "gates")),
            hand_limits=read_hand_limits(read_object(settings, "", "hand_limits")),
            expected_customers=read_integer(settings, "", "expected_customers", least=0, most=10**9),
            map_concurrency=read_integer(settings, "", "map_concurrency", least=1, most=10_000),
            charge_timeout_seconds=read_integer(settings, "", "charge_timeout_seconds", least=10, most=900),
            reconcile=Reconcile.parse(read_object(settings, "", "reconcile")),
            alarm_email=read_text(settings, "", "alarm_email", default="") or None,
            finance_email=_address(settings, "finance_email"),
            company=read_company(read_object(settings, "", "company"), name=read_text(settings, "", "company_name")),
            invoice_link_days=read_integer(settings, "", "invoice_link_days", least=0, most=3660),
            journal=read_journal(read_object(settings, "", "journal")),
            usage_drop=read_usage_drop(read_object(settings, "", "usage_drop"), target=target),
            usage_months=_usage_months(settings),
            max_rejected_percent=read_integer(settings, "", "max_rejected_percent", least=0, most=100),
            time_zone=calendar.zone,
            customer_time_zones=calendar.customer_zones,
            earlier_time_zones=calendar.earlier,
            # An emulator has no concurrency to reserve.
            reserve_concurrency=read_flag(settings, "", "reserve_concurrency", default=True) and target is Target.AWS,
        )

    @property
    def calendar(self) -> BillingCalendar:
        """When periods begin and end."""
        return BillingCalendar(self.time_zone, self.customer_time_zones, self.earlier_time_zones)

    @property
    def local(self) -> bool:
        """Whether the target is an emulator on this machine."""
        return self.target is Target.LOCAL


def _billing_days(settings: Json) -> tuple[int, ...]:
    """Read the billing days; with several, a close must end before the next one may begin."""
    days = read_billing_days(settings, "billing_days")
    if len(days) > 1:
        read_integer(settings, "", "deadline_hours", least=1, most=23)
    return days


def _usage_months(settings: Json) -> int | None:
    months = settings.get("usage_months", MONTHS_KEPT)
    return None if months is None else read_integer({"usage_months": months}, "", "usage_months", least=FEWEST_MONTHS)


def _address(settings: Json, name: str) -> str | None:
    address = read_text(settings, "", name, default="")
    if address and not re.fullmatch(_ADDRESS, address):
        raise ConfigError(f"{name}: {address!r} is not an e-mail address")
    return address or None


def _name(settings: Json) -> str:
    name = read_text(settings, "", "name", default="")
    if name and not re.fullmatch(r"[a-z][a-z0-9]{0,19}", name):
        raise ConfigError(f"name: {name!r} is not up to 20 lower-case letters and digits, a letter first")
    return name


def _providers(settings: Json, target: Target, deployment: str) -> tuple[Provider, ...]:
    entries = read_object(settings, "", "providers")
    if not entries:
        raise ConfigError("providers: at least one payment provider is needed")
    return tuple(
        Provider.parse(name, read_object(entries, "providers", name), target=target, deployment=deployment)
        for name in sorted(entries)
    )


def _parse_overrides(text: object) -> Json:
    if text is None:
        return {}
    try:
        overrides = json.loads(text) if isinstance(text, str) else text
    except json.JSONDecodeError as error:
        raise ConfigError(f"-c {OVERRIDES_KEY}: not JSON: {error}") from error
    if not isinstance(overrides, Mapping):
        raise ConfigError(f"-c {OVERRIDES_KEY}: a JSON object is needed, not {text!r}")
    return overrides


def _merge(values: Json, overrides: Json) -> Json:
    merged = dict(values)
    for key, override in overrides.items():
        value = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(override, Mapping)
        merged[key] = _merge(value, override) if both else override  # type: ignore[arg-type]
    return merged
