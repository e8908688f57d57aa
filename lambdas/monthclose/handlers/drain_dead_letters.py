"""Lambda "Drain dead letters"."""

from monthclose.handlers.entry import Event, ShareLeft, findings_answer, runtime, timed_handler
from monthclose.names import FINDINGS_METRIC
from monthclose.observability import count, logger
from monthclose.use_cases.reconciliation.drain_dead_letters import DeadLetterDrain

_SHARE_KEPT = 0.25


@timed_handler("drain_dead_letters", key="[provider, starts_url, entered]")
def handler(event: Event, share_left: ShareLeft) -> Event:
    """Drain a provider's dead letters, or those of the rules that start things (`starts_url`, `restarted`)."""
    world = runtime()
    drain = DeadLetterDrain(world.closes, world.workflow, world.documents, logger)

    def time_is_up() -> bool:
        return share_left() < _SHARE_KEPT

    if "starts_url" in event:
        starts = world.dead_letters(event["starts_url"])
        drained = drain.drain_starts(starts, frozenset(event["restarted"]), time_is_up)
    else:
        provider = world.settings.providers[event["provider"]]
        letters = world.dead_letters(provider.dead_letters_url)
        drained = drain.drain_charges(provider.name, letters, time_is_up)
    for finding in drained.findings:
        logger.warning("dead letter", extra={"check": finding.check, "detail": finding.detail})
    count(FINDINGS_METRIC, len(drained.findings))
    return {**drained.counts(), **findings_answer(len(drained.findings))}
