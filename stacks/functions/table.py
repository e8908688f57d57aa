"""The functions in one table: what calls them, how large they are, what they may do. A new one is one entry here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from monthclose.names import (
    ACTS_INDEX,
    ACTS_OF_CUSTOMER,
    ACTS_OF_PERIOD,
    ACTS_OF_SUBJECT,
    ARCHIVE_PARTS_PREFIX,
    BEING_CHARGED_INDEX,
    COMPARISONS_PREFIX,
    IMPORT_SOURCES_PREFIX,
    PACK_PARTS_PREFIX,
    PARTS_PREFIX,
    PRICE_BOOKS_PREFIX,
    REJECTS_PREFIX,
    RETRIES_PREFIX,
    TAX_TABLES_PREFIX,
    UNFINISHED_INDEX,
    USAGE_ARCHIVE_PREFIX,
    USAGE_CAME_BACK_PREFIX,
    USAGE_PREFIX,
    Env,
)
from stacks.state.documents import (
    CARRIED,
    COMPANY,
    CREDIT_NOTES,
    DEAD_LETTERS,
    DRAFTS,
    INVOICES,
    PACKS,
    RECONCILIATIONS,
    REGISTER_BATCHES,
    REGISTER_CUSTOMERS,
    REHEARSALS,
    REPORTS,
    SNAPSHOTS,
)


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


_GET, _QUERY, _SCAN, _BATCH_GET = "GetItem", "Query", "Scan", "BatchGetItem"
_PUT, _UPDATE, _BATCH_WRITE = "PutItem", "UpdateItem", "BatchWriteItem"
_CUSTOMERS, _USAGE, _BILLING, _CLOSES = Env.CUSTOMERS_TABLE, Env.USAGE_TABLE, Env.BILLING_TABLE, Env.CLOSES_TABLE
_READ_USAGE = {Env.USAGE_PACKS_TABLE: (_QUERY,), _USAGE: (_QUERY, _SCAN)}
"""A month is in packs, or where earlier releases have stored it: one scan asks whether they have stored anything."""
_BOOKS = {_CUSTOMERS: (_GET, _PUT), _BILLING: (_QUERY, _PUT)}
"""Transactions put whole items under conditions of their own: they need no other permission."""
_CLOSE_STATE = {_CLOSES: (_GET, _QUERY, _PUT)}
_BATCH_STATE = {_CLOSES: (_GET, _PUT)}
"""One batch's progress, or a claim: whoever changes a payment or a hold brings its batch up to date."""
_PROVIDERS = {_CLOSES: (_GET, _QUERY, _PUT, _UPDATE)}
"""Whoever calls a provider or sends mail leases slots of its limit, too, which are counted in the table of the closes.

Invoices' numbers are taken from a series there in the same way."""
_MAILING = {**_BOOKS, **_PROVIDERS}
_SETTLING = {_CLOSES: (_GET, _BATCH_GET, _QUERY, _PUT, _UPDATE)}
"""Whoever goes on with what closes left unfinished reads those batches, which an index names, together."""
_ACCOUNTS = (_GET, _BATCH_GET)
_ISSUED = (CARRIED, CREDIT_NOTES, DRAFTS, INVOICES)
"""What the proof reads: documents, and the drafts that they were made from."""
_RATING = (PRICE_BOOKS_PREFIX, TAX_TABLES_PREFIX)
_ROWS = (REGISTER_BATCHES,)
"""Whoever sums up a batch writes its rows into the register."""
_STATEMENTS = ("PartiQLInsert", "PartiQLUpdate")
"""Writes of one item each, on a condition, many in a request."""
_WRITE_USAGE = {
    **_READ_USAGE,
    Env.USAGE_PACKS_TABLE: (_GET, _BATCH_GET, _QUERY, _PUT, _UPDATE, _BATCH_WRITE, *_STATEMENTS),
}
"""Corrections and large changes are transactions; a month that an earlier release has stored is moved first."""
_IMPORTS = {
    _CUSTOMERS: (_GET, _BATCH_GET, _PUT),
    **_WRITE_USAGE,
    _USAGE: (_QUERY, _SCAN, _BATCH_GET, _BATCH_WRITE),
    _CLOSES: (_GET, _QUERY),
}
"""Imports that an earlier release began store events there, with the same roles: a later release takes that away."""
_STARTING = (ACTS_INDEX, ACTS_OF_SUBJECT)
"""Whoever records a start looks for it, and for the settings that were recorded last."""
_ARCHIVE = (ARCHIVE_PARTS_PREFIX, USAGE_ARCHIVE_PREFIX)
_CLOSE, _RECONCILE = Machine.MONTH_CLOSE, Machine.RECONCILE
_COLLECTIONS, _IMPORT, _PACK = Machine.COLLECTIONS, Machine.IMPORT_USAGE, Machine.REPORT_PACK

