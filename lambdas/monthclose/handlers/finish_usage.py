"""Lambda "Bring the lanes together"."""

from monthclose.handlers.entry import Event, state_handler, use_cases
from monthclose.observability import count_usage


@state_handler("finish_usage", key="[run, entered]")
def handler(event: Event) -> Event:
    """Finish the import of a split file; the answer becomes the company's event."""
    outcome = use_cases().usage_finisher.finish(event["run"], event["execution"])
    count_usage(outcome)
    return {"outcome": outcome}
