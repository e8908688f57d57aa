"""The judge of the strict local AWS decides as AWS's documents say (IAM's guide, "Policy evaluation logic")."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from sandbox.strict.policies.evaluator import (
    Decision,
    Evaluator,
    EvaluatorError,
    Question,
    condition_keys,
    that_matters,
)

ACCOUNT = "000000000000"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/SendNotices/session"
BILLING = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/billing"
CUSTOMERS = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/customers"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms"
DOCUMENTS = "arn:aws:s3:::documents"
FUNCTION = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:receive"
IDENTITY = f"arn:aws:ses:us-east-1:{ACCOUNT}:identity/example.com"


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator() as started:
        yield started


def statement(effect: str, action: str | Sequence[str], resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def decide(
    evaluator: Evaluator,
    action: str,
    resource: str,
    *,
    principal: str = ROLE,
    identity: Sequence[str] = (),
    own: str = "",
    context: Mapping[str, str | Sequence[str]] | None = None,
) -> Decision:
    given = {"aws:SecureTransport": "true", **(context or {})}
    matters = that_matters(given, [*identity, own])
    return evaluator.decide(Question(principal, action, resource, ACCOUNT, tuple(identity), own, matters))


def test_a_role_may_do_what_its_policy_names_and_nothing_else(evaluator: Evaluator) -> None:
    allowed = [policy(statement("Allow", ["dynamodb:GetItem", "dynamodb:Query"], CUSTOMERS))]
    assert decide(evaluator, "dynamodb:GetItem", CUSTOMERS, identity=allowed).allowed
    wrong_action = decide(evaluator, "dynamodb:DeleteItem", CUSTOMERS, identity=allowed)
    wrong_table = decide(evaluator, "dynamodb:GetItem", BILLING, identity=allowed)
    assert wrong_action == wrong_table == Decision(allowed=False)


def test_a_table_does_not_stand_for_its_index(evaluator: Evaluator) -> None:
    allowed = [policy(statement("Allow", "dynamodb:Query", CUSTOMERS))]
    assert not decide(evaluator, "dynamodb:Query", f"{CUSTOMERS}/index/being_charged", identity=allowed).allowed


def test_without_a_policy_nothing_is_allowed(evaluator: Evaluator) -> None:
    assert not decide(evaluator, "dynamodb:GetItem", CUSTOMERS).allowed


def test_a_deny_in_the_buckets_policy_decides_against_the_roles_allow(evaluator: Evaluator) -> None:
    allowed = [policy(statement("Allow", "s3:PutObject", f"{DOCUMENTS}/*"))]
    conditions = {"Null": {"s3:if-none-match": "true"}, "Bool": {"s3:ObjectCreationOperation": "true"}}
    written_once = policy(
        statement("Deny", "s3:PutObject", f"{DOCUMENTS}/invoices/*", Principal={"AWS": "*"}, Condition=conditions)
    )
    created = {"s3:ObjectCreationOperation": "true"}
    place = f"{DOCUMENTS}/invoices/2026-10.json"
    overwritten = decide(evaluator, "s3:PutObject", place, identity=allowed, own=written_once, context=created)
    assert overwritten == Decision(allowed=False, explicit=True, by_resource=True)
    careful = {**created, "s3:if-none-match": "*"}
    assert decide(evaluator, "s3:PutObject", place, identity=allowed, own=written_once, context=careful).allowed


@pytest.mark.parametrize(
    ("statements", "source_account", "allowed"),
    [
        ([], ACCOUNT, False),
        ([statement("Allow", "sns:Publish", TOPIC, Principal={"Service": "cloudwatch.amazonaws.com"})], ACCOUNT, True),
        ([statement("Allow", "sns:Publish", TOPIC, Principal={"Service": "events.amazonaws.com"})], ACCOUNT, False),
        (
            [
                statement(
                    "Allow",
                    "sns:Publish",
                    TOPIC,
                    Principal={"Service": "cloudwatch.amazonaws.com"},
                    Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
                )
            ],
            "111111111111",
            False,
        ),
    ],
    ids=["only a deny", "cloudwatch", "another service", "another account"],
)
def test_cloudwatch_publishes_only_to_a_topic_whose_policy_lets_it(
    evaluator: Evaluator, statements: list[dict[str, Any]], source_account: str, allowed: bool
) -> None:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    own = policy(statement("Deny", "sns:Publish", TOPIC, Principal={"AWS": "*"}, Condition=insecure), *statements)
    context = {"aws:SourceAccount": source_account, "aws:SourceArn": f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:x"}
    service = "cloudwatch.amazonaws.com"
    assert decide(evaluator, "sns:Publish", TOPIC, principal=service, own=own, context=context).allowed is allowed


def test_the_public_calls_a_function_only_if_the_functions_policy_says_so(evaluator: Evaluator) -> None:
    open_to_all = policy(
        statement(
            "Allow",
            "lambda:InvokeFunctionUrl",
            FUNCTION,
            Principal="*",
            Condition={"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}},
        )
    )
    context = {"lambda:FunctionUrlAuthType": "NONE"}
    action = "lambda:InvokeFunctionUrl"
    assert decide(evaluator, action, FUNCTION, principal="", own=open_to_all, context=context).allowed
    assert not decide(evaluator, action, FUNCTION, principal="", context=context).allowed


def test_mail_is_sent_only_from_the_address_in_the_condition(evaluator: Evaluator) -> None:
    condition = {"StringEquals": {"ses:FromAddress": "billing@example.com"}}
    allowed = [policy(statement("Allow", "ses:SendEmail", IDENTITY, Condition=condition))]
    ours, others = ({"ses:FromAddress": f"{who}@example.com"} for who in ("billing", "ceo"))
    assert decide(evaluator, "ses:SendEmail", IDENTITY, identity=allowed, context=ours).allowed
    assert not decide(evaluator, "ses:SendEmail", IDENTITY, identity=allowed, context=others).allowed


def test_an_action_that_knows_no_resources_is_judged_on_all_of_them(evaluator: Evaluator) -> None:
    allowed = [policy(statement("Allow", "states:SendTaskSuccess", "*"))]
    machine = f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:close"
    assert decide(evaluator, "states:SendTaskSuccess", machine, identity=allowed).allowed


def test_an_action_that_does_not_exist_cannot_be_judged(evaluator: Evaluator) -> None:
    with pytest.raises(EvaluatorError, match="sqs:SendManyMessages"):
        decide(evaluator, "sqs:SendManyMessages", f"arn:aws:sqs:us-east-1:{ACCOUNT}:queue")


def test_the_same_question_is_asked_once(evaluator: Evaluator) -> None:
    allowed = [policy(statement("Allow", "dynamodb:GetItem", CUSTOMERS))]
    decide(evaluator, "dynamodb:GetItem", CUSTOMERS, identity=allowed)
    asked = evaluator.questions
    decide(evaluator, "dynamodb:GetItem", CUSTOMERS, identity=allowed, context={"dynamodb:LeadingKeys": ["c-1"]})
    assert evaluator.questions == asked


def test_only_the_condition_keys_in_a_policy_matter() -> None:
    condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    mentioned = policy(statement("Allow", "sns:Publish", TOPIC, Condition=condition))
    assert "aws:sourceaccount" in condition_keys(mentioned)
    context = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": TOPIC}
    assert that_matters(context, [mentioned]) == (("aws:SourceAccount", ACCOUNT),)


def test_the_judge_ends_with_its_input() -> None:
    evaluator = Evaluator()
    evaluator.close()
    with pytest.raises((EvaluatorError, ValueError)):
        decide(evaluator, "dynamodb:GetItem", CUSTOMERS)
