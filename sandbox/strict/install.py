"""Put the limits into MiniStack, service by service."""

from collections.abc import Callable

from sandbox.strict import policies
from sandbox.strict.limits import Limits

INSTALLERS: tuple[Callable[[Limits], None], ...] = (policies.install,)
"""Each puts the limits of one service into the emulator."""


def install_all(limits: Limits) -> None:
    """Put all limits into this process's MiniStack."""
    for install in INSTALLERS:
        install(limits)
