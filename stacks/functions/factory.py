"""Makes the Lambda functions: one code asset and one layer for all, a role and a log group for each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import Duration, IgnoreMode, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from monthclose.names import metrics_namespace
from stacks.config import Config
from stacks.functions.bundling import CACHES, CompiledCode, made_here
from stacks.functions.spec import Function, Spec
from stacks.functions.table import FUNCTIONS
from stacks.functions.versions import version_options
from stacks.nag import acknowledge

RUNTIME = lambda_.Runtime.PYTHON_3_13
_LAMBDAS = Path(__file__).parents[2] / "lambdas"


class Functions:
    """Makes functions that differ only in their entry in the table.

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
        # The local AWS has no X-Ray daemon to send segments to.
        self._environment = {**environment, **({"POWERTOOLS_TRACE_DISABLED": "1"} if config.local else {})}
        if config.name:
            self._environment["POWERTOOLS_METRICS_NAMESPACE"] = metrics_namespace(config.name)
        # The same folder for all, so CDK uploads it once.
        self._code = lambda_.Code.from_asset(
            str(_LAMBDAS), exclude=[*CACHES], ignore_mode=IgnoreMode.GIT, bundling=made_here(CompiledCode(_LAMBDAS))
        )

    def make(
        self,
        scope: Construct,
        name: Function,
        *,
        spec: Spec | None = None,
        environment: Mapping[str, str] | None = None,
        layers: Sequence[lambda_.ILayerVersion] = (),
        physical_name: str | None = None,
    ) -> lambda_.Function:
        """Make a function.

        Parameters
        ----------
        spec : Spec or None
            By default its entry in the table.
        environment, layers
            What it has beside that of all functions.
        physical_name : str or None
            Its name, if another function that it depends on must know it. By default CloudFormation makes one up.
        """
        construct_id = name.camel_case
        spec = spec or FUNCTIONS[name]
        log_group = self._log_group(scope, construct_id)
        role = _role(scope, construct_id, log_group)
        function = lambda_.Function(
            scope,
            construct_id,
            function_name=physical_name,
            handler=f"monthclose.handlers.{name}.handler",
            code=self._code,
            layers=[self._layer, *layers],
            runtime=RUNTIME,
            architecture=self._architecture,
            timeout=Duration.seconds(spec.timeout_seconds),
            memory_size=spec.memory_mb,
            reserved_concurrent_executions=spec.at_once if self._config.reserve_concurrency else None,
            # Terminate is Lambda's default: leaving it out keeps the other functions' templates as they are.
            recursive_loop=lambda_.RecursiveLoop.ALLOW if spec.puts_back else None,
            current_version_options=version_options(self._config),
            role=role,
            log_group=log_group,
            tracing=lambda_.Tracing.ACTIVE,
            environment={**self._environment, **_powertools(name), **(environment or {})},
        )
        acknowledge(function, "L1", "Python 3.13 is the runtime that the layer is built and the code is tested for.")
        return function

    def _log_group(self, scope: Construct, construct_id: str) -> logs.LogGroup:
        days = logs.RetentionDays.ONE_WEEK if self._config.local else logs.RetentionDays.THREE_MONTHS
        return logs.LogGroup(scope, f"{construct_id}Logs", retention=days, removal_policy=RemovalPolicy.DESTROY)


def _role(scope: Construct, construct_id: str, log_group: logs.LogGroup) -> iam.Role:
    role = iam.Role(scope, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    log_group.grant_write(role)
    acknowledge(role, "IAM5[Resource::*]", "X-Ray's writes and task tokens' answers know no resources.")
    return role


def role_of(function: lambda_.Function) -> iam.IRole:
    """Return a function's role, which the library types as optional though every function made here has one."""
    assert function.role is not None
    return function.role


def _powertools(name: Function) -> dict[str, str]:
    return {
        "POWERTOOLS_SERVICE_NAME": name.value,
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }
