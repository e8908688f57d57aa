"""Connecting to a deployed system: the usual AWS environment, or the local AWS if it is up and nothing else is said."""

import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import botocore.session
import typer
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from cli.console import note
from cli.system import Notes, System
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import ADAPTERS, Runtime
from monthclose.domain.errors import MonthCloseError
from monthclose.names import Env, Stack, output_name
from monthclose.settings import Settings

_QUICK = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})
_CHOICES = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")
"""With one of these, the user says where AWS is."""
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NoSystemError(MonthCloseError):
    """The deployed system cannot be reached. The message says why and what to do."""


def choose_aws(endpoint_url: str | None, environment: MutableMapping[str, str]) -> str:
    """Decide which AWS is meant, put it into the environment for every client to come, and name it."""
    if environment.get("AWS_REGION"):  # other AWS tools read this one, boto3 only the other
        environment.setdefault("AWS_DEFAULT_REGION", environment["AWS_REGION"])
    endpoint = endpoint_url or environment.get("AWS_ENDPOINT_URL", "")
    if endpoint:
        address = urlsplit(endpoint)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise NoSystemError(f"{endpoint!r} is not an address of AWS; one looks like http://127.0.0.1:4566")
        environment["AWS_ENDPOINT_URL"] = endpoint
        if address.hostname in _LOOPBACK:  # an emulator takes any credentials: don't ask for them
            from sandbox.aws.local_aws import aws_environment  # noqa: PLC0415 - nothing of it is needed on AWS

            for name, value in aws_environment(endpoint).items():
                environment.setdefault(name, value)
        return endpoint
    if not any(environment.get(name) for name in _CHOICES):
        from cli.home import home  # noqa: PLC0415
        from sandbox.aws.local_aws import LocalAws  # noqa: PLC0415

        running = LocalAws(home()).running()
        if running:
            environment.update(running.environment)
            note(f"using the local AWS at {running.endpoint_url}")
            return running.endpoint_url
    return "AWS"


@dataclass(frozen=True, slots=True)
class Connector:
    """Connects when a command first needs the system."""

    endpoint_url: str | None = None

    def __call__(self) -> System:
        """Connect.

        Raises
        ------
        NoSystemError
            There is nothing to connect to.
        """
        where = choose_aws(self.endpoint_url, os.environ)
        os.environ.setdefault("AWS_EC2_METADATA_SERVICE_TIMEOUT", "1")  # no credentials: say so at once
        try:
            # Not boto3's: it takes as long to load as all that a command like `status` needs of AWS.
            session = botocore.session.get_session()
            values = outputs_of(session.create_client("cloudformation", config=_QUICK), where)
            runtime = Runtime(
                Settings.from_mapping(values), str(_region(session)), Notes(), session.get_component("data_loader")
            )
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise NoSystemError(explain(error, where)) from error
        return System(UseCases(runtime), values[Env.STATE_MACHINE_ARN], ADAPTERS)


def connected(ctx: typer.Context) -> System:
    """Get the system that a command works with."""
    system: System = ctx.find_root().obj()
    return system


def outputs_of(cloudformation: Any, where: str) -> Mapping[str, str]:
    """Read the settings from the outputs of the workflow stack.

    Raises
    ------
    NoSystemError
        It isn't deployed there.
    """
    try:
        (stack,) = cloudformation.describe_stacks(StackName=Stack.WORKFLOW)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            raise _not_deployed(where) from None
        raise
    except (KeyError, ValueError):  # a web page, taken for an answer
        raise NoSystemError(f"what answers at {where} is not AWS") from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    values = {env.value: outputs[output_name(env)] for env in Env if output_name(env) in outputs}
    if Env.STATE_MACHINE_ARN not in values:
        raise _not_deployed(where, f"; the stack {Stack.WORKFLOW} is {stack['StackStatus']}")
    return values


def _not_deployed(where: str, detail: str = "") -> NoSystemError:
    region = _region(botocore.session.get_session())
    return NoSystemError(
        f"Month close is not deployed at {where} in {region}{detail}\n"
        "run `monthclose local up` for this machine, or `cdk deploy --all` for an AWS account"
    )


def _region(session: botocore.session.Session) -> str | None:
    region: str | None = session.get_config_variable("region")
    return region


def explain(error: Exception, where: str) -> str:
    """Say in a line or two what is wrong with the connection."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return (
            "there are no AWS credentials here, and no local AWS is up\n"
            "run `monthclose local up` (if it is up, go to the folder where you did, or set MONTHCLOSE_HOME), "
            "or set AWS_PROFILE as for any AWS tool"
        )
    if isinstance(error, NoRegionError):
        return (
            "no AWS region is chosen here, and no local AWS is up\n"
            "run `monthclose local up` (if it is up, go to the folder where you did, or set MONTHCLOSE_HOME), "
            "or set AWS_REGION and AWS_PROFILE as for any AWS tool"
        )
    if isinstance(error, ProfileNotFound):
        return f"{error}\nAWS_PROFILE names it"
    if isinstance(error, ResponseParserError):
        return f"what answers at {where} is not AWS"
    if isinstance(error, ClientError):
        details = error.response["Error"]
        return f"{where} refuses: {details.get('Message') or details.get('Code')} ({error.operation_name})"
    nothing = isinstance(error, EndpointConnectionError)
    return f"{where} cannot be reached: {'nothing answers there' if nothing else str(error).strip().splitlines()[0]}"
