"""The providers' webhooks: an address that anybody can reach, a queue behind it, and who applies what is in it."""

from collections.abc import Mapping, Sequence

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from stacks.config import Config
from stacks.functions import Function, Functions, Size
from stacks.providers import ProviderQueue, dead_letter_queue, work_queue

_RECEIVER = Size(15)
_APPLIER = Size(120)
"""Two requests to the provider, or three, at their time-outs (20 s each), and the books' writes."""
_RECEIVERS_AT_ONCE = 20
"""At some 50 ms each, 400 deliveries a second. More are told to come again: the address is open to anybody, and must
not take the account's concurrency from a close."""
_APPLIERS_AT_ONCE = 5
_MESSAGES_AT_ONCE = 10


class Webhooks(Construct):
    """A function URL that takes the providers' events into a queue, and the function that applies them.

    Attributes
    ----------
    queue, dead_letters : sqs.Queue
        Messages name an event and its payment, never an amount or a person.
    receiver, applier : lambda_.Function
        The functions, once they are added.
    """

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = dead_letter_queue(self, "DeadLetters")
        self.queue = work_queue(self, "Queue", timeout_seconds=_APPLIER.timeout_seconds, dead_letters=self.dead_letters)

    def add_functions(self, functions: Functions, providers: Sequence[ProviderQueue], *, config: Config) -> None:
        """Make the functions. Both read the providers' secrets: what signs webhooks lies beside the key."""
        self.receiver = functions.make(
            self,
            Function.RECEIVE_WEBHOOK,
            size=_RECEIVER,
            reserved_concurrency=_RECEIVERS_AT_ONCE,
        )
        self.queue.grant_send_messages(self.receiver)
        self.applier = functions.make(self, Function.APPLY_WEBHOOK, size=_APPLIER)
        self.applier.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=_MESSAGES_AT_ONCE,
                report_batch_item_failures=True,
                max_concurrency=2 if config.local else _APPLIERS_AT_ONCE,
            )
        )
        self.queue.grant_send_messages(self.applier)  # what cannot be applied yet goes back
        for provider in providers:
            provider.secret.grant_read(self.receiver)
            provider.secret.grant_read(self.applier)
        # Providers cannot sign requests as AWS wants them: their own signature is checked inside.
        self._url = self.receiver.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)

    @property
    def functions(self) -> Mapping[Function, lambda_.Function]:
        """The functions by what they do."""
        return {Function.RECEIVE_WEBHOOK: self.receiver, Function.APPLY_WEBHOOK: self.applier}

    @property
    def url(self) -> str:
        """The address; it ends with a slash, and each provider's name comes after it."""
        return self._url.url
