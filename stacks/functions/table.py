"""The functions in one table: what calls them, how large they are, what they may do. A new one is one entry here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monthclose.names import PARTS_PREFIX, REJECTS_PREFIX, USAGE_PREFIX, Env


class Function(StrEnum):
    """The functions. A value is the name of the handler's file."""

    OPEN_CLOSE = "open_close"
    PLAN_CLOSE = "plan_close"
    GENERATE_INVOICES = "generate_invoices"
    CHARGE_CUSTOMERS = "charge_customers"
    SEND_NOTICES = "send_notices"
    SEND_REMAINING_NOTICES = "send_remaining_notices"
    APPLY_HOLDS = "apply_holds"
    PARK_CUSTOMERS = "park_customers"
    REPORT_CLOSE = "report_close"
    OPEN_RECONCILE = "open_reconcile"
    DRAIN_DEAD_LETTERS = "drain_dead_letters"
    SETTLE_PAYMENTS = "settle_payments"
    COMPARE_BOOKS = "compare_books"
    SHOW_INVOICE = "show_invoice"
    FIND_OWING = "find_owing"
    SEND_REMINDERS = "send_reminders"
    REVIEW_HOLDS = "review_holds"
    RECEIVE_WEBHOOK = "receive_webhook"
    APPLY_WEBHOOK = "apply_webhook"
    HEAR_MAIL = "hear_mail"
    RECEIVE_USAGE = "receive_usage"
    LOAD_USAGE = "load_usage"
    FINISH_USAGE = "finish_usage"

    @property
    def camel_case(self) -> str:
        """The name as a construct's: `GenerateInvoices`."""
        return self.value.title().replace("_", "")


class Machine(StrEnum):
    """The state machines that call functions. A value is the name of the definition's file."""

    MONTH_CLOSE = "month_close"
    RECONCILE = "reconcile"
    COLLECTIONS = "collections"
    IMPORT_USAGE = "import_usage"


@dataclass(frozen=True, kw_only=True)
class UsageAccess:
    """The prefixes of the usage bucket below which a function reads, writes and deletes objects."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a function may do with the state. Every function also keeps the close's state and its idempotency records.

    Parameters
    ----------
    reads, writes : tuple of Env
        The other tables that it reads, or reads and writes.
    reads_documents, writes_documents : bool
        Whether it reads the documents, and whether it writes them as well.
    reads_rating : bool
        Whether it reads price books and tax tables, and no other documents.
    usage : UsageAccess or None
        Its part in the usage bucket.
    """

    reads: tuple[Env, ...] = ()
    writes: tuple[Env, ...] = ()
    reads_documents: bool = False
    writes_documents: bool = False
    reads_rating: bool = False
    usage: UsageAccess | None = None


@dataclass(frozen=True)
class Spec:
    """One function.

    Parameters
    ----------
    timeout_seconds, memory_mb : int
        What it may use. A function's share of a CPU grows with its memory.
    machine : Machine or None
        The state machine that calls it.
    at_once : int or None
        How many may run at once, reserved from the account's concurrency. None: as many as the account allows.
    access : Access or None
        What it may do with the state. None: whoever makes the function grants it something narrower.
    """

    timeout_seconds: int
    memory_mb: int = 512
    machine: Machine | None = field(default=None, kw_only=True)
    at_once: int | None = field(default=None, kw_only=True)
    access: Access | None = field(default_factory=Access, kw_only=True)

    @property
    def waited_for(self) -> bool:
        """Whether its caller waits until there is room for it, so that being throttled is no fault."""
        return self.machine is not None and self.at_once is not None


_CUSTOMERS, _USAGE, _BILLING = Env.CUSTOMERS_TABLE, Env.USAGE_TABLE, Env.BILLING_TABLE
_BOOKS = Access(writes=(_CUSTOMERS, _BILLING))
_CLOSE, _RECONCILE = Machine.MONTH_CLOSE, Machine.RECONCILE
_COLLECTIONS, _IMPORT = Machine.COLLECTIONS, Machine.IMPORT_USAGE

