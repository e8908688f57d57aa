"""Connecting to a deployed system: the usual AWS environment, or the local AWS if it is up and nothing else is said."""

import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
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
from cli.refusals import EXPIRED_LOCALLY, is_denied, refusal
from cli.system import Notes, System
from monthclose.assembly.use_cases import UseCases
from monthclose.bootstrap import Runtime
from monthclose.domain.errors import MonthCloseError
from monthclose.domain.payments.hand_limits import GIVING_BACK
from monthclose.names import Env, Stack, output_name, stack_name
from monthclose.providers import ADAPTERS
from monthclose.settings import Settings

if TYPE_CHECKING:
    from sandbox.aws.local_aws import Running

_QUICK = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})
_CHOICES = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")
"""With one of these, the user says where AWS is."""
_DEPLOYED = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE"]
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

            for name, value in (_ours_at(endpoint) or aws_environment(endpoint)).items():
                environment.setdefault(name, value)
        return endpoint
    if not any(environment.get(name) for name in _CHOICES):
        running = _running_here()
        if running:
            environment.update(running.environment)
            note(f"using the local AWS at {running.endpoint_url}")
            return running.endpoint_url
    return "AWS"


def _ours_at(endpoint: str) -> Mapping[str, str] | None:
    """Find the environment of the local AWS, if that is what the endpoint is: its clock belongs to it."""
    running = _running_here()
    return running.environment if running and running.endpoint_url == endpoint.rstrip("/") else None


def _running_here() -> "Running | None":
    """Find the local AWS of this folder, if it is up."""
    from cli.home import home  # noqa: PLC0415 - nothing of it is needed on AWS
    from sandbox.aws.local_aws import LocalAws  # noqa: PLC0415

    return LocalAws(home()).running()


@dataclass(frozen=True, slots=True)
class Connector:
    """Connects when a command first needs the system."""

    endpoint_url: str | None = None
    deployment: str | None = None
    """Which one, if there are several; empty for the one without a name."""

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
            values = outputs_of(session.create_client("cloudformation", config=_QUICK), where, self.deployment)
            runtime = Runtime(
                Settings.from_mapping(values), str(_region(session)), Notes(), session.get_component("data_loader")
            )
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise NoSystemError(f"{explain(error, where)}{_passed_by(where)}") from error
        operator = values.get(Env.OPERATOR_FUNCTION)
        ask = _lazily(runtime, operator, values.get(Env.LIMITED_FUNCTION)) if operator else None
        collections, packs = values.get(Env.COLLECTIONS_ARN, ""), values.get(Env.REPORT_PACK_ARN, "")
        use_cases, machine = UseCases(runtime), values[Env.STATE_MACHINE_ARN]
        return System(
            use_cases,
            machine,
            ADAPTERS,
            ask=ask,
            collections=collections,
            packs=packs,
            archive=values.get(Env.USAGE_ARCHIVE_ARN, ""),
        )


def _lazily(
    runtime: Runtime, function: str, within_limits: str | None
) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Ask a function; the client, which takes time to load, is made when there is something to ask.

    Who may not call it asks the one that gives back within limits, if that can do it: nothing was done before.
    """

    def ask(request: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return runtime.function(function)(request)
        except ClientError as error:
            if not (within_limits and is_denied(error) and request["command"] in GIVING_BACK):
                raise
            return runtime.function(within_limits)(request)

    return ask


def connected(ctx: typer.Context) -> System:
    """Get the system that a command works with."""
    system: System = ctx.find_root().obj()
    return system


def outputs_of(cloudformation: Any, where: str, deployment: str | None = None) -> Mapping[str, str]:
    """Read the settings from the outputs of a deployment's workflow stack.

    Parameters
    ----------
    deployment : str or None
        Its name. None: the one without a name, or the only one that there is.

    Raises
    ------
    NoSystemError
        It isn't deployed there, or none was chosen of several.
    """
    name = stack_name(Stack.WORKFLOW, deployment or "")
    try:
        stack = _described(cloudformation, name)
        if stack is None and deployment is None and (only := _only_one(cloudformation)):
            name, stack = only, _described(cloudformation, only)
    except (KeyError, ValueError):  # a web page, taken for an answer
        raise NoSystemError(f"what answers at {where} is not AWS") from None
    if stack is None:
        raise _not_deployed(where, deployment)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    values = {env.value: outputs[output_name(env)] for env in Env if output_name(env) in outputs}
    if Env.STATE_MACHINE_ARN not in values:
        raise _not_deployed(where, deployment, f"; the stack {name} is {stack['StackStatus']}")
    return values


def _described(cloudformation: Any, name: str) -> Mapping[str, Any] | None:
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    described: Mapping[str, Any] = stack
    return described


def _only_one(cloudformation: Any) -> str | None:
    """Find the only workflow stack of a deployment with a name.

    Raises
    ------
    NoSystemError
        There are several; the message names them.
    """
    pages = cloudformation.get_paginator("list_stacks").paginate(StackStatusFilter=_DEPLOYED)
    ending = f"-{Stack.WORKFLOW}"
    try:
        found = sorted(
            stack["StackName"].removesuffix(ending)
            for page in pages
            for stack in page["StackSummaries"]
            if stack["StackName"].endswith(ending)
        )
    except ClientError:  # the right to list stacks is not needed by who names the deployment
        return None
    if len(found) > 1:
        raise NoSystemError(
            f"Month close is deployed several times here: {', '.join(found)}\n"
            "choose one with --deployment, or set MONTHCLOSE_DEPLOYMENT"
        )
    return stack_name(Stack.WORKFLOW, found[0]) if found else None


def _not_deployed(where: str, deployment: str | None, detail: str = "") -> NoSystemError:
    region = _region(botocore.session.get_session())
    what = f"the deployment {deployment!r} of Month close" if deployment else "Month close"
    return NoSystemError(
        f"{what} is not deployed at {where} in {region}{detail}\n"
        "run `monthclose local up` for this machine, or `cdk deploy --all` for an AWS account"
    )


def _region(session: botocore.session.Session) -> str | None:
    region: str | None = session.get_config_variable("region")
    return region


def _nothing_chosen(what: str, names: str) -> str:
    if _running_here():
        return f"{what}: set {names} as for any AWS tool"
    return (
        f"{what}, and no local AWS is up\n"
        "run `monthclose local up` (if it is up, go to the folder where you did, or set MONTHCLOSE_HOME), "
        f"or set {names} as for any AWS tool"
    )


def _passed_by(where: str) -> str:
    """Say that there is a local AWS, which was passed by for the one that the environment chooses."""
    running = _running_here() if where == "AWS" else None
    if not running:
        return ""
    chosen = " and ".join(name for name in _CHOICES if os.environ.get(name))
    return f"\nif you mean the local AWS at {running.endpoint_url}, unset {chosen}, which chooses AWS"


def explain(error: Exception, where: str) -> str:
    """Say in a line or two what is wrong with the connection."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return _nothing_chosen("there are no AWS credentials here", "AWS_PROFILE")
    if isinstance(error, NoRegionError):
        return _nothing_chosen("no AWS region is chosen here", "AWS_REGION and AWS_PROFILE")
    if isinstance(error, ProfileNotFound):
        return f"{error}\nAWS_PROFILE names it"
    if isinstance(error, ResponseParserError):
        return f"what answers at {where} is not AWS"
    if isinstance(error, (ClientError, *EXPIRED_LOCALLY)):
        return refusal(error, where)
    nothing = isinstance(error, EndpointConnectionError)
    return f"{where} cannot be reached: {'nothing answers there' if nothing else str(error).strip().splitlines()[0]}"
