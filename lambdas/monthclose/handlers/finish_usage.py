"""Lambda "Bring the lanes together"."""

from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.observability import count_usage
from monthclose.use_cases.imports.finish_usage import UsageFinisher


@state_handler("finish_usage", key="[run, entered]")
def handler(event: Event) -> Event:
    """Finish the import of a split file; the answer is what the company's event says."""
    world = runtime()
    finisher = UsageFinisher(world.inbox, world.import_lock, world.settings.max_rejected_percent)
    outcome = finisher.finish(event["run"], event["execution"])
    count_usage(outcome)
    return {"outcome": outcome}
