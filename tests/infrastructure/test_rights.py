"""Least privilege as recorded: what roles were seen to do, what policies allow, and the table of rights, both ways.

The calls were recorded while the integration tests ran on the strict local AWS; `make record-calls` records them again.
"""

import json
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

import pytest

from monthclose.names import Stack
from tests.infrastructure.rights import Right, as_tree, covers, granted, plain, read_calls, recorded
from tests.infrastructure.synthesis import Synthesized

_FORGETS = "A call that raised forgets its idempotency record: handlers/entry.py."
_REMEMBERS = "Powertools reads a record that DynamoDB did not return with the refused write (its guide)."
_UPLOAD = "An upload in parts that fails is ended: boto3's upload, used by adapters/aws/s3.py for objects of any size."
_LOGS = "Step Functions itself delivers the machine's log and traces with its role (its guide, on logging)."
_CARRIED = "What is below the settings' minimum is carried to the next month: use_cases/invoices/generate_invoices.py."
_TASK = "A batch that cannot be charged ends its task: use_cases/payments/waiting_task.py."
_CALENDAR = (
    "A rule of the calendar starts it, which no test waits for: stacks/machines/, judged in test_strict_policies.py."
)
_MISSING = "An object that is missing is told from one that may not be read: adapters/aws/s3.py."
_MAP = "Step Functions itself watches, stops and redrives a Map's children, and writes what a Map Run failed at."
_EVENT_SOURCE = "The library grants it with an event source; Lambda may use it."
_STREAM = "Lambda itself reads the tables' streams with the function's role (its guide, on DynamoDB streams)."
_DRAWN = "The dashboard of CloudWatch, which the local AWS does not draw, calls it: handlers/show_close.py."
_EARLIER = (
    "Executions that began before functions had versions call the functions themselves: stacks/functions/versions.py."
)
_HOLDS = "A hold is placed or lifted, and the customer told: use_cases/accounts/apply_holds.py, tell_hold.py."
_HEALS = "Where books and provider differ, the payment is looked up, booked and summed up: look_up_differences.py."
_DEAD = "Dead letters are kept, put back or started again, or fail their task: drain_dead_letters.py."
_LATE = "Usage of a month that is closed already is noted with its customer: use_cases/imports/import_usage.py."
_REJECTS = (
    "The table of rejects of an earlier import under the same name is deleted: use_cases/imports/usage_outcome.py."
)
_QUOTA = "SES is asked once a minute by one worker for all, who keeps the answer: adapters/dynamo/mail_quota.py."
_NO_TURN = "Notices that had no turn while the close ran are sent at its end: use_cases/notices/send_notices.py."
_PARKED = "Who has no outcome after the last round is parked: use_cases/closes/park_customers.py."
_PRICED = "Price books and tax tables are read once they are imported: adapters/aws/versions.py."
_PAUSED = "A batch goes back into its queue while its provider is paused: use_cases/payments/charge_customers.py."
_SHOWN = "Links may lead to credit notes, and invoices may have a logo: use_cases/invoices/issued_documents.py."
_CLOSING = "Whoever a running close works on is left to it: use_cases/collections/find_owing.py."
_LARGE = "A bounce may lift a hold in a large batch, which the reconciler sums up: use_cases/batch_work.py."
_ACTS = "An act is recorded where a person or a rule changes something: use_cases/audit/, adapters/dynamo/audit.py."
_PROVED = "The proof reads accounts and documents, of which not every month has all: use_cases/proof/check_batch.py."
_UNREAD = "An account that cannot be read with the others is read alone: use_cases/proof/check_batch.py."
_REHEARSED = "A rehearsal drafts and judges, and a close may wait for approval: use_cases/rehearsals/."
_ROWS = "Rows for lists are written with the sums of a batch, and with a snapshot: adapters/aws/s3_register.py."
_PACK_TOLD = "Finance is told of a report pack if the settings name an address: use_cases/pack/pack_mail.py."
_PACK_OLD = "The pack before the last one is removed if no close has made it: use_cases/pack/finish_pack.py."
_PACK_READ = "A pack has credit notes; an account that cannot be read with the others is read alone: read_part.py."
_ASKED = "A customer pays, or gives another payment method, by the link to their invoice: use_cases/self_service/."
_PACK_STARTED = "Step Functions itself hears of the end of an execution that another waits for, by a rule (its guide)."
_RETRIED = "Some customers of a close are closed again (`monthclose retry`), in more than one round."
_GIVEN_BACK = "Money is given back, and a refund that broke off is completed: use_cases/invoices/refund_payment.py."
_OTHER_DAYS = "Only where customers have another billing day is a calendar month's pack made of more than its close."
_MOVED = (
    "Usage of earlier releases is moved when it changes; large and corrected months take a transaction: usage/store.py."
)
_ARCHIVED = (
    "Usage leaves for the archive months after it was billed: use_cases/archive/, adapters/tables/archived_usage.py."
)
_EARLIER_IMPORTS = (
    "Imports that an earlier release began store events as items until they end: docs/deploying.md, on upgrading."
)
TROUBLE: dict[Right, str] = {
    ("[RL]*UsageRole", "dynamodb:Batch*Item", "TablesUsage"): _EARLIER_IMPORTS,
    ("PlanArchiveRole", "*", "*"): _ARCHIVED,
    ("ArchivePartRole", "*", "*"): _ARCHIVED,
    ("ArchiveUsageMachineRole", "lambda:InvokeFunction", "*"): _ARCHIVED,
    ("*Role", "s3:*Object", "StorageDocuments/usage-*"): _ARCHIVED,
    ("*Role", "dynamodb:*", "TablesUsage*"): _MOVED,
    ("PlanPackRole", "s3:GetObject", "StorageDocuments/snapshots/*"): _OTHER_DAYS,
    ("ReadPackPartRole", "s3:GetObject", "StorageDocuments/snapshots/*"): _OTHER_DAYS,
    ("OperatorRefundWithinLimitsRole", "*", "*"): _GIVEN_BACK,
    ("OperatorActForOperatorRole", "s3:PutObject", "StorageDocuments/[cd][re][ea][df][it]*"): _GIVEN_BACK,
    ("SettlePaymentsRole", "s3:*Object", "StorageDocuments/*"): _GIVEN_BACK,
    ("*Role", "dynamodb:DeleteItem", "TablesIdempotency"): _FORGETS,
    ("*Role", "dynamodb:GetItem", "TablesIdempotency"): _REMEMBERS,
    ("*Role", "s3:AbortMultipartUpload", "*/*"): _UPLOAD,
    ("GenerateInvoicesRole", "s3:*", "StorageDocuments/carried/*"): _CARRIED,
    ("*Role", "s3:PutObject", "StorageDocuments/register/*"): _ROWS,
    ("*Role", "s3:*Object", "StorageDocuments/rehearsals/*"): _REHEARSED,
    ("JudgeRehearsalRole", "*", "*"): _REHEARSED,
    ("AwaitApprovalRole", "*", "*"): _REHEARSED,
    ("MonthCloseMachineRole", "lambda:InvokeFunction", "AwaitApproval:[*]"): _REHEARSED,
    ("GenerateInvoicesRole", "s3:GetObject", "StorageDocuments/*-[bt]*/*"): _PRICED,
    ("MailHearMailRole", "dynamodb:Query", "TablesCloses"): _LARGE,
    ("PlanCloseRole", "dynamodb:Query", "TablesBilling"): _RETRIED,
    ("PlanCloseRole", "s3:GetObject", "StorageDocuments/retries/*"): _RETRIED,
    ("*ChargeCustomersRole", "states:SendTaskFailure", "*"): _TASK,
    ("*ChargeCustomersRole", "sqs:SendMessage", "*Queue"): _PAUSED,
    ("*Role", "s3:ListBucket", "*"): _MISSING,
    ("*MachineEventsRole", "states:StartExecution", "*Machine"): _CALENDAR,
    ("*MachineRole", "logs:*", "*"): _LOGS,
    ("*MachineRole", "xray:*", "*"): _LOGS,
    ("*MachineRole", "states:*Execution", "arn:aws:states:*:execution:*"): _MAP,
    ("*MachineRole", "s3:*", "*/map-runs/[*]"): _MAP,
    ("*MachineRole", "lambda:InvokeFunction", "*[!*]"): _EARLIER,
    ("*", "sqs:ChangeMessageVisibility", "*"): _EVENT_SOURCE,
    ("*", "sqs:GetQueueUrl", "*"): _EVENT_SOURCE,
    ("EventsPublishEventsRole", "dynamodb:*Stream*", "*"): _STREAM,
    ("EventsPublishEventsRole", "dynamodb:Get[RS]*", "*"): _STREAM,
    ("ShowCloseRole", "*", "*"): _DRAWN,
    ("*HoldsRole", "dynamodb:*", "Tables[BC]*"): _HOLDS,
    ("*HoldsRole", "ses:SendEmail", "*"): _HOLDS,
    ("*HoldsRole", "secretsmanager:GetSecretValue", "InvoiceLinkKeys"): _HOLDS,
    ("SendRemindersRole", "dynamodb:PutItem", "TablesCustomers"): _HOLDS,
    ("*Role", "ses:GetAccount", "*"): _QUOTA,
    ("CompareBooksRole", "dynamodb:*", "Tables[BC]*"): _HEALS,
    ("ReportCloseRole", "dynamodb:UpdateItem", "TablesCloses"): _HEALS,
    ("CompareBooksRole", "secretsmanager:GetSecretValue", "*:secret:monthclose/*"): _HEALS,
    ("ReportCloseRole", "secretsmanager:GetSecretValue", "*:secret:monthclose/*"): _HEALS,
    ("ComparePartRole", "dynamodb:GetItem", "TablesCustomers"): _UNREAD,
    ("ComparePartRole", "s3:GetObject", "StorageDocuments/c*"): _PROVED,
    ("OperatorActForOperatorRole", "s3:GetObject", "StorageDocuments/*"): _PROVED,
    ("DrainDeadLettersRole", "sqs:*Message", "*"): _DEAD,
    ("DrainDeadLettersRole", "states:*", "*"): _DEAD,
    ("DrainDeadLettersRole", "dynamodb:GetItem", "TablesCloses"): _DEAD,
    ("OperatorActForOperatorRole", "sqs:DeleteMessage", "*DeadLetters"): _DEAD,
    ("OperatorActForOperatorRole", "states:SendTask*", "*"): _DEAD,
    ("OperatorActForOperatorRole", "s3:PutObject", "StorageDocuments/dead-letters/*"): _DEAD,
    ("*UsageRole", "dynamodb:*Item", "TablesCustomers"): _LATE,
    ("*UsageRole", "s3:DeleteObject", "Usage/rejects/*"): _REJECTS,
    ("SendRemainingNoticesRole", "dynamodb:*", "Tables[BC]*"): _NO_TURN,
    ("SendRemainingNoticesRole", "ses:SendEmail", "*"): _NO_TURN,
    ("SendRemainingNoticesRole", "secretsmanager:GetSecretValue", "InvoiceLinkKeys"): _NO_TURN,
    ("MonthCloseMachineRole", "lambda:InvokeFunction", "ParkCustomers:[*]"): _PARKED,
    ("ParkCustomersRole", "*", "*"): _PARKED,
    ("InvoicesShowInvoiceRole", "s3:GetObject", "StorageDocuments/c*"): _SHOWN,
    ("InvoicesActForCustomerRole", "*", "*"): _ASKED,
    ("FindOwingRole", "states:DescribeExecution", "*:execution:MonthCloseMachine:[*]"): _CLOSING,
    ("*Role", "dynamodb:*", "TablesAudit*"): _ACTS,
    ("FinishPackRole", "dynamodb:*", "TablesCloses"): _PACK_TOLD,
    ("FinishPackRole", "s3:PutObject", "StorageDocuments/pack-parts/*"): _PACK_TOLD,
    ("FinishPackRole", "s3:DeleteObject", "StorageDocuments/packs/*"): _PACK_OLD,
    ("ReadPackPartRole", "dynamodb:GetItem", "TablesCustomers"): _PACK_READ,
    ("MonthCloseMachineRole", "events:*Rule", "*"): _PACK_STARTED,
    ("MonthCloseMachineRole", "events:PutTargets", "*"): _PACK_STARTED,
}
"""Rights used only in trouble, rarely, or by AWS itself: role, action and resource as patterns, and why they are kept.

The tests of the use cases cover what is done with them; on the deployed stacks it is too rare to be waited for.
"""


