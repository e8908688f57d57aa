"""What a function is: its name, what calls it, how large it is, what it may do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monthclose.names import Env


class Function(StrEnum):
    """The functions. A value is the name of the handler's file."""

    OPEN_CLOSE = "open_close"
    PLAN_CLOSE = "plan_close"
    GENERATE_INVOICES = "generate_invoices"
    JUDGE_REHEARSAL = "judge_rehearsal"
    AWAIT_APPROVAL = "await_approval"
    CHARGE_CUSTOMERS = "charge_customers"
    SEND_NOTICES = "send_notices"
    SEND_REMAINING_NOTICES = "send_remaining_notices"
    APPLY_HOLDS = "apply_holds"
    PARK_CUSTOMERS = "park_customers"
    PLAN_COMPARISON = "plan_comparison"
    COMPARE_PART = "compare_part"
    REPORT_CLOSE = "report_close"
    OPEN_RECONCILE = "open_reconcile"
    DRAIN_DEAD_LETTERS = "drain_dead_letters"
    SETTLE_PAYMENTS = "settle_payments"
    COMPARE_BOOKS = "compare_books"
    SHOW_INVOICE = "show_invoice"
    ACT_FOR_CUSTOMER = "act_for_customer"
    FIND_OWING = "find_owing"
    SEND_REMINDERS = "send_reminders"
    REVIEW_HOLDS = "review_holds"
    RECEIVE_WEBHOOK = "receive_webhook"
    APPLY_WEBHOOK = "apply_webhook"
    HEAR_MAIL = "hear_mail"
    RECEIVE_USAGE = "receive_usage"
    LOAD_USAGE = "load_usage"
    FINISH_USAGE = "finish_usage"
    ACT_FOR_OPERATOR = "act_for_operator"
    REFUND_WITHIN_LIMITS = "refund_within_limits"
    PUBLISH_EVENTS = "publish_events"
    PLAN_PACK = "plan_pack"
    READ_PACK_PART = "read_pack_part"
    WRITE_PACK_TABLE = "write_pack_table"
    FINISH_PACK = "finish_pack"
    SHOW_CLOSE = "show_close"
    PLAN_ARCHIVE = "plan_archive"
    ARCHIVE_PART = "archive_part"

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
    REPORT_PACK = "report_pack"
    ARCHIVE_USAGE = "archive_usage"


@dataclass(frozen=True, kw_only=True)
class UsageAccess:
    """The prefixes of the usage bucket below which a function reads, writes and deletes objects."""

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Access:
    """What a function may do with the state: exactly what it was recorded to do (tests/infrastructure/test_rights.py).

    Parameters
    ----------
    tables : mapping
        The DynamoDB actions that it uses, by table.
    indexes : mapping
        The index that it queries, by table.
    reads_documents, writes_documents : tuple of str
        The prefixes of the documents bucket below which it reads and writes objects.
    deletes_documents : tuple of str
        Those below which it removes objects.
    uploads_documents : tuple of str
        Those below which it writes objects of any size, in parts if they are large.
    usage : UsageAccess or None
        Its part in the usage bucket.
    remembers : bool
        Whether it keeps idempotency records.
    acts : tuple of str
        If it appends to the audit trail, the indexes of it that it queries for that.
    """

    tables: Mapping[Env, tuple[str, ...]] = field(default_factory=dict)
    indexes: Mapping[Env, str] = field(default_factory=dict)
    reads_documents: tuple[str, ...] = ()
    writes_documents: tuple[str, ...] = ()
    uploads_documents: tuple[str, ...] = ()
    deletes_documents: tuple[str, ...] = ()
    usage: UsageAccess | None = None
    remembers: bool = True
    acts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spec:
    """One function.

    Parameters
    ----------
    timeout_seconds, memory_mb : int
        What it may use. A function's share of a CPU grows with its memory.
    machine : Machine or None
        The state machine that calls it.
    also : Machine or None
        Another one that calls it as well.
    at_once : int or None
        How many may run at once, reserved from the account's concurrency. None: as many as the account allows.
    puts_back : bool
        Whether it puts messages back into the queue that it consumes. Lambda takes that for an endless loop, and would
        drop a message after some 16 turns; for these functions it is allowed.
    access : Access or None
        What it may do with the state. None: whoever makes the function grants it something narrower.
    """

    timeout_seconds: int
    memory_mb: int = 512
    machine: Machine | None = field(default=None, kw_only=True)
    also: Machine | None = field(default=None, kw_only=True)
    at_once: int | None = field(default=None, kw_only=True)
    puts_back: bool = field(default=False, kw_only=True)
    access: Access | None = field(default_factory=Access, kw_only=True)

    @property
    def waited_for(self) -> bool:
        """Whether its caller waits until there is room for it, so that being throttled is no fault."""
        return self.machine is not None and self.at_once is not None
