"""What every handler is wrapped in: logs, metrics, a trace, the runtime, and Powertools' idempotency.

Idempotency saves repeated work and answers retries from its record. It does not protect money, because it forgets a
call that raised: the payment item does that.
"""

import os
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, cast

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.period import Period
from monthclose.errors import ProviderRefusedError
from monthclose.names import REFUSED_METRIC
from monthclose.observability import count_together, logger, metrics, tracer
from monthclose.once import made_once
from monthclose.ports import ShareLeft, TimeIsUp
from monthclose.settings import Settings

Event = dict[str, Any]
Work = Callable[..., Event]
"""Takes the event, the context, and what else its caller gives."""
Handler = Callable[[Event, LambdaContext], Event]


def day_and_closing(event: Event) -> tuple[date, frozenset[Period]]:
    """Read the day, and the months that are being closed right now: all functions of the collections need them."""
    return date.fromisoformat(event["today"]), frozenset(Period.parse(period) for period in event["closing"])


_REMEMBER_SECONDS = 14 * 86_400
"""A queue may take days to drain, and any message may be delivered again: SQS keeps none longer than this."""


@made_once
def runtime() -> Runtime:
    """Make the runtime, once per process and not before it is needed."""
    return Runtime(Settings.from_mapping(os.environ), os.environ["AWS_REGION"], logger)


@made_once
def use_cases() -> UseCases:
    """Make the use cases on the runtime, once per process."""
    return UseCases(runtime())


def once_by(stage: str, key: str, work: Work) -> Work:
    """Wrap work so that a repetition of a completed call is answered from its record.

    Parameters
    ----------
    stage : str
        Prefix of the records. Without it their keys would have the function's name, and renaming a function would
        repeat all calls.
    key : str
        JMESPath of what makes two calls the same: close, batch, round.
    """

    @made_once
    def guarded() -> tuple[IdempotencyConfig, Callable[..., Event]]:
        config = IdempotencyConfig(
            event_key_jmespath=key,
            raise_on_no_idempotency_key=True,
            expires_after_seconds=_REMEMBER_SECONDS,
        )
        store = DynamoDBPersistenceLayer(
            table_name=runtime().settings.idempotency_table, boto3_client=runtime().dynamodb
        )

        def call(*, event: Event, context: LambdaContext, more: tuple[object, ...]) -> Event:
            return work(event, context, *more)

        return config, idempotent_function(
            call,
            data_keyword_argument="event",
            persistence_store=store,
            config=config,
            key_prefix=f"monthclose.{stage}",
        )

    def run(event: Event, context: LambdaContext, *more: object) -> Event:
        config, call = guarded()
        runtime().patience.until(context.get_remaining_time_in_millis() / 1000)
        config.register_lambda_context(context)  # a killed call blocks its repetition only until its deadline
        try:
            return call(event=event, context=context, more=more)
        except ProviderRefusedError:
            count_together(REFUSED_METRIC, 1)
            raise

    return run


def state_handler(stage: str, key: str) -> Callable[[Callable[[Event], Event]], Handler]:
    """Make a Lambda handler from a function of the event."""
    decorate = shared_handler(stage, key)
    return lambda work: decorate(lambda event, _: work(event))


def timed_handler(stage: str, key: str, kept: float) -> Callable[[Callable[[Event, TimeIsUp], Event]], Handler]:
    """Make a Lambda handler from a function that does as much as it has time for.

    Parameters
    ----------
    kept : float
        The share of its time that must be left for it to start anything more.
    """
    decorate = shared_handler(stage, key)
    return lambda work: decorate(lambda event, share_left: work(event, lambda: share_left() < kept))


def shared_handler(stage: str, key: str) -> Callable[[Callable[[Event, ShareLeft], Event]], Handler]:
    """Make a Lambda handler from a function that divides its time itself."""

    def decorate(work: Callable[[Event, ShareLeft], Event]) -> Handler:
        def timed(event: Event, context: LambdaContext) -> Event:
            given = max(context.get_remaining_time_in_millis(), 1)
            return work(event, lambda: context.get_remaining_time_in_millis() / given)

        run = once_by(stage, key, timed)

        @logger.inject_lambda_context(clear_state=True)
        @tracer.capture_lambda_handler(capture_response=False)
        @metrics.log_metrics
        def handler(event: Event, context: LambdaContext) -> Event:
            logger.append_keys(
                stage=stage, **{name: event[name] for name in ("period", "run", "round", "provider") if name in event}
            )
            return run(event, context)

        return cast("Handler", handler)

    return decorate


def findings_answer(findings: int) -> Event:
    """Put a number of findings into an answer; `found` is 0 or 1, so that a state machine can search a list for 1."""
    return {"findings": findings, "found": min(findings, 1)}


_FOR_THE_REPORT, _KEPT = 0.5, 0.15
"""The shares of its time that a function which joins a comparison keeps for the report, and for writing it."""


def report_times(share_left: ShareLeft) -> dict[str, TimeIsUp]:
    """Divide a function's time between a comparison's join and the report that follows."""
    return {"half_is_up": lambda: share_left() < _FOR_THE_REPORT, "time_is_up": lambda: share_left() < _KEPT}


def comparison_answer(name: str, parts: Iterable[int]) -> Event:
    """Name a comparison and the parts of it that are left, as the items of a Map."""
    return {"name": name, "parts": [{"part": number} for number in parts]}
