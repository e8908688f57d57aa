"""Whole closes on the deployed system: every kind of customer, twice at once, stopped, killed, started again."""

import csv
import json
import os
import signal
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import duckdb
import httpx
import pytest

from cli.dashboard.register.cache import Cache
from cli.dashboard.register.catalog import CUSTOMERS, INVOICES, NOTICES, PARKED
from cli.dashboard.register.lists import Lists, Query
from cli.dashboard.register.sync import Sync
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.names import Env
from monthclose.use_cases.proof.report_pack import current_pack
from tests.integration.system import System, until


def used(customer_id: str, period: Period, amount: str) -> UsageEvent:
    return UsageEvent("event-1", customer_id, "droplet", Decimal(2), period.start, Decimal(amount) / 2, "Droplet")


def many(system: System, period: Period, count: int, prefix: str) -> list[str]:
    """Add customers with a working card and a bill each."""
    names = [system.add_customer(f"{prefix}-{number:03}") for number in range(count)]
    system.use([used(name, period, str(10 + number)) for number, name in enumerate(names)])
    return names


def assert_charged_once(system: System, period: Period, names: list[str]) -> None:
    charges = Counter(charge["metadata"]["customer_id"] for charge in system.charges(period))
    assert charges == Counter(names)


def amounts_by_customer(charges: list[dict[str, Any]]) -> dict[str, tuple[int, str]]:
    return {charge["metadata"]["customer_id"]: (charge["amount"], charge["currency"]) for charge in charges}


def test_every_kind_of_customer_ends_as_expected(system: System) -> None:
    period = Period(2026, 1)
    kinds = {
        "pays": ("pm_card_visa", "stripe", "USD", "12.34"),
        "pays-yen": ("pm_card_visa", "stripe", "JPY", "1234"),
        "declined": ("pm_card_chargeDeclined", "stripe", "USD", "10"),
        "no-funds": ("pm_card_chargeDeclinedInsufficientFunds", "stripe", "EUR", "10"),
        "expired": ("pm_card_chargeDeclinedExpiredCard", "stripe", "USD", "10"),
        "must-authenticate": ("pm_card_authenticationRequired", "stripe", "USD", "10"),
        "no-method": ("", "stripe", "USD", "10"),
        "debit": ("MD_OK", "gocardless", "USD", "10"),
        "elsewhere": ("acct_1", "adyen", "USD", "10"),
        "negative": ("pm_card_visa", "stripe", "USD", "-5"),
        "idle": ("pm_card_visa", "stripe", "USD", "0"),
    }
    for name, (method, provider, currency, amount) in kinds.items():
        system.add_customer(name, method=method, provider=provider, currency=currency)
        system.use([used(name, period, amount)])
    system.add_customer("unpriced")
    system.use([UsageEvent("e", "unpriced", "no-such-sku", Decimal(1), period.start)])
    before = len(system.mails())

    report = system.close(period)

    assert report["parked"] == {"no_price": 1}, report["names"]["parked"]
    others = report["customers"]["snapshot"] - 12  # of tests that ran before, without usage in this month
    assert report["customers"] | {"snapshot": 12} == {
        "snapshot": 12,
        "invoiced": 10,
        "nothing_to_bill": 1 + others,
        "parked": 1,
    }
    assert {state: n for state, n in report["payments"].items() if n} == {
        "paid": 2,
        "declined": 3,
        "action_required": 1,
        "no_payment_method": 1,
        "no_adapter": 1,
        "pending": 1,
        "nothing_due": 1,
    }
    assert report["declines"] == {
        "expired_card": 1,
        "generic_decline": 1,
        "insufficient_funds": 1,
    }
    assert report["money"]["USD"]["collected"] == 1234
    assert report["money"]["JPY"]["collected"] == 1234
    assert report["holds"] == {"placed": 3, "lifted": 0}
    assert report["proof"]["ties"], report["proof"]
    assert amounts_by_customer(system.charges(period)) == {"pays": (1234, "usd"), "pays-yen": (1234, "jpy")}
    assert report["notices"]["sent"] == 10
    assert len(system.mails()) - before == 10
    assert_packed(system, period, report)
    assert_listed(system, period, report)


def assert_listed(system: System, period: Period, report: dict[str, Any]) -> None:
    """See that the dashboard's lists have what the report counts, and customers stand as their accounts say."""
    copy = Cache(None)
    Sync(copy, system.runtime).refresh()
    lists, of_month = Lists(copy), Query(filters={"period": str(period)})
    invoices = lists.page(INVOICES, of_month)
    assert invoices.total == report["customers"]["invoiced"]
    assert {sum_.currency: sum_.minor for sum_ in invoices.sums} == {
        currency: sums["open"] for currency, sums in report["money"].items()
    }
    assert lists.page(NOTICES, of_month).total == report["notices"]["sent"]
    assert [row["customer_id"] for row in lists.page(PARKED, of_month).rows] == ["unpriced"]
    everybody = {str(row["customer_id"]): row for row in lists.page(CUSTOMERS, Query()).rows}
    for name, account in system.runtime.books.customers(everybody).items():
        row = everybody[name]
        stands = (account.receivable_minor, account.credit_minor, account.balance.minor, bool(account.held_since))
        listed = (row["receivable_minor"], row["credit_minor"], row["balance_minor"], bool(row["held_since"]))
        assert listed == stands, name
    copy.close()


