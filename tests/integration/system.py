"""A deployed system, as the integration tests see it: the ports of the runtime, the workflow, the providers' record."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast
from uuid import uuid4

import boto3
import httpx

from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from monthclose.names import Env, Stack, output_name
from monthclose.settings import Settings
from tests.fakes import FakeLog
from tests.usage import store_usage


def until[T](what: str, look: Callable[[], T | None], seconds: float = 120) -> T:
    """Wait for something to become true: its value, or a failure that names it."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        pause.wait(0.1)


@dataclass
class System:
    """The deployed stacks, with the sandbox as their payment provider."""

    endpoint_url: str
    sandbox_url: str
    environment: dict[str, str]

    def __post_init__(self) -> None:
        stacks = boto3.client("cloudformation").describe_stacks(StackName=Stack.WORKFLOW)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
        self.values = {env.value: outputs[output_name(env)] for env in Env if output_name(env) in outputs}
        self.runtime = Runtime(Settings.from_mapping(self.values), "us-east-1", FakeLog())
        self.use_cases = UseCases(self.runtime)
        self.workflow = boto3.client("stepfunctions")

    def add_customer(
        self, customer_id: str, *, method: str = "pm_card_visa", provider: str = "stripe", currency: str = "USD"
    ) -> str:
        profile = Profile(f"{customer_id} Ltd", f"{customer_id}@customers.example", currency, provider, method)
        self.runtime.directory.put_profiles([(customer_id, profile)])
        return customer_id

    def use(self, events: list[UsageEvent]) -> None:
        store_usage(self.runtime.usage, events)

    def start(self, period: Period, **request: Any) -> str:
        """Start a close, or with `dry_run` its rehearsal, and return its execution."""
        answer = self.workflow.start_execution(
            stateMachineArn=self.values[Env.STATE_MACHINE_ARN],
            name=f"test-{uuid4()}",
            input=json.dumps({"period": str(period), **request}),
        )
        return answer["executionArn"]

    def ended(self, execution: str, seconds: float = 240) -> dict[str, Any]:
        """Wait for an execution to end."""

        def look() -> dict[str, Any] | None:
            answer = cast("dict[str, Any]", self.workflow.describe_execution(executionArn=execution))
            return None if answer["status"] == "RUNNING" else answer

        return until(f"the end of {execution}", look, seconds)

    def close(self, period: Period, seconds: float = 240) -> dict[str, Any]:
        """Run a close to its end and return its report."""
        execution = self.ended(self.start(period), seconds)
        assert execution["status"] == "SUCCEEDED", execution
        return self.report(period)

    def collect(self, request: dict[str, str], seconds: float = 240) -> dict[str, Any]:
        """Run the collections to their end and return the execution."""
        answer = self.workflow.start_execution(
            stateMachineArn=self.values[Env.COLLECTIONS_ARN], name=f"test-{uuid4()}", input=json.dumps(request)
        )
        return self.ended(answer["executionArn"], seconds)

    def report(self, period: Period) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.runtime.documents.get(f"reports/{period}/report.json")))

    def charges(self, period: Period) -> list[dict[str, Any]]:
        """What the payment provider says it collected for a period."""
        charges = httpx.get(f"{self.sandbox_url}/_sandbox/charges", trust_env=False).json()
        return [charge for charge in charges if charge["metadata"]["close"] == str(period)]

    def mails(self) -> list[dict[str, Any]]:
        """The mailbox of the local AWS: MiniStack's, or LocalStack's."""
        answer = httpx.get(f"{self.endpoint_url}/_ministack/ses/messages", trust_env=False)
        if answer.status_code == httpx.codes.OK:
            return [mail for mails in answer.json()["messages"].values() for mail in mails]
        mails = httpx.get(f"{self.endpoint_url}/_aws/ses", trust_env=False).json()["messages"]
        return [{**mail, "To": mail["Destination"]["ToAddresses"]} for mail in mails]
