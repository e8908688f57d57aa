"""Names that the runtime and the infrastructure share: environment variables, queues' messages, events.

Stdlib only: the CDK app imports this module and the pure domain, and nothing else of the package.
"""

from enum import StrEnum


class Env(StrEnum):
    """Environment variables of the functions; the stack's outputs carry the same values to the command."""

    CUSTOMERS_TABLE = "MONTHCLOSE_CUSTOMERS_TABLE"
    USAGE_TABLE = "MONTHCLOSE_USAGE_TABLE"
    USAGE_PACKS_TABLE = "MONTHCLOSE_USAGE_PACKS_TABLE"
    """Usage; in `USAGE_TABLE` is what earlier releases have stored."""
    BILLING_TABLE = "MONTHCLOSE_BILLING_TABLE"
    CLOSES_TABLE = "MONTHCLOSE_CLOSES_TABLE"
    AUDIT_TABLE = "MONTHCLOSE_AUDIT_TABLE"
    IDEMPOTENCY_TABLE = "MONTHCLOSE_IDEMPOTENCY_TABLE"
    DOCUMENTS_BUCKET = "MONTHCLOSE_DOCUMENTS_BUCKET"
    USAGE_BUCKET = "MONTHCLOSE_USAGE_BUCKET"
    """Where usage files are dropped."""
    USAGE_DROP = "MONTHCLOSE_USAGE_DROP"
    """JSON: the parameters of `DropSettings`."""
    MAX_REJECTED_PERCENT = "MONTHCLOSE_MAX_REJECTED_PERCENT"
    USAGE_MONTHS = "MONTHCLOSE_USAGE_MONTHS"
    """JSON: how many months of usage stay in DynamoDB, null for all; not there for the usual number."""
    PROVIDERS = "MONTHCLOSE_PROVIDERS"
    """JSON, by provider: `queue_url`, `dead_letters_url`, `secret_name`, `api_base`, `requests_per_second`,
    `limit_scope`, `reserve_share`, `burst`, `maximum_concurrency`."""
    PROVIDER = "MONTHCLOSE_PROVIDER"
    """For `charge_customers` only: the one provider whose queue this function drains. Not an output."""
    MAIL_SENDER = "MONTHCLOSE_MAIL_SENDER"
    FINANCE_EMAIL = "MONTHCLOSE_FINANCE_EMAIL"
    """For `finish_pack` only: who is told of the report pack. Not an output."""
    MAIL_CONFIGURATION_SET = "MONTHCLOSE_MAIL_CONFIGURATION_SET"
    MAIL_PACE = "MONTHCLOSE_MAIL_PACE"
    """JSON: the parameters of `MailSettings`; empty for all of the account's quota."""
    COMPANY_NAME = "MONTHCLOSE_COMPANY_NAME"
    COMPANY = "MONTHCLOSE_COMPANY"
    """JSON: the company's details on invoices (`Seller`), `payment_days`, `e_invoice`."""
    TIME_ZONES = "MONTHCLOSE_TIME_ZONES"
    """JSON: those parameters of `BillingCalendar` that are not at their default; not there for UTC."""
    INVOICE_LINKS = "MONTHCLOSE_INVOICE_LINKS"
    """JSON: `secret_name` of the keys, `valid_days`; an empty object where mails carry no links."""
    INVOICE_URL = "MONTHCLOSE_INVOICE_URL"
    """The address that links to invoices lead to. For functions that write links: the one that serves it lacks it."""
    HOLD_POLICY = "MONTHCLOSE_HOLD_POLICY"
    """JSON: `grace_days`, `threshold_minor` by currency, and `lift_manual`."""
    GATES = "MONTHCLOSE_GATES"
    """JSON: `approval`, and those parameters of `GateRules` that are not at their default; empty for none."""
    INVOICING = "MONTHCLOSE_INVOICING"
    """JSON: `minimum_minor` by currency, and `zero_invoices`."""
    JOURNAL = "MONTHCLOSE_JOURNAL"
    """JSON: those parameters of `JournalSettings` that are not at their default; empty for none."""
    DUNNING = "MONTHCLOSE_DUNNING"
    """JSON: the parameters of `DunningPolicy`."""
    BILLING_DAYS = "MONTHCLOSE_BILLING_DAYS"
    """JSON: the days of the month that periods may begin on, as in `[1, 15, "last"]`."""
    GENERATED_PER_SECOND = "MONTHCLOSE_GENERATED_PER_SECOND"
    MAX_BATCHES = "MONTHCLOSE_MAX_BATCHES"
    MAX_ROUNDS = "MONTHCLOSE_MAX_ROUNDS"
    ROUND_WAIT_SECONDS = "MONTHCLOSE_ROUND_WAIT_SECONDS"
    DEADLINE_HOURS = "MONTHCLOSE_DEADLINE_HOURS"
    WEBHOOK_QUEUE_URL = "MONTHCLOSE_WEBHOOK_QUEUE_URL"
    WEBHOOK_URL = "MONTHCLOSE_WEBHOOK_URL"
    """Where providers deliver their webhooks, each at its name: `…/stripe`. An output only: nothing calls it."""
    OPERATOR_FUNCTION = "MONTHCLOSE_OPERATOR_FUNCTION"
    """The function that runs the commands that need a provider's key. Known to the command only."""
    HAND_LIMITS = "MONTHCLOSE_HAND_LIMITS"
    """JSON: `role` and `most_minor` by currency. For the functions that refund and write off. Not an output."""
    LIMITED_FUNCTION = "MONTHCLOSE_LIMITED_FUNCTION"
    """The function that refunds and writes off within the limits of the role *operate*. Known to the command only."""
    CUSTOMER_FUNCTION = "MONTHCLOSE_CUSTOMER_FUNCTION"
    """For `show_invoice` only: the function that does what a customer asks for. Not an output."""
    EVENT_SOURCE = "MONTHCLOSE_EVENT_SOURCE"
    """For `publish_events` only: the source of this deployment's events. Not an output."""
    STATE_MACHINE_ARN = "MONTHCLOSE_STATE_MACHINE_ARN"
    """Known to the command only: a function never starts a close."""
    COLLECTIONS_ARN = "MONTHCLOSE_COLLECTIONS_ARN"
    """The state machine of the collections. Known to the command only."""
    REPORT_PACK_ARN = "MONTHCLOSE_REPORT_PACK_ARN"
    """The state machine that makes report packs. Known to the command only."""
    USAGE_ARCHIVE_ARN = "MONTHCLOSE_USAGE_ARCHIVE_ARN"
    """The state machine that archives old usage. Known to the command only."""
    USAGE_IMPORT_ARN = "MONTHCLOSE_USAGE_IMPORT_ARN"
    """The state machine that imports dropped usage. Known to the command only."""


