"""Judges every call on the local AWS by the policies deployed on it, with AWS's evaluation logic."""

import os
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

from sandbox.strict.deployed import after_deploying
from sandbox.strict.limits import Limits
from sandbox.strict.policies.court import Court, keep_table_policy
from sandbox.strict.policies.evaluator import Evaluator
from sandbox.strict.policies.record import CallRecord
from sandbox.strict.policies.requests import Requests
from sandbox.strict.policies.services import AlarmActions, EventSources, Rules, StateMachines, Workers

RECORD = "MONTHCLOSE_RECORD_CALLS"
"""The environment variable that names the file into which calls are written down; without it they are not."""


def install(limits: Limits) -> None:
    """Put the judging into MiniStack."""
    file = os.environ.get(RECORD)
    court = Court(limits, Evaluator(), CallRecord(Path(file)) if file else None)
    for part in (Requests(court), StateMachines(court), Rules(court), AlarmActions(court), EventSources(court)):
        part.take_over()
    _judge_workers(Workers(court))
    after_deploying("AWS::DynamoDB::Table", keep_table_policy)


def _judge_workers(workers: Workers) -> None:
    original = lambda_runtime.execution_credentials

    def credentials(config: dict[str, Any]) -> dict[str, str]:
        workers.started(config)
        found: dict[str, str] = original(config)
        return found

    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = credentials