def excused(right: Right) -> Right | None:
    """Return the exception that a right falls under."""
    return next((pattern for pattern in TROUBLE if all(map(fnmatchcase, right, pattern))), None)


def shown(rights: Iterable[Right]) -> str:
    return json.dumps(as_tree(rights), indent=1)


@pytest.mark.parametrize("target", ["aws", "local"])
def test_every_recorded_call_is_allowed_by_a_policy(request: pytest.FixtureRequest, target: str) -> None:
    rights = granted(request.getfixturevalue(target))
    refused = {call for call in recorded() if not any(covers(right, call) for right in rights)}
    assert not refused, shown(refused)


def test_every_right_was_recorded_to_be_used_or_is_needed_in_trouble(local: Synthesized) -> None:
    calls = recorded()
    unused = {right for right in granted(local) if not any(covers(right, call) for call in calls)}
    unexcused = {right for right in unused if not excused(right)}
    assert not unexcused, shown(unexcused)


def test_every_exception_is_needed(local: Synthesized) -> None:
    calls = recorded()
    unused = {right for right in granted(local) if not any(covers(right, call) for call in calls)}
    assert {excused(right) for right in unused} - {None} == set(TROUBLE)


def test_nobody_deletes_from_the_books_or_batch_writes_them(synthesized: Synthesized) -> None:
    actions = {action for _, action, table in granted(synthesized) if table in ("TablesBilling", "TablesCustomers")}
    assert "dynamodb:PutItem" in actions
    assert not actions & {"dynamodb:DeleteItem", "dynamodb:BatchWriteItem"}


