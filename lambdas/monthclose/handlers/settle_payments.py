"""Lambda "Settle payments"."""

from monthclose.handlers.entry import Event, findings_answer, shared_handler, use_cases
from monthclose.names import FINDINGS_METRIC
from monthclose.observability import count, logger
from monthclose.ports import ShareLeft


@shared_handler("settle_payments", key="[provider, entered]")
def handler(event: Event, share_left: ShareLeft) -> Event:
    """Settle a provider's payments whose look-up is due, and finish what the closes left unfinished."""
    finisher = use_cases().batch_finisher(event["provider"])
    settled, changed = finisher.settler.settle(share_left=share_left)
    finisher.finish(settled, changed, share_left)
    for finding in settled.findings:
        logger.warning("finding", extra={"check": finding.check, "detail": finding.detail})
    count("PaymentsSettled", settled.states.total())
    count(FINDINGS_METRIC, len(settled.findings))
    findings = event.get("findings_before", 0) + len(settled.findings)
    return {**settled.counts(), **findings_answer(findings), "time_was_up": settled.time_was_up}
