"""Where the stacks are deployed."""

from enum import StrEnum


class Target(StrEnum):
    """Where the stacks are deployed."""

    AWS = "aws"
    LOCAL = "local"
    """An emulator on this machine: nothing in it is worth keeping, and functions run on this CPU and interpreter."""
