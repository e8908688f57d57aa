"""What time passes for: the deployed rules, what they start, the fake providers, and what is still under way."""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from cli.deployment import client_of
from cli.passing.schedules import Rule, read_schedule
from cli.system import System
from monthclose.domain.payments.payment import PaymentKey
from monthclose.errors import TryLaterError
from monthclose.ports import Execution
from sandbox.aws.local_aws import LocalAwsError, Running

_SHORTEST_PAUSE, _LONGEST_PAUSE, _GROWS = 0.05, 0.5, 1.3
"""Seconds between two looks: most things end at once, and who looks often takes time from what is looked at."""
_STILL_WITHIN_SECONDS = 300
_COUNTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class FakeProviders:
    """The sandbox's time.

    Parameters
    ----------
    url : str
        Where it is.
    """

    def __init__(self, url: str) -> None:
        self._url = f"{url}/_sandbox/clock"

    def next_due(self) -> datetime | None:
        """Tell when something happens next at a provider or a bank."""
        due = self._ask("GET", "")["next_due"]
        return None if due is None else datetime.fromtimestamp(due, UTC)

    def pass_time(self) -> list[tuple[str, PaymentKey]]:
        """Let happen what is due by the clock; returns what happened, and to which payment."""
        found = []
        for event in self._ask("POST", "/pass")["happened"]:
            name = event["metadata"].get("payment", "")
            if key := PaymentKey.parse(name.rpartition("#")[0] or name):  # GoCardless' say the attempt, too
                found.append((event["what"], key))
        return found

    def told_everything(self) -> bool:
        """Whether all webhooks have been delivered or given up."""
        return bool(self._ask("GET", "")["webhooks_idle"])

    def _ask(self, method: str, path: str) -> Mapping[str, Any]:
        try:
            answer = httpx.request(method, self._url + path, timeout=60, trust_env=False).raise_for_status().json()
        except httpx.HTTPError as error:
            raise LocalAwsError(f"the sandbox's time does not pass: {error}") from error
        found: Mapping[str, Any] = answer
        return found


@dataclass
class LocalStacks:
    """The stacks on the local AWS."""

    running: Running
    system: System
    providers: FakeProviders
    sleep: Callable[[float], object] = time.sleep
    _clients: dict[str, Any] = field(default_factory=dict)

    def rules(self) -> list[Rule]:
        """Read the rules with a schedule, whether they are switched on or off."""
        events, found = self._client("events"), list[Rule]()
        for listed in events.list_rules()["Rules"]:  # a local AWS has one page of them
            expression = listed.get("ScheduleExpression")
            if not expression:
                continue
            targets = events.list_targets_by_rule(Rule=listed["Name"])["Targets"]
            machines = [target for target in targets if ":stateMachine:" in target["Arn"]]
            found += [
                Rule(listed["Name"], read_schedule(expression), target["Arn"], json.loads(target.get("Input", "{}")))
                for target in machines
            ]
        return found

    def take_over(self, rules: Iterable[Rule]) -> None:
        """Keep rules from firing by the machine's clock as well: from now on they fire by the local clock alone."""
        for rule in rules:
            self._client("events").disable_rule(Name=rule.name)

    def run(self, rule: Rule, moment: datetime, event: Mapping[str, object]) -> Execution:
        """Start what a rule starts, and wait for its end."""
        workflow = self.system.ports.workflow
        execution = workflow.start(rule.machine, rule.execution(moment), rule.request or event)
        pause = _SHORTEST_PAUSE
        while (state := workflow.describe(execution)).status == "RUNNING":
            self.sleep(pause)
            pause = min(pause * _GROWS, _LONGEST_PAUSE)
        return state

    def wait_until_still(self) -> None:
        """Wait until no execution runs, every webhook has arrived, and its event has been applied.

        Raises
        ------
        TryLaterError
            Something is still under way after some minutes.
        """
        deadline, pause = time.monotonic() + _STILL_WITHIN_SECONDS, _SHORTEST_PAUSE
        while not (self.providers.told_everything() and self._queues_are_empty() and not self._executions()):
            if time.monotonic() > deadline:
                raise TryLaterError("something is still under way on the local AWS: see monthclose status")
            self.sleep(pause)
            pause = min(pause * _GROWS, _LONGEST_PAUSE)

    def _queues_are_empty(self) -> bool:
        settings = self.system.ports.settings
        urls = [settings.webhook_queue_url, *(provider.queue_url for provider in settings.providers.values())]
        return all(self._is_empty(url) for url in urls)

    def _is_empty(self, url: str) -> bool:
        answer = self._client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTED))
        return not any(int(number) for number in answer.get("Attributes", {}).values())

    def _executions(self) -> bool:
        workflow = self._client("stepfunctions")
        machines = workflow.list_state_machines()["stateMachines"]
        return any(
            workflow.list_executions(stateMachineArn=machine["stateMachineArn"], statusFilter="RUNNING")["executions"]
            for machine in machines
        )

    def _client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = client_of(self.running, service)
        return self._clients[service]
