"""The deployed system as the commands see it: the runtime's ports and the state machine."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from monthclose.domain.imports.intake import CheckTaxId
from monthclose.domain.invoices.invoicing import INVOICE_EVERYTHING, InvoicingPolicy
from monthclose.ports import (
    Books,
    Clock,
    Closes,
    CustomerDirectory,
    DeadLetters,
    Documents,
    LinkSecrets,
    Mailer,
    PaymentGateway,
    PriceBooks,
    ProviderLimits,
    TaxTables,
    UsageStore,
    Workflow,
)
from monthclose.settings import Provider, Settings
from monthclose.use_cases.accounts.adjust_account import Cashier
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.accounts.hold_by_hand import HoldDesk
from monthclose.use_cases.invoices.correct_invoice import Corrector
from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter
from monthclose.use_cases.invoices.invoice_links import link_writer
from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
from monthclose.use_cases.invoices.regenerate_invoice import Regenerator
from monthclose.use_cases.notices.notice_texts import NoticeTexts
from monthclose.use_cases.notices.tell_customer import CustomerTeller
from monthclose.use_cases.notices.tell_hold import HoldTeller


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of the state machine, as it stands."""

    status: str
    """As Step Functions says: `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`."""
    output: Any = None
    error: str = ""
    cause: str = ""


class Machine(Protocol):
    """The state machine."""

    def start(self, name: str, request: dict[str, str]) -> str:
        """Start an execution and return its ARN."""

    def stop(self, execution: str, cause: str) -> None:
        """Stop an execution; one that has ended is no error."""

    def describe(self, execution: str) -> Execution:
        """Ask how an execution stands."""


@dataclass(frozen=True, slots=True)
class System:
    """What the commands work with; the tests put fakes in its place."""

    books: Books
    closes: Closes
    directory: CustomerDirectory
    usage: UsageStore
    price_books: PriceBooks
    tax_tables: TaxTables
    check_tax_id: CheckTaxId
    documents: Documents
    issued: IssuedDocuments
    workflow: Workflow
    clock: Clock
    settings: Settings
    gateways: Mapping[str, Callable[[], PaymentGateway]]
    mailer: Callable[[], Mailer]
    dead_letters: Callable[[str], DeadLetters]
    """Makes a queue of dead letters, by its URL."""
    machine: Machine
    limits: ProviderLimits
    providers: Mapping[str, Provider]
    """The settings of those in the deployment."""
    adapters: frozenset[str]
    """The names of those that customers can be charged through."""
    cashier: Cashier
    holds: HoldDesk
    drafter: InvoiceDrafter
    corrector: Corrector
    regenerator: Regenerator
    link_secrets: LinkSecrets | None = None
    """The keys of links to invoices; None if mails carry none."""
    policy: InvoicingPolicy = INVOICE_EVERYTHING
    sleep: Callable[[float], None] = time.sleep

    def notice_texts(self) -> NoticeTexts:
        """Make what writes to customers, with links where the deployment has them."""
        writer = link_writer(self.settings.links, self.link_secrets, self.clock)
        return NoticeTexts(self.settings.company_name, writer)

    def customer_teller(self) -> CustomerTeller:
        """Make what decides holds and tells customers of what became of their payments."""
        policy, texts = self.settings.hold_policy, self.notice_texts()
        teller = HoldTeller(self.books, self.mailer(), texts, self.clock, policy)
        keeper = HoldKeeper(self.books, self.closes, policy, self.clock, self.settings.dunning, teller)
        return CustomerTeller(self.books, self.mailer(), texts, self.clock, keeper)


def cause_for_people(cause: str) -> str:
    """Find the message in a failed execution's cause: Lambda wraps it in JSON."""
    try:
        wrapped = json.loads(cause)
    except json.JSONDecodeError:
        return cause
    message = wrapped.get("errorMessage") if isinstance(wrapped, dict) else None
    return str(message or cause)
