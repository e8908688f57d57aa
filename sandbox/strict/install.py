"""Put the limits into MiniStack, service by service."""

from collections.abc import Callable

from sandbox.strict import control, dynamodb, events, lambdas, policies, ses, sqs, stepfunctions
from sandbox.strict.limits import Limits

INSTALLERS: tuple[Callable[[Limits], None], ...] = (
    control.install,
    dynamodb.install,
    lambdas.install,
    sqs.install,
    stepfunctions.install,
    events.install,
    ses.install,
    policies.install,
)
"""Each puts the limits of one service into the emulator."""


def install_all(limits: Limits) -> None:
    """Put all limits into this process's MiniStack."""
    for install in INSTALLERS:
        install(limits)
