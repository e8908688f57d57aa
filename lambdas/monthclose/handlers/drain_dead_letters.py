"""Lambda "Drain dead letters"."""

from monthclose.handlers.entry import Event, findings_answer, runtime, timed_handler, use_cases
from monthclose.names import FINDINGS_METRIC
from monthclose.observability import count, logger
from monthclose.ports import TimeIsUp


@timed_handler("drain_dead_letters", key="[provider, starts_url, webhooks_url, entered]", kept=0.25)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Drain a provider's dead letters, the webhooks' (`webhooks_url`), or the rules' (`starts_url`, `restarted`)."""
    ports, drain = runtime(), use_cases().dead_letter_drain
    if "starts_url" in event:
        starts = ports.dead_letters(event["starts_url"])
        drained = drain.drain_starts(starts, frozenset(event["restarted"]), time_is_up)
    elif "webhooks_url" in event:
        letters = ports.dead_letters(event["webhooks_url"])
        drained = drain.drain_webhooks(letters, ports.event_queue, ports.webhook_providers, time_is_up)
    else:
        provider = ports.settings.providers[event["provider"]]
        letters = ports.dead_letters(provider.dead_letters_url)
        drained = drain.drain_charges(provider.name, letters, time_is_up)
    for finding in drained.findings:
        logger.warning("dead letter", extra={"check": finding.check, "detail": finding.detail})
    count(FINDINGS_METRIC, len(drained.findings))
    return {**drained.counts(), "put_back": drained.put_back, **findings_answer(len(drained.findings))}
