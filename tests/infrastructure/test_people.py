"""The managed policies for people allow what the page on operating says that their commands need."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.infrastructure.rights import granted_to_people
from tests.infrastructure.synthesis import Synthesized
from tests.infrastructure.test_docs import section

_TABLES = ("TablesCustomers", "TablesBilling", "TablesUsagePacks", "TablesCloses")
_INCLUDED = {
    "read": ("ReadPolicy",),
    "operate": ("ReadPolicy", "OperatePolicy"),
    "money": ("ReadPolicy", "OperatePolicy", "MoneyPolicy"),
}
_READING = {"GetItem", "BatchGetItem", "Query"}
_WRITING = {"PutItem", "UpdateItem", "BatchWriteItem"}
_LONGEST = 6144
"""Characters of a managed policy without white space (IAM's quotas)."""


def rows() -> Iterator[tuple[str, str, list[str], str, str]]:
    """Read the table: commands, policy, the cells of the tables, of the documents, and what is beside them."""
    lines = re.findall(r"^\| `.*\|$", section("Who may run which command"), re.MULTILINE)
    before = ""
    for line in lines:
        commands, policy, *tables, documents, beside = (cell.strip() for cell in line.strip("|").split("|"))
        before = beside.replace("the same", before)
        if policy:
            yield commands, policy, tables, documents, before


def missing(allowed: set[tuple[str, str]], tables: list[str], documents: str, beside: str) -> list[str]:
    """List what a row needs and is not allowed."""
    lacking = []
    for table, cell in zip(_TABLES, tables, strict=True):
        actions = {action.partition(":")[2] for action, on in allowed if on == table}
        if cell in ("R", "W") and not actions >= _READING:
            lacking.append(f"reading {table}")
        if cell == "W" and not actions & _WRITING:
            lacking.append(f"writing {table}")
    actions = {action for action, _ in allowed}
    needed = set(re.findall(r"`(\w+:\w+)`", beside)) | {"cloudformation:DescribeStacks"}
    if documents:
        needed |= {"s3:GetObject", "s3:ListBucket"}
    if "W" in documents:
        needed.add("s3:PutObject")
    secrets = " ".join(on for action, on in allowed if action == "secretsmanager:GetSecretValue")
    lacking += ["link keys"] if "link keys" in beside and "InvoiceLinkKeys" not in secrets else []
    return lacking + sorted(needed - actions)


def test_each_command_may_do_what_it_needs_with_the_policy_in_its_row(synthesized: Synthesized) -> None:
    by_policy = granted_to_people(synthesized)
    found = list(rows())
    assert len(found) > 15
    for commands, policy, tables, documents, beside in found:
        allowed = {(action, on) for name in _INCLUDED[policy] for _, action, on in by_policy[name]}
        assert not missing(allowed, tables, documents, beside), commands


def test_a_row_that_needs_more_than_its_policy_is_noticed(aws: Synthesized) -> None:
    reading = {(action, on) for _, action, on in granted_to_people(aws)["ReadPolicy"]}
    assert missing(reading, ["W", "", "", ""], "", "`states:StopExecution`, the link keys") == [
        "writing TablesCustomers",
        "link keys",
        "states:StopExecution",
    ]


def test_reading_changes_nothing_but_the_pdfs_that_are_kept(synthesized: Synthesized) -> None:
    read = {(action, on) for _, action, on in granted_to_people(synthesized)["ReadPolicy"]}
    changing = {
        (action, on) for action, on in read if not re.search(r":(Get|BatchGet|Query|Scan|List|Describe)", action)
    }
    drawing = ("lambda:InvokeFunction", "ShowClose")
    assert changing == {("s3:PutObject", "StorageDocuments/pdf/*"), drawing}
    assert not any(action.startswith("secretsmanager:") for action, _ in read)


def test_nobody_reads_a_providers_key_and_those_who_handle_money_call_the_function_that_does(
    synthesized: Synthesized,
) -> None:
    by_policy = granted_to_people(synthesized)
    secrets = {on for rights in by_policy.values() for _, action, on in rights if action.startswith("secretsmanager:")}
    assert secrets == {"InvoiceLinkKeys"}
    callers = {
        name: on for name, rights in by_policy.items() for _, action, on in rights if action.startswith("lambda:")
    }
    assert callers == {
        "MoneyPolicy": "OperatorActForOperator",
        "OperatePolicy": "OperatorRefundWithinLimits",
        "ReadPolicy": "ShowClose",
    }


def test_no_person_may_delete_or_pass_roles(synthesized: Synthesized) -> None:
    actions = {action for rights in granted_to_people(synthesized).values() for _, action, _ in rights}
    assert not {action for action in actions if "*" in action or ":Delete" in action or action.startswith("iam:")}


@pytest.mark.parametrize("kind", ["AWS::IAM::ManagedPolicy"])
def test_the_policies_are_short_enough_for_iam(synthesized: Synthesized, kind: str) -> None:
    for policy in synthesized.of_type(kind).values():
        text = re.sub(r"\s", "", json.dumps(policy["PolicyDocument"]))
        assert len(text) < _LONGEST, policy["Description"]
