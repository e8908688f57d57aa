"""Where the stacks go."""

from enum import StrEnum


class Target(StrEnum):
    """Where the stacks go."""

    AWS = "aws"
    LOCAL = "local"
    """An emulator on this machine: nothing is worth keeping, and functions run on this CPU and interpreter."""