FUNCTIONS: Mapping[Function, Spec] = {
    Function.OPEN_CLOSE: Spec(30, machine=_CLOSE),
    Function.PLAN_CLOSE: Spec(
        900, 1024, machine=_CLOSE, access=Access(reads=(_CUSTOMERS,), reads_documents=True, writes_documents=True)
    ),
    Function.GENERATE_INVOICES: Spec(
        900,
        machine=_CLOSE,
        access=Access(reads=(_USAGE,), writes=(_CUSTOMERS, _BILLING), reads_documents=True, writes_documents=True),
    ),
    # A batch of a thousand: 0.2 s an e-mail, and half a minute of waiting for mail.
    Function.SEND_NOTICES: Spec(900, machine=_CLOSE, access=_BOOKS),
    # One, with as many threads as mail needs: half a CPU writes some 80 e-mails a second.
    Function.SEND_REMAINING_NOTICES: Spec(900, 1024, machine=_CLOSE, access=_BOOKS),
    Function.APPLY_HOLDS: Spec(900, machine=_CLOSE, access=_BOOKS),
    Function.PARK_CUSTOMERS: Spec(
        900, machine=_CLOSE, access=Access(writes=(_CUSTOMERS, _BILLING), reads_documents=True)
    ),
    Function.REPORT_CLOSE: Spec(
        900,
        1024,
        machine=_CLOSE,
        access=Access(reads=(_CUSTOMERS, _BILLING), reads_documents=True, writes_documents=True),
    ),
    Function.OPEN_RECONCILE: Spec(30, machine=_RECONCILE, access=Access(reads_documents=True)),
    Function.DRAIN_DEAD_LETTERS: Spec(300, machine=_RECONCILE, access=Access(writes_documents=True)),
    Function.SETTLE_PAYMENTS: Spec(900, machine=_RECONCILE, access=_BOOKS),
    Function.COMPARE_BOOKS: Spec(
        900,
        1024,
        machine=_RECONCILE,
        access=Access(writes=(_CUSTOMERS, _BILLING), reads_documents=True, writes_documents=True),
    ),
    Function.FIND_OWING: Spec(900, machine=_COLLECTIONS, access=Access(reads=(_CUSTOMERS,), writes_documents=True)),
    Function.SEND_REMINDERS: Spec(300, machine=_COLLECTIONS, access=_BOOKS),
    Function.REVIEW_HOLDS: Spec(300, machine=_COLLECTIONS, access=_BOOKS),
    # A thousand files dropped together must not take the account's concurrency from a close, so few run at once. Those
    # without room are tried again for a day: files of gigabytes keep theirs for hours. Late usage is noted on the
    # customer. None of the three writes below the prefix whose objects start an import.
    Function.RECEIVE_USAGE: Spec(
        900,
        1769,  # a whole CPU (AWS Lambda's guide): it reads files of gigabytes in one go
        machine=_IMPORT,
        at_once=20,
        access=Access(
            writes=(_CUSTOMERS, _USAGE),
            reads_rating=True,
            usage=UsageAccess(
                reads=(USAGE_PREFIX, PARTS_PREFIX, REJECTS_PREFIX),
                writes=(PARTS_PREFIX, REJECTS_PREFIX),
                deletes=(REJECTS_PREFIX,),
            ),
        ),
    ),
    Function.LOAD_USAGE: Spec(
        900,
        1024,
        machine=_IMPORT,
        at_once=40,
        access=Access(
            writes=(_CUSTOMERS, _USAGE),
            reads_rating=True,
            usage=UsageAccess(reads=(PARTS_PREFIX,), writes=(PARTS_PREFIX,)),
        ),
    ),
    Function.FINISH_USAGE: Spec(
        900,
        1769,  # as much, in case every row of such a file is rejected: writing a row takes as long as splitting it
        machine=_IMPORT,
        access=Access(
            usage=UsageAccess(
                reads=(PARTS_PREFIX, REJECTS_PREFIX), writes=(PARTS_PREFIX, REJECTS_PREFIX), deletes=(REJECTS_PREFIX,)
            )
        ),
    ),
    # One for each provider. This is the longest time-out that the settings allow; they say which one it gets, and how
    # many of it run at once.
    Function.CHARGE_CUSTOMERS: Spec(900, access=_BOOKS),
    # At some 50 ms each, 20 at once take 400 deliveries a second; the rest are asked to come again. The address is
    # open to anybody and must not take the account's concurrency from a close.
    Function.RECEIVE_WEBHOOK: Spec(15, at_once=20, access=None),
    # Two or three requests to the provider at their time-outs (20 s each), and the books' writes.
    Function.APPLY_WEBHOOK: Spec(120, access=_BOOKS),
    Function.HEAR_MAIL: Spec(60, access=_BOOKS),
    # As much memory as every account may use: it takes a PDF of 15,000 lines, the most that an invoice has. Open to
    # the internet: visitors must not take the account's concurrency from a close.
    Function.SHOW_INVOICE: Spec(300, 3008, at_once=20, access=None),
}
"""In the order in which they are made, and shown on the dashboard."""


def called_by(machine: Machine) -> tuple[Function, ...]:
    """List the functions that a state machine calls."""
    return tuple(function for function, spec in FUNCTIONS.items() if spec.machine is machine)