def assert_packed(system: System, period: Period, report: dict[str, Any]) -> None:
    """See that the report leads to a pack whose files, for people and for programs, come to the report's sums."""
    documents = system.runtime.documents
    pack = current_pack(documents, period)
    assert pack
    assert report["pack"]["name"] == pack.name
    assert (pack.customers, pack.unreadable) == (report["customers"]["snapshot"], ())
    assert not [remark for remark in pack.remarks if "payouts" in remark], "each provider was asked for its payouts"
    for file in pack.files:
        assert documents.has(pack.key_of(file.name)), file.name
    text = documents.get(pack.key_of("invoices.csv")).decode()
    collected = Counter[str]()
    for row in csv.DictReader(text.splitlines()):
        collected[row["currency"]] += int(row["collected_minor"])
    assert collected == {currency: sums["collected"] for currency, sums in report["money"].items()}
    with tempfile.NamedTemporaryFile(suffix=".parquet") as stored:
        stored.write(documents.get(pack.key_of("parquet/entries/entries.parquet")))
        stored.flush()
        asked = f"SELECT currency, account, sum(amount_minor) FROM '{stored.name}' GROUP BY ALL"
        sums = duckdb.execute(asked).fetchall()
    booked = {currency: {k: v for k, v in by_account.items() if v} for currency, by_account in report["ledger"].items()}
    found: dict[str, dict[str, int]] = {currency: {} for currency in booked}
    for currency, account, minor in sums:
        if minor:
            found[currency][account] = int(minor)
    assert found == booked


def items(system: System) -> dict[str, list[str]]:
    """All items of the tables, but for the rehearsals' records and the functions' memory of calls."""
    found = {}
    for env in (Env.CUSTOMERS_TABLE, Env.USAGE_PACKS_TABLE, Env.BILLING_TABLE, Env.CLOSES_TABLE):
        table = boto3.resource("dynamodb").Table(system.values[env])
        pages = table.meta.client.get_paginator("scan").paginate(TableName=table.name)
        rows = [row for page in pages for row in page["Items"] if str(row.get("pk")) != "rehearsals"]
        found[env.value] = sorted(map(repr, rows))
    return found


def test_a_rehearsal_writes_no_item_and_the_close_bills_what_was_approved(system: System) -> None:
    period = Period(2025, 12)
    names = many(system, period, 3, "rehearsed")
    before, mails = items(system), len(system.mails())

    rehearsed = system.ended(system.start(period, dry_run=True))

    assert rehearsed["status"] == "SUCCEEDED", rehearsed
    assert json.loads(rehearsed["output"])["outcome"] == "rehearsed"
    assert items(system) == before
    assert (system.charges(period), len(system.mails())) == ([], mails)
    found = system.use_cases.approver.approvable(period)
    assert found.drafted == 3
    system.use_cases.approver.approve(period, found.number, "ann", "as expected")

    report = system.close(period)

    assert report["customers"]["invoiced"] == 3
    assert report["approved"]["by"] == "ann"
    assert report["approved"]["differs"] == 0
    assert_charged_once(system, period, names)


def test_two_starts_at_once_close_once_and_the_other_finds_it_running(system: System) -> None:
    period = Period(2026, 2)
    names = many(system, period, 12, "twice")

    with ThreadPoolExecutor(2) as pool:
        starts = list(pool.map(lambda _: system.start(period), range(2)))
    outcomes = sorted(system.ended(start)["output"].count("already_running") for start in starts)

    assert outcomes == [0, 1]
    assert_charged_once(system, period, names)
    assert system.report(period)["run"] == 1


def test_a_stopped_close_is_finished_by_the_next_and_nobody_is_charged_twice(system: System) -> None:
    period = Period(2026, 3)
    names = many(system, period, 40, "stopped")
    first = system.start(period)
    until("some charges", lambda: len(system.charges(period)) > 5)
    system.workflow.stop_execution(executionArn=first)

    report = system.close(period)

    assert_charged_once(system, period, names)
    assert report["run"] == 2
    assert report["payments"]["paid"] == len(names)
    assert report["notices"]["sent"] == len(names)
    assert report["proof"]["ties"], report["proof"]