LOCAL_CLOCK = "MONTHCLOSE_LOCAL_CLOCK"
"""Where a local AWS says how far its clock is ahead (`adapters/local_clock.py`). Not a deployment's variable: the
emulator's own process has it, and the commands that use that emulator."""


class Stack(StrEnum):
    """The CloudFormation stacks."""

    STATE = "MonthCloseState"
    WORKFLOW = "MonthCloseWorkflow"


ADDRESSES_STACK = "MonthCloseAddresses"
"""The stack of the company's domain, if the settings have one."""


def stack_name(stack: str, deployment: str) -> str:
    """Name a stack of a deployment. The one that has no name keeps the plain names."""
    return f"{deployment}-{stack}" if deployment else str(stack)


class LimitScope(StrEnum):
    """What a provider's limit applies to: each endpoint separately, or all requests of an account together."""

    ENDPOINT = "endpoint"
    ACCOUNT = "account"


class CustomerRequest(StrEnum):
    """What a customer asks for on the page of their invoice."""

    DETAILS = "details"
    """Another payment method."""
    PAY = "pay"
    RETURN = "return"
    """They come back from a page of the payment provider."""


ACTS_INDEX, ACTS_OF_SUBJECT = "acts", "of_subject"
ACTS_OF_PERIOD, ACTS_OF_CUSTOMER, ACTS_OF_INVOICE = "of_period", "of_customer", "of_invoice"
"""Of the audit table: partition keys `trail` (always the same), `subject`, `period`, `customer_id`, `invoice`; sort key
`at`."""
UNFINISHED_INDEX = "unfinished"
"""Of the closes table: partition key `left`, sort key `sk`."""
COLLECT_DUE = "collect_due"
"""The `kind` of a message in a provider's queue that asks for the collections' work; a close's has none."""
BEING_CHARGED_INDEX = "being_charged"
"""Of the customers table: partition key `lease`, sort key `check_at`."""
PRICE_BOOKS_PREFIX, TAX_TABLES_PREFIX = "price-books/", "tax-tables/"
"""In the documents bucket: the versions of each."""
IMPORT_SOURCES_PREFIX = "import-sources/"
"""In the documents bucket: how the files of each sender are read."""
RETRIES_PREFIX = "retries/"
"""In the documents bucket: lists of customers who are to be closed again without the rest."""
COMPARISONS_PREFIX = "comparisons/"
"""In the documents bucket: what a comparison with the providers keeps while it is made."""
USAGE_PREFIX, REJECTS_PREFIX, PARTS_PREFIX = "usage/", "rejects/", "parts/"
"""In the usage bucket: dropped files, their rejects, and the parts of imports."""
PACK_PARTS_PREFIX = "pack-parts/"
"""In the documents bucket: what a report pack keeps while it is made."""
USAGE_ARCHIVE_PREFIX, ARCHIVE_PARTS_PREFIX = "usage-archive/", "archive-parts/"
"""In the documents bucket: usage that has left DynamoDB, and what archiving keeps while it goes on."""
USAGE_CAME_BACK_PREFIX = "usage-came-back/"
"""In the documents bucket: the months of which usage came to DynamoDB, and is not archived since."""
METRICS_NAMESPACE = "MonthClose"
EVENT_SOURCE = "monthclose"
WEBHOOKS_PATH, INVOICES_PATH = "/webhooks/", "/invoices/"
"""On the company's domain, if the settings have one."""
EVENT_CLOSE_COMPLETED = "Month close completed"
EVENT_CLOSE_WAITING = "Month close waiting for approval"
EVENT_FINDINGS = "Month close findings"
EVENT_USAGE_IMPORTED = "Usage imported"
FINDINGS_METRIC = "ReconcileFindings"
WAIT_METRIC = "MessageWaitSeconds"
"""For how long a message that is put back into its queue has been waiting since it was first sent."""
REFUSED_METRIC = "ProviderRefusals"
"""Calls that ended because a payment provider refuses our key, over all functions together."""
PARKED_METRIC = "CustomersParkedPercent"
"""Of the customers of a close that has ended, how many per cent are parked."""
OPEN_CLOSE_METRIC, NOT_CLOSED_METRIC = "CloseOpenSeconds", "MonthsNotClosed"
"""What the reconciler sees: for how long a close's last run has not ended, and whether last month has no close."""
APPROVAL_METRIC, PAUSED_METRIC = "ApprovalWaitSeconds", "ChargingPausedSeconds"
"""The same: for how long a close has waited for approval, and for how long a person has paused charging."""
UNREADABLE_METRIC = "ChangesUnreadable"
"""Commits of which no event could be made, as their record in the table's stream cannot be read."""
PROVIDER_METRICS = {"answered": "ProviderAnswers", "limited": "ProviderRateLimits", "failed": "ProviderFailures"}
"""How requests to a provider ended, by `RequestEnd`: counted by provider, as the charges' outcomes are."""
ALL_FUNCTIONS = "all"
"""The dimension `service` of a metric that functions count together: one alarm watches all of them."""
FIRST_SENT = "first_sent"
"""The attribute of a message that was put back: when it was first sent, in ISO 8601."""
USAGE_METRICS = ("UsageRowsTaken", "UsageRowsRejected", "UsageFilesUnusable")


def metrics_namespace(deployment: str) -> str:
    """Name the namespace of a deployment's metrics."""
    return f"{METRICS_NAMESPACE}/{deployment}" if deployment else METRICS_NAMESPACE


def event_source(deployment: str) -> str:
    """Name the source of a deployment's events."""
    return f"{EVENT_SOURCE}.{deployment}" if deployment else EVENT_SOURCE


def output_name(env: Env) -> str:
    """Name the output of the workflow stack that carries a variable's value.

    CloudFormation allows letters and digits only: `MONTHCLOSE_CUSTOMERS_TABLE` becomes `CustomersTable`.
    """
    return env.value.removeprefix("MONTHCLOSE_").title().replace("_", "")
