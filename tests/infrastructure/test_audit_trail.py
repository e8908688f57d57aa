"""The audit trail is append-only: by everybody's rights, and by the policy of its table, which binds administrators."""

import json
from collections.abc import Iterator

import pytest

from sandbox.strict.policies.evaluator import Decision, Evaluator, Question
from tests.infrastructure.rights import granted, granted_to_people
from tests.infrastructure.synthesis import Synthesized

_TRAIL = "TablesAudit"
_TABLE = "arn:aws:dynamodb:eu-central-1:111122223333:table/MonthCloseState-TablesAudit"
_ADA = "AROAEXAMPLE:ada@example.com"
_EVERYTHING = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
_REPLACING = [
    *("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "PartiQLUpdate", "PartiQLDelete", "UpdateTimeToLive")
]


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    with Evaluator() as evaluator:
        yield evaluator


def decided(evaluator: Evaluator, synthesized: Synthesized, action: str, key: str) -> Decision:
    """Ask whether an administrator may do something to an item of the trail."""
    tables = synthesized.of_type("AWS::DynamoDB::Table")
    [policy] = [table["ResourcePolicy"]["PolicyDocument"] for name, table in tables.items() if name.startswith(_TRAIL)]
    return evaluator.decide(
        Question(
            "arn:aws:sts::111122223333:assumed-role/Administrator/ada@example.com",
            f"dynamodb:{action}",
            _TABLE,
            "111122223333",
            (_EVERYTHING,),
            json.dumps(policy),
            (("aws:userid", _ADA), ("dynamodb:LeadingKeys", (key,))),
        )
    )


@pytest.mark.parametrize("action", _REPLACING)
def test_not_even_an_administrator_replaces_or_removes_an_act(
    evaluator: Evaluator, aws: Synthesized, action: str
) -> None:
    decision = decided(evaluator, aws, action, _ADA)
    assert decision == Decision(allowed=False, explicit=True, by_resource=True)


def test_everybody_appends_in_their_own_name_only(evaluator: Evaluator, synthesized: Synthesized) -> None:
    assert decided(evaluator, synthesized, "PartiQLInsert", _ADA).allowed
    assert decided(evaluator, synthesized, "Query", "acts").allowed
    forged = decided(evaluator, synthesized, "PartiQLInsert", "AROAEXAMPLE:bob@example.com")
    assert forged == Decision(allowed=False, explicit=True, by_resource=True)


def test_no_role_and_no_person_has_a_right_to_change_or_delete_acts(synthesized: Synthesized) -> None:
    people = [right for rights in granted_to_people(synthesized).values() for right in rights]
    rights = {(action, on) for _, action, on in (*granted(synthesized), *people) if _TRAIL in on or on == "*"}
    on_the_trail = {action for action, on in rights if on != "*"}
    assert "dynamodb:PartiQLInsert" in on_the_trail
    assert on_the_trail <= {"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PartiQLInsert"}
    on_all = {action for action, on in rights if on == "*" and action.startswith("dynamodb:")}
    assert on_all <= {"dynamodb:ListStreams"}, "which names streams, for the events, and IAM knows no resource for it"


def test_acts_are_found_by_subject_period_customer_and_invoice(synthesized: Synthesized) -> None:
    tables = synthesized.of_type("AWS::DynamoDB::Table")
    [trail] = [table for name, table in tables.items() if name.startswith(_TRAIL)]
    indexes = {
        index["IndexName"]: [key["AttributeName"] for key in index["KeySchema"]]
        for index in trail["GlobalSecondaryIndexes"]
    }
    assert indexes == {
        "acts": ["trail", "at"],
        "of_subject": ["subject", "at"],
        "of_period": ["period", "at"],
        "of_customer": ["customer_id", "at"],
        "of_invoice": ["invoice", "at"],
    }
