"""The function that runs the commands that need a provider's key: people need no right to read it."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.functions.access import grant_secret
from stacks.functions.factory import Functions
from stacks.functions.table import Function
from stacks.providers import ProviderQueue, grant_take


class Operator(Construct):
    """The function, which only those may call who may move money.

    Attributes
    ----------
    function : lambda_.Function
        It charges a customer, settles payments and compares the books, as a person asks.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, functions: Functions, providers: Sequence[ProviderQueue]
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = functions.make(self, Function.ACT_FOR_OPERATOR)
        for provider in providers:
            grant_secret(self.function, provider.secret)
            grant_take(provider.dead_letters, self.function)
        # The task is named by a token that nobody can guess: IAM knows no resources for it (see MonthClose).
        actions = ["states:SendTaskFailure", "states:SendTaskHeartbeat"]
        self.function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=["*"]))
