"""Settings of a deployed system, from the environment of a function or the outputs of the stacks."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from monthclose.domain.calendar import BillingCalendar
from monthclose.domain.closes.batching import MAX_BATCHES
from monthclose.domain.closes.pacing import generated_per_second as per_second_for
from monthclose.domain.collections.dunning import AfterLast, DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.chart import JournalSettings
from monthclose.domain.imports.drop_settings import MAX_REJECTED_PERCENT, DropSettings
from monthclose.domain.invoices.company import Company
from monthclose.domain.invoices.document_parts import Seller
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.notices.sending import MailSettings
from monthclose.domain.payments.hand_limits import HandLimits, Role
from monthclose.domain.payments.requests import requests_per_charge
from monthclose.domain.payments.throttle import Limit, charging_threads
from monthclose.domain.period import read_billing_day
from monthclose.domain.rehearsals.gate import GateSettings, Required
from monthclose.domain.rehearsals.settings import GateRules
from monthclose.domain.usage_archive import MONTHS_KEPT, check_months
from monthclose.locales import ENGLISH
from monthclose.names import EVENT_SOURCE, Env, LimitScope

GENERATED_PER_SECOND = per_second_for(0)
"""What new tables take."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One payment provider's settings; a provider without an entry has no adapter.

    Parameters
    ----------
    requests_per_second : float
        The provider's rate limit.
    maximum_concurrency : int
        Workers that drain its queue at once.
    limit_scope : LimitScope
        What the limit applies to.
    reserve_share, burst
        See `Limit`.
    dead_letters_url : str
        Its queue's dead-letter queue.
    largest_charge_minor : mapping
        By currency, in minor units: the most that one charge may collect, where the company's account has another limit
        than the provider's usual one.
    """

    name: str
    queue_url: str
    secret_name: str
    api_base: str
    requests_per_second: float
    maximum_concurrency: int = 2
    limit_scope: LimitScope = LimitScope.ENDPOINT
    reserve_share: float = 0.0
    burst: int = 5
    dead_letters_url: str = ""
    largest_charge_minor: Mapping[str, int] = field(default_factory=dict)

    @property
    def limit(self) -> Limit:
        """Its rate limit as deployed; an operator may change it while a close runs."""
        return Limit(self.requests_per_second, self.reserve_share, self.burst)

    @property
    def requests_per_charge(self) -> int:
        """Requests of a charge that its limit must have room for."""
        return requests_per_charge(self.name, self.limit_scope)

    @property
    def charges_per_second(self) -> float:
        """Charges a second that its limit allows, as deployed."""
        return self.limit.usable() / self.requests_per_charge

    @property
    def threads(self) -> int:
        """Charges that one worker runs at once: enough for all workers to use the limit even if answers are slow."""
        return charging_threads(self.limit, self.maximum_concurrency)


@dataclass(frozen=True, slots=True)
class CloseSettings:
    """How a close is run.

    Parameters
    ----------
    max_rounds : int
        Passes over the batches in one run, the first included.
    round_wait_seconds : int
        Pause before a repair round, longer for each further one.
    generated_per_second : float
        For how many customers a second invoices are generated.
    """

    max_rounds: int = 3
    round_wait_seconds: int = 60
    deadline_hours: int = 8
    max_batches: int = MAX_BATCHES
    generated_per_second: float = GENERATED_PER_SECOND


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Links to invoices.

    Parameters
    ----------
    url : str
        The address that they lead to; empty in the function that serves it.
    """

    secret_name: str
    valid_days: int
    url: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a deployment; without `links`, mails carry no links.

    Parameters
    ----------
    max_rejected_percent : int
        The largest share of a file's rows that may be rejected for its import to count as a success.
    event_source : str
        The source of the deployment's events; only the function that sends them is given another one.
    hand_limits : HandLimits
        What may be refunded and written off by hand: each function that does it is given the limits of its role.
    """

    customers_table: str
    usage_table: str
    billing_table: str
    closes_table: str
    idempotency_table: str
    documents_bucket: str
    providers: dict[str, Provider]
    webhook_queue_url: str
    mail_sender: str
    mail_configuration_set: str
    company_name: str
    hold_policy: HoldPolicy
    invoicing: InvoicingPolicy
    dunning: DunningPolicy
    close: CloseSettings
    company: Company
    usage_bucket: str
    drop: DropSettings
    links: LinkSettings | None = None
    max_rejected_percent: int = MAX_REJECTED_PERCENT
    mail: MailSettings = field(default_factory=MailSettings)
    audit_table: str = ""
    """Empty in a deployment that has no audit trail yet."""
    usage_packs_table: str = ""
    """Empty in a deployment that stores each event as an item."""
    event_source: str = EVENT_SOURCE
    gates: GateSettings = field(default_factory=GateSettings)
    hand_limits: HandLimits = field(default_factory=HandLimits)
    journal: JournalSettings = field(default_factory=JournalSettings)
    billing_days: tuple[int, ...] = (1,)
    """The days of the month that periods may begin on; the first is always among them."""
    finance_email: str = ""
    """Who is told by e-mail of the report pack; empty for nobody."""
    calendar: BillingCalendar = field(default_factory=BillingCalendar)
    """The time zones that bills go by."""
    usage_months: int | None = MONTHS_KEPT
    """How many months of usage stay in DynamoDB; None: all."""

    @property
    def deciding(self) -> str:
        """A fingerprint of the settings that decide about an invoice's amounts and days."""
        content = [asdict(self.invoicing), self.company.payment_days, *filter(None, [self.calendar.values()])]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    @classmethod
    def from_mapping(cls, values: Mapping[str, str]) -> "Settings":
        """Read the settings from `Env` names and their values.

        Raises
        ------
        UserMistakeError
            One is missing or cannot be read; the message names it.
        """

        def text(name: Env) -> str:
            try:
                return values[name]
            except KeyError:
                raise UserMistakeError(f"the setting {name.value} is missing") from None

        def parsed(name: Env) -> Any:
            try:
                return json.loads(text(name))
            except json.JSONDecodeError:
                raise UserMistakeError(f"the setting {name.value} is not valid JSON: {values[name]!r}") from None

        calendar = BillingCalendar.from_values(json.loads(values.get(Env.TIME_ZONES, "{}")))
        return cls(
            customers_table=text(Env.CUSTOMERS_TABLE),
            usage_table=text(Env.USAGE_TABLE),
            billing_table=text(Env.BILLING_TABLE),
            closes_table=text(Env.CLOSES_TABLE),
            idempotency_table=text(Env.IDEMPOTENCY_TABLE),
            documents_bucket=text(Env.DOCUMENTS_BUCKET),
            providers={
                name: Provider(
                    name,
                    queue_url=entry["queue_url"],
                    secret_name=entry["secret_name"],
                    api_base=entry["api_base"],
                    requests_per_second=float(entry["requests_per_second"]),
                    maximum_concurrency=int(entry["maximum_concurrency"]),
                    limit_scope=LimitScope(entry["limit_scope"]),
                    reserve_share=float(entry["reserve_share"]),
                    burst=int(entry["burst"]),
                    dead_letters_url=entry["dead_letters_url"],
                    largest_charge_minor=entry.get("largest_charge_minor", {}),
                )
                for name, entry in parsed(Env.PROVIDERS).items()
            },
            webhook_queue_url=text(Env.WEBHOOK_QUEUE_URL),
            mail_sender=text(Env.MAIL_SENDER),
            mail_configuration_set=text(Env.MAIL_CONFIGURATION_SET),
            company_name=text(Env.COMPANY_NAME),
            hold_policy=HoldPolicy(**parsed(Env.HOLD_POLICY)),
            invoicing=InvoicingPolicy(**parsed(Env.INVOICING)),
            dunning=replace(_dunning(parsed(Env.DUNNING)), calendar=calendar),
            close=CloseSettings(
                max_batches=parsed(Env.MAX_BATCHES),
                generated_per_second=float(values.get(Env.GENERATED_PER_SECOND, GENERATED_PER_SECOND)),
                max_rounds=parsed(Env.MAX_ROUNDS),
                round_wait_seconds=parsed(Env.ROUND_WAIT_SECONDS),
                deadline_hours=parsed(Env.DEADLINE_HOURS),
            ),
            company=_company(parsed(Env.COMPANY)),
            links=_links(parsed(Env.INVOICE_LINKS), values.get(Env.INVOICE_URL, "")),
            usage_bucket=text(Env.USAGE_BUCKET),
            drop=DropSettings(**parsed(Env.USAGE_DROP)),
            max_rejected_percent=parsed(Env.MAX_REJECTED_PERCENT),
            gates=_gates(json.loads(values.get(Env.GATES, "{}"))),
            journal=JournalSettings.from_values(json.loads(values.get(Env.JOURNAL, "{}"))),
            mail=MailSettings(**json.loads(values.get(Env.MAIL_PACE, "{}"))),
            audit_table=values.get(Env.AUDIT_TABLE, ""),
            usage_packs_table=values.get(Env.USAGE_PACKS_TABLE, ""),
            event_source=values.get(Env.EVENT_SOURCE, EVENT_SOURCE),
            hand_limits=_hand_limits(json.loads(values.get(Env.HAND_LIMITS, "{}"))),
            billing_days=tuple(map(read_billing_day, json.loads(values.get(Env.BILLING_DAYS, "[1]")))),
            finance_email=values.get(Env.FINANCE_EMAIL, ""),
            calendar=calendar,
            usage_months=check_months(json.loads(values.get(Env.USAGE_MONTHS, str(MONTHS_KEPT)))),
        )


