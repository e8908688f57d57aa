"""How long a state machine waits for a batch that is in a provider's queue."""

from typing import NamedTuple

_SPARE = 2
"""A queue may take so many times as long as planned: its rate may be lowered meanwhile, or its provider be down."""
_LONGEST_SECONDS = 13 * 86_400
"""A message is lost after 14 days (SQS, "Quotas": retention), so nobody need wait longer for it."""


class Patience(NamedTuple):
    """How long a batch's task waits, in seconds.

    Parameters
    ----------
    heartbeat : int
        For a sign of life. The first one comes when the batch's turn in the queue has come.
    timeout : int
        In all.
    """

    heartbeat: int
    timeout: int


def patience(expected_seconds: int, least_seconds: int) -> Patience:
    """Wait for as long as a queue may take to drain.

    Parameters
    ----------
    expected_seconds : int
        How long that takes as planned.
    least_seconds : int
        For how long to wait for a sign of life at least. A batch has as long again to be charged.

    Examples
    --------
    >>> patience(expected_seconds=8 * 3600, least_seconds=12 * 3600)
    Patience(heartbeat=57600, timeout=100800)
    """
    heartbeat = min(max(_SPARE * expected_seconds, least_seconds), _LONGEST_SECONDS)
    return Patience(heartbeat, heartbeat + least_seconds)
