"""The reconciler on the deployed system: payments lost from sight, dead letters, missed starts."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import httpx

from monthclose.domain.pack.pack import MadeFor, Pack
from monthclose.domain.payments.payment import PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.errors import OutcomeUnknownError
from monthclose.ports import Answer, ChargeOrder
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.proof.report_pack import current_pack
from tests.integration.system import System, until

JUNE, JULY = Period(2025, 6), Period(2025, 7)


def reconcile(system: System) -> dict[str, Any]:
    machines = system.workflow.list_state_machines()["stateMachines"]
    [arn] = [machine["stateMachineArn"] for machine in machines if "Reconcile" in machine["name"]]
    started = system.workflow.start_execution(stateMachineArn=arn, input=json.dumps({"compare": True}))
    ended = system.ended(started["executionArn"])
    assert ended["status"] == "SUCCEEDED", ended
    output: dict[str, Any] = json.loads(ended["output"])
    return output


def queue(named: str) -> str:
    urls = boto3.client("sqs").list_queues()["QueueUrls"]
    [url] = [url for url in urls if named in url]
    return url


@contextmanager
def late_webhooks(system: System) -> Iterator[None]:
    """Delay the provider's webhooks until long after the reconciler: otherwise they settle everything first."""
    chaos = f"{system.sandbox_url}/_sandbox/chaos"
    plan = {"webhooks": {"stripe": {"delay": 1, "delay_seconds": [60, 60]}}}
    httpx.put(chaos, json=plan, trust_env=False).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(chaos, trust_env=False).raise_for_status()


def lose_the_answer_for(system: System, key: PaymentKey) -> None:
    """Charge a customer so that the money moves but the provider's answer is lost."""
    gateway = system.runtime.gateway("stripe")

    class LosesAnswers:
        def __getattr__(self, name: str) -> Any:
            return getattr(gateway, name)

        def collect(self, order: ChargeOrder) -> Answer:
            gateway.collect(order)
            raise OutcomeUnknownError("reset")

    charger = Charger(system.runtime.books, LosesAnswers(), system.runtime.clock)
    assert charger.charge(key, again=True) is PaymentState.UNKNOWN
    customer = system.runtime.books.customer(key.customer_id)
    assert customer
    system.runtime.books.commit(replace(customer, check_at=system.runtime.clock()))  # five minutes have passed


def test_a_payment_with_a_lost_outcome_is_settled_and_the_books_tie_again(system: System) -> None:
    name = system.add_customer("lost-from-sight", method="pm_card_chargeDeclined")
    system.use([UsageEvent("event-1", name, "droplet", Decimal(1), JUNE.start, Decimal(42), "Droplet")])
    assert system.close(JUNE)["holds"]["placed"] == 1
    system.add_customer(name, method="pm_card_visa")
    with late_webhooks(system):
        lose_the_answer_for(system, PaymentKey(name, JUNE))
    until("the index", lambda: list(system.runtime.directory.being_charged(system.runtime.clock())) or None)

    output = reconcile(system)

    [stripe] = [provider for provider in output["providers"] if provider["provider"] == "stripe"]
    assert stripe["settled"]["states"] == {"paid": 1}
    payment, customer = system.runtime.books.month(name, JUNE).payment, system.runtime.books.customer(name)
    assert payment
    assert customer
    assert payment.state is PaymentState.PAID
    assert (customer.open_payment, customer.held_since) == ("", None)
    assert [charge["amount"] for charge in system.charges(JUNE)] == [4200]
    [period] = [period for period in output["periods"] if period["period"] == "2025-06"]
    assert period["findings"] == 0, system.report(JUNE)["proof"]
    report = system.report(JUNE)
    assert report["proof"]["ties"], report["proof"]
    assert report["money"]["USD"]["collected"] == 4200
    assert_packed_again(system)
    assert_the_command_agrees()


def assert_packed_again(system: System) -> None:
    """See that the report pack is made again, because money has come since."""

    def look() -> Pack | None:
        found = current_pack(system.runtime.documents, JUNE)
        return found if found and found.made_for is MadeFor.CHANGE else None

    pack = until("the new report pack", look)
    rows = csv.DictReader(system.runtime.documents.get(pack.key_of("invoices.csv")).decode().splitlines())
    assert [row["collected"] for row in rows] == ["42.00"]


def assert_the_command_agrees() -> None:
    command = [str(Path(sys.executable).parent / "monthclose"), "reconcile", "2025-06", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(done.stdout)
    [stripe] = [comparison for comparison in content["comparisons"] if comparison["provider"] == "stripe"]
    assert (stripe["charges"], stripe["payments"], stripe["ties"]) == (1, 1, True)


def test_dead_letters_and_missed_starts_are_made_up_for(system: System) -> None:
    name = system.add_customer("missed-start")
    system.use([UsageEvent("event-1", name, "droplet", Decimal(1), JULY.start, Decimal(7), "Droplet")])
    sqs, close = boto3.client("sqs"), system.values["MONTHCLOSE_STATE_MACHINE_ARN"]
    sqs.send_message(
        QueueUrl=queue("MissedStarts"),
        MessageBody=json.dumps({"detail-type": "Scheduled Event", "time": "2025-08-01T00:00:00Z"}),
        MessageAttributes={"TARGET_ARN": {"DataType": "String", "StringValue": close}},
    )
    system.close(Period(2025, 11))  # whom no close charges by is left alone
    letters = queue("StripeDeadLetters")
    message = sqs.send_message(QueueUrl=letters, MessageBody="nobody can read this")

    output = reconcile(system)

    assert output["starts"]["started"] == 1
    [stripe] = [provider for provider in output["providers"] if provider["provider"] == "stripe"]
    assert stripe["drained"] == {"found": 1, "findings": 1}
    kept = json.loads(system.runtime.documents.get(f"dead-letters/stripe/{message['MessageId']}.json"))
    assert kept["body"] == "nobody can read this"
    close_of = until("the close of July", lambda: system.runtime.closes.get(JULY))
    assert system.ended(close_of.execution)["status"] == "SUCCEEDED"
    assert [charge["amount"] for charge in system.charges(JULY)] == [700]