def test_once_a_close_is_paused_or_stopped_nobody_else_is_charged_until_it_goes_on(system: System) -> None:
    period = Period(2024, 4)
    names = many(system, period, 40, "ended")
    slow = {"rules": [{"provider": "stripe", "endpoint": "payment_intents.*", "fault": "delay", "seconds": 1}]}
    chaos = f"{system.sandbox_url}/_sandbox/chaos"
    httpx.put(chaos, json=slow, trust_env=False).raise_for_status()
    try:
        first = system.start(period)
        until("some charges", lambda: len(system.charges(period)) > 2)
        system.use_cases.pause_close(period, "ada", "are the prices right?")
        threading.Event().wait(5)
        paused = until("nothing but a pause", lambda: quiet(system, period, 5), seconds=6)
        assert paused < len(names)
        system.use_cases.resume_close(period, "bob")
        until("more charges", lambda: len(system.charges(period)) > paused, seconds=60)
        system.workflow.stop_execution(executionArn=first)
        charged = until("an end of the charges under way", lambda: quiet(system, period))
    finally:
        httpx.delete(chaos, trust_env=False).raise_for_status()
    assert charged < len(names)
    assert system.workflow.describe_execution(executionArn=first)["status"] == "ABORTED"

    report = system.close(period)

    assert_charged_once(system, period, names)
    assert report["payments"]["paid"] == len(names)
    assert report["proof"]["ties"], report["proof"]


def quiet(system: System, period: Period, seconds: float = 10) -> int | None:
    """Count a period's charges, if there is none more for some seconds."""
    before, deadline, pause = len(system.charges(period)), time.monotonic() + seconds, threading.Event()
    while time.monotonic() < deadline:
        if len(system.charges(period)) > before:
            return None
        pause.wait(0.2)
    return before


@contextmanager
def messages_hidden(seconds: int) -> Iterator[None]:
    """Let what a killed consumer had come again sooner than after six of its time-outs, as the stacks have it."""
    sqs = boto3.client("sqs")
    [url] = [url for url in sqs.list_queues()["QueueUrls"] if "StripeQueue" in url]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": before["VisibilityTimeout"]})


@pytest.mark.timeout(900)
def test_a_close_whose_lambda_processes_are_killed_recovers_by_itself(
    system: System, pytestconfig: pytest.Config
) -> None:
    if pytestconfig.getoption("--endpoint-url"):
        pytest.skip("the Lambda processes of somebody else's AWS are not ours to kill")
    period = Period(2026, 4)
    names = many(system, period, 40, "killed")
    with messages_hidden(30):  # longer than a consumer may run: 20 s
        execution = system.start(period)
        until("some charges", lambda: len(system.charges(period)) > 5)
        assert kill_workers(system) > 0

        assert system.ended(execution, seconds=600)["status"] == "SUCCEEDED"

    report = system.report(period)
    assert_charged_once(system, period, names)
    assert report["run"] == 1
    assert report["payments"]["paid"] == len(names)
    assert report["notices"]["sent"] + report["notices"]["unconfirmed"] == len(names)
    assert report["proof"]["ties"], report["proof"]


def kill_workers(system: System) -> int:
    """Kill the processes that run this local AWS's Lambdas, found by its folder in their environment."""
    home = os.environ["MONTHCLOSE_HOME"].encode()
    killed = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            mine = (
                home in (process / "environ").read_bytes() and b"LAMBDA_TASK_ROOT" in (process / "environ").read_bytes()
            )
            if mine:
                os.kill(int(process.name), signal.SIGKILL)
                killed += 1
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
    return killed


def test_a_scheduled_event_closes_the_month_before(system: System) -> None:
    [name] = many(system, Period(2026, 5), 1, "scheduled")
    execution = system.workflow.start_execution(
        stateMachineArn=system.values["MONTHCLOSE_STATE_MACHINE_ARN"],
        input='{"detail-type": "Scheduled Event", "time": "2026-06-01T00:00:00Z", "source": "aws.events"}',
    )["executionArn"]
    assert system.ended(execution)["status"] == "SUCCEEDED"
    assert_charged_once(system, Period(2026, 5), [name])


@pytest.mark.parametrize(
    ("request_text", "cause"),
    [('{"period": "2026-13"}', "is not a period"), ("{}", "must name a period"), ('{"period": "2099-01"}', "not over")],
)
def test_an_invalid_request_fails_with_a_readable_message(system: System, request_text: str, cause: str) -> None:
    execution = system.workflow.start_execution(
        stateMachineArn=system.values["MONTHCLOSE_STATE_MACHINE_ARN"], input=request_text
    )["executionArn"]
    ended = system.ended(execution)
    assert ended["status"] == "FAILED"
    assert ended["error"] == "UserMistakeError"
    assert cause in ended["cause"]


def test_batches_that_reserve_numbers_at_the_same_time_all_get_theirs(system: System) -> None:
    period = Period(2025, 1)

    def reserve(batch: int) -> range:
        reservation = system.runtime.closes.reserve(period, batch, 0, f"drafts/{batch}", 3)
        return range(reservation.first, reservation.first + reservation.count)

    with ThreadPoolExecutor(8) as pool:
        numbers = sorted(number for run in pool.map(reserve, range(24)) for number in run)
    assert numbers == list(range(numbers[0], numbers[0] + 72))
