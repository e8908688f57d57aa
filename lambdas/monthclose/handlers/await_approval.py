"""Lambda "Await approval"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, state_handler, use_cases


@state_handler("await_approval", key="task_token")
def handler(event: Event) -> Event:
    """Keep the token of the task with which a close waits: `monthclose approve` answers it."""
    use_cases().approval_waiter.wait(Period.parse(event["period"]), event["rehearsal"], event["task_token"])
    return {}
