"""The functions in one table: what calls them, how large they are, what they may do. A new one is one entry here."""

from collections.abc import Mapping

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
from stacks.functions.spec import Access, Function, Machine, Spec, UsageAccess
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
_BATCH_BOOKS = {**_BOOKS, _CUSTOMERS: (*_ACCOUNTS, _PUT)}
"""Whoever works on a batch of customers reads their accounts together, and one again that has changed meanwhile."""
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
            tables={**_READ_USAGE, **_BATCH_BOOKS, **_PROVIDERS},
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
    Function.APPLY_HOLDS: Spec(
        900, machine=_CLOSE, access=Access(tables={**_MAILING, **_BATCH_BOOKS}, writes_documents=_ROWS)
    ),
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
            tables={**_BATCH_BOOKS, **_SETTLING},
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
            tables={**_BATCH_BOOKS, **_PROVIDERS},
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
            tables={**_BATCH_BOOKS, **_SETTLING},
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
