"""What a customer costs: counts are separated and priced the same way everywhere."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.costs.measured import load_costs
from bench.costs.meter import Meter, item_bytes
from bench.costs.prices import cost_by_service, load_prices, price_of
from bench.requests_per_customer import FIRST_CLOSE, PARTS, month_of, separate, transitions

_CALLS = {"invocations": 2.0, "write:closes": 2 * 3 + 40 * 0.5}
"""Two calls for 40 customers: three units each call, half a unit each customer."""
_MORE_CALLS = {"invocations": 10.0, "write:closes": 10 * 3 + 40 * 0.5}


def _close(generated: dict[str, float]) -> dict[str, dict[str, float]]:
    told = {"invocations": 1.0, "request:SESv2 SendEmail": 40.0}
    return {"generate_invoices": {"write:customers": 80.0, **generated}, "send_notices": told}


def test_two_closes_tell_what_a_call_costs_from_what_a_customer_costs() -> None:
    found = separate(_close(_CALLS), _close(_MORE_CALLS), _close(_CALLS)).stage("generate_invoices")
    assert found.invocation["write:closes"] == pytest.approx(3)
    assert found.customer["write:closes"] == pytest.approx(0.5)
    assert found.customer["write:customers"] == pytest.approx(2)


def test_an_item_is_as_large_as_dynamodb_says() -> None:
    assert item_bytes({"id": {"S": "é"}, "n": {"N": "12345"}}) == 2 + 2 + 1 + 4


def test_a_transaction_counts_double_and_an_index_entry_once() -> None:
    meter = Meter()
    meter.stage = "x"
    item = {"customer_id": {"S": "c"}, "lease": {"S": "3"}, "check_at": {"S": "2026"}}
    put = {"Put": {"TableName": "customers", "Item": item}}
    meter.request("DynamoDB", "TransactWriteItems", {"TransactItems": [put]}, None)
    assert meter.counts["x"]["write:customers"] == 2
    assert meter.counts["x"]["index:customers"] == 1


def test_an_item_that_is_not_there_costs_a_read_too_and_twice_as_much_consistently() -> None:
    meter = Meter()
    asked = {"Keys": [{"pk": {"S": name}} for name in "abc"]}
    answer = {"Responses": {"usage": [{"pk": {"S": "a"}, "body": {"B": b"x" * 5000}}]}}
    for stage, consistent in (("sooner", True), ("later", False)):
        meter.stage = stage
        request = {"RequestItems": {"usage": {**asked, "ConsistentRead": consistent}}}
        meter.request("DynamoDB", "BatchGetItem", request, answer)
    assert (meter.counts["sooner"]["read:usage"], meter.counts["later"]["read:usage"]) == (4, 2)


def test_a_statement_writes_the_item_that_its_parameters_are() -> None:
    meter = Meter()
    meter.stage = "x"
    item = [{"S": "2026-10#acme"}, {"B": b"x" * 1500}]
    put = {"Statement": "INSERT INTO \"packs\" VALUE {'pk': ?, 'body': ?}", "Parameters": item}
    change = {
        "Statement": 'UPDATE "packs" SET "body" = ? SET "revision" = ? WHERE "pk" = ? AND "revision" = ?',
        "Parameters": [item[1], {"N": "2"}, item[0], {"N": "1"}],
    }
    meter.request("DynamoDB", "BatchExecuteStatement", {"Statements": [put, change]}, None)
    meter.request("DynamoDB", "ExecuteStatement", put, None)
    assert meter.counts["x"]["write:packs"] == 6


def test_every_price_says_where_it_is_from() -> None:
    assert all(price.source.startswith("https://aws.amazon.com/") for price in load_prices().values())


def test_use_is_priced_by_service() -> None:
    used = {"write:billing": 1e6, "index:customers": 1e6, "transitions": 1e6, "request:DynamoDB Query": 5.0}
    assert cost_by_service(used) == {"DynamoDB": 1.25, "Step Functions": 25.0}
    assert price_of("request:SQS SendMessage") == "sqs.requests"


def test_a_batch_whose_customers_pay_goes_through_seven_transitions_or_so() -> None:
    assert 6 <= transitions() <= 12


def test_the_cost_of_a_million_is_in_the_docs() -> None:
    parts = {name: cost_by_service(month_of(load_costs(), stages, 1_000_000)) for name, stages in PARTS.items()}
    page = (Path(__file__).parents[2] / "docs" / "scale.md").read_text()
    assert f"| {parts['close']['DynamoDB']:.2f} |" in page
    assert f"| {parts['import']['DynamoDB']:.2f} |" in page
    sums = {name: sum(cost for what, cost in part.items() if "mail" not in what) for name, part in parts.items()}
    assert f"| **sum** | {' | '.join(f'**{cost:.2f}**' for cost in sums.values())} |" in page
    close = sum(cost for name, cost in sums.items() if name != "import")
    deploying = (Path(__file__).parents[2] / "docs" / "deploying.md").read_text()
    assert f"| the close, its proof, webhooks and one reconciliation | ${close:.0f} |" in deploying


@pytest.mark.long
def test_the_benchmark_counts_every_stage_of_a_first_month_and_a_later_one() -> None:
    command = [sys.executable, "-m", "bench.costs.one_close", "2", "2"]
    counted = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert {stage for part in PARTS.values() for stage in part} | set(FIRST_CLOSE) <= counted.keys()
    assert "write:idempotency" not in counted["apply_webhook"]  # the webhooks say what the close has booked
    registered = counted["first: charge_customers"]["write:customers"] - counted["charge_customers"]["write:customers"]
    assert registered == 2
