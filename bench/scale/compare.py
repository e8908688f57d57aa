"""The model beside what was seen elsewhere: an audit's own simulation, the limiter's benchmark, a real local run."""

import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import httpx
from rich.console import Console
from rich.table import Table

from bench.scale.ceilings import ceilings
from bench.scale.close import Run, simulate
from bench.scale.scenario import AFTER, BEFORE, Quotas, Scenario
from bench.scale.summary import summary
from stacks.functions.spec import Function

_SEEN = Path(__file__).with_name("recorded.toml")
_RUN = Path(__file__).with_name("recorded_run.json")
_AUDITED, _CALM = 200_000, 4_000
"""Customers of the simulated closes that are compared."""


class Row(NamedTuple):
    """Something that the model says, and that was seen."""

    what: str
    model: float
    seen: str


def compare(*, in_json: bool, audited: int = _AUDITED) -> None:
    """Print the table."""
    found = [*_with_audit(audited), *_with_limiter(), *_with_run()]
    if in_json:
        json.dump([row._asdict() for row in found], sys.stdout, indent=2)
        return
    table = Table("", "model", "seen")
    for row in found:
        table.add_row(row.what, f"{row.model:,.3g}" if row.model < 1000 else f"{row.model:,.0f}", row.seen)
    Console(width=110).print(table)
    if not _RUN.exists():
        Console().print("No real run is recorded: close a month on the local AWS, then python -m bench.scale record")


def _seen(part: str) -> Mapping[str, float]:
    content: Mapping[str, float] = tomllib.loads(_SEEN.read_text())[part]
    return content


def _with_audit(customers: int) -> list[Row]:
    seen, scenario = _seen("audit"), Scenario(customers, BEFORE, Quotas.documented())
    run = summary(simulate(scenario))
    proving = next(c.customers for c in ceilings(scenario) if c.what.startswith("proving"))
    first = run["after_rounds"][0]
    return [
        Row("before: share without an invoice after round 1", first["not_invoiced"] / customers, _text(seen, 0)),
        Row("before: share not told at the report, 14 mails/s", run["untold_at_report"] / customers, _text(seen, 1)),
        Row("before: attempts for each run of numbers", run["number_series_attempts"], _text(seen, 2)),
        Row("before: charges that one function proves", proving, _text(seen, 3)),
    ]


def _text(seen: Mapping[str, float], place: int) -> str:
    return f"{list(seen.values())[place]:,g} (audit)"


def _with_limiter() -> list[Row]:
    seen = _seen("limiter")
    run = summary(simulate(Scenario(_CALM, AFTER, Quotas.documented())))
    shown = f"{seen['lowest_use']:g} to {seen['highest_use']:g} (make bench-throttle)"
    return [Row("use of the provider's limit", run["provider_use"], shown)]


def _with_run() -> list[Row]:
    """Compare with the recorded run of the local AWS; where it waits for this machine's CPU, it is slower."""
    if not _RUN.exists():
        return []
    seen = json.loads(_RUN.read_text())
    quotas = replace(Quotas.documented(), provider_rate=seen["provider_rate"])
    run = simulate(Scenario(seen["customers"], AFTER, quotas, max_batches=seen["batches"]))
    found, customers = summary(run), seen["customers"]
    return [
        Row("batches", len(run.batches), f"{seen['batches']:,} (local AWS)"),
        Row("rounds", len(run.left), f"{seen['rounds']} (local AWS)"),
        Row("notices for each invoice", run.aws.used["mails"] / customers, f"{seen['notices']:.3g} (local AWS)"),
        Row("tasks of a batch", _tasks_each(run), f"{seen['tasks']:.3g} (local AWS)"),
        *(
            Row(f"seconds until {stage}", found["seconds"][stage], f"{seen['seconds'][stage]:,.0f} (local AWS)")
            for stage in ("planned", "rounds", "compared", "ended")
        ),
        Row("provider's requests per charge", 2.0, f"{seen['provider_requests']:.3g} (local AWS)"),
    ]


def _tasks_each(run: Run) -> float:
    """Count what a batch calls: its functions, and the task that waits for the queue."""
    return sum(run.aws.calls[name] for name in _OF_BATCHES) / len(run.batches) + 1


_OF_BATCHES = (Function.GENERATE_INVOICES, Function.SEND_NOTICES, Function.APPLY_HOLDS)


def record(endpoint: str, sandbox: str, rate: float) -> None:
    """Keep what the last close on a local AWS took.

    Parameters
    ----------
    endpoint, sandbox : str
        Addresses of the local AWS and of the fake providers.
    rate : float
        Requests a second that the sandbox allows on an endpoint.
    """
    states = boto3.client("stepfunctions", endpoint_url=endpoint, region_name="us-east-1")
    machines = states.list_state_machines()["stateMachines"]
    machine = next(m["stateMachineArn"] for m in machines if "MonthCloseMachine" in m["name"])
    ended = states.list_executions(stateMachineArn=machine, statusFilter="SUCCEEDED")["executions"]
    last = max(ended, key=lambda execution: execution["startDate"])
    output = json.loads(states.describe_execution(executionArn=last["executionArn"])["output"])
    customers = output["summary"]["customers"]["snapshot"]
    runs = states.list_map_runs(executionArn=last["executionArn"])["mapRuns"]
    by_run = [_children(states, run["mapRunArn"]) for run in runs]
    children = [child for run in by_run for child in run]
    sample = children[:_SAMPLE]
    requests = httpx.get(f"{sandbox}/_sandbox/requests", trust_env=False).json()["stripe"]
    confirmed = sum(requests["payment_intents.confirm"].values())
    asked = sum(requests["payment_intents.create"].values()) + confirmed
    found = {
        "customers": customers,
        "batches": len(children),
        "rounds": len(by_run),
        "tasks": sum(_tasks(states, child) for child in sample) / len(sample),
        "notices": _mails(endpoint) / output["summary"]["customers"]["invoiced"],
        "provider_rate": rate,
        "provider_requests": asked / confirmed,
        "seconds": _seconds(states, last["executionArn"]),
    }
    _RUN.write_text(json.dumps(found, indent=1) + "\n")


def _mails(endpoint: str) -> int:
    by_account = httpx.get(f"{endpoint}/_ministack/ses/messages", trust_env=False).json()["messages"]
    return sum(map(len, by_account.values()))


def _seconds(states: Any, execution: str) -> dict[str, float]:
    """Read from a close's history when its stages ended, in seconds since its start."""
    events = states.get_execution_history(executionArn=execution)["events"]
    began, found = events[0]["timestamp"], {"ended": (events[-1]["timestamp"] - events[0]["timestamp"]).total_seconds()}
    for event in events:
        stage = _BEGIN.get(event.get("stateEnteredEventDetails", {}).get("name", ""))
        if stage:
            found[stage] = (event["timestamp"] - began).total_seconds()
    return found


_BEGIN = {"Close every batch": "planned", "Send remaining notices": "rounds", "Prove and report": "compared"}
"""States of the close, and which stage has ended when they are entered."""
_SAMPLE = 20


def _children(states: Any, run: str) -> list[str]:
    pages = states.get_paginator("list_executions").paginate(mapRunArn=run)
    return [execution["executionArn"] for page in pages for execution in page["executions"]]


def _tasks(states: Any, execution: str) -> int:
    events = states.get_execution_history(executionArn=execution)["events"]
    return sum(event["type"] == "TaskScheduled" for event in events)
