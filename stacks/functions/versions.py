"""Published versions of the functions: what began with a version goes on with it, whatever is deployed meanwhile.

A running execution keeps the definition that it began with (Step Functions' API, "UpdateStateMachine"), and a
definition names published versions, which never change: a deployment leaves the code and the settings under a running
close alone. So old versions are kept. They cost nothing; all code of an account's functions may have 75 GB.

An event source calls the version that an alias points to, which moves when a deployment is complete. Without it,
messages would be handled by new code with old settings for as long as a deployment updates one after the other.
"""

from collections.abc import Iterable

from aws_cdk import RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from stacks.config import Config
from stacks.nag import acknowledge_resource

_MESSAGES_AT_ONCE = 10
"""The most that SQS delivers together without waiting for more. In a small close each message is one customer."""
_ALIAS = "live"


def version_options(config: Config) -> lambda_.VersionOptions:
    """Say what becomes of the versions of earlier deployments: an emulator needs none of them."""
    return lambda_.VersionOptions(removal_policy=RemovalPolicy.DESTROY if config.local else RemovalPolicy.RETAIN)


def published(function: lambda_.Function) -> str:
    """Return the ARN of the version that this deployment publishes."""
    return function.current_version.function_arn


def invocable(functions: Iterable[lambda_.Function]) -> list[str]:
    """List the ARNs that a state machine may call: all versions, as executions that began before call earlier ones.

    Those that began before there were versions call the function itself.
    """
    return [arn for function in functions for arn in (function.function_arn, f"{function.function_arn}:*")]


def acknowledge_versions(machine: sfn.StateMachine, functions: Iterable[lambda_.Function]) -> None:
    """Accept that a state machine may call every version of its functions."""
    for function in functions:
        acknowledge_resource(
            machine, f"{function.function_arn}:*", "Executions that began earlier call other versions."
        )


def consume(function: lambda_.Function, queue: sqs.Queue, *, at_once: int) -> None:
    """Let a function drain a queue, with at most so many of it at once, by the version that its alias points to."""
    function.add_event_source(
        sources.SqsEventSource(
            queue, batch_size=_MESSAGES_AT_ONCE, report_batch_item_failures=True, max_concurrency=at_once
        )
    )
    by_alias(function)


def by_alias(function: lambda_.Function) -> None:
    """Have a function's event sources call the version that its alias points to."""
    alias = lambda_.Alias(function, "Live", alias_name=_ALIAS, version=function.current_version)
    # An event source stays the same resource: as the alias' own, an upgrade would make a second one for the queue.
    for mapping in [c for c in function.node.children if isinstance(c, lambda_.EventSourceMapping)]:
        resource = mapping.node.default_child
        assert isinstance(resource, lambda_.CfnEventSourceMapping)
        resource.function_name = alias.function_arn
