"""A state machine waits for as long as a queue may take to drain."""

import pytest

from monthclose.domain.closes.patience import patience

HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize(
    ("expected", "heartbeat", "timeout"),
    [
        (0, 12 * HOUR, 24 * HOUR),
        (6 * HOUR, 12 * HOUR, 24 * HOUR),
        (8 * HOUR, 16 * HOUR, 28 * HOUR),
        (3 * DAY, 6 * DAY, 6 * DAY + 12 * HOUR),
        (30 * DAY, 13 * DAY, 13 * DAY + 12 * HOUR),  # a message is lost after 14 days
    ],
)
def test_a_batch_may_wait_twice_as_long_as_planned_and_has_time_to_be_charged(
    expected: int, heartbeat: int, timeout: int
) -> None:
    assert patience(expected, 12 * HOUR) == (heartbeat, timeout)
