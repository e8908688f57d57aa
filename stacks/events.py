"""What other systems hear: a function that reads the commits of two tables from their streams, and publishes events.

A stream has every commit for a day, so an event about it is sent at least once, and no commit pays for it: neither the
stream nor reading it by Lambda costs anything, and records that no filter lets through are not paid for either.
"""

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from monthclose.names import Env, event_source
from stacks.config import Config
from stacks.functions.access import allow
from stacks.functions.factory import Functions
from stacks.functions.spec import Function
from stacks.functions.versions import by_alias
from stacks.state.tables import Tables

_AT_ONCE = 100
_GATHER = Duration.seconds(5)
"""How long changes are gathered for one call: nobody waits for an event to the second."""

_OUTCOMES = ("pending", "unknown", "declined", "action_required", "no_payment_method", "no_adapter", "nothing_due")
"""States of a payment whose charge has been answered, or whose answer was lost."""


def _payment(before: Any, after: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "eventName": ["MODIFY"],
        "dynamodb": {"OldImage": {"state": {"S": before}}, "NewImage": {"kind": {"S": ["payment"]}, **after}},
    }


BILLING_FILTERS: tuple[Mapping[str, Any], ...] = (
    {"eventName": ["INSERT"], "dynamodb": {"NewImage": {"kind": {"S": ["hold"]}}}},
    _payment([*_OUTCOMES, "reversed"], {"state": {"S": ["paid"]}}),
    _payment(["charging", "ready"], {"state": {"S": ["paid"]}, "attempt": {"N": [{"anything-but": ["0", "1"]}]}}),
    _payment(["pending", "unknown"], {"state": {"S": ["declined", "action_required"]}}),
    _payment([{"anything-but": ["charging"]}], {"state": {"S": ["reversed"]}}),
)
"""What is read of the billing table: a customer who pays at the charge and is never held costs nothing here.

Which of these are announced is decided by `domain/events.py`; a test holds the two together."""
CLOSES_FILTERS: tuple[Mapping[str, Any], ...] = (
    {"dynamodb": {"Keys": {"pk": {"S": ["closes"]}}}},
    {"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "2"}]}, "sk": {"S": [{"prefix": "0"}, {"prefix": "1"}]}}}},
)
"""Of the closes table: the closes and their batches, whose keys begin with the year and a number of five digits; not
the providers' limits, which are written most."""


class Events(Construct):
    """The function and its two event sources.

    Attributes
    ----------
    function : lambda_.Function
        It sends the events on the account's default bus.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: Config, functions: Functions, tables: Tables
    ) -> None:
        super().__init__(scope, construct_id)
        source = {Env.EVENT_SOURCE.value: event_source(config.name)}
        self.function = functions.make(self, Function.PUBLISH_EVENTS, environment=source)
        bus = Stack.of(self).format_arn(service="events", resource="event-bus", resource_name="default")
        allow(self.function, ["events:PutEvents"], [bus])
        filters = {Env.BILLING_TABLE: BILLING_FILTERS, Env.CLOSES_TABLE: CLOSES_FILTERS}
        for env, patterns in filters.items():
            self._hear(tables.by_env[env], patterns)
        by_alias(self.function)

    def _hear(self, table: dynamodb.Table, patterns: tuple[Mapping[str, Any], ...]) -> None:
        """Let the function read a table's stream, from its oldest record on, each again until it is dealt with."""
        self.function.add_event_source(
            sources.DynamoEventSource(
                table,
                starting_position=lambda_.StartingPosition.TRIM_HORIZON,
                batch_size=_AT_ONCE,
                max_batching_window=_GATHER,
                bisect_batch_on_error=True,
                filters=[{"pattern": json.dumps(pattern)} for pattern in patterns],
            )
        )
