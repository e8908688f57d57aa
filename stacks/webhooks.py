"""The providers' webhooks: an address that anybody can reach, a queue behind it, and the function that drains it."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks.config import Config
from stacks.functions.access import grant_secret, grant_send
from stacks.functions.factory import Functions
from stacks.functions.spec import Function
from stacks.functions.table import FUNCTIONS
from stacks.functions.versions import consume
from stacks.providers import ProviderQueue, dead_letter_queue, work_queue

_APPLIERS_AT_ONCE = 5


class Webhooks(Construct):
    """A function URL that takes the providers' events into a queue, and the function that applies them.

    Attributes
    ----------
    queue, dead_letters : sqs.Queue
        Messages identify an event and its payment, and contain neither amounts nor names.
    receiver, applier : lambda_.Function
        The functions, once they are added.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        timeout_seconds = FUNCTIONS[Function.APPLY_WEBHOOK].timeout_seconds
        self.queue = work_queue(self, "Queue", timeout_seconds=timeout_seconds, dead_letters=self.dead_letters)

    def add_functions(self, functions: Functions, providers: Sequence[ProviderQueue], *, config: Config) -> None:
        """Make the functions. Both read the providers' secrets, which also hold the signing secret of webhooks."""
        self.receiver = functions.make(self, Function.RECEIVE_WEBHOOK)
        grant_send(self.receiver, self.queue)
        self.applier = functions.make(self, Function.APPLY_WEBHOOK)
        consume(self.applier, self.queue, at_once=2 if config.local else _APPLIERS_AT_ONCE)
        grant_send(self.applier, self.queue)  # to put back what cannot be applied yet
        for provider in providers:
            grant_secret(self.receiver, provider.secret)
            grant_secret(self.applier, provider.secret)
        # Providers cannot sign requests for IAM: the function checks their own signature.
        self._url = self.receiver.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)

    @property
    def functions(self) -> Mapping[Function, lambda_.Function]:
        """Both functions."""
        return {Function.RECEIVE_WEBHOOK: self.receiver, Function.APPLY_WEBHOOK: self.applier}

    @property
    def url(self) -> str:
        """The address: it ends with a slash, after which each provider's name comes."""
        return self._url.url
