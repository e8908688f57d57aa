"""Connecting to a deployed system: the usual AWS environment, or the local AWS if it is up and nothing else is said."""

import json
import os
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import boto3
import typer
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.parsers import ResponseParserError

from cli.console import note
from cli.home import home
from cli.system import Execution, System
from monthclose.bootstrap import ADAPTERS, Runtime
from monthclose.domain.errors import MonthCloseError
from monthclose.names import Env, Stack, output_name
from monthclose.settings import Settings
from monthclose.use_cases.accounts.adjust_account import Cashier
from monthclose.use_cases.accounts.apply_holds import HoldKeeper
from monthclose.use_cases.accounts.hold_by_hand import HoldDesk
from monthclose.use_cases.invoices.correct_invoice import Corrector
from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter
from monthclose.use_cases.invoices.regenerate_invoice import Regenerator
from monthclose.use_cases.invoices.replace_invoice import Replacer
from monthclose.use_cases.payments.charge_payment import Charger
from sandbox.local_aws import LocalAws, aws_environment

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
            raise NoSystemError(f"{endpoint!r} is no address of AWS; it looks like http://127.0.0.1:4566")
        environment["AWS_ENDPOINT_URL"] = endpoint
        if address.hostname in _LOOPBACK:  # an emulator takes any credentials: don't ask for them
            for name, value in aws_environment(endpoint).items():
                environment.setdefault(name, value)
        return endpoint
    if not any(environment.get(name) for name in _CHOICES):
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
            values = outputs_of(boto3.client("cloudformation", config=_QUICK), where)
            settings = Settings.from_mapping(values)
            runtime = Runtime(settings, str(boto3.Session().region_name))
            machine = StateMachine(values[Env.STATE_MACHINE_ARN])
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise NoSystemError(explain(error, where)) from error
        drafter = InvoiceDrafter(
            runtime.books,
            runtime.closes,
            runtime.usage,
            runtime.price_books,
            runtime.documents,
            runtime.tax_tables,
            settings.company,
            logo="",
        )
        keeper = runtime.hold_keeper
        return System(
            books=runtime.books,
            closes=runtime.closes,
            directory=runtime.directory,
            usage=runtime.usage,
            price_books=runtime.price_books,
            tax_tables=runtime.tax_tables,
            check_tax_id=runtime.check_tax_id,
            documents=runtime.documents,
            issued=runtime.issued,
            workflow=runtime.workflow,
            clock=runtime.clock,
            settings=runtime.settings,
            gateways=runtime.gateways,
            mailer=lambda: runtime.mailer,
            dead_letters=runtime.dead_letters,
            machine=machine,
            limits=runtime.limits,
            providers=runtime.settings.providers,
            adapters=ADAPTERS,
            link_secrets=runtime.link_secrets,
            policy=runtime.settings.invoicing,
            cashier=Cashier(
                runtime.books,
                runtime.closes,
                runtime.clock,
                lambda provider: Charger(runtime.books, runtime.gateway(provider), runtime.clock),
                keeper,
                runtime.customer_teller,
            ),
            drafter=drafter,
            holds=HoldDesk(runtime.books, runtime.clock),
            corrector=(corrector := _corrector(runtime, keeper)),
            regenerator=Regenerator(
                corrector,
                drafter,
                Replacer(runtime.books, runtime.documents, runtime.clock, frozenset(settings.providers)),
                settings.invoicing,
            ),
        )


def _corrector(runtime: Runtime, keeper: HoldKeeper) -> Corrector:
    return Corrector(runtime.books, runtime.closes, runtime.documents, runtime.issued, keeper, runtime.clock)


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
    region = boto3.Session().region_name
    return NoSystemError(
        f"Month close is not deployed at {where} in {region}{detail}\n"
        "say `monthclose local up` for this machine, or `cdk deploy --all` for an AWS account"
    )


def explain(error: Exception, where: str) -> str:
    """Say in a line or two what is wrong with the connection."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return (
            "there are no AWS credentials here, and no local AWS is up\n"
            "say `monthclose local up` (if it is up, go to the folder where you did, or set MONTHCLOSE_HOME), "
            "or set AWS_PROFILE as for any AWS tool"
        )
    if isinstance(error, NoRegionError):
        return (
            "no AWS region is chosen here, and no local AWS is up\n"
            "say `monthclose local up` (if it is up, go to the folder where you did, or set MONTHCLOSE_HOME), "
            "or set AWS_REGION and AWS_PROFILE as for any AWS tool"
        )
    if isinstance(error, ProfileNotFound):
        return f"{error}\nAWS_PROFILE names it"
    if isinstance(error, ResponseParserError):
        return f"what answers at {where} is not AWS"
    if isinstance(error, ClientError):
        details = error.response["Error"]
        return f"{where} refuses: {details.get('Message') or details.get('Code')} ({error.operation_name})"
    return f"{where} cannot be reached: {str(error).strip().splitlines()[0]}"


class StateMachine:
    """`Machine` on Step Functions."""

    def __init__(self, arn: str) -> None:
        self._arn = arn
        self._client: Any = boto3.client("stepfunctions", config=_QUICK)

    def start(self, name: str, request: dict[str, str]) -> str:
        """Start an execution."""
        answer = self._client.start_execution(stateMachineArn=self._arn, name=name, input=json.dumps(request))
        return str(answer["executionArn"])

    def stop(self, execution: str, cause: str) -> None:
        """Stop an execution, and the children of its Map with it."""
        self._client.stop_execution(executionArn=execution, cause=cause)

    def describe(self, execution: str) -> Execution:
        """Ask how an execution stands."""
        answer = self._client.describe_execution(executionArn=execution)
        return Execution(
            answer["status"],
            json.loads(answer["output"]) if answer.get("output") else None,
            answer.get("error", ""),
            answer.get("cause", ""),
        )
