"""Imports usage as the drop does, by the functions' own handlers, reads a month of it, and prints what was counted.

`python -m bench.costs.usage_imports CUSTOMERS EACH FILES IDS ORDER` measures the product that this interpreter finds,
which may be another checkout's.
"""

import json
import os
import sys
from importlib import import_module
from typing import Any

import boto3

from bench.costs.deployment import Context, deploy, emulator, runtime, start_again
from bench.costs.meter import Meter
from bench.costs.usage_files import OCTOBER, UsageFiles, name_of
from monthclose.domain.accounts.customer import Profile

_NOWHERE = "http://127.0.0.1:9"
"""No provider is asked for anything."""
_PART_KB = 512
"""So that the files, which are smaller than a company's by as much, are split as those are."""


def count_imports(files: UsageFiles) -> Meter:
    """Import the files one after the other, then read the month of the first customer."""
    with emulator() as meter:
        deploy(_NOWHERE, files.customers, 1, part_kb=_PART_KB)
        profile = Profile("Example Ltd", "billing@customer.example", "USD", "stripe", "pm_card_visa")
        runtime().directory.put_profiles((name_of(number), profile) for number in range(files.customers))
        for number in range(files.files):
            start_again()
            _import(meter, f"usage/{OCTOBER}-{number:02}.csv", b"".join(files.lines(number)))
        with meter.stage_of("read"):
            found = sum(1 for _ in runtime().usage.events(name_of(0), OCTOBER))
        assert found == files.each, f"{found} events of {files.each} are stored"
    return meter


def _import(meter: Meter, key: str, content: bytes) -> None:
    """Drop a file, and do what the state machine does until its rows are stored."""
    boto3.client("s3").put_object(Bucket="usage-files", Key=key, Body=content)
    named = {"execution": f"arn:{key}", "entered": "1"}
    received = _call(meter, "receive_usage", {"object": {"key": key}, **named})
    if received["result"] == "split":
        place = received["lanes"]
        lanes = boto3.client("s3").get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
        for item in json.loads(lanes):
            first = 0
            while first >= 0:
                first = _call(meter, "load_usage", {"run": received["run"], **item, "first": first, **named})["next"]
        received = _call(meter, "finish_usage", {"run": received["run"], **named})
    assert not received["outcome"]["rejected"], received["outcome"]


def _call(meter: Meter, function: str, event: Any) -> Any:
    handler = import_module(f"monthclose.handlers.{function}").handler
    with meter.stage_of("import"):
        return handler(event, Context(function))


def main() -> None:
    """Count, and print the counts as JSON."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    customers, each, files, ids, order = sys.argv[1:]
    meter = count_imports(UsageFiles(int(customers), int(each), int(files), ids, order == "time"))
    print(json.dumps(meter.counts))


if __name__ == "__main__":
    main()
