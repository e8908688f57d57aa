"""A customer who is there while they are charged."""

from dataclasses import dataclass


@dataclass(slots=True)
class Present:
    """A customer who is there while they are charged, and may be asked to authenticate the charge.

    Parameters
    ----------
    back : str
        Where the provider sends them afterwards.
    confirm_at : str
        Where they must go to authenticate the charge; empty if they need not.
    """

    back: str
    confirm_at: str = ""