def _company(entry: Mapping[str, Any]) -> Company:
    details: dict[str, Any] = {**entry, "address": tuple(entry.get("address", ()))}
    payment_days, e_invoice = details.pop("payment_days"), details.pop("e_invoice")
    language = details.pop("language", ENGLISH)
    return Company(Seller(**details), payment_days, e_invoice, language)


def _gates(entry: Mapping[str, Any]) -> GateSettings:
    rules = dict(entry)
    return GateSettings(Required(rules.pop("approval", Required.OFF)), GateRules.from_values(rules))


def _hand_limits(entry: Mapping[str, Any]) -> HandLimits:
    return HandLimits(Role(entry.get("role", Role.MONEY)), entry.get("most_minor", {}))


def _links(entry: Mapping[str, Any], url: str) -> LinkSettings | None:
    return LinkSettings(entry["secret_name"], entry["valid_days"], url) if entry else None


def _dunning(values: Mapping[str, Any]) -> DunningPolicy:
    try:
        return DunningPolicy(
            **dict(values)
            | {
                "retry_days": tuple(values["retry_days"]),
                "reminder_days": tuple(values["reminder_days"]),
                "after_last": AfterLast(values["after_last"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserMistakeError(f"the setting {Env.DUNNING.value} cannot be used: {error}") from None
