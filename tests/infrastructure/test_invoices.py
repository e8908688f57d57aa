"""Links to invoices: a function that is open to the internet may do next to nothing, and invoices are written once."""

import json
from pathlib import Path
from typing import Any

import pytest

from monthclose.names import Env, Stack
from tests.infrastructure.synthesis import TELL_CUSTOMERS, Synthesized, synthesize


def _viewer(synthesized: Synthesized) -> dict[str, Any]:
    function: dict[str, Any] = synthesized.functions()["show_invoice"]
    return function


def _allowed(synthesized: Synthesized) -> dict[str, str]:
    """Actions of the function behind the links, with the resources they are allowed on, as text."""
    role = _viewer(synthesized)["Role"]["Fn::GetAtt"][0]
    allowed: dict[str, str] = {}
    for statement in synthesized.statements_of(role):
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        for action in actions:
            allowed[action] = allowed.get(action, "") + json.dumps(statement["Resource"])
    return allowed


def test_the_function_behind_the_links_writes_pdfs_and_nothing_else(aws: Synthesized) -> None:
    allowed = _allowed(aws)
    writing = {action for action in allowed if action.split(":")[1].startswith(("Put", "Delete", "Update", "Batch"))}
    writing -= {"dynamodb:BatchGetItem"}
    assert {action for action in writing if not action.startswith(("xray:", "logs:"))} == {"s3:PutObject"}
    assert "/pdf/*" in allowed["s3:PutObject"]
    assert "/invoices/*" not in allowed["s3:PutObject"]


def test_the_function_behind_the_links_reads_invoices_and_no_customers(aws: Synthesized) -> None:
    allowed = _allowed(aws)
    assert "TablesBilling" in allowed["dynamodb:Query"]
    for table in ("TablesCustomers", "TablesUsage", "TablesUsagePacks", "TablesCloses", "TablesIdempotency"):
        assert table not in allowed["dynamodb:Query"]
    for prefix in ("/invoices/*", "/credit_notes/*", "/pdf/*", "/company/*"):
        assert prefix in allowed["s3:GetObject"]
    assert '"/*"' not in allowed["s3:GetObject"]


def test_what_customers_ask_for_is_done_by_a_function_that_only_the_one_behind_the_links_calls(
    aws: Synthesized,
) -> None:
    allowed = _allowed(aws)
    assert json.loads(allowed["lambda:InvokeFunction"])["Fn::Join"][1][-1].endswith("-ActForCustomer")
    desk = aws.functions()["act_for_customer"]
    assert desk["ReservedConcurrentExecutions"] == 10
    assert desk["FunctionName"].endswith("-ActForCustomer")
    called = [
        p for p in aws.of_type("AWS::Lambda::Permission").values() if "ActForCustomer" in json.dumps(p["FunctionName"])
    ]
    assert not called  # neither a URL nor a service calls it


def test_its_url_needs_no_identity_and_its_concurrency_is_limited(aws: Synthesized) -> None:
    [url] = [url for name, url in aws.of_type("AWS::Lambda::Url").items() if name.startswith("Invoices")]
    assert url["AuthType"] == "NONE"
    assert "Cors" not in url
    assert _viewer(aws)["ReservedConcurrentExecutions"] == 20


def test_only_the_function_behind_the_links_has_the_layer_that_makes_pdfs(synthesized: Synthesized) -> None:
    layers = {name: len(function["Layers"]) for name, function in synthesized.functions().items()}
    read_usage = {"receive_usage", "load_usage", "generate_invoices", "archive_part"}
    with_two = {"show_invoice", "write_pack_table", *read_usage}
    assert {name for name, count in layers.items() if count == 2} == with_two
    assert set(layers.values()) == {1, 2}
    second = {name: synthesized.functions()[name]["Layers"][1]["Ref"] for name in with_two}
    assert second["show_invoice"] != second["write_pack_table"]  # that one has DuckDB
    assert {second[name] for name in read_usage} == {second["write_pack_table"]}, "usage may be in the archive"


def test_functions_that_write_links_know_the_address_and_may_read_the_keys(aws: Synthesized) -> None:
    told = {name for name, f in aws.functions().items() if Env.INVOICE_URL in f["Environment"]["Variables"]}
    assert told == TELL_CUSTOMERS
    readers = {
        name
        for name, function in aws.functions().items()
        for statement in aws.statements_of(function["Role"]["Fn::GetAtt"][0])
        if "secretsmanager:GetSecretValue" in statement["Action"] and "InvoiceLinkKeys" in json.dumps(statement)
    }
    assert readers == TELL_CUSTOMERS | {"show_invoice"}


def test_the_keys_are_random_and_outlive_every_deployment(aws: Synthesized) -> None:
    resources = aws.templates[Stack.STATE]["Resources"].values()
    [keys] = [resource for resource in resources if resource["Type"] == "AWS::SecretsManager::Secret"]
    generated = keys["Properties"]["GenerateSecretString"]
    assert json.loads(generated["SecretStringTemplate"]) == {"current": generated["GenerateStringKey"]}
    assert generated["PasswordLength"] == 64
    assert keys["DeletionPolicy"] == "Retain"


def test_s3_itself_refuses_to_write_an_invoice_a_credit_note_or_a_pdf_twice(synthesized: Synthesized) -> None:
    denied = [
        statement
        for policy in synthesized.of_type("AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny" and "Null" in statement["Condition"]
    ]
    resources = json.dumps([statement["Resource"] for statement in denied])
    assert "/invoices/*" in resources
    assert "/credit_notes/*" in resources
    assert "/pdf/*" in resources
    for statement in denied:
        assert statement["Action"] == "s3:PutObject"
        assert statement["Principal"] == {"AWS": "*"}
        assert statement["Condition"]["Null"] == {"s3:if-none-match": "true"}


@pytest.mark.long
def test_without_a_link_lifetime_there_are_no_links_and_no_function(tmp_path: Path) -> None:
    synthesized = synthesize({"invoice_link_days": 0}, tmp_path)
    assert "show_invoice" not in synthesized.functions()
    assert not [name for name in synthesized.of_type("AWS::Lambda::Url") if name.startswith("Invoices")]
    for function in synthesized.functions().values():
        assert json.loads(function["Environment"]["Variables"][Env.INVOICE_LINKS]) == {}
