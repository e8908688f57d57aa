"""The Lambda functions: one code asset, one layer, one role and log group each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks.config import Config
from stacks.nag import acknowledge

RUNTIME = lambda_.Runtime.PYTHON_3_13
_LAMBDAS = Path(__file__).parent.parent / "lambdas"
_CACHES = ["__pycache__/", "*.pyc", ".*_cache/", "*.egg-info/"]


class Function(StrEnum):
    """The functions. A value is the name of the handler's file."""

    OPEN_CLOSE = "open_close"
    PLAN_CLOSE = "plan_close"
    GENERATE_INVOICES = "generate_invoices"
    CHARGE_CUSTOMERS = "charge_customers"
    SEND_NOTICES = "send_notices"
    APPLY_HOLDS = "apply_holds"
    PARK_CUSTOMERS = "park_customers"
    REPORT_CLOSE = "report_close"
    OPEN_RECONCILE = "open_reconcile"
    DRAIN_DEAD_LETTERS = "drain_dead_letters"
    SETTLE_PAYMENTS = "settle_payments"
    COMPARE_BOOKS = "compare_books"
    SHOW_INVOICE = "show_invoice"
    FIND_OWING = "find_owing"
    SEND_REMINDERS = "send_reminders"
    REVIEW_HOLDS = "review_holds"
    RECEIVE_WEBHOOK = "receive_webhook"
    APPLY_WEBHOOK = "apply_webhook"
    RECEIVE_USAGE = "receive_usage"
    LOAD_USAGE = "load_usage"
    FINISH_USAGE = "finish_usage"

    @property
    def camel_case(self) -> str:
        """The name as a construct's: `GenerateInvoices`."""
        return self.value.title().replace("_", "")


@dataclass(frozen=True)
class Size:
    """What a function may use."""

    timeout_seconds: int
    memory_mb: int = 512


SIZES: Mapping[Function, Size] = {
    Function.OPEN_CLOSE: Size(30),
    Function.PLAN_CLOSE: Size(900, 1024),
    Function.GENERATE_INVOICES: Size(900),
    Function.SEND_NOTICES: Size(300),
    Function.APPLY_HOLDS: Size(300),
    Function.PARK_CUSTOMERS: Size(900),
    Function.REPORT_CLOSE: Size(900, 1024),
}
"""Of the functions that the close's state machine calls; a consumer's time-out is a setting."""
RECONCILE_SIZES: Mapping[Function, Size] = {
    Function.OPEN_RECONCILE: Size(30),
    Function.DRAIN_DEAD_LETTERS: Size(300),
    Function.SETTLE_PAYMENTS: Size(900),
    Function.COMPARE_BOOKS: Size(900, 1024),
}
"""Of the functions that the reconciler's state machine calls."""
COLLECTION_SIZES: Mapping[Function, Size] = {
    Function.FIND_OWING: Size(900),
    Function.SEND_REMINDERS: Size(300),
    Function.REVIEW_HOLDS: Size(300),
}
"""Of the functions that the collections' state machine calls."""


class Functions:
    """Makes functions that differ in nothing but what they are for.

    Parameters
    ----------
    environment : Mapping[str, str]
        Every function gets all of it: names of tables and settings are no secrets, and one set is simple to
        reason about. What a function may *do* with a name is up to its role.
    """

    def __init__(
        self,
        *,
        config: Config,
        layer: lambda_.ILayerVersion,
        architecture: lambda_.Architecture,
        environment: Mapping[str, str],
    ) -> None:
        self._config = config
        self._layer = layer
        self._architecture = architecture
        # The local AWS has no X-Ray daemon: segments would be collected and sent for nobody.
        self._environment = {**environment, **({"POWERTOOLS_TRACE_DISABLED": "1"} if config.local else {})}
        # Where the package lives is the same for all, so CDK uploads it once.
        self._code = lambda_.Code.from_asset(str(_LAMBDAS), exclude=_CACHES, ignore_mode=IgnoreMode.GIT)

    def make(
        self,
        scope: Construct,
        name: Function,
        *,
        size: Size | None = None,
        construct_id: str = "",
        environment: Mapping[str, str] | None = None,
        reserved_concurrency: int | None = None,
        layers: Sequence[lambda_.ILayerVersion] = (),
    ) -> lambda_.Function:
        """Make a function."""
        construct_id = construct_id or name.camel_case
        size = size or {**SIZES, **RECONCILE_SIZES, **COLLECTION_SIZES}[name]
        log_group = self._log_group(scope, construct_id)
        role = iam.Role(scope, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        function = lambda_.Function(
            scope,
            construct_id,
            handler=f"monthclose.handlers.{name}.handler",
            code=self._code,
            layers=[self._layer, *layers],
            runtime=RUNTIME,
            architecture=self._architecture,
            timeout=Duration.seconds(size.timeout_seconds),
            memory_size=size.memory_mb,
            reserved_concurrent_executions=reserved_concurrency if self._config.reserve_concurrency else None,
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment={**self._environment, **_powertools(name), **(environment or {})},
        )
        acknowledge(function, "L1", "Python 3.13 is the runtime that the layer is built and the code is tested for.")
        acknowledge(role, "IAM5[Resource::*]", "X-Ray's writes and task tokens' answers know no resources.")
        return function

    def _log_group(self, scope: Construct, construct_id: str) -> logs.LogGroup:
        days = logs.RetentionDays.ONE_WEEK if self._config.local else logs.RetentionDays.THREE_MONTHS
        return logs.LogGroup(scope, f"{construct_id}Logs", retention=days, removal_policy=RemovalPolicy.DESTROY)


def role_of(function: lambda_.Function) -> iam.IRole:
    """Return a function's role, which the library types as optional though every function made here has one."""
    assert function.role is not None
    return function.role


def _powertools(name: Function) -> dict[str, str]:
    return {
        "POWERTOOLS_SERVICE_NAME": name.value,
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
