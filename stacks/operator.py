"""The functions that run the commands that need a provider's key: people need no right to read it."""

import json
from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from monthclose.domain.payments.hand_limits import HandLimits, Role
from monthclose.names import Env
from stacks.functions.access import grant_secret
from stacks.functions.factory import Functions
from stacks.functions.spec import Function
from stacks.providers import ProviderQueue, grant_take


class Operator(Construct):
    """The functions: one for those who may move money, and one that gives back up to a limit.

    Attributes
    ----------
    function : lambda_.Function
        It charges a customer, settles payments, compares the books, refunds and writes off, as a person asks.
    within_limits : lambda_.Function
        It refunds and writes off only, within the limits of the role *operate*.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Functions,
        providers: Sequence[ProviderQueue],
        limits: Mapping[Role, HandLimits],
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = functions.make(self, Function.ACT_FOR_OPERATOR, environment=_limits(limits[Role.MONEY]))
        self.within_limits = functions.make(
            self, Function.REFUND_WITHIN_LIMITS, environment=_limits(limits[Role.OPERATE])
        )
        for provider in providers:
            grant_secret(self.function, provider.secret)
            grant_secret(self.within_limits, provider.secret)
            grant_take(provider.dead_letters, self.function)
        # The task is named by a token that nobody can guess: IAM knows no resources for it (see MonthClose).
        actions = ["states:SendTaskFailure", "states:SendTaskHeartbeat"]
        self.function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=["*"]))


def _limits(limits: HandLimits) -> Mapping[str, str]:
    content = {"role": limits.role.value, "most_minor": dict(limits.most_minor)}
    return {Env.HAND_LIMITS: json.dumps(content, sort_keys=True)}