FUNCTIONS: Mapping[Function, Spec] = {
    # What a rehearsal drafts with is fixed when it begins: the versions of the price book and the tax table.
    Function.OPEN_CLOSE: Spec(
        30,
        machine=_CLOSE,
        access=Access(tables=_CLOSE_STATE, reads_documents=_RATING, acts=(*_STARTING, ACTS_OF_PERIOD)),
    ),
    Function.PLAN_CLOSE: Spec(
        900,
        1024,
        machine=_CLOSE,
        access=Access(
            tables={_CUSTOMERS: (_SCAN,), _BILLING: (_QUERY,), **_PROVIDERS},
            reads_documents=(REHEARSALS, SNAPSHOTS, RETRIES_PREFIX, *_RATING),
            writes_documents=(REGISTER_CUSTOMERS,),
            uploads_documents=(SNAPSHOTS,),
        ),
    ),
    Function.GENERATE_INVOICES: Spec(
        900,
        machine=_CLOSE,
        access=Access(
            tables={**_READ_USAGE, **_BOOKS, **_PROVIDERS},
            reads_documents=(CARRIED, COMPANY, DRAFTS, INVOICES, REHEARSALS, USAGE_ARCHIVE_PREFIX, *_RATING),
            writes_documents=(CARRIED, DRAFTS, INVOICES, *_ROWS),
            uploads_documents=(REHEARSALS,),
        ),
    ),
    # It adds up to 10,000 summaries, and sorts the months of a hundred thousand customers at a time.
    Function.JUDGE_REHEARSAL: Spec(
        900,
        1024,
        machine=_CLOSE,
        access=Access(
            tables={_CUSTOMERS: (_BATCH_GET,), _BILLING: (_QUERY,), **_BATCH_STATE},
            reads_documents=(CARRIED, INVOICES, REHEARSALS, SNAPSHOTS, PRICE_BOOKS_PREFIX),
            uploads_documents=(REHEARSALS,),
        ),
    ),
    Function.AWAIT_APPROVAL: Spec(30, machine=_CLOSE, access=Access(tables=_BATCH_STATE)),
    # A batch of a thousand: 0.2 s an e-mail, and half a minute of waiting for mail.
    Function.SEND_NOTICES: Spec(900, machine=_CLOSE, access=Access(tables=_MAILING, writes_documents=_ROWS)),
    # One, with as many threads as mail needs: half a CPU writes some 80 e-mails a second.
    Function.SEND_REMAINING_NOTICES: Spec(
        900, 1024, machine=_CLOSE, access=Access(tables=_MAILING, writes_documents=_ROWS)
    ),
    Function.APPLY_HOLDS: Spec(900, machine=_CLOSE, access=Access(tables=_MAILING, writes_documents=_ROWS)),
    Function.PARK_CUSTOMERS: Spec(
        300,
        machine=_CLOSE,
        access=Access(tables={_CUSTOMERS: (_GET,), _BILLING: (_QUERY, _PUT), **_BATCH_STATE}, writes_documents=_ROWS),
    ),
    Function.PLAN_COMPARISON: Spec(
        900,
        machine=_CLOSE,
        also=_RECONCILE,
        access=Access(
            tables={_CLOSES: (_GET, _QUERY)},
            reads_documents=(COMPARISONS_PREFIX, REPORTS),
            writes_documents=(COMPARISONS_PREFIX,),
        ),
    ),
    Function.COMPARE_PART: Spec(
        900,
        1024,
        machine=_CLOSE,
        also=_RECONCILE,
        access=Access(
            tables={_CUSTOMERS: _ACCOUNTS, _BILLING: (_QUERY,), **_PROVIDERS},
            reads_documents=(COMPARISONS_PREFIX, *_ISSUED),
            writes_documents=(COMPARISONS_PREFIX, *_ROWS),
        ),
    ),
    Function.REPORT_CLOSE: Spec(
        900,
        1024,
        machine=_CLOSE,
        access=Access(
            tables={_CUSTOMERS: (_BATCH_GET,), _BILLING: (_QUERY,), **_PROVIDERS},
            reads_documents=(REHEARSALS, COMPARISONS_PREFIX, PACKS, REPORTS, SNAPSHOTS),
            writes_documents=(COMPARISONS_PREFIX, REPORTS, *_ROWS),
        ),
    ),
    Function.OPEN_RECONCILE: Spec(
        30, machine=_RECONCILE, access=Access(tables=_CLOSE_STATE, reads_documents=(RECONCILIATIONS,))
    ),
    Function.DRAIN_DEAD_LETTERS: Spec(
        300, machine=_RECONCILE, access=Access(tables={_CLOSES: (_GET,)}, writes_documents=(DEAD_LETTERS,))
    ),
    Function.SETTLE_PAYMENTS: Spec(
        900,
        machine=_RECONCILE,
        access=Access(
            tables={**_BOOKS, **_SETTLING},
            indexes={_CUSTOMERS: BEING_CHARGED_INDEX, _CLOSES: UNFINISHED_INDEX},
            # It completes refunds, some of which have a credit note.
            reads_documents=_ISSUED,
            writes_documents=(CREDIT_NOTES, DRAFTS, *_ROWS),
        ),
    ),
    Function.COMPARE_BOOKS: Spec(
        900,
        1024,
        machine=_RECONCILE,
        access=Access(
            tables={**_BOOKS, _CUSTOMERS: (_GET, _BATCH_GET, _PUT), **_PROVIDERS},
            reads_documents=(REHEARSALS, COMPARISONS_PREFIX, PACKS, REPORTS, SNAPSHOTS),
            writes_documents=(COMPARISONS_PREFIX, RECONCILIATIONS, REPORTS, *_ROWS),
        ),
    ),
    Function.FIND_OWING: Spec(
        900,
        machine=_COLLECTIONS,
        access=Access(tables={_CUSTOMERS: (_SCAN,), **_CLOSE_STATE}, uploads_documents=(SNAPSHOTS,), acts=_STARTING),
    ),
    Function.SEND_REMINDERS: Spec(
        300, machine=_COLLECTIONS, access=Access(tables={**_BOOKS, _CLOSES: (_QUERY, _PUT, _UPDATE)})
    ),
    Function.REVIEW_HOLDS: Spec(300, machine=_COLLECTIONS, access=Access(tables=_MAILING, writes_documents=_ROWS)),
    # A thousand files dropped together must not take the account's concurrency from a close, so few run at once. Those
    # without room are tried again for a day: files of gigabytes keep theirs for hours. Late usage is noted on the
    # customer. None of the three writes below the prefix whose objects start an import.
    Function.RECEIVE_USAGE: Spec(
        900,
        1769,  # a whole CPU (AWS Lambda's guide): it reads files of gigabytes in one go
        machine=_IMPORT,
        at_once=20,
        access=Access(
            tables={**_IMPORTS, **_CLOSE_STATE},  # it alone acquires a file's lock
            acts=(ACTS_INDEX,),
            reads_documents=(*_RATING, IMPORT_SOURCES_PREFIX, USAGE_ARCHIVE_PREFIX),
            writes_documents=(USAGE_CAME_BACK_PREFIX,),
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
            tables=_IMPORTS,
            reads_documents=(*_RATING, USAGE_ARCHIVE_PREFIX),
            writes_documents=(USAGE_CAME_BACK_PREFIX,),
            usage=UsageAccess(reads=(PARTS_PREFIX,), writes=(PARTS_PREFIX,)),
        ),
    ),
    Function.FINISH_USAGE: Spec(
        900,
        1769,  # as much, in case every row of such a file is rejected: writing a row takes as long as splitting it
        machine=_IMPORT,
        access=Access(
            tables={_CLOSES: (_GET,)},
            acts=(ACTS_INDEX,),
            usage=UsageAccess(
                reads=(PARTS_PREFIX, REJECTS_PREFIX), writes=(PARTS_PREFIX, REJECTS_PREFIX), deletes=(REJECTS_PREFIX,)
            ),
        ),
    ),
    # Up to 40 parts at once, each with a CPU: parsing documents is most of the work.
    Function.PLAN_PACK: Spec(
        900,
        machine=_PACK,
        access=Access(
            tables={_CLOSES: (_GET, _QUERY)}, reads_documents=(SNAPSHOTS,), writes_documents=(PACK_PARTS_PREFIX,)
        ),
    ),
    Function.READ_PACK_PART: Spec(
        900,
        1769,
        machine=_PACK,
        access=Access(
            tables={_CUSTOMERS: _ACCOUNTS, _BILLING: (_QUERY,), _CLOSES: (_GET,)},
            reads_documents=(CREDIT_NOTES, INVOICES, PACK_PARTS_PREFIX, SNAPSHOTS),
            writes_documents=(PACK_PARTS_PREFIX, *_ROWS),
        ),
    ),
    Function.WRITE_PACK_TABLE: Spec(
        900,
        1769,
        machine=_PACK,
        access=Access(
            reads_documents=(PACK_PARTS_PREFIX,),
            writes_documents=(PACK_PARTS_PREFIX,),
            uploads_documents=(PACKS,),
        ),
    ),
    # It e-mails finance, and so leases a slot of the account's rate.
    Function.FINISH_PACK: Spec(
        900,
        1024,
        machine=_PACK,
        access=Access(
            tables=_PROVIDERS,
            reads_documents=(PACK_PARTS_PREFIX, PACKS, REPORTS),
            writes_documents=(PACK_PARTS_PREFIX, PACKS, REPORTS),
            deletes_documents=(PACKS,),
        ),
    ),
    # It lists all customers; one at a time archives, which a claim sees to.
    Function.PLAN_ARCHIVE: Spec(
        900,
        machine=Machine.ARCHIVE_USAGE,
        access=Access(
            tables={_CUSTOMERS: (_SCAN,), _USAGE: (_SCAN,), **_CLOSE_STATE},
            reads_documents=(*_ARCHIVE, USAGE_CAME_BACK_PREFIX),
            writes_documents=_ARCHIVE,
            deletes_documents=(USAGE_CAME_BACK_PREFIX,),
        ),
    ),
    Function.ARCHIVE_PART: Spec(
        900,
        1769,  # a whole CPU: it writes millions of events into files, and reads them back
        machine=Machine.ARCHIVE_USAGE,
        access=Access(
            tables={Env.USAGE_PACKS_TABLE: (_BATCH_GET, _QUERY, _PUT, _UPDATE), _CLOSES: (_GET,)},
            reads_documents=_ARCHIVE,
            writes_documents=(*_ARCHIVE, USAGE_CAME_BACK_PREFIX),
            uploads_documents=(USAGE_ARCHIVE_PREFIX,),
            deletes_documents=_ARCHIVE,
        ),
    ),
    # One for each provider. This is the longest time-out that the settings allow; they say which one it gets, and how
    # many of it run at once.
    Function.CHARGE_CUSTOMERS: Spec(
        900, puts_back=True, access=Access(tables={**_BOOKS, **_PROVIDERS}, writes_documents=_ROWS)
    ),
    # At some 50 ms each, 20 at once take 400 deliveries a second; the rest are asked to come again. The address is
    # open to anybody and must not take the account's concurrency from a close.
    Function.RECEIVE_WEBHOOK: Spec(15, at_once=20, access=None),
    # Two or three requests to the provider at their time-outs (20 s each), and the books' writes.
    Function.APPLY_WEBHOOK: Spec(
        120, puts_back=True, access=Access(tables={**_BOOKS, **_PROVIDERS}, writes_documents=_ROWS)
    ),
    Function.HEAR_MAIL: Spec(
        60, access=Access(tables={**_BOOKS, **_CLOSE_STATE}, writes_documents=_ROWS, remembers=False)
    ),
    # It reads the batches of a close a few times, when it may have passed a stage: up to 10,000 small items.
    Function.PUBLISH_EVENTS: Spec(300, access=Access(tables={_CLOSES: (_GET, _QUERY)}, remembers=False)),
    # The dashboard's widget: it sums up all batches of the latest close.
    Function.SHOW_CLOSE: Spec(60, 1024, access=Access(tables={_CLOSES: (_QUERY,)}, remembers=False)),
    # What a person asks for may be as much as the reconciler's three functions do.
    Function.ACT_FOR_OPERATOR: Spec(
        900,
        1024,
        access=Access(
            tables={**_BOOKS, _CUSTOMERS: (_GET, _BATCH_GET, _PUT), **_SETTLING},
            indexes={_CUSTOMERS: BEING_CHARGED_INDEX, _CLOSES: UNFINISHED_INDEX},
            reads_documents=(REHEARSALS, COMPARISONS_PREFIX, PACKS, REPORTS, SNAPSHOTS, *_ISSUED),
            writes_documents=(COMPARISONS_PREFIX, RECONCILIATIONS, REPORTS, DEAD_LETTERS, CREDIT_NOTES, DRAFTS, *_ROWS),
            remembers=False,
            acts=(ACTS_INDEX, ACTS_OF_CUSTOMER),
        ),
    ),
    Function.REFUND_WITHIN_LIMITS: Spec(
        300,
        512,
        access=Access(
            tables={**_BOOKS, **_PROVIDERS},
            reads_documents=_ISSUED,
            writes_documents=(CREDIT_NOTES, DRAFTS, *_ROWS),
            remembers=False,
            acts=(ACTS_INDEX, ACTS_OF_CUSTOMER),
        ),
    ),
    # A few requests to a provider at their time-outs (20 s each), for the customers who are at it at one moment.
    Function.ACT_FOR_CUSTOMER: Spec(
        120,
        at_once=10,
        access=Access(tables={**_BOOKS, **_PROVIDERS}, writes_documents=_ROWS, remembers=False),
    ),
    # As much memory as every account may use: it takes a PDF of 15,000 lines, the most that an invoice has. Open to
    # the internet: visitors must not take the account's concurrency from a close.
    Function.SHOW_INVOICE: Spec(300, 3008, at_once=20, access=None),
}
"""In the order in which they are made, and shown on the dashboard."""


READS_TABLES = frozenset(
    name
    for name, spec in FUNCTIONS.items()
    if name in (Function.WRITE_PACK_TABLE, Function.RECEIVE_USAGE)
    or (spec.access and Env.USAGE_PACKS_TABLE in spec.access.tables)
)
"""The functions that write or read Parquet: those that make and import it, and all that read usage, which may be
archived."""


def called_by(machine: Machine) -> tuple[Function, ...]:
    """List the functions that a state machine calls."""
    return tuple(function for function, spec in FUNCTIONS.items() if machine in (spec.machine, spec.also))