def test_only_importers_write_usage(synthesized: Synthesized) -> None:
    by_table = {
        table: {
            role for role, action, on in granted(synthesized) if on == table and re.search("Write|Put|Insert", action)
        }
        for table in ("TablesUsagePacks", "TablesUsage")
    }
    # What leaves for the archive is closed by an item behind its last pack.
    importers = {"ReceiveUsageRole", "LoadUsageRole"}
    # Into the table of earlier releases only imports write that those have begun.
    assert by_table == {"TablesUsagePacks": {*importers, "ArchivePartRole"}, "TablesUsage": importers}


def test_recorded_calls_are_written_with_the_templates_names() -> None:
    ids = ["TablesCustomersB22215AC", "GenerateInvoicesRoleAE648CEA", "StorageDocumentsCD3FCE94", "MachineC4B8C2BD"]
    role = f"{Stack.WORKFLOW}-GenerateInvoicesRoleAE648CEA-8AC56FD27B689"
    account = "us-east-1:000000000000"
    table = f"arn:aws:dynamodb:{account}:table/{Stack.STATE}-TablesCustomersB22215AC-4F37F23050CB3"
    bucket = f"arn:aws:s3:::{Stack.STATE.lower()}-storagedocumentscd3fce94-912f11bea2e20"
    execution = f"arn:aws:states:{account}:execution:{Stack.WORKFLOW}-MachineC4B8C2BD-1D17388A25A00:*"
    lines = [
        json.dumps([role, "dynamodb:Query", f"{table}/index/being_charged"]),
        json.dumps([role, "s3:GetObject", f"{bucket}/invoices/*"]),
        json.dumps([role, "states:DescribeExecution", execution]),
    ]
    caller = plain("GenerateInvoicesRoleAE648CEA")
    assert read_calls(lines, ids) == {
        (caller, "dynamodb:Query", "TablesCustomers/index/being_charged"),
        (caller, "s3:GetObject", "StorageDocuments/invoices/*"),
        (caller, "states:DescribeExecution", f"arn:aws:states:{account}:execution:Machine:*"),
    }
