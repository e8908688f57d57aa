"""Lambda "Drain dead letters"."""

from monthclose.handlers.entry import Event, findings_answer, runtime, timed_handler, use_cases
from monthclose.names import FINDINGS_METRIC
from monthclose.observability import count, logger
from monthclose.ports import TimeIsUp


@timed_handler("drain_dead_letters", key="[provider, starts_url, mail_url, webhooks_url, entered]", kept=0.25)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Drain the dead letters of a provider, of mail, of webhooks, or of the rules that start executions."""
    ports, drain = runtime(), use_cases().dead_letter_drain
    if "mail_dead_letters_url" in event:
        letters, events = ports.dead_letters(event["mail_dead_letters_url"]), ports.events_at(event["mail_url"])
        drained = drain.drain_mail(letters, events, time_is_up)
    elif "starts_url" in event:
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
